"""BasicVSR++ in the published order of work, transcribed plainly: what the speed of ours is measured against.

Whole clip, contiguous float32, one operation after the other, torchvision's deformable convolution.
"""

from collections.abc import Mapping
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import deform_conv2d

Weights = Mapping[str, Tensor]


def convolution(weights: Weights, name: str, x: Tensor) -> Tensor:
    weight = weights[f"{name}.weight"]
    return F.conv2d(x, weight, weights[f"{name}.bias"], padding=weight.shape[-1] // 2)


def leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.1)


def trunk(weights: Weights, name: str, x: Tensor) -> Tensor:
    x = leaky(convolution(weights, f"{name}.main.0", x))
    block = 0
    while f"{name}.main.2.{block}.conv1.weight" in weights:
        inner = F.relu(convolution(weights, f"{name}.main.2.{block}.conv1", x))
        x = x + convolution(weights, f"{name}.main.2.{block}.conv2", inner)
        block += 1
    return x


def warp(x: Tensor, flow: Tensor, padding: str = "zeros") -> Tensor:
    h, w = x.shape[-2:]
    rows, columns = torch.meshgrid(torch.arange(h, device=x.device), torch.arange(w, device=x.device), indexing="ij")
    grid = torch.stack([columns, rows], dim=-1).float() + flow.permute(0, 2, 3, 1)
    grid = 2 * grid / grid.new_tensor([max(w - 1, 1), max(h - 1, 1)]) - 1
    return F.grid_sample(x, grid, padding_mode=padding, align_corners=True)


def spynet(weights: Weights, first: Tensor, second: Tensor) -> Tensor:
    h, w = first.shape[-2:]
    size = (h + 31) // 32 * 32, (w + 31) // 32 * 32
    mean, std = first.new_tensor([0.485, 0.456, 0.406]), first.new_tensor([0.229, 0.224, 0.225])
    firsts, seconds = [], []
    for x, levels in ((first, firsts), (second, seconds)):
        x = F.interpolate(x, size, mode="bilinear", align_corners=False)
        levels.append((x - mean.view(1, 3, 1, 1)) / std.view(1, 3, 1, 1))
        for _ in range(5):
            levels.append(F.avg_pool2d(levels[-1], 2))
    flow = first.new_zeros(len(first), 2, size[0] // 32, size[1] // 32)
    for level in range(6):
        if level:
            flow = 2 * F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=True)
        x = torch.cat([firsts[5 - level], warp(seconds[5 - level], flow, "border"), flow], dim=1)
        for layer in range(5):
            x = convolution(weights, f"spynet.basic_module.{level}.basic_module.{layer}.conv", x)
            x = F.relu(x) if layer < 4 else x
        flow = flow + x
    scale = flow.new_tensor([w / size[1], h / size[0]]).view(1, 2, 1, 1)
    return F.interpolate(flow, (h, w), mode="bilinear", align_corners=False) * scale


def align(
    weights: Weights, name: str, current: Tensor, features: tuple[Tensor, Tensor], flows: tuple[Tensor, Tensor]
) -> Tensor:
    warped = [warp(feature, flow) for feature, flow in zip(features, flows, strict=True)]
    x = torch.cat([warped[0], current, warped[1], *flows], dim=1)
    for layer in (0, 2, 4):
        x = leaky(convolution(weights, f"{name}.conv_offset.{layer}", x))
    first, second, mask = convolution(weights, f"{name}.conv_offset.6", x).chunk(3, dim=1)
    offset = 10 * torch.tanh(torch.cat([first, second], dim=1))
    first, second = offset.chunk(2, dim=1)
    first = first + flows[0].flip(1).repeat(1, first.shape[1] // 2, 1, 1)
    second = second + flows[1].flip(1).repeat(1, second.shape[1] // 2, 1, 1)
    offset, mask = torch.cat([first, second], dim=1), torch.sigmoid(mask)
    x = torch.cat(features, dim=1)
    return deform_conv2d(x, offset, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1, mask=mask)


def basicvsr_plusplus(weights: Weights, frames: Tensor) -> Tensor:
    """t 3 h w in [0, 1] -> t 3 4h 4w."""
    clip = frames.split(1)
    spatial = trunk(weights, "feat_extract", frames).split(1)
    to_next = [spynet(weights, first, second) for first, second in pairwise(clip)]
    to_previous = [spynet(weights, second, first) for first, second in pairwise(clip)]
    features: dict[str, list[Tensor]] = {}
    for branch in ("backward_1", "forward_1", "backward_2", "forward_2"):
        order = list(range(len(clip)))
        flows = to_previous
        if branch.startswith("backward"):
            order, flows = order[::-1], to_next[::-1]
        kept: list[Tensor] = []
        for step, index in enumerate(order):
            aligned = torch.zeros_like(spatial[0])
            if step > 0:
                flow, older, older_flow = flows[step - 1], torch.zeros_like(aligned), torch.zeros_like(flows[0])
                if step > 1:
                    older = kept[-2]
                    older_flow = flow + warp(flows[step - 2], flow)
                name = f"deform_align.{branch}"
                aligned = align(weights, name, spatial[index], (kept[-1], older), (flow, older_flow))
            inputs = [spatial[index], *(features[other][index] for other in features), aligned]
            kept.append(aligned + trunk(weights, f"backbone.{branch}", torch.cat(inputs, dim=1)))
        features[branch] = kept if order[0] == 0 else kept[::-1]
    outputs = []
    for index, frame in enumerate(clip):
        x = torch.cat([spatial[index], *(kept[index] for kept in features.values())], dim=1)
        x = trunk(weights, "reconstruction", x)
        for layer in ("upsample1.upsample_conv", "upsample2.upsample_conv"):
            x = leaky(F.pixel_shuffle(convolution(weights, layer, x), 2))
        x = convolution(weights, "conv_last", leaky(convolution(weights, "conv_hr", x)))
        outputs.append(x + F.interpolate(frame, scale_factor=4, mode="bilinear", align_corners=False))
    return torch.cat(outputs)
