"""Which part of the image a window computes: a box around what is masked, of sides that the network can take."""

import math

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor

CORNER = 12
"""Boxes stand at multiples of this many pixels (one token), or at the image's edge."""


@attrs.frozen
class Region:
    """A box of the image, in pixels, and the size at which the network sees it."""

    top: int
    left: int
    height: int
    width: int
    size: tuple[int, int]
    """(h, w) that goes into the network: that of the box, larger where the image is too small, smaller by request."""

    @property
    def box(self) -> tuple[slice, slice]:
        """Rows and columns of the image."""
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)

    @property
    def reduced(self) -> bool:
        """Whether the box is scaled down on its way into the network."""
        return self.size[0] < self.height or self.size[1] < self.width

    def covers(self, mask: Tensor) -> bool:
        """Whether nothing of the mask (h w) lies outside."""
        return int(mask[self.box].sum()) == int(mask.sum())

    def cut(self, image: Tensor) -> Tensor:
        """The box of an image ... h w as the network sees it: reduced, or continued by its own mirror image."""
        part = image[(..., *self.box)]
        if self.reduced:
            flat = part.reshape(1, -1, *part.shape[-2:])
            part = F.interpolate(flat, self.size, mode="bilinear", align_corners=False, antialias=True)
            return part.reshape(*image.shape[:-2], *self.size)
        for dim, side in ((-2, self.size[0]), (-1, self.size[1])):
            while part.shape[dim] < side:  # the edge pixel appears twice
                mirror = part.flip(dim).narrow(dim, 0, min(part.shape[dim], side - part.shape[dim]))
                part = torch.cat([part, mirror], dim=dim)
        return part

    def restore(self, part: Tensor) -> Tensor:
        """What the network made of the box, at the box's own size: ... h w."""
        if not self.reduced:
            return part[..., : self.height, : self.width]
        flat = part.reshape(1, -1, *part.shape[-2:])
        out = F.interpolate(flat, (self.height, self.width), mode="bilinear", align_corners=False)
        return out.reshape(*part.shape[:-2], self.height, self.width)


def full_region(size: tuple[int, int], multiple: tuple[int, int]) -> Region:
    """The whole image, continued to sides that are multiples of `multiple`."""
    h, w = size
    return Region(0, 0, h, w, (_up(h, multiple[0]), _up(w, multiple[1])))


def region_around(mask: Tensor, multiple: tuple[int, int], margin: int, max_pixels: int) -> Region:
    """A box around the mask (h w, with something in it), at least `margin` pixels wider on all sides.

    Its sides are multiples of `multiple` and lie in the image, so that nothing has to be made up, except where the
    image itself is smaller; it is reduced only where its area exceeds `max_pixels`.
    """
    rows, columns = mask.any(dim=1).nonzero().flatten(), mask.any(dim=0).nonzero().flatten()
    spans = [
        _span(int(found[0]), int(found[-1]) + 1, side, step, margin)
        for found, side, step in zip((rows, columns), mask.shape, multiple, strict=True)
    ]
    (top, height), (left, width) = spans
    size = _up(height, multiple[0]), _up(width, multiple[1])
    area = size[0] * size[1]
    if area > max_pixels:
        scale = math.sqrt(max_pixels / area)
        h, w = (max(step, int(side * scale) // step * step) for side, step in zip(size, multiple, strict=True))
        while h * w > max_pixels and (h, w) != multiple:  # one side is as short as it can be
            h, w = (h - multiple[0], w) if h // multiple[0] > w // multiple[1] else (h, w - multiple[1])
        size = h, w
    return Region(top, left, height, width, size)


def _span(first: int, end: int, side: int, multiple: int, margin: int) -> tuple[int, int]:
    """Start and length along one side of the image."""
    largest = side // multiple * multiple
    length = _up(min(end - first + 2 * margin + CORNER, side), multiple)
    if length > largest:
        length = largest if largest >= end - first + CORNER else side
    start = min(max(0, (first + end - length) // 2), side - length)
    snapped = start // CORNER * CORNER
    fits = snapped + length >= end or start == side - length
    return (side - length if start == side - length else snapped if fits else start), length


def _up(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple
