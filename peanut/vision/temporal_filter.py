"""Motion-compensated temporal filtering of what was filled into a hole, on NumPy arrays."""

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.optical_flow import sample

GAIN = 0.9
"""k, the share of the neighboring frame where both agree; chosen on the demo clip and composites."""
FALLOFF = 78.0
"""d_0, grey levels of difference at which that share falls by a factor of e; chosen on the demo clip and composites."""
TEMPERATURE = 0.15
"""T, grey levels: how sharply the best motion is preferred; chosen on the demo clip and composites."""
SIDE = 21
"""Pixels per side over which contents are compared; chosen on the demo clip and composites."""


def temporal_filter(image: Array, hole: Array, neighbor: Array, positions: list[Array]) -> Array:
    """The pixels of a hole, pulled towards the same content in the filled image of a neighboring frame: n 3, float32.

    For the neighbor y_m looked up along motion m, and d_m the mean of |y_m - x| over SIDE x SIDE pixels:
    x <- x + k sum_m p_m exp(-d_m / d_0) (y_m - x), p_m = softmax_m(-d_m / (T (1 + min d))).
    Run along a clip and back again it is a recursive low-pass filter along the motion, without delay.
    image: x, h w 3, float32, a box of the frame, 0 to 255. hole: h w, bool. neighbor: all of the neighbor's image,
    float32. positions: where the content of the box may lie in it, by motion, each h w 2, float32, pixels.
    """
    warped = [sample(neighbor, at, cubic=True) for at in positions]  # what is warped again and again must not blur
    distances = np.stack([cv2.blur(np.abs(one - image).mean(axis=-1), (SIDE, SIDE))[hole] for one in warped])
    best = distances.min(axis=0)
    shares = np.exp((best - distances) / (TEMPERATURE * (1 + best)))
    shares *= GAIN * np.exp(-distances / FALLOFF) / shares.sum(axis=0)
    filtered = image[hole]
    for share, one in zip(shares, warped, strict=True):
        filtered = filtered + share[:, None] * (one[hole] - image[hole])
    return filtered
