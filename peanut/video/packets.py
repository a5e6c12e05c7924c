"""The packets of a file, with time stamps that go forward, and the pictures that a decoder makes of them."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol

import av.error

from peanut.video.overheard import overheard

FAR = 10
"""Seconds by which a single stamp may differ from what surrounds it and still be believed."""
PATIENCE = 8
"""Attempts to read on after an error of the container, without a packet in between."""


class Listener(Protocol):
    """Who wants to know what came and what did not."""

    def passed(self, packet: Any) -> None:
        """A packet of any stream came out of the container, in the order of the file."""

    def sent(self, packet: Any) -> None:
        """A packet of pictures is about to be decoded."""

    def skipped(self, packet: Any) -> None:
        """A packet of pictures that come before what is wanted."""

    def refused(self) -> None:
        """The decoder did not take the packet sent last."""

    def faulty(self) -> None:
        """The picture that came last is not as it was meant to be."""

    def broken(self, error: Exception) -> None:
        """The container could not be read at this place."""


class Unheard:
    """A listener that does not care."""

    def passed(self, packet: Any) -> None: ...

    sent = skipped = passed

    def refused(self) -> None: ...

    faulty = refused

    def broken(self, error: Exception) -> None: ...


def pictures(container: Any, stream: Any, key: int | None, listener: Listener) -> Iterator[Any]:
    """The pictures that the decoder gives, in the order they are shown; every packet is told of.

    key: time stamp of the key frame with which decoding begins; None: with the first packet.
    """
    for packet, stamp in _straightened(_packets(container, stream, listener), stream):
        if key is not None and not (packet.is_keyframe and stamp == key):
            listener.skipped(packet)
            continue
        key = None
        listener.sent(packet)
        try:
            decoded = _decoded(packet, stream, listener)
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            listener.refused()
            continue
        yield from decoded
    try:
        yield from stream.codec_context.decode(None)
    except av.error.FFmpegError:
        return  # what the decoder still held cannot be shown; what it was counts as missing


def _decoded(packet: Any, stream: Any, listener: Listener) -> list[Any]:
    """The pictures of a packet; FFmpeg's GIF decoder says nothing of damage but in its log."""
    if stream.codec_context.name != "gif":
        return list(packet.decode())
    with overheard() as said:
        decoded = list(packet.decode())
    if said:
        listener.faulty()
    return decoded


def _packets(container: Any, stream: Any, listener: Listener) -> Iterator[Any]:
    """The packets of `stream`; the others are told of: where they end says whether a file is cut off."""
    failures = 0
    while failures < PATIENCE:
        try:
            for packet in container.demux():  # of all streams
                if packet.size:
                    failures = 0
                    listener.passed(packet)
                    if packet.stream.index == stream.index:
                        yield packet
            return
        except av.error.EOFError:
            return
        except (av.error.FFmpegError, OSError) as error:
            failures += 1
            listener.broken(error)


def _straightened(packets: Iterator[Any], stream: Any) -> Iterator[tuple[Any, int | None]]:
    """Packets whose clock goes on where it wrapped, ran back or began anew, each with its stamp as it was.

    A single stamp that lies far from those around it is not believed: its picture is timed by the one before.
    """
    far = FAR / Fraction(stream.time_base or 1)
    offset, last, step = 0, None, 1  # last: the stamp before, as it was given out; step: from there to the next
    waiting = next(packets, None)
    while waiting is not None:
        packet, waiting = waiting, next(packets, None)
        stamp = packet.pts
        _move(packet, offset)
        if packet.dts is not None and packet.pts is not None and abs(packet.pts - packet.dts) > far:
            _doubt(packet, None if last is None else last + step)
        if last is not None and packet.dts is not None and (packet.dts < last or packet.dts > last + far):
            after = None if waiting is None or waiting.dts is None else waiting.dts + offset
            if after is not None and last < after <= last + far:  # it alone is out of place
                packet.dts = packet.pts = None
            elif packet.dts < last:
                ahead = last + step - packet.dts
                offset += ahead
                _move(packet, ahead)
        if packet.dts is not None:
            step = packet.duration or step
            last = packet.dts
        yield packet, stamp


def _move(packet: Any, ticks: int) -> None:
    if ticks and packet.pts is not None:
        packet.pts += ticks
    if ticks and packet.dts is not None:
        packet.dts += ticks


def _doubt(packet: Any, expected: int | None) -> None:
    """Forget the stamp that lies further from what was expected: shown and decoded cannot lie seconds apart."""
    if expected is not None and abs(packet.dts - expected) > abs(packet.pts - expected):
        packet.dts = None
    else:
        packet.pts = None
