"""SPyNet: optical flow over a pyramid.

Ranjan and Black, Optical Flow Estimation using a Spatial Pyramid Network, CVPR 2017.
The six-level version that BasicVSR, BasicVSR++ and E2FGVI carry.
"""

import re
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.ops.convolution import convolve
from peanut.ops.warp import warp

LEVELS = 6
MULTIPLE = 2 ** (LEVELS - 1)


class Convolution(nn.Module):
    """A 7x7 convolution under the name that OpenMMLab's files give it."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 7, padding=3)

    def forward(self, x: Tensor, activation: nn.ReLU | None = None) -> Tensor:
        return convolve(x, self.conv, activation)


class Level(nn.Module):
    """The residual flow network G of one pyramid level: b 8 h w [first, second warped, flow] -> b 2 h w, pixels."""

    def __init__(self) -> None:
        super().__init__()
        channels = [8, 32, 64, 32, 16, 2]
        self.basic_module = nn.Sequential(*(Convolution(*pair) for pair in pairwise(channels)))
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        *inner, last = self.basic_module
        for layer in inner:
            x = layer(x, self.activation)
        out: Tensor = last(x)
        return out


class SPyNet(nn.Module):
    """Optical flow between two images, from coarse to fine.

    Loads checkpoints in OpenMMLab's names and in BasicSR's (`basic_module.L.basic_module.2K`).
    """

    mean: Tensor
    std: Tensor
    exact = True
    """Flows are positions: the weights stay in float32 when a network around it goes to half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.basic_module = nn.ModuleList(Level() for _ in range(LEVELS))
        self.register_buffer("mean", torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1), persistent=False)
        self.register_load_state_dict_pre_hook(_to_own_names)  # type: ignore[no-untyped-call]

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """The flow with first[p] = second[p + flow(p)]: b 2 h w, in pixels; channel 0 to the right, 1 downwards.

        first, second: b 3 h w, RGB in [0, 1], float32, any size.
        """
        firsts, seconds = self.pyramid(first), self.pyramid(second)
        return _resize_flow(self._estimate(firsts, seconds), first.shape[-2:])

    def pyramid(self, x: Tensor) -> list[Tensor]:
        """The normalised image, sides enlarged to multiples of 32, and five times halved; the coarsest first."""
        h, w = x.shape[-2:]
        size = -(-h // MULTIPLE) * MULTIPLE, -(-w // MULTIPLE) * MULTIPLE
        levels = [F.interpolate((x - self.mean) / self.std, size, mode="bilinear", align_corners=False)]
        for _ in range(LEVELS - 1):
            levels.append(F.avg_pool2d(levels[-1], 2))
        return levels[::-1]

    def _estimate(self, firsts: list[Tensor], seconds: list[Tensor]) -> Tensor:
        b, _, h, w = firsts[0].shape
        flow = firsts[0].new_zeros(b, 2, h, w)
        for first, second, network in zip(firsts, seconds, self.basic_module, strict=True):
            if first is not firsts[0]:
                flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
            warped = warp(second, flow, padding="border")
            flow = flow + network(torch.cat([first, warped, flow], dim=1))  # V_k = u(V_k-1) + G_k(...)
        return flow


def _resize_flow(flow: Tensor, size: tuple[int, int] | torch.Size) -> Tensor:
    """A flow for images of `size`: resized, and its pixels counted in those of the new size."""
    (h, w), (from_h, from_w) = size, flow.shape[-2:]
    scale = flow.new_tensor([w / from_w, h / from_h]).reshape(1, 2, 1, 1)
    return F.interpolate(flow, (h, w), mode="bilinear", align_corners=False) * scale


def _to_own_names(_: nn.Module, state: dict[str, Any], prefix: str, *__: Any) -> None:
    """Rename what a checkpoint in BasicSR's names holds, and drop the two constants that both may carry."""
    for name in [name for name in state if name.startswith(prefix)]:
        own = name.removeprefix(prefix)
        if match := re.fullmatch(r"basic_module\.(\d)\.basic_module\.(\d)\.(weight|bias)", own):
            level, place, kind = match.groups()
            state[f"{prefix}basic_module.{level}.basic_module.{int(place) // 2}.conv.{kind}"] = state.pop(name)
        elif own in ("mean", "std"):
            del state[name]
