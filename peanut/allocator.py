"""Options of the whole process: for programs that are about video alone, such as the command line."""

import ctypes
import sys

from peanut.ops.fast_paths import allowed

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4  # of mallopt(3)
_USUAL = {_MMAP_MAX: 65536, _TRIM_THRESHOLD: 128 * 1024}
_KEPT = {_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1}


def keep_memory(keep: bool = True) -> bool:
    """Have the C library keep what is freed for the next frame, instead of giving it back to the system.

    Large tensors are otherwise mapped anew, and cleared page by page, in every frame: up to a quarter of the time on a
    CPU. The process then holds to its end about what it held at its peak. False: as usual.
    Says whether it could be done: with glibc, on Linux, unless `fast_paths(False)`. The command line does it.
    """
    if keep and not allowed():
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    return mallopt is not None and all(mallopt(*option) for option in (_KEPT if keep else _USUAL).items())
