"""Scaled dot-product attention, by the way that is fastest for a device and a number type."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

from peanut.ops.fast_paths import allowed, cpu_multiplies

ROWS = 1024
"""Queries whose logits are computed at a time."""
WORTH = 2**18
"""Logits of one head above which two plain products are faster than the fused kernel."""


def attend(q: Tensor, k: Tensor, v: Tensor, seen: Tensor | None = None) -> Tensor:
    """softmax(q k^T / sqrt(d)) v.

    q: ... n d. k: ... m d. v: ... m c. seen: which keys take part, bool, broadcast to ... m; one at least.
    Returns ... n c in the type of q. Differentiable.
    Source: Vaswani et al., Attention Is All You Need, NIPS 2017.

    torch's fused kernel, but on a CPU in inference for bfloat16 that the processor multiplies (oneDNN does it natively;
    the fused kernel, without AMX, does not) and for values narrower than keys (which it does not know): there two plain
    products take less time.
    """
    if seen is not None:
        seen = seen.expand(*k.shape[:-1])
    products = cpu_multiplies(q.dtype) and (q.dtype == torch.bfloat16 or v.shape[-1] < k.shape[-1])
    if q.device.type != "cpu" or torch.is_grad_enabled() or not products or not allowed():
        mask = None if seen is None else seen.flatten(0, -3)[:, :, None]
        asked, keys, values = (x.flatten(0, -4) for x in (q, k, v))
        return F.scaled_dot_product_attention(asked, keys, values, mask).view(*q.shape[:-1], -1)
    unseen = None if seen is None else k.new_zeros(k.shape[:-1]).masked_fill(~seen, -torch.inf).flatten(0, -2)
    out = q.new_empty(*q.shape[:-1], v.shape[-1])
    rows = (x.flatten(0, -3) for x in (q * q.shape[-1] ** -0.5, k, v, out))
    for number, (asked, keys, values, into) in enumerate(zip(*rows, strict=True)):
        for few, part in zip(asked.split(ROWS), into.split(ROWS), strict=True):
            logits = few @ keys.T if unseen is None else torch.addmm(unseen[number], few, keys.T)
            torch.mm(logits.softmax(dim=-1), values, out=part)
    return out


class FastAttention(TorchFunctionMode):
    """Inside it `attend` computes other people's large attentions on a CPU where torch's kernel is not the fastest.

    That is under autocast (in its type), and for values narrower than keys. For inference.
    """

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        plain = func is F.scaled_dot_product_attention and len(args) == 3 and not kwargs.get("dropout_p")
        if plain and not set(kwargs) - {"dropout_p"}:
            q, k, v = args
            rounded, narrow = torch.is_autocast_enabled("cpu"), v.shape[-1] < k.shape[-1]
            large = q.shape[-2] * k.shape[-2] >= WORTH
            if q.device.type == "cpu" and (rounded or narrow) and large and allowed():
                dtype = torch.get_autocast_dtype("cpu") if rounded else q.dtype
                with torch.autocast("cpu", enabled=False):
                    return attend(*(x.to(dtype) for x in args))
        return func(*args, **kwargs)
