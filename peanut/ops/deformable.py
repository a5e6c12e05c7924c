"""Modulated deformable convolution, plain and around a flow."""

from collections.abc import Callable

import torch
from einops import rearrange
from torch import Tensor

from peanut.ops.fast_paths import product_type
from peanut.ops.lookup import Table, serves
from peanut.ops.warp import positions, sample

STRIP = 2**18
"""Lookups done at once on the CPU: what they need stays in the cache."""


def deform_conv2d(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """A convolution that looks every tap up at a place of its own and weighs it: stride 1, "same" zero padding.

    x: b c h w. offset: b (g k k 2) h w in pixels of x: offset group, tap row by row, (down, right). mask:
    b (g k k) h w. weight: d c k k with odd k. bias: d. Returns b d h w in the type of x; bilinear, zeros outside. Group
    g moves the g-th part of the channels. Differentiable. Raises ValueError if the shapes do not fit.
    Equal to `torchvision.ops.deform_conv2d`, whose kernel runs on CUDA.
    Source: Zhu et al., Deformable ConvNets v2, CVPR 2019.
    """
    groups = _groups(x, offset, mask, weight)
    if x.is_cuda:
        from torchvision.ops import deform_conv2d as kernel

        exact = (tensor.float() for tensor in (x, offset, weight, bias))  # bfloat16 it cannot; offsets are positions
        out: Tensor = kernel(*exact, padding=weight.shape[-1] // 2, mask=mask.float())
        return out.to(x.dtype)
    if not serves(x, offset, mask, weight):
        return _sampled(x, offset, mask, weight, bias, groups)
    return _in_strips(
        x,
        weight,
        bias,
        groups,
        lambda clip, pixels: (
            _pixels_first(offset[clip, 0::2], pixels),
            _pixels_first(offset[clip, 1::2], pixels),
            _pixels_first(mask[clip], pixels),
        ),
    )


def flow_guided_deform_conv2d(
    x: Tensor, condition: Tensor, flows: tuple[Tensor, Tensor], largest: float, weight: Tensor, bias: Tensor
) -> Tensor:
    """Modulated deformable convolution whose first half of groups looks around one flow, the second around another.

    x, weight, bias: as for `deform_conv2d`. condition: b (g k k 3) h w, any range: the first two thirds, through
    `largest` times tanh, move the taps away from the flow (ordered as the offset of `deform_conv2d`), the last, through
    a sigmoid, is their mask. flows: b 2 h w each, in pixels; channel 0 to the right. Returns b d h w.
    Source: Chan et al., BasicVSR++, CVPR 2022, equations 4 and 5.
    """
    third = condition.shape[1] // 3
    groups = _groups(x, condition[:, : 2 * third], condition[:, 2 * third :], weight)
    if not serves(x, condition, *flows, weight):
        residue = largest * torch.tanh(condition[:, : 2 * third].float())
        guide = torch.cat([flow.flip(1).repeat(1, third // 2, 1, 1) for flow in flows], dim=1)
        return deform_conv2d(x, residue + guide, torch.sigmoid(condition[:, 2 * third :]), weight, bias)
    guides = torch.stack(flows).float().flatten(3)  # 2 b 2 hw

    def places(clip: int, pixels: slice) -> tuple[Tensor, Tensor, Tensor]:
        moved = []
        for axis in (0, 1):  # down, right
            residue = _pixels_first(condition[clip, axis : 2 * third : 2], pixels)
            residue.mul_(2).sigmoid_().mul_(2 * largest).sub_(largest)  # tanh(x) = 2 sigmoid(2 x) - 1, in half the time
            halves = residue.view(-1, 2, third // 2)
            halves += guides[:, clip, 1 - axis, pixels].t()[:, :, None]
            moved.append(residue)
        return moved[0], moved[1], _pixels_first(condition[clip, 2 * third :], pixels).sigmoid_()

    return _in_strips(x, weight, bias, groups, places)


def _groups(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor) -> int:
    """The number of offset groups. Raises ValueError if the shapes do not fit."""
    (b, c, h, w), (d, _, k, _) = x.shape, weight.shape
    groups = mask.shape[1] // (k * k)
    fits = k % 2 and groups and c % groups == 0 and weight.shape == (d, c, k, k)
    if not fits or mask.shape != (b, groups * k * k, h, w) or offset.shape != (b, 2 * groups * k * k, h, w):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (x, offset, mask, weight))
        raise ValueError(f"deform_conv2d: x, offset, mask and weight do not fit together, got {shapes}.")
    return groups


def _sampled(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor, groups: int) -> Tensor:
    """Plainly: every tap of every group by `grid_sample`, then one matrix product."""
    (b, _, h, w), k = x.shape, weight.shape[-1]
    taps = positions(k, k, x.device).flatten(2).permute(0, 2, 1) - k // 2  # 1 kk 2
    own = positions(h, w, x.device).permute(0, 2, 3, 1)  # 1 h w 2
    moved = rearrange(offset.float(), "b (g k yx) h w -> (b g) k h w yx", g=groups, yx=2).flip(-1)
    to = rearrange(moved + own[:, None] + taps[:, :, None, None], "n k h w xy -> n (k h) w xy")
    looked_up = sample(rearrange(x.float(), "b (g c) h w -> (b g) c h w", g=groups), to)
    columns = rearrange(looked_up, "(b g) c (k h) w -> b g c k h w", b=b, h=h)
    columns = columns * rearrange(mask.float(), "b (g k) h w -> b g 1 k h w", g=groups)
    exact = product_type(x)
    out = weight.flatten(1).to(exact) @ rearrange(columns, "b g c k h w -> b (g c k) (h w)").to(exact)
    return rearrange((out + bias[:, None]).to(x.dtype), "b d (h w) -> b d h w", h=h)


def _pixels_first(x: Tensor, pixels: slice) -> Tensor:
    """Some pixels of c h w, channels behind them: n c, a float32 copy."""
    out = torch.empty(pixels.stop - pixels.start, x.shape[0])
    return out.copy_(x.flatten(1)[:, pixels].t())


def _in_strips(
    x: Tensor, weight: Tensor, bias: Tensor, groups: int, places: Callable[[int, slice], tuple[Tensor, Tensor, Tensor]]
) -> Tensor:
    """By table lookups, a few pixels at a time. places: offsets down and right, and the mask: n (g kk) each."""
    (b, _, h, w), (d, _, k, _) = x.shape, weight.shape
    exact = product_type(x)
    matrix, bias = rearrange(weight, "d (g c) i j -> (g i j c) d", g=groups).contiguous().to(exact), bias.to(exact)
    right, down = positions(k, k, x.device).flatten(2)[0] - k // 2
    taps_down, taps_right = down.repeat(groups), right.repeat(groups)
    out = x.new_empty(b, h * w, d, dtype=exact)
    step = max(1, STRIP // len(taps_down))
    for clip in range(b):
        table = Table(x[clip], groups)
        for start in range(0, h * w, step):
            pixels = slice(start, min(start + step, h * w))
            number = torch.arange(pixels.start, pixels.stop)[:, None]
            to_y, to_x, mask = places(clip, pixels)
            to_y.add_(taps_down).add_(number // w)
            to_x.add_(taps_right).add_(number % w)
            columns = table.read(*(part.view(-1, groups, k * k) for part in (to_y, to_x, mask)))
            torch.addmm(bias, columns.view(len(number), -1).to(exact), matrix, out=out[clip, pixels])
    image = rearrange(out.to(x.dtype), "b (h w) d -> b d h w", h=h)  # channels-last
    return image.contiguous() if x.is_contiguous() else image
