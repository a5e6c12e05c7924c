"""The packets of a source that is read a second time, for what it holds beside its pictures."""

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.error

log = logging.getLogger(__name__)

AHEAD = 5
"""Seconds that are read ahead to see what the sound is before the output begins."""


class Packets:
    """Packets of the pictures and of some other streams, each with its start in seconds, from a time on.

    source: an open input container. video: its stream of pictures. zero: the source's clock at time zero. begin: where
    to begin, in seconds from there; 0 takes all, what lies before zero too.
    """

    def __init__(self, source: Any, video: Any, others: list[Any], *, zero: Fraction, begin: Fraction) -> None:
        self._ahead: deque[tuple[Any, Fraction]] = deque()
        self._rest = self._read(source, [video, *others], zero, begin)

    def __iter__(self) -> Iterator[tuple[Any, Fraction]]:
        return self

    def __next__(self) -> tuple[Any, Fraction]:
        return self._ahead.popleft() if self._ahead else next(self._rest)

    def first(self, indices: set[int]) -> dict[int, Any]:
        """The first packet of each of these streams, as far as it comes within the first seconds."""
        found: dict[int, Any] = {}
        began: Fraction | None = None
        while indices - found.keys() and (item := next(self._rest, None)) is not None:
            self._ahead.append(item)
            packet, start = item
            found.setdefault(packet.stream_index, packet)
            began = start if began is None else began
            if start > began + AHEAD:
                break
        return found

    @staticmethod
    def _read(source: Any, streams: list[Any], zero: Fraction, begin: Fraction) -> Iterator[tuple[Any, Fraction]]:
        covers = {stream.index for stream in streams[1:] if stream.type == "video"}
        try:
            if begin:
                source.seek(int((zero + begin) * av.time_base))
            for packet in source.demux(streams):
                stamp = packet.dts if packet.pts is None else packet.pts
                if not packet.size or (stamp is None and packet.stream_index not in covers):
                    continue
                start = begin if packet.stream_index in covers else Fraction(stamp * packet.time_base) - zero
                if not begin or start >= begin:
                    yield packet, start
        except (av.error.FFmpegError, OSError) as error:
            log.warning("sound or subtitles end early: %s.", error)
