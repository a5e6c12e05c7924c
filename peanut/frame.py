"""One image on its way through a pipeline, and where it came from."""

from collections.abc import Mapping
from fractions import Fraction
from io import BytesIO
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import PIL.Image
import torch
import torch.nn.functional as F
from torch import Tensor

TINT = (255, 0, 0)
"""What is masked is drawn half in this color."""


@attrs.frozen
class Color:
    """How a video stores color, in the numbers of ITU-T H.273 (2 = not stated)."""

    matrix: int = 2
    """Matrix coefficients, Y'CbCr to RGB: 1 is BT.709, 5 and 6 BT.601, 9 BT.2020, 0 RGB itself."""
    full_range: bool = False
    """0 to 255 (True) or 16 to 235 (False)."""
    primaries: int = 2
    transfer: int = 2
    chroma_location: int = 0
    """Where chroma samples lie: 1 left, 2 centre, 3 top left, 4 top, 5 bottom left, 6 bottom; 0 not stated."""
    range_stated: bool = True
    """False where the video does not say which range it has: `full_range` is then what its format means."""
    read_as: int = attrs.field()
    """The matrix by which it is read: `matrix`; where that is not stated, the one that players take for its size."""

    @read_as.default
    def _read_as_stated(self) -> int:
        return self.matrix


@attrs.frozen(kw_only=True)
class Source:
    """Where a frame came from; one record, shared by all frames of a run."""

    path: str
    """File, folder, pattern or address, as it was read."""
    start: Fraction = Fraction(0)
    """Time of the first frame asked for, in seconds of the source."""
    fps: Fraction | None = None
    """Frames per second, the average where it varies; None: not known."""
    frames: int | None = None
    """How many frames are expected to come; None: not known or without an end."""
    color: Color | None = None
    """How the source stores its colors; None for pictures that are stored as RGB."""
    rotation: int = 0
    """Degrees counter-clockwise by which the stored pictures were turned; the frames are upright already."""


def _brief(value: Any) -> str:
    return "None" if value is None else f"<{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}>"


def _resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """... h w, any type -> ... size: bool by nearest, the rest bilinear (averaged where it shrinks)."""
    flat = x.reshape(1, -1, *x.shape[-2:])
    if x.dtype == torch.bool:
        out = F.interpolate(flat.to(torch.uint8), size, mode="nearest-exact").to(torch.bool)
    else:
        out = F.interpolate(flat.to(torch.float32), size, mode="bilinear", align_corners=False, antialias=True)
        out = (out if x.is_floating_point() else out.round()).to(x.dtype)
    return out.reshape(*x.shape[:-2], *size)


