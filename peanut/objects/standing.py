"""The pixels of what stands still: carried from where they were, or cut out of a box by their colors."""

from typing import Any

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.detection import Box

AROUND = 0.25
"""How much of its surroundings a box is cut out with, as a share of its sides."""
RING = 1.6
"""How far the ellipse in a box is widened, squared, that may still hold the object: boxes cut things off."""
LONGEST = 128
"""Pixels of the longer side at which it is cut out."""
ROUNDS = 3


def cut_out(image: Array, box: Box) -> Array:
    """What stands in a box, by its colors: h w, bool.

    image: h w 3, uint8.
    Source: Rother et al., GrabCut, SIGGRAPH 2004 (OpenCV), at a reduced size, with a fixed seed.
    """
    out = np.zeros(image.shape[:2], bool)
    left, top, right, bottom = box
    dx, dy = AROUND * (right - left), AROUND * (bottom - top)
    rows, columns = _within((left - dx, top - dy, right + dx, bottom + dy), out.shape)
    part = image[rows, columns]
    if min(part.shape[:2]) < 8:
        return out
    scale = min(1.0, LONGEST / max(part.shape[:2]))
    small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    inner = tuple(scale * (edge - start) for edge, start in zip(box, (columns.start, rows.start) * 2, strict=True))
    trimap: Any = _trimap(small.shape[:2], inner)
    if not (trimap == cv2.GC_PR_FGD).any() or not (trimap == cv2.GC_BGD).any():
        return out
    cv2.setRNGSeed(0)
    no_box: Any = None
    models = np.zeros((1, 65)), np.zeros((1, 65))
    cv2.grabCut(np.ascontiguousarray(small[..., ::-1]), trimap, no_box, *models, ROUNDS, cv2.GC_INIT_WITH_MASK)
    inside = ((trimap == cv2.GC_FGD) | (trimap == cv2.GC_PR_FGD)).astype(np.float32)
    out[rows, columns] = cv2.resize(inside, part.shape[1::-1], interpolation=cv2.INTER_LINEAR) > 0.5
    return out


def _within(box: Box, size: tuple[int, ...]) -> tuple[slice, slice]:
    h, w = size
    left, top, right, bottom = (round(edge) for edge in box)
    return slice(max(0, top), min(h, max(0, bottom))), slice(max(0, left), min(w, max(0, right)))


def _trimap(size: tuple[int, ...], box: tuple[float, ...]) -> Array:
    """GrabCut's mask for a box: an ellipse in it is likely the object, its rest is not, outside surely not."""
    h, w = size
    left, top, right, bottom = box
    y, x = np.mgrid[:h, :w] + 0.5
    inside = (x > left) & (x < right) & (y > top) & (y < bottom)
    from_centre = ((2 * x - left - right) / (right - left)) ** 2 + ((2 * y - top - bottom) / (bottom - top)) ** 2
    likely, near = inside & (from_centre < 1), from_centre < RING
    return np.where(likely, cv2.GC_PR_FGD, np.where(inside | near, cv2.GC_PR_BGD, cv2.GC_BGD)).astype(np.uint8)
