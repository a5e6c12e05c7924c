"""Swapping what is kept and what is removed."""

from collections.abc import Iterator

from peanut.frame import Frame
from peanut.pipeline import stage
from peanut.validators import mask_of


@stage(needs_masks=True, latency=0, memory=1)
def invert(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Keep what was masked and remove the rest. Raises UsageError without masks. Latency: 0."""
    for frame in frames:
        yield frame.with_mask(~mask_of(frame, "invert"))
