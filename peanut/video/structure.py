"""What the bytes of a container say about whether all of it is there: every byte belongs to something."""

import os
from typing import Any, BinaryIO

CLUSTER, BLOCK_GROUP, SEGMENT = 0x1F43B675, 0xA0, 0x18538067
BLOCKS = {0xA3, 0xA1}
NUMBERS = {0xE7, 0xA7, 0xAB, 0x9B, 0xFB, 0xFA, 0x75A2}
ELEMENTS = (
    BLOCKS
    | NUMBERS
    | {CLUSTER, BLOCK_GROUP, SEGMENT, 0x1A45DFA3, 0xEC, 0xBF, 0x5854, 0x75A1, 0xA4, 0x8E}
    | {0x114D9B74, 0x1549A966, 0x1654AE6B, 0x1C53BB6B, 0x1043A770, 0x1941A469, 0x1254C367}
)
"""Matroska's elements (RFC 9559) that stand in a file, a segment, a cluster or a group of blocks."""
CUT = "it ends in the middle of a piece"
CUT_SHORT = "it is shorter than it says"


class Matroska:
    """Looks whether between two blocks that were read there is anything but other elements."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size = file, file.seek(0, os.SEEK_END)
        self._at: int | None = 0  # where the block that came last ends
        self._broken = -1

    def whole_until(self, packet: Any) -> bool:
        """Whether everything between the packet before and this one was meant to be there, and is no block."""
        if packet.pos is None:
            return True
        whole = self._at is None or packet.pos < self._at or self._leads(self._at, packet.pos)
        if not whole and self._broken < 0:
            self._broken = self._at or 0
        self._at = self._end_of_block(packet.pos, packet.size)
        return whole

    def fault(self) -> str:
        """What is wrong with the file; nothing: ""."""
        if self._broken >= 0:
            return f"its structure is broken at byte {self._broken}"
        head = _element(self._file, 0)
        segment = None if head is None or head[2] is None else _element(self._file, head[1] + head[2])
        if segment is not None and segment[0] == SEGMENT and segment[2] and segment[1] + segment[2] > self._size:
            return CUT_SHORT
        return "" if self._at is None or self._leads(self._at, self._size) else CUT

    def _leads(self, at: int, to: int) -> bool:
        """Whether element follows element from one place to the other."""
        while at < to:
            element = _element(self._file, at)
            if element is None:
                return False
            name, content, size = element
            if name in (CLUSTER, BLOCK_GROUP, SEGMENT) or (name in BLOCKS and content == to):
                at = content
            elif name in BLOCKS or size is None:
                return False
            else:
                at = content + size
        return at == to

    def _end_of_block(self, content: int, least: int) -> int | None:
        """Where a block ends whose content begins here; None if its head is not understood."""
        head = _read(self._file, max(0, content - 9), min(9, content))
        for length in range(1, min(8, len(head) - 1) + 1):
            size = int.from_bytes(head[-length:]) - (1 << 7 * length)
            if head[-length - 1] in BLOCKS and 0 <= size < 1 << 7 * length and least <= size:
                return content + size
        return None


def _element(file: BinaryIO, at: int) -> tuple[int, int, int | None] | None:
    """Name, place of the content and size (None: open) of the element at a place; None if there is none."""
    data = _read(file, at, 12)
    if len(data) < 2 or not data[0] & 0xF0:
        return None
    begin = 9 - data[0].bit_length()
    name = int.from_bytes(data[:begin])
    if name not in ELEMENTS or begin >= len(data) or not data[begin]:
        return None
    length = 9 - data[begin].bit_length()
    size = int.from_bytes(data[begin : begin + length]) - (1 << 7 * length)
    if name in NUMBERS and size > 8:
        return None
    return name, at + begin + length, None if size == (1 << 7 * length) - 1 else size


def fault_of(file: BinaryIO, kind: str, stream: Any, packets: int) -> str:
    """What is wrong with the structure of a file that has been read to its end; nothing: "".

    kind: FFmpeg's name of the container. packets: how many came of `stream`.
    """
    size = file.seek(0, os.SEEK_END)
    if kind.startswith("mov") and not stream.frames:  # pieces, without an index that counts them
        return _boxes(file, size)
    if kind == "gif":
        return _gif(file, packets)
    if kind == "avi":
        return _chunks(file, size, stream.index, packets)
    return ""


def _boxes(file: BinaryIO, end: int) -> str:
    """mp4: boxes from the beginning to the end."""
    at = 0
    while at < end:
        head = _read(file, at, 16)
        size = int.from_bytes(head[:4])
        size = int.from_bytes(head[8:16]) if size == 1 else size or end - at
        if size < 8 or len(head) < 8 or not head[4:8].isascii() or not head[4:8].decode().isprintable():
            return f"its structure is broken at byte {at}"
        at += size
    return "" if at == end else CUT


def _chunks(file: BinaryIO, end: int, number: int, packets: int) -> str:
    """AVI: chunks from the beginning to the end, lists entered."""
    at, held, size = 0, 0, 0
    while at + 8 <= end:
        head = _read(file, at, 8)
        if not head[:4].isascii() or not head[:4].decode().isprintable():
            at -= 1  # some writers leave out the byte that makes the size even
            head = _read(file, at, 8)
        if not head[:4].isascii() or not head[:4].decode().isprintable():
            return f"its structure is broken at byte {at + 1}"
        size = int.from_bytes(head[4:], "little")
        held += head[:2] == b"%02d" % number and head[2:4] in (b"dc", b"db") and size > 0
        if at == 0 and 8 + size > end:
            return CUT_SHORT
        at += 12 if head[:4] in (b"RIFF", b"LIST") else 8 + size + size % 2
    return CUT if at > end + size % 2 else f"it holds {held} pictures, {packets} were found" if held > packets else ""


def _gif(file: BinaryIO, packets: int) -> str:
    """GIF: blocks up to the mark of the end."""
    head = _read(file, 0, 13)
    at, held = 13 + _colors(head[10]), 0
    while True:
        head = _read(file, at, 10)
        if not head:
            return CUT
        if head[0] == 0x3B:
            return f"it holds {held} pictures, {packets} were found" if held > packets else ""
        if head[0] == 0x21:
            at += 2
        elif head[0] == 0x2C and len(head) == 10:
            at, held = at + 11 + _colors(head[9]), held + 1
        else:
            return f"its structure is broken at byte {at}"
        while length := _read(file, at, 1):
            at += 1 + length[0]
            if not length[0]:
                break


def _colors(flags: int) -> int:
    """Bytes of the table of colors that these flags of a GIF tell of."""
    return 3 * 2 ** ((flags & 7) + 1) if flags & 0x80 else 0


def _read(file: BinaryIO, at: int, size: int) -> bytes:
    file.seek(at)
    return file.read(size)
