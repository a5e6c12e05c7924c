"""Renaming as the operating system can do it: without replacing, and two names at once."""

import ctypes
import errno
import os
import sys
from pathlib import Path

NO_REPLACE, EXCHANGE = 1, 2
HERE = -100
"""Linux' AT_FDCWD: a path as every other call reads it."""


def rename_new(old: Path, new: Path) -> None:
    """Rename, never over something. Raises FileExistsError if `new` is there.

    Linux does it in one step; where it cannot, a file that appears within the microseconds between is replaced.
    """
    if not _renameat2(old, new, NO_REPLACE):
        if os.path.lexists(new):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(new))
        old.rename(new)


def exchange(new: Path, old: Path, aside: Path) -> None:
    """Give `new` the name of `old`, and `old` the name `aside`; the name of `old` is never without a folder on Linux.

    Elsewhere, and on file systems that cannot exchange, there are two steps: between them both have other names.
    """
    if _renameat2(new, old, EXCHANGE):
        new.rename(aside)
        return
    old.rename(aside)
    try:
        new.rename(old)
    except OSError:
        aside.rename(old)
        raise


def _renameat2(old: Path, new: Path, how: int) -> bool:
    """False where the system or the file system does not know it. Raises OSError as `os.rename`."""
    call = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None) if sys.platform == "linux" else None
    if call is None:
        return False
    if call(HERE, os.fsencode(old), HERE, os.fsencode(new), how) == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
        return False
    raise OSError(number, os.strerror(number), str(old), None, str(new))
