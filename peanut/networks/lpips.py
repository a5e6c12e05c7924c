"""LPIPS: how different two images look, by the features of a network that was trained to name things.

Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018, version 0.1. The trunks
are AlexNet (Krizhevsky, One Weird Trick for Parallelizing Convolutional Neural Networks, 2014) and VGG-16 (Simonyan and
Zisserman, ICLR 2015), with the parts named as torchvision's checkpoints name them.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""Of red, green and blue of -1 to 1: the mean and the deviation of ImageNet, rounded by the authors."""
EPSILON = 1e-10
"""Added to a length before it divides."""
VGG = (2, 2, 3, 3, 3)
"""Convolutions per size."""


class Trunk(nn.Module):
    """Convolutions of a classifier: b 3 h w, normalized -> five maps, each of a smaller size or of more channels."""

    def __init__(self, layers: list[nn.Module], tapped: tuple[int, ...], smallest: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*layers)
        self.tapped = tapped
        """Which layers give the maps."""
        self.smallest = smallest
        """Pixels per side of an image that leave something of every map."""
        self.channels = tuple(_channels_at(layers, number) for number in tapped)

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.tapped:
                maps.append(x)
            if number == self.tapped[-1]:
                break
        return maps


def alexnet() -> Trunk:
    """AlexNet: maps behind each of its five rectifiers."""
    layers: list[nn.Module] = [nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    layers += [nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), nn.MaxPool2d(3, 2)]
    for inputs, outputs in ((192, 384), (384, 256), (256, 256)):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
    return Trunk(layers, (1, 4, 7, 9, 11), smallest=31)


def vgg16() -> Trunk:
    """VGG-16: maps before each of its five poolings."""
    layers: list[nn.Module] = []
    tapped, inputs = [], 3
    for level, count in enumerate(VGG):
        outputs = min(512, 64 * 2**level)
        for _ in range(count):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        tapped.append(len(layers) - 1)
        layers.append(nn.MaxPool2d(2, 2))
    return Trunk(layers, tuple(tapped), smallest=16)


def trunk_like(weights: Mapping[str, Tensor]) -> Trunk:
    """The trunk that weights of these shapes are for."""
    return alexnet() if weights["features.0.weight"].shape[-1] == 11 else vgg16()


class Head(nn.Module):
    """The weights of the channels of one map: b c h w -> b 1 h w."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.model = nn.Sequential(nn.Dropout(), nn.Conv2d(channels, 1, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        weighted: Tensor = self.model(x)
        return weighted


class Heads(nn.Module):
    """A head per map of a trunk."""

    def __init__(self, channels: tuple[int, ...]) -> None:
        super().__init__()
        for number, count in enumerate(channels):
            self.add_module(f"lin{number}", Head(count))

    @classmethod
    def like(cls, weights: Mapping[str, Tensor]) -> "Heads":
        """The heads that weights of these shapes are for."""
        return cls(tuple(weights[f"lin{number}.model.1.weight"].shape[1] for number in range(len(weights))))

    def forward(self, maps: list[Tensor]) -> Tensor:
        heads = zip(self.children(), maps, strict=True)
        return torch.stack([head(x).mean(dim=(1, 2, 3)) for head, x in heads]).sum(dim=0)


class LPIPS(nn.Module):
    """Two images b 3 h w, RGB, -1 to 1 -> distances b, 0 for equal images."""

    shift: Tensor
    scale: Tensor

    def __init__(self, trunk: Trunk, heads: Heads) -> None:
        super().__init__()
        self.trunk, self.heads = trunk, heads
        self.register_buffer("shift", torch.tensor(SHIFT).view(3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).view(3, 1, 1), persistent=False)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        pairs = zip(*(self.trunk((image - self.shift) / self.scale) for image in (x, y)), strict=True)
        distances: Tensor = self.heads([(_unit(a) - _unit(b)).square() for a, b in pairs])
        return distances


def _unit(x: Tensor) -> Tensor:
    """The features of each pixel, made as long as 1."""
    return x / (torch.linalg.vector_norm(x, dim=1, keepdim=True) + EPSILON)


def _channels_at(layers: list[nn.Module], number: int) -> int:
    return [layer.out_channels for layer in layers[: number + 1] if isinstance(layer, nn.Conv2d)][-1]
