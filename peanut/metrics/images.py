"""What the measures take: images and masks, checked at the door, on one scale."""

import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.vision.array import Array

PEAK = 255.0
"""The brightest level: measures speak of 0 to 255, as published figures do."""


def levels(image: Tensor) -> Tensor:
    """An image in levels of 0 to 255: uint8 as it is, floating 0 to 1 times 255; float32, or float64 if it came so."""
    if image.is_floating_point():
        return image.to(torch.promote_types(image.dtype, torch.float32)) * PEAK
    return image.to(torch.float32)


def check_images(who: str, *images: Tensor, color: bool = False) -> None:
    """Raises UsageError unless all are images of one shape, `... c h w`, uint8 or floating; color: `... 3 h w`."""
    wanted = "... 3 h w" if color else "... c h w"
    for image in images:
        if not isinstance(image, Tensor):
            raise UsageError(f"{who}: images must be tensors {wanted}, got a {type(image).__name__}.")
        if image.ndim < 3 or (color and image.shape[-3] != 3):
            raise UsageError(f"{who}: images must be {wanted}, got {tuple(image.shape)}.")
        if image.dtype != torch.uint8 and not image.is_floating_point():
            got = str(image.dtype).removeprefix("torch.")
            raise UsageError(f"{who}: images must be uint8 (0 to 255) or floating (0 to 1), got {got}.")
        if image.is_floating_point() and image.numel() and not bool(image.isfinite().all()):
            raise UsageError(f"{who}: images must be of numbers, got nan or infinity.")
        if image.shape != images[0].shape:
            shapes = f"{tuple(images[0].shape)} and {tuple(image.shape)}"
            raise UsageError(f"{who}: both images must have one shape, got {shapes}.")


def check_clips(who: str, *clips: Tensor) -> None:
    """Raises UsageError unless all are clips of one shape, t 3 h w."""
    check_images(who, *clips, color=True)
    if clips[0].ndim != 4:
        raise UsageError(f"{who}: clips must be t 3 h w, got {tuple(clips[0].shape)}.")


def check_masks(who: str, *masks: Tensor) -> None:
    """Raises UsageError unless all are masks of one shape, `... h w`, bool."""
    for mask in masks:
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.ndim < 2:
            kind = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, Tensor) else f"a {type(mask).__name__}"
            raise UsageError(f"{who}: masks must be ... h w, bool, got {kind.removeprefix('torch.')}.")
        if mask.shape != masks[0].shape:
            shapes = f"{tuple(masks[0].shape)} and {tuple(mask.shape)}"
            raise UsageError(f"{who}: both masks must have one shape, got {shapes}.")


def fitting(who: str, where: Tensor, shape: torch.Size) -> Tensor:
    """A mask of pixels to measure, for values `... h w`: itself, or one `h w` for all. Raises UsageError otherwise."""
    check_masks(who, where)
    if where.shape != shape and where.shape != shape[-2:]:
        raise UsageError(f"{who}: where must be {tuple(shape)} to fit the images, got {tuple(where.shape)}.")
    return where.expand(shape)


def array(x: Tensor) -> Array:
    """A tensor as an array on the CPU, contiguous."""
    return np.ascontiguousarray(x.detach().cpu().numpy())
