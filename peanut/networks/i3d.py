"""I3D: a network of images, inflated to look at space and time, whose features tell videos apart.

Carreira and Zisserman, Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset, CVPR 2017: Inception-v1
(Szegedy et al., Going Deeper with Convolutions, CVPR 2015) with all kernels made cubic and batch normalization behind
every convolution. The parts are named as in the published checkpoints.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MIXED = {  # where they branch: channels of 1x1x1, of 3x3x3 (reduced, full) twice, of 1x1x1 behind the pooling
    "3b": (64, 96, 128, 16, 32, 32),
    "3c": (128, 128, 192, 32, 96, 64),
    "4b": (192, 96, 208, 16, 48, 64),
    "4c": (160, 112, 224, 24, 64, 64),
    "4d": (128, 128, 256, 24, 64, 64),
    "4e": (112, 144, 288, 32, 64, 64),
    "4f": (256, 160, 320, 32, 128, 128),
    "5b": (256, 160, 320, 32, 128, 128),
    "5c": (384, 192, 384, 48, 128, 128),
}
FEATURES = 1024
"""Of a video, before the classes."""
CLASSES = 400
"""Of Kinetics."""
Size3 = tuple[int, int, int]


def pad_same(x: Tensor, kernel: Size3, stride: Size3) -> Tensor:
    """Zeros around b c t h w, so that every stride-th position has a window: TensorFlow's SAME, the odd one behind."""
    pads: list[int] = []
    for size, k, s in reversed(list(zip(x.shape[-3:], kernel, stride, strict=True))):
        total = max(0, (-(-size // s) - 1) * s + k - size)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Convolution(nn.Module):
    """A convolution, batch normalization and a rectifier: b c t h w -> b d t/s h/s w/s, rounded up."""

    def __init__(self, inputs: int, outputs: int, kernel: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.kernel, self.stride = (kernel,) * 3, (stride,) * 3
        self.conv3d = nn.Conv3d(inputs, outputs, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(outputs, eps=1e-3)
        self.bn.num_batches_tracked = None  # younger than the published checkpoint

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv3d(pad_same(x, self.kernel, self.stride))), inplace=True)


class MaxPool(nn.Module):
    """The largest of each window, of values that are not negative: b c t h w -> b c t/s h/s w/s, rounded up."""

    def __init__(self, kernel: Size3, stride: Size3) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class Mixed(nn.Module):
    """Inception's module: four branches side by side, b c t h w -> b d t h w."""

    def __init__(self, inputs: int, channels: tuple[int, ...]) -> None:
        super().__init__()
        one, reduced, full, reduced_again, full_again, pooled = channels
        self.b0 = Convolution(inputs, one)
        self.b1a, self.b1b = Convolution(inputs, reduced), Convolution(reduced, full, 3)
        self.b2a, self.b2b = Convolution(inputs, reduced_again), Convolution(reduced_again, full_again, 3)
        self.b3a = MaxPool((3, 3, 3), (1, 1, 1))
        self.b3b = Convolution(inputs, pooled)
        self.outputs = one + full + full_again + pooled

    def forward(self, x: Tensor) -> Tensor:
        branches = self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x))
        return torch.cat(branches, dim=1)


class Logits(nn.Module):
    """The scores of the classes, from the pooled features: b c t h w -> b k t h w."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(inputs, classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        scores: Tensor = self.conv3d(x)
        return scores


class I3D(nn.Module):
    """Videos b t 3 h w, RGB, -1 to 1 -> features b 1024: the mean over all places and times of the last module."""

    def __init__(self, classes: int = CLASSES) -> None:
        super().__init__()
        self.Conv3d_1a_7x7 = Convolution(3, 64, 7, 2)
        self.MaxPool3d_2a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        self.Conv3d_2b_1x1 = Convolution(64, 64)
        self.Conv3d_2c_3x3 = Convolution(64, 192, 3)
        self.MaxPool3d_3a_3x3 = MaxPool((1, 3, 3), (1, 2, 2))
        channels = 192
        for name, of in MIXED.items():
            if name == "4b":
                self.MaxPool3d_4a_3x3 = MaxPool((3, 3, 3), (2, 2, 2))
            if name == "5b":
                self.MaxPool3d_5a_2x2 = MaxPool((2, 2, 2), (2, 2, 2))
            mixed = Mixed(channels, of)
            self.add_module(f"Mixed_{name}", mixed)
            channels = mixed.outputs
        self.logits = Logits(channels, classes)

    @classmethod
    def like(cls, weights: Mapping[str, Tensor]) -> "I3D":
        """The network that weights of these names are for."""
        return cls(classes=weights["logits.conv3d.bias"].shape[0])

    def forward(self, video: Tensor) -> Tensor:
        return self.maps(video).mean(dim=(2, 3, 4))

    def classify(self, video: Tensor) -> Tensor:
        """The scores of the classes, b k, mean over time: windows of 2 x 7 x 7 are averaged before.

        The video, b t 3 h w, must have at least 9 frames and sides of at least 193. Raises ValueError otherwise.
        """
        maps = self.maps(video)
        if any(size < least for size, least in zip(maps.shape[-3:], (2, 7, 7), strict=True)):
            raise ValueError(f"I3D: 9 frames of 193x193 are the least to classify, got {tuple(video.shape)}.")
        scores: Tensor = self.logits(F.avg_pool3d(maps, (2, 7, 7), stride=1))
        return scores.mean(dim=(2, 3, 4))

    def maps(self, video: Tensor) -> Tensor:
        """What the last module gives: b 1024 t/8 h/32 w/32, rounded up."""
        x = video.transpose(1, 2)  # b 3 t h w
        for name, part in self.named_children():
            if name != "logits":
                x = part(x)
        return x
