"""BasicVSR (Chan et al., CVPR 2021): four times as many pixels, from the frames before and after.

Figure 2 of the paper: two branches, flow, warping, residual blocks; fusion and upsampling. Parameters are named as in
the published files.
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.networks.bidirectional import Bidirectional, State, Trunk, enlarge
from peanut.networks.spynet import SPyNet
from peanut.ops.convolution import convolve
from peanut.ops.warp import warp


class BasicVSR(Bidirectional):
    """First-order propagation in two branches. The spatial feature of a frame is the frame itself."""

    branches = ("backward", "forward")
    scale = 4
    multiple = 1

    def __init__(self, channels: int = 64, blocks: int = 30) -> None:
        super().__init__()
        self.channels = channels
        self.spynet = SPyNet()
        self.backward_trunk = Trunk(3 + channels, channels, blocks)
        self.forward_trunk = Trunk(3 + channels, channels, blocks)
        self.fusion = nn.Conv2d(2 * channels, channels, 1)
        self.upconv1 = nn.Conv2d(channels, 4 * channels, 3, padding=1)
        self.upconv2 = nn.Conv2d(channels, 4 * 64, 3, padding=1)
        self.conv_hr = nn.Conv2d(64, 64, 3, padding=1)
        self.conv_last = nn.Conv2d(64, 3, 3, padding=1)
        self.activation = nn.LeakyReLU(0.1)

    @classmethod
    def like(cls, weights: Mapping[str, Any]) -> "BasicVSR":
        """A network of the size that a checkpoint in the published names has, not yet filled."""
        blocks = sum(name.startswith("forward_trunk.main.2.") and name.endswith("conv1.weight") for name in weights)
        return cls(channels=weights["fusion.weight"].shape[0], blocks=blocks)

    def encode(self, frame: Tensor) -> Tensor:
        """The frame itself, in the type of the weights."""
        return frame.to(self.fusion.weight.dtype)

    def step(
        self, branch: str, features: Mapping[str, Tensor], flow: Tensor | None, state: State | None
    ) -> tuple[Tensor, State]:
        """Warp what was propagated to this frame, and refine it: h_i = R(x_i, W(h_{i-1}, s_i))."""
        x = features["spatial"]
        if state is None or flow is None:
            b, _, h, w = x.shape
            aligned = x.new_zeros(b, self.fusion.weight.shape[0], h, w)
        else:
            aligned = warp(state.feature, flow)
        trunk = self.backward_trunk if branch == "backward" else self.forward_trunk
        feature = trunk(torch.cat([x, aligned], dim=1))
        return feature, State(feature)

    def reconstruct(self, frame: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """Fusion, two pixel shuffles, and the enlarged frame added."""
        x = torch.cat([features["backward"], features["forward"]], dim=1)
        x = convolve(x, self.fusion, self.activation)
        x = F.pixel_shuffle(convolve(x, self.upconv1, self.activation), 2)
        x = F.pixel_shuffle(convolve(x, self.upconv2, self.activation), 2)
        x = convolve(x, self.conv_hr, self.activation)
        return convolve(x, self.conv_last).float() + enlarge(frame, self.scale)
