"""Making masks larger."""

from collections.abc import Iterable, Iterator

import attrs
import torch

from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import at_least, mask_of
from peanut.vision.morphology import grow_mask


@attrs.frozen(repr=False)
class grow(Stage):
    """Make masks larger by `pixels`: masked is all that lies within that distance of the mask (a disc, not a square).

    A disc adds the same margin in every direction; a square would add 1.4 times as much diagonally.
    Raises UsageError if pixels < 0, or without masks. Latency: 0. Holds: 1 frame. Changes the mask alone.
    """

    pixels: int = attrs.field(validator=at_least(0))
    needs_masks, latency, memory = True, 0, 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            mask = mask_of(frame, "grow")
            changes = self.pixels and mask.any()
            yield frame.with_mask(torch.from_numpy(grow_mask(mask.numpy(), self.pixels))) if changes else frame
            del frame
