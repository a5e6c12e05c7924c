"""Completing an image: inventing what fills a hole, by the method that restores a pretended hole best."""

import math
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
METHODS: tuple[Method, ...] = "smooth", "shifts", "patches"
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

    "smooth" interpolates; "shifts" continues what repeats (stripes, tiles, grass) with few shifted copies of the
    surroundings; "patches" composes the hole of small pieces of them, coarse to fine. Each is tried on pretended holes
    of the same shape nearby: see `chosen`. Deterministic. What is neither known nor hole has no influence.

    image: h w 3, uint8, RGB. hole: h w, bool, what is to be filled. known: h w, bool, what may be looked at and copied;
    all but the hole if None. method: fills without a choice, say as at an earlier frame of the shot.
    """
    known = ~hole if known is None else known & ~hole
    out = image.copy()
    for box in sorted(boxes(hole, _margin(hole)), key=lambda box: -int(hole[box].sum())):
        seen, inside = known[box], hole[box]
        clean = np.rint(fill_smooth(image[box].astype(np.float32), seen)).astype(np.uint8)
        if method is None:
            method = _chosen(clean, seen, inside)
        filled = _fillings(clean, seen, inside, (method,), MOST)[method]
        out[box][inside] = np.clip(np.rint(filled), 0, 255).astype(np.uint8)[inside]
    return Completed(out, method or "smooth")


def _margin(hole: Array) -> int:
    _, _, w, h = cv2.boundingRect(hole.astype(np.uint8))
    return max(MARGIN, w, h)


def _chosen(image: Array, known: Array, hole: Array) -> Method:
    factor = _factor(hole, MOST_PRETENDED)
    small = _reduced(image, known, hole, factor)

    def fill(image: Array, known: Array, hole: Array) -> dict[Method, Array]:
        return _fillings(image, known, hole, METHODS, MOST_PRETENDED)

    return chosen(fill, *small) or "smooth"


def _factor(hole: Array, most: int) -> int:
    """By which whole number an image is reduced."""
    return max(1, math.ceil(math.sqrt(int(hole.sum()) / most) - 0.1), -(-int(max(hole.shape)) // LONGEST))


def _reduced(image: Array, known: Array, hole: Array, factor: int) -> tuple[Array, Array, Array]:
    """An image, what is known of it as a whole, and what of it is hole at least in part."""
    if factor == 1:
        return image, known, hole
    h, w = hole.shape
    below, right = -h % factor, -w % factor
    size = (w + right) // factor, (h + below) // factor
    image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE)
    shares = [
        cv2.resize(np.pad(x, ((0, below), (0, right))).astype(np.float32), size, interpolation=cv2.INTER_AREA)
        for x in (known, hole)
    ]
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA), shares[0] > 0.99, shares[1] > 0


def _fillings(image: Array, known: Array, hole: Array, names: tuple[Method, ...], most: int) -> dict[Method, Array]:
    """The image, its hole filled by each method: h w 3, float32; smoothly where a method finds nothing to copy."""
    factor = _factor(hole, most)
    small = _reduced(image, known, hole, factor)
    searches = {"shifts": shift_map, "patches": patch_map}
    maps = {n: searches[n](*small) if n in searches and small[1].any() else None for n in names}
    smooth = fill_smooth(image.astype(np.float32), known)
    return {
        n: smooth if at is None else copied(image, known, hole, _enlarged(at, hole, factor)) for n, at in maps.items()
    }


def _enlarged(at: Array, hole: Array, factor: int) -> Array:
    """A map of a reduced image as one of the whole: h w 2, float32."""
    y, x = np.mgrid[: hole.shape[0], : hole.shape[1]]
    offset = at - np.moveaxis(np.mgrid[: at.shape[0], : at.shape[1]][::-1], 0, -1)
    return np.asarray(np.stack([x, y], -1) + factor * offset[y // factor, x // factor], np.float32)
