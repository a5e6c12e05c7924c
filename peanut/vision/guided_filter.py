"""Edge-preserving smoothing, on NumPy arrays.

Source: He, Sun and Tang, Guided Image Filtering, TPAMI 2013.
"""

import cv2
import numpy as np

from peanut.vision.array import Array


def guided_filter(x: Array, guide: Array, radius: int, eps: float = 1e-3) -> Array:
    """`x` as a locally linear function of the guide's colors: h w, float32.

    With mean M and covariances over boxes, q = M[a] . I + M[b], a = (Sigma + eps 1)^-1 cov(I, x), b = M[x] - a . M[I].
    x: h w, float32 or bool. guide: I, h w 3, uint8, taken to [0, 1]. radius: pixels, of the boxes. eps: the variance of
    color below which the guide counts as flat, and `x` is averaged.
    """
    x, guide = x.astype(np.float32), guide.astype(np.float32) / 255
    mean_x, mean = _mean(x, radius), _mean(guide, radius)
    covariance = _mean(guide * x[..., None], radius) - mean * mean_x[..., None]
    variance = eps * np.broadcast_to(np.eye(3, dtype=np.float32), (*x.shape, 3, 3)).copy()
    for a in range(3):
        products = _mean(guide * guide[..., a : a + 1], radius)
        variance[..., a] += products - mean * mean[..., a : a + 1]
    slope = np.linalg.solve(variance, covariance[..., None])[..., 0]
    offset = mean_x - (slope * mean).sum(axis=-1)
    return np.asarray((_mean(slope, radius) * guide).sum(axis=-1) + _mean(offset, radius))


def _mean(x: Array, radius: int) -> Array:
    return np.asarray(cv2.blur(x, (2 * radius + 1, 2 * radius + 1)))
