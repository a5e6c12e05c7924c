"""Choosing how to fill a hole: what restores a pretended hole of the same shape nearby best, fills the real one."""

from collections.abc import Callable, Iterable

import cv2
import numpy as np

from peanut.vision.array import Array

PLACES = 2
"""Pretended holes."""
SCALES = 1.0, 0.7, 0.5, 0.35, 0.25
"""Sizes of a pretended hole as shares of the real one's: the first that has room."""


def chosen(fill: Callable[[Array, Array, Array, str], Array], image: Array, known: Array, hole: Array, names: Iterable[str]) -> str:
    """The name of the method that restores pretended holes best; the first where none can be pretended.

    fill(image, known, hole, name) gives the image filled, h w 3, float32.
    image: h w 3, uint8. known, hole: h w, bool.
    """
    names = list(names)
    total = dict.fromkeys(names, 0.0)
    for pretended in places(known, hole):
        left = known & ~pretended
        for name in names:
            total[name] += distance(fill(image, left, pretended, name), image.astype(np.float32), pretended)
    return min(names, key=lambda name: total[name])


def places(known: Array, hole: Array) -> list[Array]:
    """Holes of the same shape where all is known, the nearest first: h w, bool each; smaller ones if there is no room."""
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
    """How far a filling is from the truth, in decibels: the mean of the levels of two errors over the hole.

    One is the mean square error; alone it rewards fog. The other compares what the eye compares in textures: in each
    band of a Laplacian pyramid the local energy, and of the rest the values: sum_l E|s_l(result) - s_l(truth)|^2, s_l
    the root of the mean square of band l around a pixel; alone it rewards texture in the wrong place.
    After Portilla and Simoncelli, IJCV 2000. result, truth: h w 3, float32. hole: h w, bool.
    """
    square = float(((result - truth)[hole] ** 2).mean())
    statistics, levels = 0.0, max(1, int(np.log2(max(2, min(hole.any(0).sum(), hole.any(1).sum()) / 8))))
    here = hole.astype(np.float32)
    for _ in range(levels):
        energies = []
        smaller = []
        for x in (result, truth):
            low = cv2.pyrDown(x)
            band = x - cv2.pyrUp(low, dstsize=(x.shape[1], x.shape[0]))
            energies.append(np.sqrt(cv2.GaussianBlur(band**2, (0, 0), 3)))
            smaller.append(low)
        weight = here / max(float(here.sum()), 1e-6)
        statistics += float((((energies[0] - energies[1]) ** 2).mean(2) * weight).sum())
        result, truth = smaller
        here = cv2.pyrDown(here)
    weight = here / max(float(here.sum()), 1e-6)
    statistics += float((((result - truth) ** 2).mean(2) * weight).sum())
    return float(10 * np.log10(square + 1) + 10 * np.log10(statistics + 1)) / 2
