"""What BasicVSR and BasicVSR++ share: features of a clip, carried along branches that run through it both ways.

A network says what one step of a branch is; how a branch runs through frames, and how all run through a clip, is here.
Chan et al., BasicVSR: The Search for Essential Components in Video Super-Resolution and Beyond, CVPR 2021.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from itertools import pairwise

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.networks.spynet import SPyNet
from peanut.ops.convolution import Chain, convolve


@attrs.frozen(eq=False)
class State:
    """Where a branch stands after a frame: all that its next step needs of the past."""

    feature: Tensor
    """Propagated feature of that frame, at distance 1 from the next: b c h w."""
    older: Tensor | None = None
    """Propagated feature of the frame before, at distance 2; None after a branch's first step."""
    flow: Tensor | None = None
    """Flow from that frame to the frame before (in running order): b 2 h w, pixels."""


class ResidualBlock(nn.Module):
    """x + conv2(ReLU(conv1(x))), b c h w."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.activation = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return convolve(convolve(x, self.conv1, self.activation), self.conv2, plus=x)


class Trunk(nn.Module):
    """A convolution and `blocks` residual blocks: b inputs h w -> b channels h w."""

    def __init__(self, inputs: int, channels: int, blocks: int) -> None:
        super().__init__()
        residual = nn.Sequential(*(ResidualBlock(channels) for _ in range(blocks)))
        self.main = Chain(nn.Conv2d(inputs, channels, 3, padding=1), nn.LeakyReLU(0.1), residual)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.main(x)
        return out


class Bidirectional(nn.Module):
    """A network of recurrent branches. Every tensor of a frame is b c h w; a clip is a list of them, in time order."""

    branches: tuple[str, ...]
    """Names of the branches in the order they run; each starts with the direction it runs in."""
    scale: int
    """How many times larger the output is than the input."""
    multiple: int
    """Sides of the input must be multiples of this."""
    reduction: int = 1
    """How many times smaller the features are than the input."""
    channels: int
    spynet: SPyNet
    conv_last: nn.Conv2d

    @abstractmethod
    def encode(self, frame: Tensor) -> Tensor:
        """The spatial feature of a frame, which its branches read: b 3 h w in [0, 1] -> b c m n."""

    @abstractmethod
    def step(
        self, branch: str, features: Mapping[str, Tensor], flow: Tensor | None, state: State | None
    ) -> tuple[Tensor, State]:
        """One frame further along a branch: its propagated feature, and where the branch then stands.

        features: the frame's spatial feature ("spatial") and those of the branches that have been there.
        flow: from the frame to the one before it in running order. state: None starts the branch; flow is then unused.
        """

    @abstractmethod
    def reconstruct(self, frame: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """The output for a frame from all its features: b 3 (scale h) (scale w), float32, not clamped."""

    def reduce(self, frame: Tensor) -> Tensor:
        """The frame at the size of its features, where flow is computed."""
        return frame

    def flows(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
        """Flow from the first to the second of two frames, and back: b 2 m n each, in pixels of the features."""
        first, second = self.reduce(first), self.reduce(second)
        both = self.spynet(torch.cat([first, second]), torch.cat([second, first]))
        to_second, to_first = both.chunk(2)
        return to_second, to_first

    def propagate(
        self,
        branch: str,
        features: Sequence[Mapping[str, Tensor]],
        flows: Sequence[Tensor | None],
        state: State | None = None,
    ) -> tuple[list[Tensor], State | None]:
        """One branch over consecutive frames, **in its running order**: their propagated features, and the last state.

        flows[k] leads from frame k to the frame before it in running order. state: where the branch stood before the
        first of them; None starts it there.
        """
        propagated = []
        for own, flow in zip(features, flows, strict=True):
            feature, state = self.step(branch, own, flow, state)
            propagated.append(feature)
        return propagated, state

    def forward(self, frames: Tensor) -> Tensor:
        """A whole clip, as published: b t 3 h w in [0, 1] -> b t 3 (scale h) (scale w), not clamped.

        Raises ValueError if a side is no multiple of `multiple`.
        """
        check_sides(self, frames)
        clip = list(frames.unbind(1))
        features: list[dict[str, Tensor]] = [{"spatial": self.encode(frame)} for frame in clip]
        pairs = [self.flows(first, second) for first, second in pairwise(clip)]
        to_next, to_previous = [*(pair[0] for pair in pairs), None], [None, *(pair[1] for pair in pairs)]
        for branch in self.branches:
            if branch.startswith("backward"):
                propagated = self.propagate(branch, features[::-1], to_next[::-1])[0][::-1]
            else:
                propagated = self.propagate(branch, features, to_previous)[0]
            for own, feature in zip(features, propagated, strict=True):
                own[branch] = feature
        return torch.stack([self.reconstruct(*pair) for pair in zip(clip, features, strict=True)], dim=1)


def check_sides(network: Bidirectional, frames: Tensor) -> None:
    """Raise ValueError if frames ... h w have a side that the network cannot take."""
    h, w = frames.shape[-2:]
    if h % network.multiple or w % network.multiple:
        raise ValueError(f"frames must have sides that are multiples of {network.multiple}, got {w}x{h}.")


def enlarge(frame: Tensor, scale: int) -> Tensor:
    """The plain enlargement that a network adds its details to: bilinear."""
    return frame if scale == 1 else F.interpolate(frame, scale_factor=scale, mode="bilinear", align_corners=False)
