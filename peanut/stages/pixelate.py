"""Making what is masked unrecognizable by large squares."""

from collections.abc import Iterable, Iterator

import attrs
import torch

from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.pipeline import Stage
from peanut.validators import at_least, mask_of
from peanut.vision.mosaic import pixelated


@attrs.frozen(repr=False)
class Pixelate(Stage):
    """Show what is masked in large squares of one color, so that it cannot be recognized: faces, number plates.

    The squares stand on one grid of the image, so that they do not swim while the mask moves; their side is a power of
    2, chosen for each connected component of the mask, so that small and large faces become equally coarse. A square
    has the mean color of its masked pixels: no color comes in from outside. Outside the mask nothing changes, and a
    frame with nothing masked passes as the same object. Several frames of a face that moves tell more than each: to
    tell nothing, remove what is masked (FlowEraser) or take fewer blocks.

    blocks: squares along the longer side of a component, at most (and at least half as many).
    Latency: 0. Holds: 1 frame. Raises UsageError if blocks < 1, or without masks.
    """

    blocks: int = attrs.field(default=8, validator=at_least(1))
    needs_masks, latency, memory = True, 0, 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        for frame in frames:
            mask = mask_of(frame, "Pixelate")
            frames.doubts.add_mask(mask)
            yield self._pixelated(frame, mask) if mask.any() else frame
            del frame

    def _pixelated(self, frame: Frame, mask: torch.Tensor) -> Frame:
        image = pixelated(frame.image.numpy().transpose(1, 2, 0), mask.numpy(), self.blocks)
        return frame.with_image(torch.from_numpy(image.transpose(2, 0, 1)))
