"""Masks that stand still: logos, watermarks, time stamps."""

from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import at_least
from peanut.vision.morphology import grow_mask

Box = tuple[int, int, int, int]


@attrs.frozen(init=False, repr=False)
class FixedRegion(Stage):
    """Mask the same boxes in every frame. Masks that frames bring along are replaced, not joined.

    boxes: (x0, y0, x1, y1) in pixels of the frame, x to the right, y downwards; x1 and y1 lie just outside. What
        reaches over the edge of the picture is cut off there.
    grow: pixels added around the boxes, a disc.
    Latency: 0. Holds: 1 frame. Raises UsageError for an empty box and, at the frame, for one outside the picture.
    """

    boxes: tuple[Box, ...]
    grow: int = attrs.field(default=0, validator=at_least(0))
    latency, memory = 0, 1

    def __init__(self, *boxes: Box, grow: int = 0) -> None:
        if not boxes:
            raise UsageError("FixedRegion needs a box: FixedRegion((x0, y0, x1, y1)).")
        self.__attrs_init__(tuple(_box(box) for box in boxes), grow)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        mask: Tensor | None = None
        for frame in frames:
            if mask is None or mask.shape != frame.size:
                mask = self._mask(frame)
            yield frame.with_mask(mask)

    def _mask(self, frame: Frame) -> Tensor:
        h, w = frame.size
        mask = np.zeros((h, w), bool)
        for x0, y0, x1, y1 in self.boxes:
            if x1 <= 0 or y1 <= 0 or x0 >= w or y0 >= h:
                raise UsageError(f"FixedRegion: box {(x0, y0, x1, y1)} lies outside the picture, which is {w}x{h}.")
            mask[max(0, y0) : y1, max(0, x0) : x1] = True
        return torch.from_numpy(grow_mask(mask, self.grow))

    def __str__(self) -> str:
        return f"FixedRegion({', '.join(map(str, self.boxes))}{f', grow={self.grow}' if self.grow else ''})"


def _box(box: Any) -> Box:
    """A box as it is kept. Raises UsageError for what is none."""
    try:
        x0, y0, x1, y1 = (edge.__index__() for edge in box)
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(f"FixedRegion: a box is (x0, y0, x1, y1) in whole pixels, got {box!r}.") from error
    if x1 <= x0 or y1 <= y0:
        raise UsageError(f"FixedRegion: box {(x0, y0, x1, y1)} is empty: x1 must exceed x0, and y1 exceed y0.")
    return x0, y0, x1, y1
