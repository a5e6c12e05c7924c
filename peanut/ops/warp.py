"""Looking pixels up along a flow."""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.ops import lookup


def positions(h: int, w: int, device: torch.device) -> Tensor:
    """The pixels' own places: 1 2 h w, float32; channel 0 to the right, channel 1 downwards."""
    y, x = torch.arange(h, device=device, dtype=torch.float32), torch.arange(w, device=device, dtype=torch.float32)
    return torch.stack([x.expand(h, w), y[:, None].expand(h, w)])[None]


def sample(x: Tensor, to: Tensor) -> Tensor:
    """Look `x` (b c h w) up at the places `to` (b m n 2: right, down, in pixels): b c m n, zeros outside.

    A place that is no number lies outside.
    """
    h, w = x.shape[-2:]
    grid = (2 * to.nan_to_num(-2) + 1) / to.new_tensor([w, h]) - 1  # pixel centres at whole numbers
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def warp(x: Tensor, flow: Tensor, padding: Literal["zeros", "border"] = "zeros") -> Tensor:
    """Look up `x` where `flow` points (backward warping): out[p] = x[p + flow(p)].

    x: b c h w, float, any range. flow: b 2 h w, in pixels of x; channel 0 to the right, channel 1 downwards.
    padding: what lies outside the image, zeros or the nearest border pixel.
    Returns b c h w with type, device and range of x, differentiable in both. Raises ValueError if flow does not fit x.
    Convention: pixel centres at whole numbers, bilinear (as `align_corners=True`). Source: Jaderberg et al., NIPS 2015.

    >>> right = torch.tensor([1.0, 0.0]).reshape(1, 2, 1, 1).expand(1, 2, 1, 4)
    >>> warp(torch.tensor([[[[0.0, 1.0, 2.0, 3.0]]]]), right).flatten().tolist()
    [1.0, 2.0, 3.0, 0.0]
    """
    b, c, h, w = x.shape
    if flow.shape != (b, 2, h, w):
        raise ValueError(f"warp: flow must be {(b, 2, h, w)} to fit x {tuple(x.shape)}, got {tuple(flow.shape)}.")
    if lookup.serves(x, flow) and c > 3 and x.is_contiguous(memory_format=torch.channels_last):
        to = (positions(h, w, x.device) + flow.float()).flatten(2)  # b 2 hw
        if padding == "zeros":
            read = [lookup.Table(x[i]).read(to[i, 1].view(-1, 1, 1), to[i, 0].view(-1, 1, 1)) for i in range(b)]
            return torch.stack(read).view(b, h, w, c).permute(0, 3, 1, 2).to(x.dtype)
    exact = torch.promote_types(x.dtype, torch.float32)  # half precision: up to 0.23 pixels off at width 1920
    to = (positions(h, w, x.device) + flow).to(exact).permute(0, 2, 3, 1)  # b h w 2
    if padding == "border":  # not by grid_sample: not every device can
        to = to.clamp(min=to.new_zeros(2), max=to.new_tensor([w - 1, h - 1]))
    return sample(x.to(exact), to).to(x.dtype)
