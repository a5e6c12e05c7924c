"""NanoDet-g (RangiLyu, github.com/RangiLyu/nanodet, Apache-2.0): one-stage detection of the 80 classes of COCO.

A fully convolutional detector in the manner of FCOS with the losses of Generalized Focal Loss (Li et al., NeurIPS
2020): every cell of three grids says which classes lie there, and how far the sides of their box are. The backbone
halves channels as CSPNet does (Wang et al., 2020), the pyramid adds up and down as PAN does (Liu et al., CVPR 2018).
Built from the published graph, in float32.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

STRIDES = 8, 16, 32
"""Pixels per cell of the three grids."""
CLASSES = 80
BINS = 11
"""A distance is a distribution over 0 to 10 cells."""
CHANNELS = 128
"""Of the pyramid."""
MEAN, DEVIATION = (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
"""Of blue, green and red, in grey levels."""


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1), nn.LeakyReLU(0.1, inplace=True))


class Unit(nn.Module):
    """Two convolutions whose results lie side by side: b c_in h w -> b 2 c h w."""

    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__()
        self.first, self.second = _conv(inputs, channels), _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        first = self.first(x)
        return torch.cat([self.second(first), first], dim=1)


class CrossStage(nn.Module):
    """Units and a convolution, with the input beside the result: b c h w -> b 2 c h w, or h/2 w/2 at stride 2."""

    def __init__(self, channels: int, units: int, stride: int) -> None:
        super().__init__()
        self.entry = _conv(channels, channels, stride)
        self.units = nn.Sequential(*(Unit(channels, channels // 2) for _ in range(units)))
        self.exit = _conv(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = self.entry(x)
        return torch.cat([self.exit(self.units(x)), x], dim=1)


class Head(nn.Sequential):
    """Of each cell the class logits and the distributions of four distances: b c m n -> b (80 + 4 bins) m n."""

    def __init__(self, channels: int) -> None:
        super().__init__(_conv(channels, channels), nn.Conv2d(channels, CLASSES + 4 * BINS, 1))


class NanoDet(nn.Module):
    """Images to boxes with class scores; see the module.

    Convention: images b 3 h w, blue, green, red, normalized by `MEAN` and `DEVIATION`; h and w multiples of 32.
    Returns scores b n 80 in [0, 1] and boxes b n 4 (left, top, right, bottom, in pixels), n cells of all three grids,
    finest first, row by row. Overlapping boxes are all there. Raises ValueError for other sizes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(_conv(3, 32, 2), nn.MaxPool2d(3, 2, padding=1))
        self.stages = nn.ModuleList(
            CrossStage(channels, units, stride)
            for channels, units, stride in ((32, 1, 1), (64, 2, 2), (128, 2, 2), (256, 3, 2))
        )
        self.laterals = nn.ModuleList(nn.Conv2d(channels, CHANNELS, 1) for channels in (128, 256, 512))
        self.heads = nn.ModuleList(Head(CHANNELS) for _ in STRIDES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        if images.shape[-1] % STRIDES[-1] or images.shape[-2] % STRIDES[-1]:
            raise ValueError(f"NanoDet: h and w must be multiples of {STRIDES[-1]}, got {tuple(images.shape)}.")
        outputs = [head(x) for head, x in zip(self.heads, self.pyramid(images), strict=True)]
        scores = [rearrange(x[:, :CLASSES], "b c m n -> b (m n) c").sigmoid() for x in outputs]
        boxes = [_boxes(x[:, CLASSES:], stride) for x, stride in zip(outputs, STRIDES, strict=True)]
        return torch.cat(scores, dim=1), torch.cat(boxes, dim=1)

    def pyramid(self, images: Tensor) -> list[Tensor]:
        """Features at the three strides, each b 128 m n: coarse ones added to fine ones, then fine to coarse."""
        x, found = self.stages[0](self.stem(images)), []
        for stage in self.stages[1:]:
            x = stage(x)
            found.append(x)
        levels = [lateral(x) for lateral, x in zip(self.laterals, found, strict=True)]
        for n in (1, 0):
            levels[n] = levels[n] + _resized(levels[n + 1], levels[n])
        for n in (1, 2):
            levels[n] = levels[n] + _resized(levels[n - 1], levels[n])
        return levels


def _resized(x: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(x, like.shape[-2:], mode="bilinear", align_corners=False)


def _boxes(x: Tensor, stride: int) -> Tensor:
    """Distributions of distances, b (4 bins) m n, in cells -> boxes b (m n) 4 in pixels."""
    m, n = x.shape[-2:]
    bins = torch.arange(BINS, device=x.device, dtype=torch.float32)
    share = rearrange(x.float(), "b (side bin) m n -> b (m n) side bin", bin=BINS).softmax(dim=-1)
    left, top, right, bottom = ((share * bins).sum(dim=-1) * stride).unbind(dim=-1)  # E[d] = sum_k k p_k
    y, x0 = torch.meshgrid(torch.arange(m, device=x.device), torch.arange(n, device=x.device), indexing="ij")
    cx, cy = ((at.flatten() + 0.5) * stride for at in (x0, y))
    return torch.stack([cx - left, cy - top, cx + right, cy + bottom], dim=-1)
