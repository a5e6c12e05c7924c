"""Completion: inventing what no frame of a video shows, on NumPy arrays."""
