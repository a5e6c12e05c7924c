"""Where two flows, one each way, agree: elsewhere a pixel is covered in the other image, or has left it."""

import torch
from torch import Tensor

from peanut.ops.warp import positions, warp


def visible(flow: Tensor, back: Tensor, share: float = 0.01, slack: float = 0.5) -> Tensor:
    """Which pixels are found in the other image: those that its flow leads back to where they came from.

    flow, back: b 2 h w each, float, in pixels; channel 0 to the right, channel 1 downwards: from an image to another,
    and from that one to the first. A pixel p is visible if p + flow(p) lies inside the other image and
    |flow(p) + back(p + flow(p))|^2 < share (|flow(p)|^2 + |back(p + flow(p))|^2) + slack, slack in squared pixels.
    Returns b 1 h w, bool, on the device of the flows; False is occluded, also where a flow is no number. No gradients.
    Raises ValueError if the flows do not fit each other.
    Convention: as `warp`. Source: Sundaram et al., Dense Point Trajectories by GPU-Accelerated Large Displacement
    Optical Flow, ECCV 2010.

    >>> flow = torch.zeros(1, 2, 1, 4)
    >>> flow[:, 0] = 1  # all goes right by a pixel: the last one leaves
    >>> visible(flow, -flow).flatten().tolist()
    [True, True, True, False]
    """
    if flow.ndim != 4 or flow.shape[1] != 2 or flow.shape != back.shape:
        raise ValueError(f"visible: both flows must be b 2 h w, got {tuple(flow.shape)} and {tuple(back.shape)}.")
    with torch.no_grad():
        flow = flow.float()
        return agree(flow, warp(back.float(), flow), share, slack)


def agree(flow: Tensor, returned: Tensor, share: float = 0.01, slack: float = 0.5) -> Tensor:
    """What `visible` gives, where the way back, looked up along the flow, is there already: b 2 h w each, float32."""
    h, w = flow.shape[-2:]
    there = positions(h, w, flow.device) + flow
    x, y = there[:, :1], there[:, 1:]
    depth = torch.minimum(torch.minimum(x, w - 1 - x), torch.minimum(y, h - 1 - y))  # from the nearest border
    apart = _squared_length(flow + returned)
    lengths = _squared_length(flow) + _squared_length(returned)
    return (depth >= 0) & (apart < share * lengths + slack)


def _squared_length(flow: Tensor) -> Tensor:
    right, down = flow[:, :1], flow[:, 1:]  # by channel: several times as fast as a sum over two of them
    return right * right + down * down
