"""Modulated deformable convolution."""

from einops import rearrange
from torch import Tensor

from peanut.ops.warp import positions, sample


def deform_conv2d(x: Tensor, offset: Tensor, mask: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """A convolution that looks every tap up at a place of its own and weighs it: stride 1, "same" zero padding.

    x: b c h w. offset: b (g k k 2) h w in pixels of x: offset group, tap row by row, (down, right). mask:
    b (g k k) h w. weight: d c k k with odd k. bias: d. Returns b d h w. Group g of the offsets moves the channels
    g c / groups to (g + 1) c / groups. Differentiable. Raises ValueError if the shapes do not fit.
    Equal to `torchvision.ops.deform_conv2d`, whose kernel runs on CUDA.
    Source: Zhu et al., Deformable ConvNets v2, CVPR 2019.
    """
    b, c, h, w = x.shape
    d, k = weight.shape[0], weight.shape[-1]
    groups = mask.shape[1] // (k * k)
    fits = groups and c % groups == 0 and weight.shape == (d, c, k, k) and k % 2
    if not fits or mask.shape != (b, groups * k * k, h, w) or offset.shape != (b, 2 * groups * k * k, h, w):
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in (x, offset, mask, weight))
        raise ValueError(f"deform_conv2d: x, offset, mask and weight do not fit together, got {shapes}.")
    if x.is_cuda:
        from torchvision.ops import deform_conv2d as kernel

        out: Tensor = kernel(x, offset, weight, bias, padding=k // 2, mask=mask)
        return out
    grouped = rearrange(x, "b (g c) h w -> (b g) c h w", g=groups)
    taps = positions(k, k, x.device).flatten(2).permute(0, 2, 1) - k // 2  # 1 kk 2
    own = positions(h, w, x.device).permute(0, 2, 3, 1)  # 1 h w 2
    moved = rearrange(offset, "b (g k yx) h w -> (b g) k h w yx", g=groups, yx=2).flip(-1)
    to = rearrange(moved + own[:, None] + taps[:, :, None, None], "n k h w xy -> n (k h) w xy")
    looked_up = rearrange(sample(grouped, to), "(b g) c (k h) w -> b g c k h w", b=b, h=h)
    columns = looked_up * rearrange(mask, "b (g k) h w -> b g 1 k h w", g=groups)
    out = weight.flatten(1) @ rearrange(columns, "b g c k h w -> b (g c k) (h w)")
    out = out if bias is None else out + bias[:, None]
    return rearrange(out, "b d (h w) -> b d h w", h=h)
