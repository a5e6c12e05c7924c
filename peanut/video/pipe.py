"""Videos that come through a pipe, and what opens a source once more."""

import os
import shutil
import stat
import sys
import tempfile
from contextlib import ExitStack
from io import BufferedReader
from threading import Lock
from typing import Any, BinaryIO

from peanut.errors import UsageError
from peanut.video.media import View

PEEK = 1 << 16
"""Bytes of a pipe in which an mp4 must show its index to be read as it comes."""


class Forward:
    """A pipe as PyAV reads what cannot seek: an object with `read` alone."""

    def __init__(self, pipe: Any, name: str) -> None:
        self.read = pipe.read1
        self.name = name


Opened = str | View | Forward
"""What PyAV opens: a path or address, something that can seek, or a pipe."""


def opened(path: str | BinaryIO, name: str, lock: Lock, stack: ExitStack) -> Opened:
    """What PyAV can read: a pipe that needs seeking is copied into a temporary file first.

    Raises UsageError for an input that is closed.
    """
    file: Any = (sys.stdin and sys.stdin.buffer) if path == "-" else path
    if isinstance(file, str):
        if not os.path.exists(file) or not stat.S_ISFIFO(os.stat(file).st_mode):
            return plain(file)
        file = stack.enter_context(open(file, "rb"))  # noqa: SIM115  (closed with the stack)
    if file is None or getattr(file, "closed", False):
        raise UsageError(f"{name} is closed: there is nothing to read from it.")
    if isinstance(file, View):
        return file
    if isinstance(file, View):
        return file
    return View(file, lock) if file.seekable() else _from_pipe(file, name)


def plain(path: str) -> str:
    """A path that FFmpeg takes for nothing else: in a bare name, a colon would end a protocol."""
    return os.path.abspath(path) if "://" not in path and os.path.exists(path) else path


def another(source: Opened) -> str | View | None:
    """What opens the same file once more; None where it has passed."""
    return source.another() if isinstance(source, View) else source if isinstance(source, str) else None


def _from_pipe(pipe: BinaryIO, name: str) -> View | Forward:
    buffered: Any = pipe if isinstance(pipe, BufferedReader) else BufferedReader(pipe, PEEK)
    head = buffered.peek(PEEK)
    if head[4:8] != b"ftyp" or _index_comes_first(head):
        return Forward(buffered, name)
    spooled = tempfile.TemporaryFile(prefix="peanut-")  # noqa: SIM115  (gone when nobody reads it any more)
    shutil.copyfileobj(buffered, spooled)
    return View(spooled, Lock())


def _index_comes_first(head: bytes) -> bool:
    """Whether the index (`moov`) of an mp4 stands before its pictures (`mdat`), as far as the first bytes show."""
    at = 0
    while at + 8 <= len(head):
        size, kind = int.from_bytes(head[at : at + 4], "big"), head[at + 4 : at + 8]
        if kind in (b"moov", b"moof"):
            return True
        if kind == b"mdat" or size < 8:
            return False
        at += size
    return False