def _own(layers: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    return dict(layers)


@attrs.frozen(kw_only=True, eq=False)
class Frame:
    """One image on its way. Equal by identity. Nobody writes into its tensors: `with_*` gives the next frame.

    index: number of the frame in its source, from 0; strictly increasing, gaps allowed.
    time: presentation time in seconds, exact: time stamp times time base.
    image: 3 h w, uint8, RGB, on the CPU.
    mask: h w, bool, True = remove. None: not known; all False: nothing to remove.
    shot: number of the shot, from 0; no window, memory or flow crosses from one to the next.
    layers: further named tensors, ... h w, any type (confidence, flow).
    source: where the frame came from; None when it was pushed.
    coded: the decoded picture that the image was made from, for `write`: what nobody changed is stored as it was. It
        costs 1.5 bytes a pixel for 8-bit 4:2:0, beside the 3 of the image. None where there is none: pushed frames,
        pictures, another size.

    A notebook shows the image, what is masked tinted. Raises ValueError for a tensor of the wrong shape, type or size.
    """

    index: int
    time: Fraction
    image: Tensor = attrs.field(repr=_brief)
    mask: Tensor | None = attrs.field(default=None, repr=_brief)
    shot: int = 0
    layers: Mapping[str, Tensor] = attrs.field(factory=dict, converter=_own, repr=lambda x: f"{list(x)}")
    source: Source | None = None
    coded: Any = attrs.field(default=None, repr=False)

    @image.validator
    def _image_fits(self, _: Any, image: Any) -> None:
        if not isinstance(image, Tensor):
            raise ValueError(
                f"image must be a uint8 tensor 3 h w, got {type(image).__name__}: Frame.from_numpy takes arrays h w 3."
            )
        if image.dtype != torch.uint8 or image.ndim != 3 or image.shape[0] != 3 or not image.numel():
            raise ValueError(f"image must be uint8 (3, h, w), got {image.dtype} {tuple(image.shape)}.")

    @mask.validator
    def _mask_fits(self, _: Any, mask: Any) -> None:
        if mask is None:
            return
        if not isinstance(mask, Tensor):
            raise ValueError(f"mask must be a bool tensor h w, got {type(mask).__name__}.")
        if mask.dtype != torch.bool or mask.shape != self.image.shape[1:]:
            raise ValueError(f"mask must be bool {self.size} like its image, got {mask.dtype} {tuple(mask.shape)}.")

    @layers.validator
    def _layers_fit(self, _: Any, layers: Mapping[str, Any]) -> None:
        for name, layer in layers.items():
            if not isinstance(layer, Tensor):
                raise ValueError(f"layer {name!r} must be a tensor ... h w, got {type(layer).__name__}.")
            if layer.ndim < 2 or layer.shape[-2:] != self.image.shape[1:]:
                raise ValueError(f"layer {name!r} must end in {self.size} like its image, got {tuple(layer.shape)}.")

    @property
    def size(self) -> tuple[int, int]:
        """(h, w) in pixels."""
        return self.image.shape[1], self.image.shape[2]

    def with_image(self, image: Tensor) -> "Frame":
        """The same frame with other pixels of the same size."""
        if image.shape[1:] != self.image.shape[1:]:
            raise ValueError(f"with_image keeps the size {self.size}, got {tuple(image.shape)}: use resized first.")
        return attrs.evolve(self, image=image)

    def with_mask(self, mask: Tensor | None) -> "Frame":
        """The same frame with another mask: h w, bool, True = remove."""
        return attrs.evolve(self, mask=mask)

    def with_shot(self, shot: int) -> "Frame":
        """The same frame in shot number `shot`."""
        return attrs.evolve(self, shot=shot)

    def with_layer(self, name: str, layer: Tensor) -> "Frame":
        """The same frame with a further named tensor, ... h w; one of that name is replaced."""
        return attrs.evolve(self, layers={**self.layers, name: layer})

    def resized(self, size: tuple[int, int]) -> "Frame":
        """The frame at `size` (h, w): image and layers bilinear (averaged where they shrink), bool by nearest.

        The values of a layer stay as they are: one that counts in pixels, such as a flow, is for its owner to scale.
        """
        h, w = size
        if h < 1 or w < 1:
            raise ValueError(f"resized: size must be (h, w) of at least 1 pixel, got {tuple(size)}.")
        if (h, w) == self.size:
            return self
        return attrs.evolve(
            self,
            image=_resize(self.image, (h, w)),
            mask=None if self.mask is None else _resize(self.mask, (h, w)),
            coded=None,
            layers={name: _resize(layer, (h, w)) for name, layer in self.layers.items()},
        )

    @classmethod
    def from_numpy(
        cls,
        picture: npt.NDArray[np.uint8],
        *,
        index: int = 0,
        time: Fraction | None = None,
        mask: npt.NDArray[np.bool_] | None = None,
        bgr: bool = False,
    ) -> "Frame":
        """A frame from an array h w 3, uint8, RGB (`bgr=True`: BGR, as OpenCV has it). The pixels are copied.

        time: None is that of its number at 25 frames a second; a session numbers and times by arrival.
        Raises ValueError for another shape or type.
        """
        time = Fraction(index, 25) if time is None else time
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise ValueError(f"from_numpy: picture must be uint8 (h, w, 3), got {picture.dtype} {picture.shape}.")
        rgb = picture[..., ::-1] if bgr else picture
        image = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)).copy())
        return cls(index=index, time=time, image=image, mask=None if mask is None else torch.from_numpy(mask.copy()))

    def numpy(self, *, bgr: bool = False) -> npt.NDArray[np.uint8]:
        """The image as an array h w 3, uint8, RGB (`bgr=True`: BGR), a copy of its own."""
        image = self.image.flip(0) if bgr else self.image
        return np.array(image.permute(1, 2, 0).contiguous().numpy(), copy=True)

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        shown = self.numpy()
        if self.mask is not None:
            mask = self.mask.numpy()
            shown[mask] = shown[mask] // 2 + np.array(TINT, np.uint8) // 2
        file = BytesIO()
        PIL.Image.fromarray(shown).save(file, "PNG")
        return file.getvalue()
