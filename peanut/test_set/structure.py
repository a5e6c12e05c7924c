"""How regular what stands behind the objects is: what repeats, and what is straight."""

import attrs
import cv2
import numpy as np

from peanut.test_set.measure import mean, saturated
from peanut.test_set.view import View
from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask

TILE = 64
"""Pixels of a side of the parts that are looked at for what repeats; half of it from one to the next."""
NEAREST, FARTHEST = 4, 24
"""Pixels from which and up to which something may repeat: twice at least inside a part."""
SMOOTH = 10.0
"""Standard deviation of the blur that is taken out, in pixels: shades are no structure."""
NOISE = 3.0
"""Grey levels of deviation that make a half of the weight of a part: what is flat repeats by chance."""
KNOWN = 0.4
"""Share of a part that must be background."""
OUTLINE = 3
"""Pixels beside the masks that are left out with them: the outline of an object is no background."""
FEW = 0.5
"""Straight lines that make a half, in lines across a part."""
LONG = 0.1
"""Length of a line that counts as straight, in diagonals of the image."""


@attrs.define
class Structure:
    """How regular the background is: 1 - (1 - r) (1 - l), the mean over the views, the masks of all objects left out.

    r, what repeats: the highest peak of the autocorrelation away from the middle (4 to 24 pixels of a view 320 wide),
    0 to 1, of the background that is known, in parts of 64 x 64 pixels without their shades: the mean over the parts
    that touch the surround of an object (all where nothing is masked), weighted by n / (n + 3^2), n their variance.
    l, what is straight: the length s of the line segments longer than a tenth of the diagonal over that of all, in the
    same parts, weighted by d / (d + 0.5), d = 64 s over the area, in pixels: 1 is a line across every part. Segments
    are those of Grompone von Gioi et al., LSD: a Line Segment Detector, IPOL 2012.
    """

    regular: list[float] = attrs.field(factory=list)

    def see(self, view: View) -> None:
        known = ~grow_mask(view.union, OUTLINE)
        near = view.surround(view.union) if view.masks else known
        parts = [part for part in _parts(view.size) if near[part].any() and known[part].mean() >= KNOWN]
        if parts:
            repeats = _repetition(view.grey, known, parts)
            self.regular.append(1 - (1 - repeats) * (1 - _straight(view.grey, known, parts, LONG * view.diagonal)))

    @property
    def figure(self) -> float:
        return mean(self.regular)


Part = tuple[slice, slice]


def _parts(size: tuple[int, int]) -> list[Part]:
    tops, lefts = (range(0, max(1, side - TILE // 2), TILE // 2) for side in size)
    return [(slice(y, y + TILE), slice(x, x + TILE)) for y in tops for x in lefts]


def _repetition(grey: Array, known: Array, parts: list[Part]) -> float:
    weight = known.astype(np.float32)
    blurred, share = (cv2.GaussianBlur(x, (0, 0), SMOOTH) for x in (grey * weight, weight))
    detail = (grey - blurred / np.maximum(share, 1e-3)) * weight
    peaks, weights = [], []
    for part in parts:
        variance = float((detail[part] ** 2).sum() / weight[part].sum())
        peaks.append(_peak(detail[part], weight[part]))
        weights.append(variance / (variance + NOISE**2))
    return float(np.average(peaks, weights=weights) * np.mean(weights)) if sum(weights) else 0.0


def _peak(detail: Array, weight: Array) -> float:
    """The highest peak of the autocorrelation of what is known, away from the middle: 0 to 1.

    Peaks alone count, not the slope around the middle: along an edge everything is like its neighbor.
    """
    h, w = (2 * side for side in detail.shape)
    of_detail, of_weight, of_square = (np.fft.rfft2(x, (h, w)) for x in (detail, weight, detail**2))
    product = np.fft.irfft2(of_detail * of_detail.conj(), (h, w))
    there = np.fft.irfft2(of_square * of_weight.conj(), (h, w)).clip(0)
    back = np.fft.irfft2(of_weight * of_square.conj(), (h, w)).clip(0)
    shared = np.fft.irfft2(of_weight * of_weight.conj(), (h, w))
    like = np.fft.fftshift(product / np.maximum(np.sqrt(there * back), 1e-3)).astype(np.float32)
    enough = np.fft.fftshift(shared) > 0.25 * weight.sum()
    y, x = np.mgrid[-(h // 2) : h // 2, -(w // 2) : w // 2]
    far = np.hypot(y, x)
    highest = cv2.dilate(like, np.ones((3, 3), np.uint8)) == like
    at = highest & enough & (far >= NEAREST) & (far <= FARTHEST)
    return float(np.clip(like[at].max(initial=0.0), 0, 1))


def _straight(grey: Array, known: Array, parts: list[Part], long: float) -> float:
    where = np.zeros(grey.shape, bool)
    for part in parts:
        where[part] = known[part]
    lines = cv2.createLineSegmentDetector().detect(grey)[0]
    if lines is None:
        return 0.0
    x1, y1, x2, y2 = lines.reshape(-1, 4).T
    rows, columns = (((a + b) / 2).round().astype(int) for a, b in ((y1, y2), (x1, x2)))
    h, w = grey.shape
    inside = where[rows.clip(0, h - 1), columns.clip(0, w - 1)]
    length = np.hypot(x2 - x1, y2 - y1)[inside]
    straight = float(length[length >= long].sum())
    return straight / float(length.sum()) * saturated(TILE * straight / where.sum(), FEW) if straight else 0.0
