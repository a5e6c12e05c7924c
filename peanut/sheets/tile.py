"""One frame as a small image: its pixels, its masks, or one of its layers."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError, pick
from peanut.flow.visualize import flow_image
from peanut.frame import Frame
from peanut.stages.overlay import RGB, overlay, tint_objects
from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask

IMAGE, MASKS = "image", "masks"
"""What can be shown of every frame, and of every frame with a mask; all else are layers."""
MOST_PIXELS = 2**25
"""Of one image on a sheet."""


def has(frame: Frame, layer: str) -> bool:
    """Whether a frame has something to show by that name."""
    return layer in known(frame)


def known(frame: Frame) -> dict[str, None]:
    """What can be shown of a frame."""
    return dict.fromkeys([IMAGE, *([] if frame.mask is None else [MASKS]), *frame.layers])


def tile(frame: Frame, layer: str, width: int, colors: dict[str, RGB]) -> Array:
    """A frame reduced to a width: h w 3, uint8. `colors`: of objects by name, learned on the way.

    Raises UsageError for a layer that the frame does not have, and for one that is no image, mask, share or flow.
    """
    if layer != MASKS:  # where it is not known what is masked the image is shown as it is
        pick("layer", layer, known(frame))
    h, w = frame.size
    height = max(1, round(h * width / w))
    if height * width > MOST_PIXELS:
        raise UsageError(f"an image of {width}x{height} is too large for a sheet: make width smaller.")
    small = frame.resized((height, width))
    if layer == MASKS and frame.mask is not None:
        (tinted,) = overlay()(iter([small]))
        return _array(tint_objects(tinted.image, small, colors))
    return _array(small.image if layer in (IMAGE, MASKS) else _drawn(layer, small.layers[layer]))


def outlined(frame: Frame, width: int) -> Array:
    """A frame with its mask tinted, and outlined in white: so it is seen on what is red itself. h w 3, uint8."""
    bare = Frame(index=frame.index, time=frame.time, image=frame.image, mask=frame.mask)  # one tint, no names
    image = tile(bare, MASKS, width, {}).copy()
    if frame.mask is not None:
        h, w = image.shape[:2]
        inside = cv2.resize(frame.mask.numpy().astype(np.uint8), (w, h), interpolation=cv2.INTER_NEAREST) > 0
        image[grow_mask(inside, 2) & ~inside] = 255
    return image


def _array(image: Tensor) -> Array:
    return image.permute(1, 2, 0).contiguous().numpy()


def _drawn(name: str, layer: Tensor) -> Tensor:
    """A layer as an image: 3 h w, uint8."""
    for fits, draw in KINDS:
        if fits(layer):
            return draw(layer)
    raise UsageError(
        f"the layer {name!r} is {layer.dtype} {tuple(layer.shape)}; shown are images (3 h w, uint8), masks (h w, "
        "bool), grey images (h w, uint8), shares (h w, 0 to 1) and flows (2 h w)."
    )


def _grey(share: Tensor) -> Tensor:
    level = (share.detach().float().nan_to_num().clamp(0, 1) * 255).round().to(torch.uint8)
    return level.reshape(1, *share.shape[-2:]).expand(3, -1, -1)


KINDS: tuple[tuple[Callable[[Tensor], bool], Callable[[Tensor], Tensor]], ...] = (
    (lambda x: x.dtype == torch.uint8 and x.ndim == 3 and x.shape[0] == 3, lambda x: x),
    (lambda x: x.is_floating_point() and x.ndim == 3 and x.shape[0] == 2, flow_image),
    (lambda x: x.dtype == torch.uint8 and x.shape[:-2].numel() == 1, lambda x: _grey(x / 255)),
    (lambda x: (x.is_floating_point() or x.dtype == torch.bool) and x.shape[:-2].numel() == 1, _grey),
)
"""What a layer may be, and how it is shown."""
