"""Making what is masked unrecognizable: averages over cells, relative to the size of each masked component."""

from collections.abc import Iterator
from math import ceil, log2

import cv2
import numpy as np

from peanut.vision.array import Array

Region = tuple[slice, slice]


def masked_components(mask: Array) -> Iterator[tuple[Region, Array]]:
    """Each connected component (8 neighbors) of a mask: its box, and the mask in there. mask: h w, bool."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    for number, (x, y, w, h, _) in enumerate(stats.tolist()):
        if number:
            box = slice(y, y + h), slice(x, x + w)
            yield box, np.asarray(labels[box] == number)


def cell_size(mask: Array, cells: float) -> int:
    """The side of a cell in pixels: of at least 2, at most `cells` fit along the longer side of a mask (h w, bool).

    It is a power of 2, so that it rarely changes from frame to frame.

    >>> [cell_size(np.ones((side, 20), bool), 8) for side in (30, 32, 33, 64, 65)]
    [4, 4, 8, 8, 16]
    """
    return int(2 ** max(1, ceil(log2(max(mask.shape) / cells))))


def cell_sums(image: Array, mask: Array, box: Region, cell: int) -> tuple[Array, Array, Region]:
    """The sums and the numbers of the masked pixels of each cell that a component touches.

    image: h w 3, uint8, the whole. mask: of the component, in its box. The cells are counted from the corner of the
    image, so that they stand still. Returns m n 3 and m n, float32, and the region of the image that the cells cover
    (it may reach over the right and lower edge).
    """
    top, left = (edge.start // cell * cell for edge in box)
    bottom, right = (-(-edge.stop // cell) * cell for edge in box)
    known = np.zeros((bottom - top, right - left), np.float32)
    inner = tuple(slice(edge.start - first, edge.stop - first) for edge, first in zip(box, (top, left), strict=True))
    known[inner] = mask
    colors = np.zeros((*known.shape, 3), np.float32)
    colors[inner] = image[box] * mask[..., None]
    m, n = known.shape[0] // cell, known.shape[1] // cell
    sums = colors.reshape(m, cell, n, cell, 3).sum(axis=(1, 3))
    return sums, known.reshape(m, cell, n, cell).sum(axis=(1, 3)), (slice(top, bottom), slice(left, right))


def pixelated(image: Array, mask: Array, cells: float) -> Array:
    """What is masked, in squares of its mean color, each component in at most `cells` along its longer side.

    image: h w 3, uint8. mask: h w, bool. Returns a copy; outside the mask nothing changes, and nothing from there is
    mixed in.
    """
    out = image.copy()
    for box, inside in masked_components(mask):
        cell = cell_size(inside, cells)
        sums, known, region = cell_sums(image, inside, box, cell)
        means = np.rint(sums / np.maximum(known, 1)[..., None]).astype(np.uint8)
        squares = means.repeat(cell, axis=0).repeat(cell, axis=1)
        out[box][inside] = _part(squares, box, region)[inside]
    return out


def blurred(image: Array, mask: Array, cells: float) -> Array:
    """What is masked, smooth: the means of at most `cells` cells along the longer side of each component, interpolated.

    Nothing finer than a cell is in the result, whatever is computed from it. image: h w 3, uint8. mask: h w, bool.
    Returns a copy; outside the mask nothing changes, and nothing from there is mixed in.
    """
    out = image.copy()
    for box, inside in masked_components(mask):
        cell = cell_size(inside, cells)
        sums, known, region = cell_sums(image, inside, box, cell)
        size = region[1].stop - region[1].start, region[0].stop - region[0].start
        color, weight = (_smooth(cells, size) for cells in (sums, known))
        smooth = color / np.maximum(weight, 1e-6)[..., None]
        out[box][inside] = np.clip(np.rint(_part(smooth, box, region)[inside]), 0, 255)
    return out


def _smooth(cells: Array, size: tuple[int, int]) -> Array:
    """Cells smoothed over their neighbors and enlarged to `size` (w, h)."""
    soft = cv2.GaussianBlur(cells, (3, 3), 0.7, borderType=cv2.BORDER_CONSTANT)
    return np.asarray(cv2.resize(soft, size, interpolation=cv2.INTER_LINEAR))


def _part(cells: Array, box: Region, region: Region) -> Array:
    """The part of a region's pixels that lies in a box."""
    rows, columns = (
        slice(edge.start - whole.start, edge.stop - whole.start) for edge, whole in zip(box, region, strict=True)
    )
    return cells[rows, columns]
