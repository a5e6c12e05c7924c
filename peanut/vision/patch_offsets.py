"""Where a picture repeats itself: what goes on around a hole may go on inside it, on NumPy arrays.

After He and Sun, Statistics of Patch Offsets for Image Completion, ECCV 2012: few shifts of a picture onto itself make
candidates for all of a hole. Which of them fits where is for the caller to judge.
"""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Box = tuple[slice, slice]

LONGEST = 640
"""Pixels of the longer side to which larger pictures are reduced for the search."""
CELL, AROUND = 32, 8
"""Pixels of the reduced picture per side of the cells that look for their like, and around each."""
REACH, LEAST = 64, 6
"""Pixels of the reduced picture up to which, and from which on, the like is sought."""
SHOWN = 0.2
"""Share of a cell that must be known."""


def repeats(grey: Array, known: Array, wanted: Array, most: int) -> list[tuple[int, int]]:
    """Shifts (x, y) that lead from what lies beside a hole to its like, the best first, at most `most`: pixels.

    In pictures longer than 640 pixels they are whole multiples of the reduction, and off by half of it.
    grey: h w, uint8. known: h w, bool. wanted: h w, bool, the pixels of the hole in question.
    """
    factor = -(-max(grey.shape) // LONGEST)
    size = -(-grey.shape[1] // factor), -(-grey.shape[0] // factor)
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    sure = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    beside = cv2.resize(wanted.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    beside = cv2.dilate(beside.astype(np.uint8), np.ones((2 * LEAST + 1, 2 * LEAST + 1), np.uint8)) > 0
    found = []
    for y in range(0, size[1], CELL):
        for x in range(0, size[0], CELL):
            if beside[y : y + CELL, x : x + CELL].any():
                found += _likes(small, sure, (x - AROUND, y - AROUND, x + CELL + AROUND, y + CELL + AROUND))
    shifts: list[tuple[int, int]] = []
    for _, right, down in sorted(found):
        if len(shifts) < most and all(max(abs(right - x), abs(down - y)) > 1 for x, y in shifts):
            shifts.append((right, down))
    return [(factor * right, factor * down) for right, down in shifts]


def _likes(grey: Array, known: Array, cell: tuple[int, int, int, int]) -> list[tuple[float, int, int]]:
    """The three places most like a cell (left, top, right, bottom): mean square difference and shift, grey levels."""
    h, w = grey.shape
    left, top, right, bottom = max(0, cell[0]), max(0, cell[1]), min(w, cell[2]), min(h, cell[3])
    x, y = max(0, left - REACH), max(0, top - REACH)
    inside = slice(top, bottom), slice(left, right)
    around = slice(y, bottom + REACH), slice(x, right + REACH)
    counts = known[inside].astype(np.float32)
    if counts.sum() < SHOWN * counts.size:
        return []
    content = grey[around].astype(np.float32)
    apart = cv2.matchTemplate(content, grey[inside].astype(np.float32), cv2.TM_SQDIFF, mask=counts) / counts.sum()
    shown = cv2.matchTemplate(known[around].astype(np.float32), counts, cv2.TM_CCORR)
    apart[shown < 0.9 * counts.sum()] = np.inf
    _forget(apart, top - y, left - x, LEAST)
    found = []
    for _ in range(3):
        row, column = (int(n) for n in np.unravel_index(apart.argmin(), apart.shape))
        if np.isfinite(apart[row, column]):
            found.append((float(apart[row, column]), column - (left - x), row - (top - y)))
            _forget(apart, row, column, 3)
    return found


def _forget(apart: Array, row: int, column: int, near: int) -> None:
    """Leave out a place and what is near."""
    apart[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = np.inf
