"""Completing an image: inventing what fills a hole, by the method that restores a pretended hole best."""

from typing import Literal

import attrs
import cv2
import numpy as np

from peanut.completion.choice import chosen
from peanut.completion.gradients import copied
from peanut.completion.patches import patch_map
from peanut.completion.shift_map import shift_map
from peanut.vision.array import Array
from peanut.vision.inpainting import fill_smooth
from peanut.vision.morphology import boxes

Method = Literal["smooth", "shifts", "patches"]
METHODS: dict[str, object] = {"smooth": None, "shifts": shift_map, "patches": patch_map}
"""By name."""
MOST = 20_000
"""Pixels of a hole at most where it is filled; larger ones are reduced."""
MOST_PRETENDED = 5_000
"""The same for pretended holes."""
LONGEST = 640
"""Longer side at most where a hole is filled, pixels."""
MARGIN = 64
"""Pixels around a hole that are looked at, at least; a large hole takes as many as it is large."""


@attrs.frozen(eq=False)
class Completed:
    """An image whose hole is filled."""

    image: Array
    """h w 3, uint8."""
    method: Method
    """How the hole was filled."""


def complete(image: Array, hole: Array, known: Array | None = None, method: Method | None = None) -> Completed:
    """Invent what fills a hole; everything else stays bit for bit as it is.

    Three methods: "smooth" interpolates; "shifts" continues what repeats (stripes, tiles, grass) with few shifted
    copies of the surroundings; "patches" composes the hole of small pieces of them, coarse to fine. Each is tried on
    pretended holes of the same shape nearby, and the one that restores those best fills the hole. Deterministic.

    image: h w 3, uint8, RGB. hole: h w, bool, what is to be filled. known: h w, bool, what may be looked at and copied;
    all but the hole if None. method: fills without a choice, say as at an earlier frame of the shot.
    """
    known = ~hole if known is None else known & ~hole
    out = image.copy()
    regions = [box for box in boxes(hole, _margin(hole)) if hole[box].any()]
    regions.sort(key=lambda box: -int(hole[box].sum()))
    for box in regions:
        inside = hole[box]
        if method is None:
            method = _chosen(image[box], known[box], inside)
        filled = _filled(image[box], known[box], inside, method, MOST)
        out[box][inside] = np.clip(np.rint(filled), 0, 255).astype(np.uint8)[inside]
    return Completed(out, method or "smooth")


def _margin(hole: Array) -> int:
    _, _, w, h = cv2.boundingRect(hole.astype(np.uint8))
    return max(MARGIN, w, h)


def _chosen(image: Array, known: Array, hole: Array) -> Method:
    factor = _factor(hole, MOST_PRETENDED)
    small = _reduced(image, known, hole, factor)

    def fill(image: Array, known: Array, hole: Array, name: str) -> Array:
        return _filled(image, known, hole, name, MOST_PRETENDED)

    return chosen(fill, *small, METHODS)


def _factor(hole: Array, most: int) -> int:
    """By which whole number an image is reduced."""
    return max(1, int(np.ceil(np.sqrt(hole.sum() / most) - 0.1)), -(-max(hole.shape) // LONGEST))


def _reduced(image: Array, known: Array, hole: Array, factor: int) -> tuple[Array, Array, Array]:
    """An image, what is known of it as a whole, and what of it is hole at least in part."""
    if factor == 1:
        return image, known, hole
    h, w = hole.shape
    below, right = -h % factor, -w % factor
    size = (w + right) // factor, (h + below) // factor
    image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    shares = [cv2.resize(np.pad(x, ((0, below), (0, right))).astype(np.float32), size, interpolation=cv2.INTER_AREA) for x in (known, hole)]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), shares[0] > 0.99, shares[1] > 0


def _filled(image: Array, known: Array, hole: Array, method: str, most: int) -> Array:
    """The image, its hole filled by one method: h w 3, float32."""
    smooth = fill_smooth(image.astype(np.float32), known)
    search = METHODS[method]
    if search is None or not known.any():
        return smooth
    factor = _factor(hole, most)
    at = search(*_reduced(image, known, hole, factor))
    if at is None:
        return smooth
    y, x = np.mgrid[: hole.shape[0], : hole.shape[1]]
    here = np.stack([x, y], -1)
    offset = at - np.stack(np.meshgrid(np.arange(at.shape[1]), np.arange(at.shape[0])), -1)
    to = here + factor * offset[y // factor, x // factor]
    return copied(image, known, hole, to.astype(np.float32))
