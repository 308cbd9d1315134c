"""The network, its checkpoint, and the backends that run it."""
