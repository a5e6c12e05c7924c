"""What the bytes of a transport stream say about whether all of it is there: its packets are counted (H.222.0)."""

import os
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

SYNC, LENGTH, NOTHING = 0x47, 188, 0x1FFF
LAYOUTS = ((188, 0), (192, 4), (204, 0))
"""Bytes from packet to packet, and where in them the packet begins."""
PIECE = 1 << 20
"""Bytes looked at at once."""


class Transport:
    """Looks whether packet follows packet, and whether the packets of each stream count on."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._size, self._at = file, file.seek(0, os.SEEK_END), 0
        self._counts: dict[int, int] = {}
        self._broken = -1
        file.seek(0)
        head = file.read(512)
        fitting = [layout for layout in LAYOUTS if set(head[layout[1] :: layout[0]]) == {SYNC}]
        self._pace, self._first = fitting[0] if fitting else (0, 0)

    def whole_until(self, packet: Any) -> bool:
        """Whether nothing is missing up to where this packet begins."""
        if not self._pace or packet.pos is None or packet.pos < self._at:
            return True
        whole = self._look(packet.pos)
        if not whole:
            self._at, self._counts = packet.pos, {}
        return whole

    def fault(self) -> str:
        """What is wrong with the file as far as its bytes show; nothing: ""."""
        if not self._pace:
            return ""
        self._look(self._size)
        if self._broken >= 0:
            return f"its structure is broken at byte {self._broken}"
        return "" if self._size % self._pace == 0 and self._ends_complete() else "it ends in the middle of a piece"

    def _look(self, to: int) -> bool:
        while (size := min(PIECE, to - self._at) // self._pace * self._pace) > 0:
            packets = self._packets(self._at, size)
            if (packets[:, 0] != SYNC).any():
                if self._broken < 0:
                    self._broken = self._at + self._pace * int(np.argmax(packets[:, 0] != SYNC))
                return False
            self._at += size
            if not self._count(packets):
                return False
        return True

    def _packets(self, at: int, size: int) -> npt.NDArray[np.uint8]:
        """So many bytes from a place on, as packets: n 188."""
        self._file.seek(at)
        data = np.frombuffer(self._file.read(size), np.uint8)
        whole = len(data) // self._pace * self._pace
        return data[:whole].reshape(-1, self._pace)[:, self._first : self._first + LENGTH]

    def _count(self, packets: npt.NDArray[np.uint8]) -> bool:
        """Whether the packets of each stream go on with the next count, or repeat one, or say that they do not."""
        filled = packets[:, 3] & 0x10 > 0
        says = (packets[:, 3] & 0x20 > 0) & (packets[:, 4] > 0) & (packets[:, 5] & 0x80 > 0)
        streams = (packets[:, 1] & 0x1F).astype(np.int64) << 8 | packets[:, 2]
        whole = not (packets[:, 1] & 0x80).any()
        for stream in np.unique(streams[filled & (streams != NOTHING)]).tolist():
            of_it = filled & (streams == stream)
            counts = (packets[of_it, 3] & 0x0F).astype(np.int64)
            steps = np.diff(counts, prepend=self._counts.get(stream, counts[0] - 1)) % 16
            whole = whole and bool(((steps <= 1) | says[of_it]).all())
            self._counts[stream] = int(counts[-1])
        return whole

    def _ends_complete(self) -> bool:
        """Whether the last piece of each stream that says how long it is, is as long as that."""
        tail = max(0, self._size // self._pace - PIECE // self._pace) * self._pace
        missing: dict[int, int] = {}
        for packet in self._packets(tail, self._size - tail):
            stream = (int(packet[1]) & 0x1F) << 8 | int(packet[2])
            payload = (
                packet[4 + (1 + int(packet[4]) if packet[3] & 0x20 else 0) :].tobytes() if packet[3] & 0x10 else b""
            )
            if packet[1] & 0x40:
                length = int.from_bytes(payload[4:6]) if payload[:3] == b"\0\0\1" else 0
                missing[stream] = length + 6 - len(payload) if length else 0
            elif stream in missing:
                missing[stream] -= len(payload)
        return max(missing.values(), default=0) <= 0
