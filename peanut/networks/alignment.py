"""Flow-guided deformable alignment (Chan et al., BasicVSR++, CVPR 2022, figure 3), as BasicVSR++ and E2FGVI use it."""

import torch
from torch import Tensor, nn

from peanut.ops.convolution import Chain
from peanut.ops.deformable import flow_guided_deform_conv2d
from peanut.ops.warp import warp

GROUPS = 16


class SecondOrderAlignment(nn.Module):
    """Bring the propagated features of the two frames before to the current one: b channels h w.

    Flow says roughly where to look; offsets around it, and a mask, come from a condition of the warped features.
    """

    def __init__(self, channels: int, largest: float = 10.0) -> None:
        super().__init__()
        self.largest = largest
        self.weight = nn.Parameter(torch.empty(channels, 2 * channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(channels))
        nn.init.kaiming_uniform_(self.weight)
        self.conv_offset = Chain(
            nn.Conv2d(3 * channels + 4, channels, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.LeakyReLU(0.1),
            nn.Conv2d(channels, 27 * GROUPS, 3, padding=1),
        )

    def forward(
        self, current: Tensor, feature: Tensor, flow: Tensor, older: Tensor | None, older_flow: Tensor | None
    ) -> Tensor:
        """The aligned feature.

        current: spatial feature of the current frame. feature, flow: propagated feature of the frame before, and the
        flow to it (b 2 h w, pixels). older, older_flow: the same of the frame before that; None counts as zeros.
        """
        older = torch.zeros_like(feature) if older is None else older
        older_flow = torch.zeros_like(flow) if older_flow is None else older_flow
        guides = [flow.to(current.dtype), older_flow.to(current.dtype)]
        warped = warp(feature, flow), warp(older, older_flow)
        condition = self.conv_offset(torch.cat([warped[0], current, warped[1], *guides], dim=1))
        both = torch.cat([feature, older], dim=1)
        # o = s + r tanh(C_o), m = sigmoid(C_m): every tap moves from where the flow points
        return flow_guided_deform_conv2d(both, condition, (flow, older_flow), self.largest, self.weight, self.bias)
