"""Choosing how to fill a hole: what restores a pretended hole of the same shape nearby best, fills the real one."""

from collections.abc import Callable
from typing import TypeVar

import cv2
import numpy as np

from peanut.vision.array import Array

T = TypeVar("T")

PLACES = 2
"""Pretended holes."""
LEVELS = 2
"""Reductions by two after which an image is compared by its values again."""
SCALES = 1.0, 0.7, 0.5, 0.35, 0.25
"""Sizes of a pretended hole as shares of the real one's: the first that has room."""


def chosen(fill: Callable[[Array, Array, Array], dict[T, Array]], image: Array, known: Array, hole: Array) -> T | None:
    """The name of the method that restores pretended holes best; None where none can be pretended.

    The methods that copy count if they beat the smooth filling, the first, at every pretended hole by `distance`: a
    wrong object is worse than none. Of them the one with the least sum of `texture_distance`; without any, smooth.
    fill(image, known, hole) gives by name the image filled, h w 3, float32; known has been cut down already.
    image: h w 3, uint8. known, hole: h w, bool.
    """
    truth = image.astype(np.float32)
    kept, textures = [], []
    for pretended in places(known, hole):
        results = fill(image, known & ~pretended, pretended)
        kept.append({name: distance(x, truth, pretended) for name, x in results.items()})
        textures.append({name: texture_distance(x, truth, pretended) for name, x in results.items()})
    if not kept:
        return None
    smooth, *copies = kept[0]
    better = [name for name in copies if all(one[name] < one[smooth] for one in kept)]
    return min(better, key=lambda name: sum(texture[name] for texture in textures), default=smooth)


def places(known: Array, hole: Array) -> list[Array]:
    """Holes of the same shape where all is known, the nearest first: h w, bool each; smaller ones for want of room."""
    x, y, w, h = cv2.boundingRect(hole.astype(np.uint8))
    for scale in SCALES:
        size = max(1, round(w * scale)), max(1, round(h * scale))
        shape = cv2.resize(hole[y : y + h, x : x + w].astype(np.uint8), size, interpolation=cv2.INTER_NEAREST)
        if not shape.any():
            break
        free = cv2.matchTemplate(known.astype(np.float32), shape.astype(np.float32), cv2.TM_CCORR)
        rows, columns = np.nonzero(free > shape.sum() - 0.5)
        found: list[Array] = []
        centre = np.array([y + h / 2 - size[1] / 2, x + w / 2 - size[0] / 2])
        while len(rows) and len(found) < PLACES:
            n = int(np.hypot(rows - centre[0], columns - centre[1]).argmin())
            place = np.zeros_like(hole)
            place[rows[n] : rows[n] + size[1], columns[n] : columns[n] + size[0]] = shape > 0
            found.append(place)
            apart = (np.abs(rows - rows[n]) >= size[1]) | (np.abs(columns - columns[n]) >= size[0])
            rows, columns = rows[apart], columns[apart]
        if found:
            return found
    return []


def distance(result: Array, truth: Array, hole: Array) -> float:
    """How far a filling is from the truth in all that is coarse: decibels.

    The mean of the levels of two errors over the hole: the mean square error, which alone rewards fog; and the same of
    what is left of the image after LEVELS reductions by two, plus the errors of the local energies s_l of the bands
    taken off: sum_l E|s_l(result) - s_l(truth)|^2, s_l the root of the local mean square of a band.
    result, truth: h w 3, float32. hole: h w, bool.
    """
    square = float(((result - truth)[hole] ** 2).mean())
    errors, rest = _bands(result, truth, hole, LEVELS, 3.0)
    return float(10 * np.log10(square + 1) + 10 * np.log10(sum(errors) + rest + 1)) / 2


def texture_distance(result: Array, truth: Array, hole: Array) -> float:
    """How far a filling is from the truth as a texture: decibels.

    The mean of the levels of the mean square error and of the errors of the bands' local energies, every band alike:
    what is fine counts as much as what is coarse. After Portilla and Simoncelli, IJCV 2000.
    result, truth: h w 3, float32. hole: h w, bool.
    """
    square = float(((result - truth)[hole] ** 2).mean())
    errors, _ = _bands(result, truth, hole, 5, 6.0)
    return float(10 * np.log10(square + 1) + np.mean(10 * np.log10(np.array(errors) + 1))) / 2


def _bands(result: Array, truth: Array, hole: Array, most: int, window: float) -> tuple[list[float], float]:
    """The errors of the local energies of the bands of a Laplacian pyramid, and the mean square error of the rest."""
    here: Array = hole.astype(np.float32)
    errors: list[float] = []
    while len(errors) < most and min(here.shape) > 1 and here.max() > 0.5:
        lows, energies = [cv2.pyrDown(x) for x in (result, truth)], []
        for x, low in zip((result, truth), lows, strict=True):
            band = x - cv2.pyrUp(low, dstsize=(x.shape[1], x.shape[0]))
            energies.append(np.sqrt(cv2.GaussianBlur((band**2).mean(axis=2), (0, 0), window)))
        errors.append(float(((energies[0] - energies[1]) ** 2 * here).sum() / here.sum()))
        result, truth, here = (np.asarray(x) for x in (*lows, cv2.pyrDown(here)))
    return errors or [0.0], float((((result - truth) ** 2).mean(axis=2) * here).sum() / max(float(here.sum()), 1e-6))
