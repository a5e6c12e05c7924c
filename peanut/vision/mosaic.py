"""Making what is masked unrecognizable: averages over cells, relative to the size of each masked component."""

from collections.abc import Iterator
from math import ceil, log2

import cv2
import numpy as np

from peanut.vision.array import Array

Region = tuple[slice, slice]


def masked_components(mask: Array) -> Iterator[tuple[Region, Array]]:
    """Each connected component (8 neighbors) of a mask: its box, and the mask in there. mask: h w, bool."""
    left, top, w, h = cv2.boundingRect(mask.astype(np.uint8))
    if not w:
        return
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask[top : top + h, left : left + w].astype(np.uint8))
    for number, (x, y, wide, high, _) in enumerate(stats.tolist()):
        if number:
            inside = labels[y : y + high, x : x + wide] == number
            yield (slice(top + y, top + y + high), slice(left + x, left + x + wide)), np.asarray(inside)


def cell_size(mask: Array, cells: float) -> int:
    """The side of a cell in pixels: of at least 2, at most `cells` fit along the longer side of a mask (h w, bool).

    It is a power of 2, so that it rarely changes from frame to frame.

    >>> [cell_size(np.ones((side, 20), bool), 8) for side in (30, 32, 33, 64, 65)]
    [4, 4, 8, 8, 16]
    """
    return int(2 ** max(1, ceil(log2(max(mask.shape) / cells))))


def pixelated(image: Array, mask: Array, cells: float) -> Array:
    """What is masked, in squares of its mean color, at most `cells` of them fit along the longer side of a component.

    The squares are counted from the corner of the image, so that they stand still. image: h w 3, uint8. mask: h w,
    bool. Returns a copy of the same layout; outside the mask nothing changes, and nothing from there is mixed in.
    """
    out = np.copy(image, order="K")
    for box, inside in masked_components(mask):
        cell = cell_size(inside, cells)
        added = [(edge.start % cell, -edge.stop % cell) for edge in box]  # up to whole squares
        known = np.pad(inside[..., None].astype(np.float32), [*added, (0, 0)])
        colors = np.pad(image[box] * inside[..., None], [*added, (0, 0)]).astype(np.float32)
        sums, counts = (
            part.reshape(part.shape[0] // cell, cell, part.shape[1] // cell, cell, -1).sum(axis=(1, 3))
            for part in (colors, known)
        )
        squares = np.rint(sums / np.maximum(counts, 1)).repeat(cell, axis=0).repeat(cell, axis=1)
        out[box][inside] = squares[added[0][0] :, added[1][0] :][: inside.shape[0], : inside.shape[1]][inside]
    return out


def blurred(image: Array, mask: Array, cells: float) -> Array:
    """What is masked, smooth: the means of at most `cells` cells along the longer side of each component, interpolated.

    Nothing finer than a cell is in the result, whatever is computed from it. The cells move with the component.
    image: h w 3, uint8. mask: h w, bool. Returns a copy of the same layout; outside the mask nothing changes, and
    nothing from there is mixed in.
    """
    out = np.copy(image, order="K")
    for box, inside in masked_components(mask):
        h, w = inside.shape
        count = [max(1, min(side // 2, round(side * cells / max(h, w)))) for side in (w, h)]
        sums, known = (_smooth(part, count) for part in (image[box] * inside[..., None], inside))
        smooth = sums / np.maximum(known, 1e-6)[..., None]
        out[box][inside] = np.clip(np.rint(smooth[inside]), 0, 255)
    return out


def _smooth(part: Array, count: list[int]) -> Array:
    """The means of `count` (across, down) cells, smoothed over their neighbors and enlarged again: float32."""
    means = cv2.resize(np.ascontiguousarray(part, np.float32), count, interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(means, (3, 3), 0.7, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(cv2.resize(soft, part.shape[1::-1], interpolation=cv2.INTER_LINEAR))
