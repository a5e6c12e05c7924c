"""Shapes of masks, on NumPy arrays: h w, bool."""

from collections.abc import Iterator

import cv2
import numpy as np

from peanut.vision.array import Array

DILATED = 16
"""Pixels up to which dilation by a disc is the faster way to the same result as a distance transform; measured."""


def grow_mask(mask: Array, pixels: int) -> Array:
    """All that lies within `pixels` of the mask: an exact disc. Computed around the mask alone."""
    if pixels < 1 or not mask.any():
        return mask
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    near = slice(max(0, y - pixels), y + h + pixels), slice(max(0, x - pixels), x + w + pixels)
    out = np.zeros_like(mask)
    if pixels <= DILATED:
        square = np.arange(-pixels, pixels + 1) ** 2
        disc = (square[:, None] + square <= pixels**2).astype(np.uint8)
        out[near] = cv2.dilate(mask[near].astype(np.uint8), disc)
    else:
        out[near] = cv2.distanceTransform((~mask[near]).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pixels
    return out


def open_close(mask: Array, opened: int = 1, closed: int = 3) -> Array:
    """Opening, then closing: what is thinner than 2 opened + 1 pixels goes, gaps up to 2 closed pixels are bridged."""
    m: Array = mask.astype(np.uint8)
    for operation, radius in ((cv2.MORPH_OPEN, opened), (cv2.MORPH_CLOSE, closed)):
        if radius:
            disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
            m = cv2.morphologyEx(m, operation, disc)
    return np.asarray(m > 0)


def large_components(mask: Array, least: float, most: int | None = None) -> Array:
    """The connected components (8 neighbors) of at least `least` pixels; of these, if given, the `most` largest."""
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = stats[:, cv2.CC_STAT_AREA].astype(np.int64)
    areas[0] = -1
    keep = areas >= max(1.0, least)
    if most is not None:
        keep[np.argsort(-areas, kind="stable")[most:]] = False
    return np.asarray(keep[labels])


def components(mask: Array) -> Iterator[Array]:
    """The connected components (8 neighbors) one by one: h w, bool."""
    count, labels = cv2.connectedComponents(mask.astype(np.uint8))
    for number in range(1, count):
        yield np.asarray(labels == number)


def fill_holes(mask: Array, largest: float) -> Array:
    """The mask with every component of its background of less than `largest` pixels (8 neighbors) filled."""
    return mask | (~mask & ~large_components(~mask, largest))


def hysteresis(weak: Array, strong: Array) -> Array:
    """Hysteresis threshold: the connected components (8 neighbors) of `weak` that hold a pixel of `strong`.

    Source: Canny, A Computational Approach to Edge Detection, TPAMI 1986.
    """
    count, labels = cv2.connectedComponents(weak.astype(np.uint8))
    keep = np.zeros(count, bool)
    keep[labels[strong & weak]] = True
    return np.asarray(keep[labels])


def boxes(mask: Array, margin: int) -> list[tuple[slice, slice]]:
    """Boxes (rows, columns), clipped to the image, that hold the mask with `margin` pixels around it.

    Parts of the mask less than two margins apart share a box; boxes may overlap.
    """
    x, y, w, h = cv2.boundingRect(mask.astype(np.uint8))
    if not w:
        return []
    top, left = max(0, y - margin), max(0, x - margin)
    mask = mask[top : y + h + margin, left : x + w + margin]
    reach = np.ones((2 * margin + 1, 1), np.uint8)
    near = cv2.dilate(cv2.dilate(mask.astype(np.uint8), reach), reach.T)
    _, _, stats, _ = cv2.connectedComponentsWithStats(near)
    return [(slice(top + y, top + y + h), slice(left + x, left + x + w)) for x, y, w, h, _ in stats[1:].tolist()]
