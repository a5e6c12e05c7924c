"""How much an image changes from pixel to pixel."""

import cv2
import numpy as np

from peanut.vision.array import Array


def local_deviation(x: Array, side: int) -> Array:
    """The standard deviation in the square of `side` pixels around each pixel. x: h w, float32; returns the same."""
    mean, square = (cv2.blur(levels, (side, side)) for levels in (x, x * x))
    return np.asarray(np.sqrt(np.maximum(0, square - mean * mean)))
