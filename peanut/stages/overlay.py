"""Looking at masks."""

from collections.abc import Iterator

import attrs
import torch

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import between, mask_of


@attrs.frozen(repr=False)
class overlay(Stage):
    """Tint what is masked, to look at the masks.

    color: RGB, 0 to 255. alpha: 0 (not at all) to 1 (fully).
    Raises UsageError for another color or alpha, or without masks. Latency: 0. Holds: 1 frame. Changes the image
    alone.
    """

    color: tuple[int, int, int] = (255, 0, 0)
    alpha: float = attrs.field(default=0.5, validator=between(0.0, 1.0))
    needs_masks, latency, memory = True, 0, 1

    def __attrs_post_init__(self) -> None:
        if len(self.color) != 3 or not all(0 <= value <= 255 for value in self.color):
            raise UsageError(f"overlay: color must be RGB, three numbers from 0 to 255, got {self.color!r}.")

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        tint = torch.tensor(self.color, dtype=torch.float32).reshape(3, 1)
        for frame in frames:
            mask = mask_of(frame, "overlay")
            image = frame.image.clone()
            image[:, mask] = ((1 - self.alpha) * image[:, mask] + self.alpha * tint).round().to(torch.uint8)
            yield frame.with_image(image)
