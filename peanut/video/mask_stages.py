"""Small stages that change masks, sizes, and what is seen of them."""

from collections.abc import Iterator

import cv2
import numpy as np
import torch

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage, stage


def masked(frame: Frame, name: str) -> torch.Tensor:
    """The mask of a frame. Raises UsageError if it is not known."""
    if frame.mask is None:
        raise UsageError(f"{name} needs masks: put masks(path), MovingObjects() or PMask(prompt) before it.")
    return frame.mask


@stage
def _grow(frames: Iterator[Frame], pixels: int) -> Iterator[Frame]:
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
    for frame in frames:
        mask = masked(frame, "grow")
        grown = cv2.dilate(mask.numpy().astype(np.uint8), disc)
        yield frame.with_mask(torch.from_numpy(grown > 0))


def grow(pixels: int) -> Stage:
    """Make masks larger by `pixels` on all sides. Raises UsageError if pixels < 0, or without masks. Latency: 0."""
    if pixels < 0:
        raise UsageError(f"grow: pixels must be at least 0, got {pixels}.")
    return _grow(pixels)


@stage
def invert(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Keep what was masked and remove the rest. Raises UsageError without masks. Latency: 0."""
    for frame in frames:
        yield frame.with_mask(~masked(frame, "invert"))


@stage
def _resize(frames: Iterator[Frame], size: tuple[int, int]) -> Iterator[Frame]:
    for frame in frames:
        yield frame.resized(size)


def resize(width: int, height: int) -> Stage:
    """Bring every frame, with its mask and layers, to `width` x `height` pixels. Latency: 0.

    Raises UsageError if one of them is under 1.
    """
    if width < 1 or height < 1:
        raise UsageError(f"resize: the size must be at least 1x1 pixel, got {width}x{height}.")
    return _resize((height, width))


@stage
def _overlay(frames: Iterator[Frame], colour: tuple[int, int, int], alpha: float) -> Iterator[Frame]:
    tint = torch.tensor(colour, dtype=torch.float32).reshape(3, 1)
    for frame in frames:
        mask = masked(frame, "overlay")
        image = frame.image.clone()
        image[:, mask] = ((1 - alpha) * frame.image[:, mask] + alpha * tint).round().to(torch.uint8)
        yield frame.with_image(image)


def overlay(colour: tuple[int, int, int] = (255, 40, 40), alpha: float = 0.5) -> Stage:
    """Tint what is masked, to look at the masks. colour: RGB, 0 to 255. alpha: 0 (not at all) to 1 (fully).

    Raises UsageError for another colour or alpha, or without masks. Latency: 0.
    """
    if len(colour) != 3 or not all(0 <= value <= 255 for value in colour) or not 0 <= alpha <= 1:
        raise UsageError(f"overlay: colour must be RGB, 0 to 255, and alpha 0 to 1, got {colour} and {alpha}.")
    return _overlay(colour, alpha)


@stage
def mask_images(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Show the mask as the picture: white = remove, black = keep. Raises UsageError without masks. Latency: 0."""
    for frame in frames:
        mask = masked(frame, "mask_images")
        yield frame.with_image((mask.to(torch.uint8) * 255).expand(3, -1, -1).contiguous())


def side_by_side(a: Frame, b: Frame) -> Frame:
    """A join for `merge`: `a` on the left and `b` on the right, as the frame of `a` without mask and layers.

    Raises UsageError if their heights differ.
    """
    if a.size[0] != b.size[0]:
        raise UsageError(
            f"side_by_side: heights must be equal, got {a.size[0]} and {b.size[0]}: put resize() before it."
        )
    return Frame(index=a.index, time=a.time, image=torch.cat([a.image, b.image], dim=2), shot=a.shot, source=a.source)
