"""Filling holes from what lies around them, on NumPy arrays."""

import cv2
import numpy as np

from peanut.vision.array import Array


def fill_smooth(x: Array, known: Array) -> Array:
    """Interpolate what is not known smoothly between what is, by push-pull: known values stay as they are.

    x: h w c, float32. known: h w, bool. Returns h w c, float32; zeros if nothing is known. Over a pyramid: pull, each
    level averages the known values of 2x2 pixels, x' = sum w x / sum w, w' = min(1, sum w); push, from the coarsest
    level on, x <- w x + (1 - w) up(x'), bilinear. Source: Gortler et al., The Lumigraph, SIGGRAPH 1996.
    """
    levels = [(x * known[..., None], known.astype(np.float32))]
    while not (levels[-1][1] > 0).all() and max(levels[-1][1].shape) > 1:
        values, weight = levels[-1]
        h, w = weight.shape
        half = ((w + 1) // 2, (h + 1) // 2)
        both = np.dstack([values, weight])
        if h % 2 or w % 2:
            both = cv2.copyMakeBorder(both, 0, h % 2, 0, w % 2, cv2.BORDER_CONSTANT)
        both = cv2.resize(both, half, interpolation=cv2.INTER_AREA).reshape(half[1], half[0], -1)
        total, share = both[..., :-1], both[..., -1]
        weight = np.minimum(share * 4, 1)
        levels.append((total * (weight / np.maximum(share, 1e-6))[..., None], weight))
    coarse, weight = levels.pop()
    coarse = coarse / np.maximum(weight, 1e-6)[..., None]
    for values, weight in reversed(levels):
        h, w = weight.shape
        up = cv2.resize(coarse, (coarse.shape[1] * 2, coarse.shape[0] * 2), interpolation=cv2.INTER_LINEAR)
        up = up.reshape(*up.shape[:2], -1)[:h, :w]
        coarse = values + up * (1 - weight)[..., None]
    return np.asarray(np.where(known[..., None], x, coarse), np.float32)
