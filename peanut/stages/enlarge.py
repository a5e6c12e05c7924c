"""Enlarging frame by frame: plainly, or with any image model that spandrel reads."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import attrs
import cv2
import torch

from peanut.devices import pick_device, pick_dtype
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.ops.tiling import blend, tiles
from peanut.pipeline import Stage
from peanut.validators import at_least, one_of

METHODS = {
    "lanczos": cv2.INTER_LANCZOS4,
    "bicubic": cv2.INTER_CUBIC,
    "bilinear": cv2.INTER_LINEAR,
    "nearest": cv2.INTER_NEAREST,
}
OVERLAP = 16
"""Pixels that neighboring tiles share, of the input."""


@attrs.frozen(repr=False)
class Enlarge(Stage):
    """Enlarge `scale` times by interpolation: no model, no new detail. Masks and layers are enlarged with the image.

    Latency: 0. Holds: one frame. Raises UsageError for a scale under 1.
    """

    scale: float = attrs.field(default=2, validator=at_least(1.0))
    method: Literal["lanczos", "bicubic", "bilinear", "nearest"] = attrs.field(
        default="lanczos", validator=one_of(*METHODS)
    )
    latency, memory = 0, 1

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            h, w = (round(side * self.scale) for side in frame.size)
            picture = cv2.resize(frame.numpy(), (w, h), interpolation=METHODS[self.method])
            yield frame.resized((h, w)).with_image(torch.from_numpy(picture).permute(2, 0, 1).contiguous())
            del frame


@attrs.frozen(repr=False)
class SpandrelUpscaler(Stage):
    """Run an image model that the library spandrel can load (Real-ESRGAN, SwinIR, HAT and many more) on every frame.

    Such a model knows no time: it invents detail for every frame anew, and the video may flicker; `URNet` does not.
    path: the model's file; use those of people you trust. tile: the longest side computed at once, in pixels of the
    input; None: the whole image. Needs `pip install peanut-video[spandrel]`.
    Latency: 0. Holds: one frame. Raises UsageError if spandrel is not there or cannot load the file.
    """

    path: str | Path
    tile: int | None = attrs.field(default=512, validator=at_least(2 * OVERLAP, also=(None,)))
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = torch.float32
    _model: Any = attrs.field(init=False, repr=False)
    latency, memory = 0, 1

    def __attrs_post_init__(self) -> None:
        device = pick_device(self.device)
        model = _load(Path(self.path)).to(device)
        object.__setattr__(self, "_model", model.to(pick_dtype(self.dtype, device)).eval())

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield self._enlarged(frame)
            del frame

    @torch.no_grad()
    def _enlarged(self, frame: Frame) -> Frame:
        model = self._model
        image = frame.image[None].to(model.device, model.dtype) / 255
        boxes = tiles(frame.size, self.tile or max(frame.size), OVERLAP if self.tile else 0)
        pieces = [model(box.of(image)).float() for box in boxes]
        out = blend(pieces, [box.scaled(model.scale) for box in boxes], OVERLAP * model.scale)
        pixels = (out[0].clamp(0, 1) * 255).round().to("cpu", torch.uint8)
        h, w = pixels.shape[1:]
        return frame.resized((h, w)).with_image(pixels)


def _load(path: Path) -> Any:
    try:
        spandrel: Any = import_module("spandrel")
    except ImportError as error:
        raise UsageError("SpandrelUpscaler needs spandrel: pip install 'peanut-video[spandrel]'.") from error
    if not path.is_file():
        raise UsageError(f"SpandrelUpscaler: there is no file {path}.")
    try:
        model = spandrel.ModelLoader().load_from_file(path)
    except Exception as error:
        raise UsageError(f"SpandrelUpscaler: spandrel cannot load {path}: {error}.") from error
    if not isinstance(model, spandrel.ImageModelDescriptor) or model.input_channels != 3 or model.output_channels != 3:
        raise UsageError(f"SpandrelUpscaler: {path} is no model from one RGB picture to another.")
    return model
