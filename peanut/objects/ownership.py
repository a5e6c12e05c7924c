"""Which object a moving pixel belongs to: labels of the frame before, boxes, motion and colors, weighed together.

For each object a cost volume over the pixels of the mask, filtered over space; the cheapest object takes the pixel
(Hosni et al., Fast Cost-Volume Filtering, TPAMI 2013, with a box filter).
"""

from collections.abc import Mapping

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.detection import Box, inner_part

BINS = 12
"""Of each color channel."""
MARGIN = 0.15
"""Share of its size beyond which the box of an object says nothing for it any more."""
UNCLAIMED = 1.9
"""Cost above which a pixel belongs to none of the objects known."""
SMOOTH = 7
"""Pixels, side of the filter of the costs."""
LEARNED = 0.1
"""Weight of a frame in what is known of an object's colors."""
FILLED = 0.5
"""Share of the inner part of its box that moves where an object moves."""


@attrs.define(eq=False)
class Appearance:
    """What is known of an object's colors and motion."""

    colors: Array = attrs.field(factory=lambda: np.zeros(BINS**3, np.float32))
    """Shares of its pixels."""
    flow: Array | None = None
    """Its median flow to the frame before, x and y in pixels."""
    fill: float | None = None
    """Share of the inner part of its box that moves, of its last frames; None: it has no box."""

    def see(self, moving: Array, box: Box) -> None:
        """From what moves in its box: moving h w, bool."""
        rows, columns = inner_part(box, moving.shape)
        inside = moving[rows, columns]
        share = float(inside.mean()) if inside.size else 0.0
        self.fill = share if self.fill is None else (1 - LEARNED) * self.fill + LEARNED * share

    def learn(self, bins: Array, flow: Array, owned: Array) -> None:
        """From the pixels that it has in a frame: `bins` as `color_bins` gives them, h w; owned: h w, bool."""
        if not owned.any():
            return
        seen = np.bincount(bins[owned], minlength=BINS**3).astype(np.float32) / np.count_nonzero(owned)
        self.colors = seen if not self.colors.any() else (1 - LEARNED) * self.colors + LEARNED * seen
        self.flow = np.median(flow[owned], axis=0)


def color_bins(image: Array) -> Array:
    """The bin of the color of each pixel: h w, int32."""
    smooth = cv2.blur(image, (3, 3)).astype(np.int32) * BINS // 256
    return np.asarray(smooth @ np.array([BINS**2, BINS, 1]))


def assign(
    mask: Array, before: Array, boxes: Mapping[int, Box], known: Mapping[int, Appearance], bins: Array, flow: Array
) -> Array:
    """The number of the object that each pixel of `mask` belongs to; 0 where it is none of them: h w, int32.

    mask: h w, bool. before: h w, int32, numbers of the frame before, carried here. boxes: of the objects that may be
    there. known: their appearance. bins, flow: of this frame.
    """
    out = np.zeros(mask.shape, np.int32)
    if not mask.any() or not boxes:
        return out
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    part = np.s_[y : y + h, x : x + w]
    numbers = list(boxes)
    likely = _color_terms([known[n].colors for n in numbers], bins[part])
    volume = np.stack(
        [
            _box_term(boxes[number], part, mask.shape)
            + _before_term(before[part], number)
            + _motion_term(known[number], flow[part])
            + likely[at]
            + _standing_term(known[number])
            for at, number in enumerate(numbers)
        ]
    )
    inside = mask[part].astype(np.float32)
    weight = cv2.blur(inside, (SMOOTH, SMOOTH)) + 1e-6
    smooth = np.stack([cv2.blur(cost * inside, (SMOOTH, SMOOTH)) / weight for cost in volume])
    best = smooth.argmin(axis=0)
    cheap = np.take_along_axis(smooth, best[None], axis=0)[0] < UNCLAIMED
    out[part] = np.where(mask[part] & cheap, np.array(numbers)[best], 0)
    return out


def _box_term(box: Box, part: tuple[slice, slice], size: tuple[int, ...]) -> Array:
    """0 in the middle of a box, 0.5 at its corners, 1.5 from `MARGIN` outside on."""
    rows, columns = part
    left, top, right, bottom = box
    width, height = max(1.0, right - left), max(1.0, bottom - top)
    x = np.abs(np.arange(columns.start, columns.stop) + 0.5 - (left + right) / 2) / (width / 2)
    y = np.abs(np.arange(rows.start, rows.stop) + 0.5 - (top + bottom) / 2) / (height / 2)
    outside = np.maximum(y[:, None], x[None, :]) - 1
    inner = 0.25 * np.minimum(1, y[:, None] ** 2) + 0.25 * np.minimum(1, x[None, :] ** 2)
    return np.asarray(inner + np.clip(outside / (2 * MARGIN), 0, 1), np.float32)


def _before_term(before: Array, number: int) -> Array:
    """0 where the object was, 1 where another was, 0.6 where none was."""
    was = np.where(before == number, 0.0, np.where(before > 0, 1.0, 0.6)).astype(np.float32)
    return np.asarray(cv2.blur(was, (5, 5)))


def _motion_term(appearance: Appearance, flow: Array) -> Array:
    """0 for its own motion, towards 0.5 for another."""
    if appearance.flow is None:
        return np.full(flow.shape[:2], 0.25, np.float32)
    away = np.abs(flow - appearance.flow.astype(np.float32)).sum(axis=-1)
    return np.asarray(0.5 * away / (away + 3.0), np.float32)


def _standing_term(appearance: Appearance) -> float:
    """0 for what moves, up to 0.8 for what stands while others move before it."""
    return 0.0 if appearance.fill is None else 0.8 * max(0.0, 1 - appearance.fill / FILLED)


def _color_terms(histograms: list[Array], bins: Array) -> Array:
    """For each object 1 less the posterior of its colors among all of them: n h w, 0 to 1; 0.5 where none is known."""
    shares = np.stack([histogram[bins] for histogram in histograms])
    known = np.array([histogram.any() for histogram in histograms])
    floor = 2e-3
    terms = 1 - (shares + floor) / (shares[known].sum(axis=0) + floor * max(1, known.sum()) + 1e-9)
    terms[~known] = 0.5
    return np.asarray(terms, np.float32)
