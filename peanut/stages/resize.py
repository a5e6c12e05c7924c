"""Changing the size of frames."""

from collections.abc import Iterator

import attrs

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.video.file import reduced


@attrs.frozen(repr=False)
class resize(Stage):
    """Bring every frame, with its mask and layers, to `size` (h, w), or its longest side down to `max_size` pixels.

    max_size keeps the shape of the picture and never enlarges. Raises UsageError unless exactly one of the two is
    given, or for less than 1 pixel. Latency: 0. Holds: 1 frame.
    """

    size: tuple[int, int] | None = None
    max_size: int | None = attrs.field(default=None, kw_only=True)
    latency, memory = 0, 1

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
