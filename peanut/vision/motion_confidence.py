"""How sure it is that what was found moves, and the scene behind it stands still. On NumPy arrays."""

from collections.abc import Iterable

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.change_detection import INVALID, MATCHED
from peanut.vision.epipolar import Parallax
from peanut.vision.optical_flow import dense_flow, grid, sample
from peanut.vision.registration import move

SPARSE = 2
"""Pixels between the positions that are looked at."""
FEWEST = 3
"""Reference views that must show what is behind a pixel."""
KNOWN = 0.2
"""Share of a component behind which something must be seen before it counts."""
NEARBY = 0.06
"""Share of the longer side over which a mask is judged together."""


def view_agreement(mask: Array, grey: Array, views: Iterable[tuple[Array, Array, Array]]) -> Array:
    """How far reference views agree about what is behind each component of a mask: h w, float32, 0 to 1.

    1 - sum(s) / sum(d) over a component, with d the difference between the image and the median of the views, and s the
    median difference between the views and it. Behind what moves the views show the same; on water, in what flickers or
    is not registered, they differ as the image does. 1 where too little is seen to tell, and outside the mask.
    mask: h w, bool. grey: h w, uint8. views: of each its image (h w, uint8), the positions in it (h w 2) and its
    distance map, INVALID where it does not show what is behind.
    """
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    sparse = np.s_[::SPARSE, ::SPARSE]
    inside = mask[sparse]
    label = labels[sparse][inside]
    shown = [
        np.where(distance[sparse][inside] == INVALID, np.nan, sample(other, at[sparse][inside][None], nearest=True)[0])
        for other, at, distance in views
    ]
    if len(shown) < FEWEST or not len(label):
        return np.ones(mask.shape, np.float32)
    behind, seen = _median(np.stack(shown))
    spread, _ = _median(np.abs(np.stack(shown) - behind))
    known = seen >= FEWEST
    total, some, s, d = (
        np.bincount(label, weights, count)
        for weights in (
            None,
            known,
            np.where(known, spread, 0),
            np.where(known, np.abs(grey[sparse][inside] - behind), 0),
        )
    )
    agreement = np.where(some >= np.maximum(1, KNOWN * total), np.clip(1 - s / np.maximum(d, 1e-3), 0, 1), 1)
    agreement[0] = 1
    return np.asarray(agreement[labels], np.float32)


def _median(rows: Array) -> tuple[Array, Array]:
    """The lower median of the rows that are not NaN (0 where all are), and how many these are."""
    seen = np.isfinite(rows).sum(axis=0)
    middle = np.take_along_axis(np.sort(rows, axis=0), np.maximum(seen - 1, 0)[None] // 2, axis=0)[0]
    return np.where(seen > 0, middle, 0), seen


def own_motion(
    mask: Array, grey: Array, other: Array, transform: Array, parallax: Parallax, frames: float, matched: bool
) -> Array:
    """The squared share of a mask, nearby, that does not move to a neighboring frame as parallax does: h w, float32.

    grey, other: h w, uint8, the frame and its neighbor. transform: 3 3, from the frame to its neighbor, without
    parallax. parallax: as to a frame that is `frames` times as far away. matched: only what is found in the neighbor
    counts as moving; what an edge has just laid open is not.
    """
    start = grid(*(slice(0, n) for n in mask.shape))
    there = start + dense_flow(grey, other, "fast")
    matches = cv2.blur(cv2.absdiff(sample(other, there), grey).astype(np.float32), (5, 5)) < MATCHED
    back = move(there, np.linalg.inv(transform))
    still = parallax.explains(start, (back - start) * frames)
    moves = matches & ~still if matched else ~(matches & still)
    side = round(NEARBY * max(mask.shape)) | 1
    inside, moved = (cv2.blur(each.astype(np.float32), (side, side)) for each in (mask, mask & moves))
    return np.where(mask, (moved / np.maximum(inside, 1e-6)) ** 2, np.float32(1))
