"""Files to radiographs."""
