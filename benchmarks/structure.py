"""How much of the structure of an image a filling of its hole restores."""

import cv2
import numpy as np

from peanut.vision.array import Array

SCALES, LEAST_SHARE = 4, 0.5
"""Scales, and the highest share of the hole in a reduced pixel below which no further one counts."""
WINDOW = 1.5
"""Standard deviation of the window, pixels of its scale."""
STABLE = (0.03 * 255) ** 2
"""c of the formula, grey levels squared."""


def structure(result: Array, truth: Array, mask: Array) -> float:
    """Contrast and structure of SSIM, mean over the mask and over scales: -1 to 1, 1 the truth, about 0 fog.

    (2 s_xy + c) / (s_x^2 + s_y^2 + c) per pixel, s the deviations and covariance of grey levels in a Gaussian window,
    c = (0.03 * 255)^2; at the scale of the image and at three reductions by two. Its mean over the mask at a scale
    is weighted by nothing else; that of the scales is arithmetic, so that it may be negative. Where neither shows
    structure it is 1. Source: Wang, Simoncelli and Bovik, Multi-Scale Structural Similarity, Asilomar 2003.
    result, truth: h w 3, uint8, RGB. mask: h w, bool. Raises ValueError if nothing is masked.
    """
    if not mask.any():
        raise ValueError("structure: the mask must hold a pixel, got none.")
    x, y = (cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32) for image in (result, truth))
    here, levels = mask.astype(np.float32), []
    while not levels or (len(levels) < SCALES and min(here.shape) > 1 and here.max() > LEAST_SHARE):
        mean_x, mean_y = _mean(x), _mean(y)
        variances = _mean(x * x) - mean_x**2 + _mean(y * y) - mean_y**2
        both = (2 * (_mean(x * y) - mean_x * mean_y) + STABLE) / (variances + STABLE)
        levels.append(float((both * here).sum() / here.sum()))
        x, y, here = (cv2.pyrDown(image) for image in (x, y, here))
    return float(np.mean(levels))


def _mean(image: Array) -> Array:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), WINDOW))
