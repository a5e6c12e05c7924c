"""Putting an mp4 right that FFmpeg wrote with a cover: the cover leaves a track of pictures without any picture."""

from collections.abc import Iterator
from typing import BinaryIO

WITHOUT_CONTENT = b"free"
"""What players pass over."""


def hide_empty_tracks(path: str) -> None:
    """Rename the tracks of an mp4 that hold no sample, in place: no other byte of it changes or moves."""
    with open(path, "r+b") as file:
        end = file.seek(0, 2)
        for kind, begin, stop in _boxes(file, 0, end):
            if kind != b"moov":
                continue
            for inner, at, until in _boxes(file, begin, stop):
                if inner == b"trak" and _samples(file, at, until) == 0:
                    file.seek(at - 4)
                    file.write(WITHOUT_CONTENT)


def _boxes(file: BinaryIO, at: int, end: int) -> Iterator[tuple[bytes, int, int]]:
    """The boxes between two places: kind, begin of the content, end."""
    while at + 8 <= end:
        file.seek(at)
        size, kind = int.from_bytes(file.read(4), "big"), file.read(4)
        head = 8
        if size == 1:  # a size that needs 8 bytes follows
            size, head = int.from_bytes(file.read(8), "big"), 16
        if size < head:
            return
        yield kind, at + head, at + size
        at += size


def _samples(file: BinaryIO, begin: int, end: int) -> int | None:
    """How many samples a track holds, as its `stsz` says; None where it has none."""
    for kind, at, until in _boxes(file, begin, end):
        if kind in (b"mdia", b"minf", b"stbl"):
            return _samples(file, at, until)
        if kind == b"stsz":
            file.seek(at + 8)
            return int.from_bytes(file.read(4), "big")
    return None
