"""Scaled dot-product attention, by the way that is fastest for a device and a number type."""

import torch
import torch.nn.functional as F
from torch import Tensor


def attend(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(d)) v.

    q: ... n d. k, v: ... m d. seen: which keys take part, bool, broadcast to ... m; one at least. Differentiable.
    Returns ... n d in the type of q. Source: Vaswani et al., Attention Is All You Need, NIPS 2017.

    torch's fused kernel, but for bfloat16 on a CPU in inference: there two plain products take half its time, as
    oneDNN multiplies bfloat16 natively and the fused kernel (without AMX) does not.
    """
    if seen is not None:
        seen = seen.expand(*k.shape[:-1])
    if q.device.type != "cpu" or q.dtype != torch.bfloat16 or torch.is_grad_enabled():
        mask = None if seen is None else seen.flatten(0, -3)[:, :, None]
        asked, keys, values = (x.flatten(0, -4) for x in (q, k, v))
        return F.scaled_dot_product_attention(asked, keys, values, mask).view(q.shape)
    unseen = k.new_zeros(k.shape[:-1]) if seen is None else k.new_zeros(k.shape[:-1]).masked_fill(~seen, -torch.inf)
    out = q.new_empty(q.shape)
    scaled = q * q.shape[-1] ** -0.5
    rows = [x.flatten(0, -3) for x in (scaled, k, v, out)]
    for asked, keys, values, into, bias in zip(*rows, unseen.flatten(0, -2), strict=True):
        torch.mm(torch.addmm(bias, asked, keys.T).softmax(dim=-1), values, out=into)
    return out
