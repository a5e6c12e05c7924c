"""Following a box from one image to another by what is in it. On NumPy arrays and boxes."""

from typing import Any

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.detection import Box, centre

SIDE = 64
"""Pixels of the longer side of a box at most: larger ones are followed in reduced images."""
POINTS, FEWEST = 40, 4
"""Corners that are tracked in a box at most, and below which it is lost."""
KEPT = 0.3
"""Share of the corners below which a box is lost; chosen on drawn clips of photographs."""
SPREAD = 0.1
"""Median distance of the corners from their common motion, by the side of the box, above which it is lost."""
SCALING = 1.1
"""How much larger or smaller a box becomes from one image to the next, at most."""


def moved(box: Box, x: float, y: float, scale: float = 1.0) -> Box:
    """A box shifted by (x, y) pixels, and `scale` times as large about its center."""
    left, top, right, bottom = box
    cx, cy, w, h = (left + right) / 2 + x, (top + bottom) / 2 + y, (right - left) * scale, (bottom - top) * scale
    return cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2


def side(box: Box) -> float:
    """The longer side of a box, in pixels."""
    return max(box[2] - box[0], box[3] - box[1])


def between(a: Box, b: Box, share: float) -> Box:
    """The box at `share` of the way from `a` (0) to `b` (1).

    >>> between((0, 0, 10, 10), (10, 0, 30, 20), 0.5)
    (5.0, 0.0, 20.0, 15.0)
    """
    left, top, right, bottom = (p + share * (q - p) for p, q in zip(a, b, strict=True))
    return left, top, right, bottom


def follow(grey: Array, other: Array, box: Box, guess: tuple[float, float] = (0.0, 0.0)) -> Box | None:
    """Where a box of `grey` is in `other`: shifted and scaled as the median of what is in it; None if it is lost.

    grey, other: h w, uint8. guess: the shift to search from, in pixels. Only corners that lead back count.
    Source: Kalal et al., Forward-Backward Error: Automatic Detection of Tracking Failures, ICPR 2010.
    """
    region = _around(box, guess, 0.75 * side(box) + 8, grey.shape)
    if side(box) <= 0 or region is None:
        return None
    scale = min(1.0, SIDE / side(box))
    a, b = (_reduced(image[region], scale) for image in (grey, other))
    if min(a.shape) < FEWEST:
        return None
    start = np.array([region[1].start, region[0].start], np.float32)
    here = _corners(a, (np.array(box, np.float32) - np.tile(start, 2)) * scale)
    if len(here) < FEWEST:
        return None
    here, there = _tracked(a, b, here, np.array(guess, np.float32) * scale)
    if not len(here):
        return None
    middle, to = np.median(here, axis=0), np.median(there, axis=0)
    scaling = _scaling(here, there)
    if np.median(np.abs(there - to - scaling * (here - middle))) > SPREAD * side(box) * scale:
        return None
    middle, to = middle / scale + start, to / scale + start
    cx, cy = centre(box)
    x, y = to + scaling * (np.array([cx, cy]) - middle) - (cx, cy)
    return moved(box, float(x), float(y), scaling)


def _around(box: Box, guess: tuple[float, float], margin: float, size: tuple[int, ...]) -> tuple[slice, slice] | None:
    """Rows and columns of the image in which a box is sought; None outside."""
    x, y = guess
    left, right = box[0] + min(0.0, x) - margin, box[2] + max(0.0, x) + margin
    top, bottom = box[1] + min(0.0, y) - margin, box[3] + max(0.0, y) + margin
    rows = slice(max(0, int(top)), min(size[0], int(bottom) + 1))
    columns = slice(max(0, int(left)), min(size[1], int(right) + 1))
    return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None


def _reduced(image: Array, scale: float) -> Array:
    if scale == 1:
        return np.ascontiguousarray(image)
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _corners(image: Array, box: Array) -> Array:
    """The strongest corners in a box: n 2, float32."""
    left, top, right, bottom = (round(float(edge)) for edge in box)
    inside = np.zeros(image.shape, np.uint8)
    inside[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 1
    if not inside.any():
        return np.zeros((0, 2), np.float32)
    found = cv2.goodFeaturesToTrack(image, POINTS, 0.01, 3, mask=inside)
    return np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2)


def _tracked(a: Array, b: Array, here: Array, guess: Array) -> tuple[Array, Array]:
    """The corners that lead back, and where they are: n 2 each; none if they are too few."""
    options: dict[str, Any] = {"winSize": (13, 13), "maxLevel": 3, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    there, ok, _ = cv2.calcOpticalFlowPyrLK(a, b, here, here + guess, **options)
    back, ok_back, _ = cv2.calcOpticalFlowPyrLK(b, a, there, here.copy(), **options)
    good = (ok[:, 0] > 0) & (ok_back[:, 0] > 0) & (np.abs(back - here).max(axis=1) < 1)
    if np.count_nonzero(good) < max(FEWEST, KEPT * len(here)):
        good[:] = False
    return here[good], there[good]


def _scaling(here: Array, there: Array) -> float:
    """The median of how the distances between points have grown."""
    apart, now = (np.linalg.norm(points[:, None] - points[None], axis=-1) for points in (here, there))
    far = apart > 2
    return float(np.clip(np.median(now[far] / apart[far]), 1 / SCALING, SCALING)) if far.any() else 1.0
