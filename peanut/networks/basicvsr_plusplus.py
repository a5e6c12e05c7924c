"""BasicVSR++: second-order grid propagation with flow-guided deformable alignment.

Chan et al., BasicVSR++: Improving Video Super-Resolution with Enhanced Propagation and Alignment, CVPR 2022.

Figure 2 of the paper: feature extraction, second-order grid propagation with flow-guided deformable alignment,
reconstruction. Parameters are named as in the published files (OpenMMLab, without `generator.`).
"""

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.networks.alignment import SecondOrderAlignment
from peanut.networks.bidirectional import Bidirectional, State, Trunk, enlarge
from peanut.networks.spynet import SPyNet
from peanut.ops.convolution import Chain, convolve
from peanut.ops.warp import warp


class Upsample(nn.Module):
    """Twice the size: a convolution to four times the channels, shuffled into pixels, then LeakyReLU."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.upsample_conv = nn.Conv2d(inputs, 4 * outputs, 3, padding=1)
        self.activation = nn.LeakyReLU(0.1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(convolve(x, self.upsample_conv, self.activation), 2)  # either order gives the same


class BasicVSRPlusPlus(Bidirectional):
    """Four branches; each aligns the features of two frames before by deformable convolution around the flow."""

    branches = ("backward_1", "forward_1", "backward_2", "forward_2")

    def __init__(self, channels: int = 64, blocks: int = 7, same_size: bool = False) -> None:
        """same_size: the variant for restoration, whose output is as large as its input and whose sides are
        multiples of 4; it works on features of a quarter of the size."""
        super().__init__()
        self.scale, self.multiple, self.reduction = (1, 4, 4) if same_size else (4, 1, 1)
        self.channels = channels
        self.spynet = SPyNet()
        self.feat_extract = _shrinking(channels) if same_size else Trunk(3, channels, 5)
        self.deform_align = nn.ModuleDict({branch: SecondOrderAlignment(channels) for branch in self.branches})
        self.backbone = nn.ModuleDict(
            {branch: Trunk((2 + place) * channels, channels, blocks) for place, branch in enumerate(self.branches)}
        )
        self.reconstruction = Trunk(5 * channels, channels, 5)
        self.upsample1 = Upsample(channels, channels)
        self.upsample2 = Upsample(channels, 64)
        self.conv_hr = nn.Conv2d(64, 64, 3, padding=1)
        self.conv_last = nn.Conv2d(64, 3, 3, padding=1)
        self.activation = nn.LeakyReLU(0.1)

    @classmethod
    def like(cls, weights: Mapping[str, Any]) -> "BasicVSRPlusPlus":
        """A network of the size and variant that a checkpoint in the published names has, not yet filled."""
        blocks = sum(
            name.startswith("backbone.backward_1.main.2.") and name.endswith("conv1.weight") for name in weights
        )
        channels = weights["reconstruction.main.0.weight"].shape[0]
        return cls(channels, blocks, same_size="feat_extract.0.weight" in weights)

    def encode(self, frame: Tensor) -> Tensor:
        """Feature extraction: b 3 h w -> b channels h w (a quarter of the sides in the same-size variant)."""
        feature: Tensor = self.feat_extract(frame.to(self.conv_last.weight.dtype))
        return feature

    def reduce(self, frame: Tensor) -> Tensor:
        """The frame at the size of its features: bicubic."""
        if self.scale == 4:
            return frame
        return F.interpolate(frame, scale_factor=1 / 4, mode="bicubic", align_corners=False)

    def step(
        self, branch: str, features: Mapping[str, Tensor], flow: Tensor | None, state: State | None
    ) -> tuple[Tensor, State]:
        """Second-order grid propagation: align with the features of two frames before, refine, add."""
        spatial = features["spatial"]
        finished = [features[other] for other in self.branches[: self.branches.index(branch)]]
        if state is None or flow is None:
            aligned, older = torch.zeros_like(spatial), None
        else:
            # s_{i -> i-2} = s_{i -> i-1} + W(s_{i-1 -> i-2}, s_{i -> i-1})
            older_flow = None if state.flow is None else flow + warp(state.flow, flow)
            aligned = self.deform_align[branch](spatial, state.feature, flow, state.older, older_flow)
            older = state.feature
        refined = self.backbone[branch](torch.cat([spatial, *finished, aligned], dim=1))
        feature = aligned + refined
        return feature, State(feature, older, None if state is None else flow)

    def reconstruct(self, frame: Tensor, features: Mapping[str, Tensor]) -> Tensor:
        """All features of the frame, refined and shuffled into pixels, and the enlarged frame added."""
        x = torch.cat([features["spatial"], *(features[branch] for branch in self.branches)], dim=1)
        x = self.upsample2(self.upsample1(self.reconstruction(x)))
        x = convolve(x, self.conv_hr, self.activation)
        return convolve(x, self.conv_last).float() + enlarge(frame, self.scale)


def _shrinking(channels: int) -> Chain:
    """Feature extraction of the same-size variant: two convolutions of stride 2 before the trunk."""
    return Chain(
        nn.Conv2d(3, channels, 3, stride=2, padding=1),
        nn.LeakyReLU(0.1),
        nn.Conv2d(channels, channels, 3, stride=2, padding=1),
        nn.LeakyReLU(0.1),
        Trunk(channels, channels, 5),
    )
