"""Small stages that change masks, sizes, and what is seen of them."""

from collections.abc import Iterator

import attrs
import cv2
import numpy as np
import torch

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage, stage
from peanut.video.file import reduced


def masked(frame: Frame, name: str) -> torch.Tensor:
    """The mask of a frame. Raises UsageError if it is not known."""
    if frame.mask is None:
        raise UsageError(f"{name} needs masks: put masks(path), MovingObjects() or PMask(prompt) before it.")
    return frame.mask


@attrs.frozen(repr=False)
class grow(Stage):
    """Make masks larger by `pixels`: masked is all that lies within that distance of the mask (a disc, not a square).

    A disc adds the same margin in every direction; a square would add 1.4 times as much diagonally.
    Raises UsageError if pixels < 0, or without masks. Latency: 0. Holds: 1 frame. Changes the mask alone.
    """

    pixels: int

    def __attrs_post_init__(self) -> None:
        if self.pixels < 0:
            raise UsageError(f"grow: pixels must be at least 0, got {self.pixels}.")

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            mask = masked(frame, "grow")
            yield frame.with_mask(_within(mask, self.pixels)) if self.pixels and mask.any() else frame


def _within(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """All that lies within `pixels` of the mask, which has at least one pixel; computed around the mask alone."""
    x, y, w, h = cv2.boundingRect(mask.numpy().astype(np.uint8))
    near = slice(max(0, y - pixels), y + h + pixels), slice(max(0, x - pixels), x + w + pixels)
    kept = (~mask[near]).numpy().astype(np.uint8)
    grown = torch.zeros_like(mask)
    grown[near] = torch.from_numpy(cv2.distanceTransform(kept, cv2.DIST_L2, cv2.DIST_MASK_PRECISE) <= pixels)
    return grown


@stage
def invert(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Keep what was masked and remove the rest. Raises UsageError without masks. Latency: 0."""
    for frame in frames:
        yield frame.with_mask(~masked(frame, "invert"))


@attrs.frozen(repr=False)
class resize(Stage):
    """Bring every frame, with its mask and layers, to `size` (h, w), or its longest side down to `max_size` pixels.

    max_size keeps the shape of the picture and never enlarges. Raises UsageError unless exactly one of the two is
    given, or for less than 1 pixel. Latency: 0. Holds: 1 frame.
    """

    size: tuple[int, int] | None = None
    max_size: int | None = attrs.field(default=None, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if (self.size is None) == (self.max_size is None):
            raise UsageError("resize takes either size, as resize((height, width)), or max_size=640, not both.")
        if self.size is not None and (len(self.size) != 2 or min(self.size) < 1):
            raise UsageError(f"resize: size must be (height, width) of at least 1 pixel, got {self.size}.")
        if self.max_size is not None and self.max_size < 1:
            raise UsageError(f"resize: max_size must be at least 1 pixel, got {self.max_size}.")

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield frame.resized(self.size or reduced(*frame.size, self.max_size) or frame.size)


@attrs.frozen(repr=False)
class overlay(Stage):
    """Tint what is masked, to look at the masks.

    colour: RGB, 0 to 255. alpha: 0 (not at all) to 1 (fully).
    Raises UsageError for another colour or alpha, or without masks. Latency: 0. Holds: 1 frame. Changes the image
    alone.
    """

    colour: tuple[int, int, int] = (255, 0, 0)
    alpha: float = 0.5

    def __attrs_post_init__(self) -> None:
        if len(self.colour) != 3 or not all(0 <= value <= 255 for value in self.colour) or not 0 <= self.alpha <= 1:
            raise UsageError(
                f"overlay: colour must be RGB, 0 to 255, and alpha 0 to 1, got {self.colour} and {self.alpha}."
            )

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        tint = torch.tensor(self.colour, dtype=torch.float32).reshape(3, 1)
        for frame in frames:
            mask = masked(frame, "overlay")
            image = frame.image.clone()
            image[:, mask] = ((1 - self.alpha) * image[:, mask] + self.alpha * tint).round().to(torch.uint8)
            yield frame.with_image(image)


@stage
def mask_images(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Show the mask as the picture: white = remove, black = keep. Raises UsageError without masks. Latency: 0."""
    for frame in frames:
        mask = masked(frame, "mask_images")
        yield frame.with_image((mask.to(torch.uint8) * 255).expand(3, -1, -1).contiguous())


def side_by_side(a: Frame, b: Frame) -> Frame:
    """A join for `merge`: `a` on the left and `b` on the right, as the frame of `a` without mask and layers.

    Index, time, shot and source are those of `a`. Raises UsageError if their heights differ.
    """
    if a.size[0] != b.size[0]:
        raise UsageError(
            f"side_by_side: frame {a.index} is {a.size[0]} pixels high on the left and {b.size[0]} on the right: "
            "bring one of them to the other's height with resize first."
        )
    return Frame(index=a.index, time=a.time, image=torch.cat([a.image, b.image], dim=2), shot=a.shot, source=a.source)
