"""Looking at masks."""

import colorsys
from collections.abc import Iterator

import attrs
import cv2
import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import between, flag, mask_of
from peanut.vision.lettering import SIZE, letter

RGB = tuple[int, int, int]
OBJECT = "object: "
"""How the layers of objects begin; their names follow."""
GOLDEN = 0.618034
"""Of the circle of hues from one object's color to the next: so no number of objects brings two of them close."""
LETTERS = 40
"""An image is as many lines of letters high, at most."""


@attrs.frozen(repr=False)
class overlay(Stage):
    """Tint what is masked, to look at the masks.

    color: RGB, 0 to 255. alpha: 0 (not at all) to 1 (fully).
    objects: give what is masked of each object (a layer `object: NAME`: of label pictures, of several prompts or
        clicks) a color of its own, the same in all frames, and write its name on it; the rest keeps `color`.
    Raises UsageError for another color or alpha, or without masks. Latency: 0. Holds: 1 frame. Changes the image
    alone.
    """

    color: RGB = (255, 0, 0)
    alpha: float = attrs.field(default=0.5, validator=between(0.0, 1.0))
    objects: bool = attrs.field(default=False, validator=flag)
    needs_masks, latency, memory = True, 0, 1

    def __attrs_post_init__(self) -> None:
        if len(self.color) != 3 or not all(0 <= value <= 255 for value in self.color):
            raise UsageError(f"overlay: color must be RGB, three numbers from 0 to 255, got {self.color!r}.")

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        colors: dict[str, RGB] = {}
        for frame in frames:
            mask = mask_of(frame, "overlay")
            image = _tinted(frame.image, {"": mask}, {"": self.color}, self.alpha)
            if self.objects:
                image = tint_objects(image, frame, colors, self.alpha)
            yield frame.with_image(image)


def tint_objects(image: Tensor, frame: Frame, colors: dict[str, RGB], alpha: float = 0.5) -> Tensor:
    """An image (3 h w, uint8) with what is masked of the objects of its frame tinted, and named.

    colors: by name; it learns those of new names.
    """
    masks = {
        name.removeprefix(OBJECT): layer if frame.mask is None else layer & frame.mask
        for name, layer in frame.layers.items()
        if name.startswith(OBJECT) and layer.dtype == torch.bool and layer.ndim == 2
    }
    for name in masks:
        colors.setdefault(name, _color(len(colors)))
    masks = {name: mask for name, mask in masks.items() if mask.any()}
    if not masks:
        return image
    tinted = _tinted(frame.image, masks, colors, alpha)
    image = torch.where(torch.stack(list(masks.values())).any(dim=0), tinted, image)
    drawn = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    for name, mask in masks.items():
        drawn = letter(drawn, name, _middle(mask), max(SIZE, drawn.shape[0] // LETTERS))
    return torch.from_numpy(drawn).permute(2, 0, 1).contiguous()


def _tinted(image: Tensor, masks: dict[str, Tensor], colors: dict[str, RGB], alpha: float) -> Tensor:
    out = image.clone()
    for name, mask in masks.items():
        tint = torch.tensor(colors[name], dtype=torch.float32).reshape(3, 1)
        out[:, mask] = ((1 - alpha) * image[:, mask] + alpha * tint).round().to(torch.uint8)
    return out


def _color(number: int) -> RGB:
    """The color of the object that came as the n-th."""
    red, green, blue = colorsys.hsv_to_rgb((GOLDEN * number + 0.6) % 1, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _middle(mask: Tensor) -> tuple[float, float]:
    """The pixel (x, y) that lies deepest in a mask."""
    depth = cv2.distanceTransform(np.pad(mask.numpy().astype(np.uint8), 1), cv2.DIST_L2, 3)[1:-1, 1:-1]
    y, x = np.unravel_index(np.argmax(depth), depth.shape)
    return float(x), float(y)
