"""Dominant offsets between similar patches: what continues around a hole may continue inside it, on NumPy arrays.

After He and Sun, Statistics of Patch Offsets for Image Completion, ECCV 2012: an image shifted onto itself by a few
offsets gives candidates for all of a hole. Which of them fits where is for the caller to judge.
"""

import cv2
import numpy as np

from peanut.vision.array import Array

Box = tuple[slice, slice]

LONGEST = 640
"""Longer side to which larger images are reduced, pixels; chosen on the demo clip and composites."""
CELL, AROUND = 32, 8
"""Side and margin of the cells that are matched, reduced pixels; chosen on the demo clip and composites."""
REACH, LEAST = 64, 6
"""Longest and shortest offset per axis, reduced pixels; chosen on the demo clip and composites."""
LEAST_KNOWN, LEAST_SHOWN = 0.2, 0.9
"""Known share of a cell, and of that the share that its match shows; chosen on the demo clip and composites."""
MATCHES = 3
"""Offsets per cell, and pixels between them: non-maximum suppression; chosen on the demo clip and composites."""


def dominant_offsets(grey: Array, known: Array, wanted: Array, most: int) -> list[tuple[int, int]]:
    """Offsets (x, y) from cells beside a hole to their best matches, the best first, at most `most`: pixels.

    In images longer than 640 pixels they are whole multiples of the reduction, and off by half of it.
    grey: h w, uint8. known: h w, bool. wanted: h w, bool, the pixels of the hole in question.
    """
    factor = -(-max(grey.shape) // LONGEST)
    size = -(-grey.shape[1] // factor), -(-grey.shape[0] // factor)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    fully_known = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    beside = cv2.resize(wanted.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    beside = cv2.dilate(beside.astype(np.uint8), np.ones((2 * LEAST + 1, 2 * LEAST + 1), np.uint8)) > 0
    found = []
    for y in range(0, size[1], CELL):
        for x in range(0, size[0], CELL):
            if beside[y : y + CELL, x : x + CELL].any():
                cell = (x - AROUND, y - AROUND, x + CELL + AROUND, y + CELL + AROUND)
                found += _best_matches(small, fully_known, cell)
    offsets: list[tuple[int, int]] = []
    for _, right, down in sorted(found):
        if len(offsets) < most and all(max(abs(right - x), abs(down - y)) > 1 for x, y in offsets):
            offsets.append((right, down))
    return [(factor * right, factor * down) for right, down in offsets]


def _best_matches(grey: Array, known: Array, cell: tuple[int, int, int, int]) -> list[tuple[float, int, int]]:
    """The best matches of a cell (left, top, right, bottom): mean square difference in grey levels, and offset."""
    h, w = grey.shape
    left, top, right, bottom = max(0, cell[0]), max(0, cell[1]), min(w, cell[2]), min(h, cell[3])
    x, y = max(0, left - REACH), max(0, top - REACH)
    inside = slice(top, bottom), slice(left, right)
    around = slice(y, bottom + REACH), slice(x, right + REACH)
    weight = known[inside].astype(np.float32)
    if weight.sum() < LEAST_KNOWN * weight.size:
        return []
    content = grey[around].astype(np.float32)
    error = cv2.matchTemplate(content, grey[inside].astype(np.float32), cv2.TM_SQDIFF, mask=weight) / weight.sum()
    shown = cv2.matchTemplate(known[around].astype(np.float32), weight, cv2.TM_CCORR)
    error[shown < LEAST_SHOWN * weight.sum()] = np.inf
    _suppress(error, top - y, left - x, LEAST)
    found = []
    for _ in range(MATCHES):
        row, column = (int(n) for n in np.unravel_index(error.argmin(), error.shape))
        if np.isfinite(error[row, column]):
            found.append((float(error[row, column]), column - (left - x), row - (top - y)))
            _suppress(error, row, column, MATCHES)
    return found


def _suppress(error: Array, row: int, column: int, near: int) -> None:
    """Leave out a place and what is near."""
    error[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = np.inf
