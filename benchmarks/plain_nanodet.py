"""NanoDet-g as its published graph reads, operation after operation: h w c, padded before each convolution.

What `peanut/networks/nanodet.py` is measured against: same weights, same result, nothing laid out for speed.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

UNITS = 1, 2, 2, 3
"""Of the four stages; the first does not halve the size."""


def nanodet(weights: dict[str, Tensor], images: Tensor) -> Tensor:
    """Images b 3 h w -> the scores of all cells, b n 80; what it takes to have their boxes is computed, too.

    weights: those of the network, in its order.
    """
    kernels = iter([(weights[name], weights[name[:-6] + "bias"]) for name in weights if name.endswith(".weight")])
    x = _pooled(_activated(_convolved(images.permute(0, 2, 3, 1), kernels, stride=2)))
    levels = []
    for number, units in enumerate(UNITS):
        x = _stage(x, kernels, units, stride=2 if number else 1)
        levels.append(x)
    levels = [_convolved(x, kernels) for x in levels[1:]]
    for n in (1, 0):
        levels[n] = levels[n] + _resized(levels[n + 1], levels[n])
    for n in (1, 2):
        levels[n] = levels[n] + _resized(levels[n - 1], levels[n])
    scores = []
    for x in levels:
        x = _convolved(_activated(_convolved(x, kernels)), kernels)
        score, distribution = x.split([80, 44], dim=-1)
        distribution.reshape(len(x), -1, 4, 11).softmax(dim=-1).matmul(torch.arange(11.0))
        scores.append(score.sigmoid().reshape(len(x), -1, 80))
    return torch.cat(scores, dim=1)


def _stage(x: Tensor, kernels: Iterator[tuple[Tensor, Tensor]], units: int, stride: int) -> Tensor:
    x = entry = _activated(_convolved(x, kernels, stride))
    for _ in range(units):
        first = _activated(_convolved(x, kernels))
        x = torch.cat([_activated(_convolved(first, kernels)), first], dim=-1)
    return torch.cat([_activated(_convolved(x, kernels)), entry], dim=-1)


def _convolved(x: Tensor, kernels: Iterator[tuple[Tensor, Tensor]], stride: int = 1) -> Tensor:
    kernel, bias = next(kernels)
    side = kernel.shape[-1] // 2
    padded = F.pad(x, (0, 0, side, side, side, side)).permute(0, 3, 1, 2).contiguous()
    return F.conv2d(padded, kernel, stride=stride).permute(0, 2, 3, 1).contiguous() + bias


def _activated(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)


def _pooled(x: Tensor) -> Tensor:
    padded = F.pad(x, (0, 0, 1, 1, 1, 1), value=-torch.inf).permute(0, 3, 1, 2)
    return F.max_pool2d(padded, 3, 2).permute(0, 2, 3, 1)


def _resized(x: Tensor, like: Tensor) -> Tensor:
    size = list(like.shape[1:3])
    return F.interpolate(x.permute(0, 3, 1, 2), size, mode="bilinear").permute(0, 2, 3, 1)
