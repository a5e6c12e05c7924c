"""Temporal patch GAN, which tells completed videos from real ones when E2FGVI is trained (Li et al., CVPR 2022).

Chang et al., Free-form Video Inpainting with 3D Gated Convolution and Temporal PatchGAN, ICCV 2019.
"""

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils import spectral_norm

CHANNELS = (3, 32, 64, 128, 128, 128, 128)


class TemporalPatchDiscriminator(nn.Module):
    """Six 3D convolutions: b t 3 h w in [-1, 1] -> scores b t 128 h/64 w/64, for patches of space and time."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for number, pair in enumerate(pairwise(CHANNELS)):
            last = number == len(CHANNELS) - 2
            conv = nn.Conv3d(*pair, (3, 5, 5), (1, 2, 2), padding=(1, 2, 2) if number else 1, bias=last)
            layers += [conv] if last else [spectral_norm(conv), nn.LeakyReLU(0.2)]
        self.conv = nn.Sequential(*layers)

    def forward(self, video: Tensor) -> Tensor:
        scores: Tensor = self.conv(video.transpose(1, 2))
        return scores.transpose(1, 2)


def hinge_losses(real: Tensor, completed: Tensor) -> tuple[Tensor, Tensor]:
    """What the discriminator and the generator minimise, from its scores of a real and a completed video.

    mean(max(0, 1 - D(real))) + mean(max(0, 1 + D(completed))), halved, and -mean(D(completed)).
    """
    judged = (F.relu(1 - real).mean() + F.relu(1 + completed).mean()) / 2
    return judged, -completed.mean()
