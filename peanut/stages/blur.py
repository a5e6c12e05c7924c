"""Making what is masked unrecognizable by blurring it."""

from collections.abc import Iterable, Iterator

import attrs
import torch

from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.pipeline import Stage
from peanut.validators import above, mask_of
from peanut.vision.mosaic import blurred

CELLS = 8
"""Cells along the longer side of a masked component at strength 1."""


@attrs.frozen(repr=False)
class Blur(Stage):
    """Blur what is masked, so that it cannot be recognized: faces, number plates.

    Each connected component of the mask is averaged over cells, 8 along its longer side, and the cells are smoothed
    into each other: small and large faces become equally vague, and what is finer than a cell is gone, not hidden as
    under a filter that can be inverted. Only masked pixels are averaged, so no color comes in from outside; outside the
    mask nothing changes, and a frame with nothing masked passes as the same object. What stays, light and color in a
    few spots, can still tell apart two people who are known: to tell nothing, remove what is masked (FlowEraser).

    strength: 1 is as said; 2 halves the cells, 0.5 doubles them.
    Latency: 0. Holds: 1 frame. Raises UsageError for a strength that is not above 0, or without masks.
    """

    strength: float = attrs.field(default=1.0, validator=above(0))
    needs_masks, latency, memory = True, 0, 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        for frame in frames:
            mask = mask_of(frame, "Blur")
            frames.doubts.add_mask(mask)
            yield self._blurred(frame, mask) if mask.any() else frame
            del frame

    def _blurred(self, frame: Frame, mask: torch.Tensor) -> Frame:
        image = blurred(frame.image.numpy().transpose(1, 2, 0), mask.numpy(), CELLS / self.strength)
        return frame.with_image(torch.from_numpy(image.transpose(2, 0, 1)))
