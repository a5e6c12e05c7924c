"""The literature's baseline: each frame inpainted alone."""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import torch
from torch import Tensor, nn

from peanut.devices import pick_device
from peanut.errors import UsageError, pick
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.pipeline import Stage
from peanut.validators import above, at_least, mask_of
from peanut.weights import names_used, resolve
from peanut.windows.carried import Carried
from peanut.windows.covered import Covered

Inpainter = Callable[[Tensor, Tensor], Tensor]
"""From image (3 h w, uint8, RGB) and mask (h w, bool, True = fill) to an image like the first."""

METHODS = {"telea": cv2.INPAINT_TELEA, "navier-stokes": cv2.INPAINT_NS}
LAMA = "big-lama"
MULTIPLE = 8
"""What LaMa's sides must be multiples of."""


@attrs.frozen(repr=False)
class PerFrame(Stage):
    """Fill what is masked in each frame alone, as if there were no others: the baseline that erasers are compared with.

    Such a filling knows no time, so what it invents flickers; what the video shows at other times is not used. With
    `every` it is invented on key frames only, and is still in between.

    inpainter: "telea" (Telea, JGT 2004) or "navier-stokes" (Bertalmio et al., CVPR 2001), which carry the border
        inwards and need no model files; "big-lama" (LaMa, Suvorov et al., WACV 2022), fetched on first use; a function
        from (image 3 h w uint8, mask h w bool) to an image like the first; or a module called as LaMa is: image
        1 3 h w in [0, 1] and mask 1 1 h w of 0 and 1, sides multiples of 8 by mirroring, to an image in [0, 1].
    radius: pixels around a point that "telea" and "navier-stokes" look at.
    device: where a module runs; it computes in the type of its weights.
    every: more than 1 inpaints key frames alone, every n-th, and carries what was inpainted along optical flow (DIS,
        interpolated inside the holes) to the frames between, where what is missing at the rim of the hole is spread
        over it. A key frame comes earlier after a cut, after a frame without a mask or with nothing else, and where
        more than 1 % of a hole lies outside the last one; of less, the nearest border pixel is taken.

    Frames whose mask is empty pass as the same objects; outside the masks no pixel changes, whatever an inpainter does.
    So do frames whose mask covers the whole image, which is told once: there is nothing to fill them from. A function
    gets them, too.
    Latency: 0. Holds: 1 frame; with `every` 2, the last key frame, and 8 bytes per pixel of flow. Raises UsageError for
    frames without masks and if an inpainter gives no such image back.
    """

    inpainter: Literal["telea", "navier-stokes", "big-lama"] | Inpainter | nn.Module = "telea"
    radius: float = attrs.field(default=3, validator=above(0))
    device: str | torch.device = "auto"
    every: int = attrs.field(default=1, validator=at_least(1))
    _fill: Inpainter = attrs.field(init=False, repr=False)
    needs_masks, latency = True, 0

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_fill", self._prepared(self.inpainter))

    @property
    def memory(self) -> int:
        return 1 if self.every == 1 else 2

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self.inpainter)

    def __str__(self) -> str:
        named = isinstance(self.inpainter, str)
        name = repr(self.inpainter) if named else getattr(self.inpainter, "__name__", "module")
        return f"PerFrame({name})" if self.every == 1 else f"PerFrame({name}, every={self.every})"

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        covered = Covered("PerFrame")
        needs_surroundings = isinstance(self.inpainter, str | nn.Module)
        carried: Carried | None = None
        for frame in frames:
            mask = mask_of(frame, "PerFrame")
            frames.doubts.add_mask(mask)
            stays = needs_surroundings and bool(mask.all())
            if stays:
                covered.stays(frame)
            if stays or not mask.any():
                carried = None
                yield frame
            else:
                filled, carried = self._next(frame, mask, carried)
                yield filled
                del filled
            del frame

    def _next(self, frame: Frame, mask: Tensor, carried: Carried | None) -> tuple[Frame, Carried | None]:
        """A frame filled, from the key frame where that reaches it, and the key frame of the frame after it."""
        if carried is not None and carried.age + 1 < self.every and carried.goes_on_with(frame):
            carried.follow(frame)
            filled = carried.filled()
            if filled is not None:
                return filled, carried
        filled = self.filled(frame, mask)
        return filled, None if self.every == 1 else Carried.begin(frame, filled)

    def filled(self, frame: Frame, mask: Tensor) -> Frame:
        """A frame with what `mask` (h w, bool) covers filled."""
        filled: Any = self._fill(frame.image.clone(), mask.clone())  # copies, for it may write into them
        if not isinstance(filled, Tensor) or filled.dtype != torch.uint8 or filled.shape != frame.image.shape:
            got = f"{filled.dtype} {tuple(filled.shape)}" if isinstance(filled, Tensor) else type(filled).__name__
            raise UsageError(
                f"PerFrame: an inpainter gives an image like the one it got, uint8 {(3, *frame.size)}; got {got}."
            )
        return frame.with_image(torch.where(mask, filled.to("cpu"), frame.image))

    def _prepared(self, inpainter: Any) -> Inpainter:
        if isinstance(inpainter, str):
            method = pick("inpainter", inpainter, {**METHODS, LAMA: None})
            if method is not None:
                return partial(_classical, method=method, radius=self.radius)
        if isinstance(inpainter, str | nn.Module):
            device = pick_device(self.device)
            network = resolve("PerFrame", inpainter, nn.Module, device=device, dtype=None)
            return partial(_learned, network=network, device=device)
        if not callable(inpainter):
            raise UsageError(f"PerFrame: inpainter must be a name, a function or a module, got {inpainter!r}.")
        return inpainter  # type: ignore[no-any-return]


def _classical(image: Tensor, mask: Tensor, *, method: int, radius: float) -> Tensor:
    picture = np.ascontiguousarray(image.permute(1, 2, 0).numpy())
    filled = cv2.inpaint(picture, mask.numpy().astype(np.uint8), radius, method)
    return torch.from_numpy(filled).permute(2, 0, 1)


@torch.no_grad()
def _learned(image: Tensor, mask: Tensor, *, network: nn.Module, device: torch.device) -> Tensor:
    dtype = next((weight.dtype for weight in network.parameters()), torch.float32)
    h, w = mask.shape
    picture = _mirrored(image[None].to(device, dtype) / 255)
    hole = _mirrored(mask[None, None].to(device, dtype))
    given = network(picture, hole)
    if not isinstance(given, Tensor) or given.shape != picture.shape:
        got = f"a tensor {tuple(given.shape)}" if isinstance(given, Tensor) else f"a {type(given).__name__}"
        raise UsageError(f"PerFrame: a module gives an image like the one it got, {tuple(picture.shape)}; got {got}.")
    filled = given[0, :, :h, :w]
    return (filled.float().clamp(0, 1) * 255).round().to(torch.uint8)


def _mirrored(x: Tensor) -> Tensor:
    """b c h w with sides extended below and to the right to multiples of 8, border pixel first, as often as needed."""
    for axis in (-2, -1):
        side = x.shape[axis]
        at = torch.arange(side + -side % MULTIPLE, device=x.device) % (2 * side)
        x = x.index_select(axis, torch.minimum(at, 2 * side - 1 - at))
    return x
