"""Making masks larger."""

from collections.abc import Iterable, Iterator

import attrs
import torch
from torch import Tensor

from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import at_least, mask_of
from peanut.vision.morphology import grow_mask

MARGIN = 160
"""The longer side of an image by the growth of a mask that was found in it; measured: docs/classical.md."""


def margin(size: tuple[int, int]) -> int:
    """How far a mask that was found in images of `size` (h, w) should reach beyond what it shows, in pixels.

    The edge of a subject mixes with what is behind it (motion blur, lenses, codecs): a mask that ends there leaves an
    outline. Everything is relative to the image: 4 pixels of 640, 12 of 1920.
    """
    return round(max(size) / MARGIN)


@attrs.frozen(repr=False)
class grow(Stage):
    """Make masks larger: masked is all that lies within `pixels` of the mask (a disc, not a square).

    pixels: None is what suits the size of the image, see `margin`.
    A disc adds the same margin in every direction; a square would add 1.4 times as much diagonally.
    Raises UsageError if pixels < 0, or without masks. Latency: 0. Holds: 1 frame. Changes the mask alone.
    """

    pixels: int | None = attrs.field(default=None, validator=at_least(0, also=(None,)))
    needs_masks, latency, memory = True, 0, 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            mask = mask_of(frame, "grow")
            yield frame.with_mask(grown(mask, self.pixels)) if self.pixels != 0 and mask.any() else frame
            del frame


def grown(mask: Tensor, pixels: int | None) -> Tensor:
    """A mask (h w, bool) grown by `pixels`, or by its `margin`."""
    h, w = mask.shape
    return torch.from_numpy(grow_mask(mask.numpy(), margin((h, w)) if pixels is None else pixels))
