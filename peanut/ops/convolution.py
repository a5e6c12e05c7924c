"""Convolutions together with what follows them: an activation or a sum.

On the CPU, for inference, two libraries that come with torch do it faster, with the same result to rounding:

- float32, 5x5 and larger, and 3x3 where that is faster: NNPACK, by Winograd's minimal filtering (Lavin and Gray, CVPR
  2016) or by FFT, with a half (3x3) to a quarter (7x7) of the multiplications. Contiguous tensors.
- what is left: oneDNN, in one pass with the activation and the sum, from weights that were reordered once.
  Channels-last tensors.

Both are private parts of PyTorch: each is tried once against the plain modules before it is used.
"""

import logging
from collections.abc import Callable
from functools import cache
from time import perf_counter
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.ops.fast_paths import allowed, product_type

log = logging.getLogger(__name__)

Activation = nn.ReLU | nn.LeakyReLU
Way = Callable[[Tensor, nn.Conv2d, Activation | None, Tensor | None], Tensor]

_packed: "WeakKeyDictionary[nn.Conv2d, tuple[tuple[Any, ...], Tensor]]" = WeakKeyDictionary()


def convolve(x: Tensor, conv: nn.Conv2d, activation: Activation | None = None, plus: Tensor | None = None) -> Tensor:
    """activation(conv(x)) or conv(x) + plus, in one pass where the device can: b c h w, in the type of x.

    plus: of the result's shape and type. Raises ValueError if both are given.
    """
    if activation is not None and plus is not None:
        raise ValueError("convolve: either an activation or a sum follows a convolution, not both.")
    if _serves(x, conv):
        if _minimal(x, conv):
            return _minimal_filtering(x, conv, activation, plus)
        if _works(_direct, x.dtype):
            return _direct(x, conv, activation, plus)
    return _plainly(x, conv, activation, plus)


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


def _plainly(x: Tensor, conv: nn.Conv2d, activation: Activation | None, plus: Tensor | None) -> Tensor:
    exact = product_type(x)
    if exact == x.dtype:
        out: Tensor = conv(x)
    else:
        weight, bias = conv.weight.to(exact), None if conv.bias is None else conv.bias.to(exact)
        out = conv._conv_forward(x.to(exact), weight, bias).to(x.dtype)
    if plus is not None:
        return out + plus
    return out if activation is None else activation(out)


def _serves(x: Tensor, conv: nn.Conv2d) -> bool:
    return (
        x.device.type == "cpu"
        and x.dtype in (torch.float32, torch.bfloat16)
        and conv.padding_mode == "zeros"
        and not isinstance(conv.padding, str)
        and not (torch.is_grad_enabled() and (x.requires_grad or conv.weight.requires_grad))
        and not conv.weight.is_inference()  # whether one of these was changed cannot be told
        and not torch.compiler.is_compiling()
        and allowed()
    )


def _minimal(x: Tensor, conv: nn.Conv2d) -> bool:
    k = conv.kernel_size[0]
    plain = conv.stride == (1, 1) and conv.dilation == (1, 1) and conv.kernel_size == (k, k)
    usual = conv.padding == (k // 2, k // 2) and 3 <= k <= 7 and min(x.shape[-2:]) >= 16
    known = x.dtype == torch.float32 and plain and usual and _works(_minimal_filtering, x.dtype)
    return known and (k > 3 or not _works(_direct, x.dtype) or _minimal_3x3_is_faster())


@cache
@torch.inference_mode(False)
@torch.no_grad()
def _works(way: Way, dtype: torch.dtype) -> bool:
    """Tried once, against the plain modules: not every version of PyTorch and not every processor has it."""
    conv = _layer(4, dtype)
    x = torch.linspace(-1, 1, 4 * 16 * 16).reshape(1, 4, 16, 16).to("cpu", dtype)
    activation, close = nn.LeakyReLU(0.1), 1e-3 if dtype == torch.float32 else 0.05
    try:
        pairs = [(way(x, conv, *after), _plainly(x, conv, *after)) for after in ((activation, None), (None, x))]
    except (AttributeError, RuntimeError, TypeError) as error:  # missing, refused by the processor, or called otherwise
        log.info("%s in %s is not used here: %s", way.__name__.strip("_"), dtype, error)
        return False
    return all(torch.allclose(ours, plain, rtol=close, atol=close) for ours, plain in pairs)


@cache
@torch.inference_mode(False)
@torch.no_grad()
def _minimal_3x3_is_faster() -> bool:
    """Tried once: NNPACK's vectors have 256 bits, and nothing tells whether the processor does 512 in the same time."""
    conv = _layer(64, torch.float32)
    start = torch.ones(1, 64, 128, 128, dtype=torch.float32, device="cpu")
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(4):
        for minimal, spent in seconds.items():
            x, began = start, perf_counter()
            for _ in range(4):
                x = (_minimal_filtering if minimal else _direct)(x, conv, nn.ReLU(), None)
            spent.append(perf_counter() - began)
    return min(seconds[True]) < min(seconds[False])


def _layer(channels: int, dtype: torch.dtype) -> nn.Conv2d:
    """A 3x3 convolution to try things with; no random number of the caller's is used up."""
    with torch.random.fork_rng(devices=[]):
        return nn.Conv2d(channels, channels, 3, padding=1, dtype=dtype, device="cpu")


def _minimal_filtering(x: Tensor, conv: nn.Conv2d, activation: Activation | None, plus: Tensor | None) -> Tensor:
    """One image at a time: for several at once NNPACK takes another, slower way. Groups it does not know at all."""
    weights = conv.weight.contiguous().chunk(conv.groups)
    biases = [None] * conv.groups if conv.bias is None else conv.bias.chunk(conv.groups)
    outs = []
    for one in torch.split(x.contiguous(), 1):
        parts = zip(one.chunk(conv.groups, dim=1), weights, biases, strict=True)
        groups = [torch._nnpack_spatial_convolution(*part, conv.kernel_size[0] // 2) for part in parts]
        outs.append(groups[0] if len(groups) == 1 else torch.cat(groups, dim=1))
    out = outs[0] if len(outs) == 1 else torch.cat(outs)
    if plus is not None:
        out += plus
    if isinstance(activation, nn.LeakyReLU):
        F.leaky_relu_(out, activation.negative_slope)
    elif activation is not None:
        out.relu_()
    return out


def _direct(x: Tensor, conv: nn.Conv2d, activation: Activation | None, plus: Tensor | None) -> Tensor:
    x = x.contiguous(memory_format=torch.channels_last)
    slope = None if activation is None else getattr(activation, "negative_slope", 0.0)
    kind = {None: "none", 0.0: "relu"}.get(slope, "leaky_relu")
    scalars = [slope] if kind == "leaky_relu" else []
    rest = (_pack(conv), conv.bias, list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups)
    if plus is None:
        out: Tensor = torch.ops.mkldnn._convolution_pointwise(x, *rest, kind, scalars, "")
    else:
        out = torch.ops.mkldnn._convolution_pointwise.binary(x, plus, *rest, "add", 1.0, None, [], "")
    return out


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
