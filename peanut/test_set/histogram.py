"""The colors under a mask."""

import numpy as np

from peanut.vision.array import Array

BINS = 8
"""Levels of each channel that are told apart."""


def histogram(image: Array, mask: Array) -> Array:
    """The colors of an image (h w 3, uint8) under a mask: BINS^3 shares that sum to 1."""
    bins: Array = (image[mask] // (256 // BINS)).astype(np.int32) @ np.array([BINS**2, BINS, 1])
    return np.bincount(bins, minlength=BINS**3) / max(1, len(bins))
