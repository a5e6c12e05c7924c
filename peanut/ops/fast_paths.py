"""Ways that are faster than PyTorch's plain operations: one switch for all, and what a processor can do.

They are for inference on the CPU and give the same images, to rounding. Some use private parts of PyTorch that not
every version and processor has: each is asked for once, where it is used, and where the answer is no the plain
operation runs.
"""

import os
from functools import cache

import torch

SWITCH = "PEANUT_FAST_PATHS"


def fast_paths(on: bool = True) -> None:
    """Take the faster ways where they work (as at the start), or PyTorch's plain operations alone (False).

    Plain: to find out whether a fault is PEANUT's, on processors not seen yet, and for the same bits from run to run on
    one machine, since one of the ways is picked by a stopwatch. It changes the environment variable
    `PEANUT_FAST_PATHS`, which does the same from outside (0: plain) and which processes started from here inherit.
    """
    os.environ[SWITCH] = "1" if on else "0"


def allowed() -> bool:
    """Whether the faster ways may be taken, now."""
    return os.environ.get(SWITCH, "1").lower() not in ("0", "no", "off", "false")


def product_type(x: torch.Tensor) -> torch.dtype:
    """The type in which products of tensors like `x` are to be computed, and rounded to that of `x` afterwards.

    It is float32 for half precision on a CPU without instructions for it: PyTorch's loops for that case were measured
    at 4 to 200 times the time of a float32 product (AVX2, torch 2.14).
    """
    return torch.float32 if x.device.type == "cpu" and not cpu_multiplies(x.dtype) else x.dtype


@cache
def cpu_multiplies(dtype: torch.dtype) -> bool:
    """Whether oneDNN multiplies this type on this processor, by its own check."""
    checks = {torch.bfloat16: "_is_mkldnn_bf16_supported", torch.float16: "_is_mkldnn_fp16_supported"}
    if dtype not in checks:
        return True
    check = getattr(torch.ops.mkldnn, checks[dtype], None)
    return check is not None and bool(check())
