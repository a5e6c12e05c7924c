"""Where a network runs and how precisely it computes: one place decides both."""

import copy
import logging
from collections.abc import Iterator
from functools import cache
from itertools import chain
from typing import Any, TypeVar

import torch
from torch import nn

from peanut.errors import UsageError
from peanut.ops.fast_paths import cpu_multiplies

log = logging.getLogger(__name__)

N = TypeVar("N", bound=nn.Module)


def pick_device(device: str | torch.device = "auto") -> torch.device:
    """The device that `device` names; "auto": CUDA, then MPS, then the CPU. Raises UsageError if it is not there."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        picked = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UsageError(
            f"device must be 'auto', 'cuda' (or 'cuda:1'), 'mps' or 'cpu', got {device!r}: 'auto' takes what there is."
        ) from error
    try:
        torch.empty(1, device=picked)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"no device {str(device)!r} here ({reason}): device='auto' takes what there is.") from error
    return picked


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether the hardware itself multiplies bfloat16: CUDA from capability 8.0, CPUs with AMX or AVX512-BF16."""
    if device.type == "cuda":
        return torch.cuda.get_device_capability(device) >= (8, 0)
    if device.type == "cpu":
        checks = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
        return any(getattr(torch.cpu, check, lambda: False)() for check in checks)
    return False


def pick_dtype(dtype: str | torch.dtype, device: torch.device) -> torch.dtype:
    """The number type of a network's weights; "auto": bfloat16 where the hardware multiplies it, else float32.

    Takes a torch type or its name. Half precision that a CPU does not multiply works all the same, and is told once.
    Raises UsageError for any but float32, bfloat16 and float16.
    """
    if dtype == "auto":
        return torch.bfloat16 if multiplies_bfloat16(device) else torch.float32
    picked = getattr(torch, dtype, None) if isinstance(dtype, str) else dtype
    if picked not in (torch.float32, torch.bfloat16, torch.float16):
        raise UsageError(f"dtype must be 'auto', float32, bfloat16 or float16, got {dtype!r}.")
    if device.type == "cpu" and not cpu_multiplies(picked):
        _tell_once(picked)
    return picked


@cache
def _tell_once(dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    log.warning("this processor does not multiply %s: it gains no time here; dtype='auto' takes float32.", name)


def prepare_for_inference(network: N, device: torch.device, dtype: torch.dtype | None = None) -> N:
    """A copy of a network on a device, for inference, with its weights in `dtype` (None: as they are).

    What was given is not touched: the copy has modules of its own, and shares those tensors that are already where and
    as they should be. Parts whose class says `exact = True` (a SPyNet: flows are positions) keep their float32.
    """
    exact = {id(tensor) for part in network.modules() if getattr(part, "exact", False) for tensor in _tensors_of(part)}
    prepared: dict[int, Any] = {}
    for tensor in _tensors_of(network):
        kept = torch.float32 if id(tensor) in exact and dtype is not None else dtype
        data = tensor.detach().to(device, kept if tensor.is_floating_point() else None)
        if device.type == "cuda" and tensor.ndim == 4:
            data = data.contiguous(memory_format=torch.channels_last)
        prepared[id(tensor)] = nn.Parameter(data, requires_grad=False) if isinstance(tensor, nn.Parameter) else data
    return copy.deepcopy(network, prepared).eval()


def _tensors_of(part: nn.Module) -> Iterator[torch.Tensor]:
    return chain(part.parameters(), part.buffers())
