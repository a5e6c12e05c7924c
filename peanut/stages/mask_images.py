"""Masks as images."""

from collections.abc import Iterator

import torch

from peanut.frame import Frame
from peanut.pipeline import stage
from peanut.validators import mask_of


@stage(needs_masks=True, latency=0, memory=1)
def mask_images(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Show the mask as the picture: white = remove, black = keep. Raises UsageError without masks. Latency: 0."""
    for frame in frames:
        mask = mask_of(frame, "mask_images")
        yield frame.with_image((mask.to(torch.uint8) * 255).expand(3, -1, -1).contiguous())
