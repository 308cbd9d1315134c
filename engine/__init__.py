"""Radiograph in, box in, mask and measurements out. No Qt, no training."""
