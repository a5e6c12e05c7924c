"""Any network of optical flow as an estimator."""

import copy
from collections.abc import Callable
from math import isfinite
from typing import Any, Literal

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.devices import pick_device
from peanut.errors import UsageError
from peanut.flow.estimator import PairwiseEstimator
from peanut.ops.padding import pad_to_multiple
from peanut.validators import above, at_least, flag, one_of


def _three(value: float | tuple[float, float, float]) -> Any:
    if isinstance(value, int | float):
        return (float(value),) * 3
    return tuple(value) if isinstance(value, list | tuple) else value


def _numbers(instance: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
    numbers = isinstance(value, tuple) and all(isinstance(one, int | float) and isfinite(one) for one in value)
    if not numbers or len(value) != 3 or (field.name == "std" and not all(value)):
        raise UsageError(f"NetworkFlow: {field.name} must be a number or one per channel, none of std 0, got {value}.")


@attrs.frozen
class NetworkFlow(PairwiseEstimator):
    """A network, or a function, of your own: two images go in as it was trained, its flow comes out as PEANUT's.

    network: called with float32 tensors, without gradients; of a `torch.nn.Module` a copy is used, on `device`.
    colors: the order of the channels. mean, std: what is given is (pixel - mean) / std, pixel from 0 to 255; a number
    or one per channel, in the order of `colors`. std 255 gives 0 to 1, std 1 gives 0 to 255, mean and std 127.5 give
    -1 to 1.
    pair: "two" arguments b 3 h w, both in "channels" of one, b 6 h w, or "stacked", b 3 2 h w.
    multiple: what sides must be a multiple of; images are extended with their border, or with `resize` enlarged.
    output: which element of a tuple, list or dict is the flow; None: what comes is the flow. It is 1 2 m n, of any
    size, channel 0 to the right, channel 1 downwards, and times `flow_scale` in pixels of the image that went in.
    device: "auto" takes the fastest that is there.
    Raises UsageError for settings out of range, images that do not fit, and a network that gives something else.
    """

    network: Callable[..., Any] = attrs.field(repr=lambda _: "...")
    colors: Literal["RGB", "BGR"] = attrs.field(default="RGB", validator=one_of("RGB", "BGR"))
    mean: float | tuple[float, float, float] = attrs.field(default=0.0, converter=_three, validator=_numbers)
    std: float | tuple[float, float, float] = attrs.field(default=255.0, converter=_three, validator=_numbers)
    pair: Literal["two", "channels", "stacked"] = attrs.field(
        default="two", validator=one_of("two", "channels", "stacked")
    )
    multiple: int = attrs.field(default=64, validator=at_least(1))
    resize: bool = attrs.field(default=False, validator=flag)
    output: int | str | None = None
    flow_scale: float = attrs.field(default=1.0, validator=above(0))
    device: str | torch.device = "auto"
    _ready: Callable[..., Any] = attrs.field(init=False, repr=False, eq=False)
    _device: torch.device = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        if not callable(self.network):
            raise UsageError(f"NetworkFlow: network must be called with two images, got {self.network!r}.")
        on, ready = pick_device(self.device), self.network
        if isinstance(ready, nn.Module):
            ready = copy.deepcopy(ready).to(on).eval().requires_grad_(False)
        object.__setattr__(self, "_ready", ready)
        object.__setattr__(self, "_device", on)

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        h, w = image.shape[1:]
        with torch.no_grad():
            pair = [self._given(each) for each in (image, other)]
            inner = pair[0].shape[-2:]
            found = self._found(self._ready(*self._arranged(*pair))).float() * self.flow_scale
            if self.resize:
                found = found * found.new_tensor([w / inner[1], h / inner[0]]).view(2, 1, 1)
            flow = F.interpolate(found, (h, w) if self.resize else inner, mode="bilinear", align_corners=False)
        return flow[0, :, :h, :w].cpu().contiguous()

    def _given(self, image: Tensor) -> Tensor:
        """An image as the network wants it: 1 3 h w, float32."""
        x = image[None].to(self._device).float()
        x = x.flip(1) if self.colors == "BGR" else x
        x = (x - x.new_tensor(self.mean).view(3, 1, 1)) / x.new_tensor(self.std).view(3, 1, 1)
        if not self.resize:
            return pad_to_multiple(x, self.multiple)
        h, w = (side + -side % self.multiple for side in x.shape[-2:])
        return F.interpolate(x, (h, w), mode="bilinear", align_corners=False)

    def _arranged(self, image: Tensor, other: Tensor) -> tuple[Tensor, ...]:
        if self.pair == "two":
            return image, other
        return (torch.cat([image, other], dim=1) if self.pair == "channels" else torch.stack([image, other], dim=2),)

    def _found(self, given: Any) -> Tensor:
        """The flow in what a network gives."""
        try:
            found = given if self.output is None or isinstance(given, Tensor) else given[self.output]
        except (LookupError, TypeError) as error:
            raise UsageError(
                f"NetworkFlow: the network gives no output {self.output!r}, but {_kind(given)}."
            ) from error
        if not isinstance(found, Tensor) or found.ndim != 4 or found.shape[:2] != (1, 2) or not found.numel():
            raise UsageError(
                f"NetworkFlow: the flow must be 1 2 h w, got {_kind(found)}: output= says which of several is the flow."
            )
        if found.is_complex():
            raise UsageError(f"NetworkFlow: the flow must be of real numbers, got {found.dtype}.")
        return found


def _kind(given: Any) -> str:
    """What something is, for an error."""
    if isinstance(given, Tensor):
        return f"a tensor {tuple(given.shape)}"
    if isinstance(given, dict):
        return f"a dict of {', '.join(map(repr, given))}"
    return (
        f"a {type(given).__name__} of {len(given)}" if isinstance(given, list | tuple) else f"a {type(given).__name__}"
    )
