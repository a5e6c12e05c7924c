"""Files that a power cut cannot take back."""

import errno
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)


def sync(path: Path) -> None:
    """Have a file or folder on the disk itself, so that no power cut can take it back.

    Raises OSError if a file cannot be; a folder, where a system has no such thing, is left to it.
    """
    if path.is_dir():
        try:
            _sync(path)
        except OSError as error:
            log.debug("%s is not synchronised: %s", path, error)
        return
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system without it
            raise


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
