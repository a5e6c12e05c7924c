"""Convolutions together with what follows them: an activation or a sum.

On the CPU, for inference, oneDNN computes both in one pass over the memory, from weights that were reordered once.
Everywhere else they run one after the other; the result is the same.
"""

from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

Activation = nn.ReLU | nn.LeakyReLU

_packed: "WeakKeyDictionary[nn.Conv2d, tuple[tuple[Any, ...], Tensor]]" = WeakKeyDictionary()


def convolve(x: Tensor, conv: nn.Conv2d, activation: Activation | None = None, plus: Tensor | None = None) -> Tensor:
    """activation(conv(x) + plus), in one pass where the device can: b c h w, in the type of x, channels-last if x is.

    plus: of the result's shape and type; nothing is added without it.
    """
    if not _fuses(x, conv):
        out: Tensor = conv(x) if plus is None else conv(x) + plus
        if activation is not None:
            out = activation(out)
        return out
    slope = None if activation is None else getattr(activation, "negative_slope", 0.0)
    kind = {None: "none", 0.0: "relu"}.get(slope, "leaky_relu")
    scalars = [slope] if kind == "leaky_relu" else []
    rest = (_pack(conv), conv.bias, list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
    if plus is None:
        out = torch.ops.mkldnn._convolution_pointwise(x, *rest, kind, scalars, "")
    else:
        after = None if kind == "none" else kind
        out = torch.ops.mkldnn._convolution_pointwise.binary(x, plus, *rest, "add", 1.0, after, scalars, "")
    return out


class Chain(nn.Sequential):
    """`nn.Sequential` that runs every convolution together with the activation behind it; the result is the same."""

    def forward(self, x: Tensor) -> Tensor:
        layers = list(self)
        while layers:
            layer = layers.pop(0)
            after = layers[0] if layers else None
            if isinstance(layer, nn.Conv2d) and isinstance(after, nn.ReLU | nn.LeakyReLU):
                x = convolve(x, layer, after)
                layers.pop(0)
            else:
                x = convolve(x, layer) if isinstance(layer, nn.Conv2d) else layer(x)
        return x


def _fuses(x: Tensor, conv: nn.Conv2d) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16)
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and not (torch.is_grad_enabled() and (x.requires_grad or conv.weight.requires_grad))
        and not conv.weight.is_inference()  # whether one of these was changed cannot be told
        and not torch.compiler.is_compiling()
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_convolution_pointwise")
    )


def _pack(conv: nn.Conv2d) -> Tensor:
    """The weight in oneDNN's own order, made again when the weight was changed."""
    weight = conv.weight
    key = (weight.data_ptr(), weight._version, weight.dtype)
    kept = _packed.get(conv)
    if kept is None or kept[0] != key:
        dense = weight.detach().contiguous().to_mkldnn()
        shape = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
        kept = key, torch._C._nn.mkldnn_reorder_conv2d_weight(dense, *shape, None)  # type: ignore[call-arg]
        _packed[conv] = kept
    return kept[1]
