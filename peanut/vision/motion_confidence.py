"""How sure it is that what was found moves, and the scene behind it stands still. On NumPy arrays."""

from collections.abc import Iterable

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.change_detection import INVALID, MATCHED
from peanut.vision.epipolar import Parallax
from peanut.vision.optical_flow import grid, sample

SPARSE = 2
"""Pixels between the positions that are looked at."""
FEWEST = 3
"""Reference views that must show what is behind a pixel."""
KNOWN = 0.2
"""Share of what is masked around behind which something must be seen before it counts."""
NOISE = 1.2
"""The mean difference of noise to the median of few samples, against the median difference of these."""
AROUND = 0.2
"""Share of the longer side, as a person is large, over which it is judged what the views agree about."""
MOST = 0.5
"""Share of a component up to which what is unsure goes with the rest of it."""
LASTING = 0.5
"""Share of a component that is found in a neighboring frame from which on it surely lasts."""
SUBPIXEL = 0.33
"""Share of the contrast that is left where strong edges match to a fraction of a pixel; of waves that do not, all."""
NEARBY = 0.06
"""Share of the longer side over which it is judged what moves as parallax does."""


def given_up(mask: Array, confidence: Array, least: float) -> Array:
    """What of a mask is not sure enough to move, in components of which that is most: h w, bool. Things are solid.

    mask: h w, bool. confidence: h w, 0 to 1. least: the confidence that suffices.
    """
    unsure = mask & (confidence < least)
    if not unsure.any():
        return unsure
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    area, some = (np.bincount(labels.ravel(), weights, count) for weights in (None, unsure.ravel()))
    return np.asarray(unsure & (some > MOST * area)[labels])


def registered_share(index: int, shown: Iterable[int], lost: Iterable[int]) -> float:
    """The share of the other frames that show the scene of a frame, of those before it or after it: the better one.

    index, shown, lost: numbers of the frame, of those that show its scene and of those that do not.
    """
    counts = [[sum((i < index) == past for i in each) for each in (shown, lost)] for past in (True, False)]
    return max((there / (there + gone) for there, gone in counts if there + gone), default=1.0)


def view_agreement(mask: Array, grey: Array, views: Iterable[tuple[Array, Array, Array]]) -> Array:
    """How far reference views agree about what is behind a mask, around each pixel: h w, float32, 0 to 1.

    1 - 1.2 sum(s) / sum(d) over what is masked around: d is the difference between the image and the median of the
    views, s the median difference between the views and it. Behind what moves the views show the same; on water, in
    what flickers or is not registered, they differ as the image does. 1 outside the mask, NaN where too little is seen
    to tell. The light of all is made that of the image.
    mask: h w, bool. grey: h w, uint8. views: of each its image (h w, uint8), the positions in it (h w 2) and its
    distance map, INVALID where it does not show what is behind.
    """
    sparse = np.s_[::SPARSE, ::SPARSE]
    inside = mask[sparse]
    shown = []
    for other, at, distance in views:
        seen = sample(other, np.ascontiguousarray(at[sparse]), nearest=True).astype(np.float32)
        around = ~inside & (distance[sparse] != INVALID)
        light = np.median((grey[sparse][around] + 1.0) / (seen[around] + 1)) if around.any() else 1.0
        shown.append(np.where(distance[sparse] == INVALID, np.nan, light * seen)[inside])
    if len(shown) < FEWEST or not inside.any():
        return np.where(mask, np.float32(np.nan), np.float32(1))
    behind, seen = _median(np.stack(shown))
    spread, _ = _median(np.abs(np.stack(shown) - behind), upper=True)
    known = seen >= FEWEST
    difference = np.abs(grey[sparse][inside] - behind)
    measures = np.zeros((*inside.shape, 4), np.float32)
    measures[inside] = np.stack([np.ones(len(known)), known, known * spread, known * difference], axis=-1)
    side = round(AROUND * max(inside.shape)) | 1
    total, some, s, d = cv2.split(cv2.blur(measures, (side, side), borderType=cv2.BORDER_CONSTANT))
    agreement = np.where(some >= KNOWN * total, np.clip(1 - NOISE * s / np.maximum(d, 1e-6), 0, 1), np.nan)
    full = cv2.resize(agreement.astype(np.float32), mask.shape[::-1], interpolation=cv2.INTER_NEAREST)
    return np.where(mask, full, np.float32(1))


def _median(rows: Array, upper: bool = False) -> tuple[Array, Array]:
    """The lower (or upper) median of the rows that are not NaN (0 where all are), and how many these are."""
    seen = np.isfinite(rows).sum(axis=0)
    middle = np.take_along_axis(np.sort(rows, axis=0), np.maximum(seen - (not upper), 0)[None] // 2, axis=0)[0]
    return np.where(seen > 0, middle, 0), seen


def lasting(mask: Array, grey: Array, neighbors: Iterable[tuple[Array, Array]]) -> Array:
    """How far the content of each component of a mask is found in a neighboring frame: h w, float32, 0 to 1.

    1 from LASTING of it on, and outside the mask. What moves has still its texture then; water has not.
    mask: h w, bool. grey: h w, uint8. neighbors: of each its image (h w, uint8), and the positions in it that flow
    leads to (h w 2).
    """
    least = np.full(mask.shape, np.inf, np.float32)
    mean, square = (cv2.blur(x, (15, 15)) for x in (grey.astype(np.float32), grey.astype(np.float32) ** 2))
    contrast = np.sqrt(np.maximum(square - mean**2, 0))
    for other, at in neighbors:
        least = np.minimum(least, _error(grey, sample(other, at)))
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    there = least < np.maximum(MATCHED, SUBPIXEL * contrast)
    area, found = (np.bincount(labels.ravel(), weights, count) for weights in (None, there.ravel()))
    share = np.minimum(1, found / np.maximum(1, LASTING * area))
    share[0] = 1
    return np.asarray(share[labels], np.float32)


def _error(grey: Array, warped: Array) -> Array:
    return np.asarray(cv2.blur(cv2.absdiff(warped, grey).astype(np.float32), (5, 5)))


def own_motion(
    mask: Array, grey: Array, warped: Array, back: Array, parallax: Parallax, frames: float, matched: bool
) -> Array:
    """The squared share of a mask, nearby, that does not move to a neighboring frame as parallax does: h w, float32.

    mask: h w, bool. grey, warped: h w, uint8, the frame, and its neighbor warped to it by flow. back: h w 2, pixels,
    where that flow led to in the neighbor, registered to the frame without parallax. parallax: as to a frame that is
    `frames` times as far away. matched: only what is found in the neighbor counts as moving; what an edge has just laid
    open is not.
    """
    matches = _error(grey, warped) < MATCHED
    start = grid(*(slice(0, n) for n in mask.shape))
    still = parallax.explains(start, (back - start) * frames)
    moves = matches & ~still if matched else ~(matches & still)
    side = round(NEARBY * max(mask.shape)) | 1
    inside, moved = (cv2.blur(each.astype(np.float32), (side, side)) for each in (mask, mask & moves))
    return np.where(mask, (moved / np.maximum(inside, 1e-6)) ** 2, np.float32(1))
