"""Reading video files: exact numbers and times, upright pictures, and what is broken is counted, not lost."""

import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from heapq import heappop, heappush
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import av
import av.error

from peanut.errors import UsageError
from peanut.frame import Frame, Source
from peanut.video.colour import ToRgb, colour_of, orientation, upright

log = logging.getLogger(__name__)

HIDDEN_PICTURES = {"vp8", "vp9", "av1"}
"""Codecs with packets that show nothing by design: a packet without a picture does not mean that one was lost."""
PEEK = 1 << 16
"""Bytes of a pipe in which an mp4 must show its index to be read as it comes."""


@attrs.frozen(repr=False)
class VideoFile:
    """The frames of a video file, standard input (`-`) or binary file object; iterates any number of times.

    start, stop: seconds, stop excluded. max_size: longest side in pixels.
    """

    path: str | BinaryIO
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    max_size: int | None = None

    def __str__(self) -> str:
        trimmed = f", start={float(self.start):g}" if self.start else ""
        trimmed += "" if self.stop is None else f", stop={float(self.stop):g}"
        return f"read({self.path if hasattr(self.path, 'read') else repr(self.path)}{trimmed})"

    def __iter__(self) -> Iterator[Frame]:
        with ExitStack() as stack:
            opened = _seekable_input(self.path, stack)
            container = stack.enter_context(open_video(opened))
            yield from _frames(self, container, opened)


def name_of(path: str | BinaryIO) -> str:
    """What a source is called in a sentence."""
    return str(path) if isinstance(path, str) else str(getattr(path, "name", "the file object"))


def open_video(path: str | BinaryIO, **options: Any) -> Any:
    """An open PyAV container that has a video stream. Raises UsageError if there is none to be had."""
    name = name_of(path)
    if isinstance(path, str) and "://" not in path and not os.path.exists(path):
        raise UsageError(f"{name}: no such file or folder.")
    try:
        container = av.open(path, metadata_errors="replace", **options)
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        raise UsageError(f"{name} cannot be read as a video: it is none, or its index is cut off.") from error
    except (OSError, av.error.FFmpegError) as error:
        raise UsageError(f"{name} cannot be opened: {error}") from error
    if not container.streams.video:
        others = sorted({stream.type for stream in container.streams})
        container.close()
        raise UsageError(f"{name} has no pictures in it, only {', '.join(others) or 'nothing'}.")
    return container


def expected_frames(container: Any, start: Fraction, stop: Fraction | None) -> int | None:
    """How many frames a file will give between two times, as far as it tells."""
    stream = container.streams.video[0]
    if stream.frames and not start and stop is None:
        return int(stream.frames)
    length = length_of(container)
    rate = stream.average_rate
    if not rate or (length is None and stop is None):
        return None
    begin = max(start, (stream.start_time or 0) * stream.time_base)
    end = min(time for time in (length, stop) if time is not None)
    return max(0, round(Fraction((end - begin) * rate)))


def length_of(container: Any) -> Fraction | None:
    """Seconds from time zero to the end of the video, as far as the file tells."""
    stream = container.streams.video[0]
    if stream.duration:
        return Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)
    if container.duration:
        return Fraction((container.start_time or 0) + container.duration, av.time_base)
    return None


def _frames(settings: VideoFile, container: Any, opened: str | BinaryIO) -> Iterator[Frame]:
    stream = container.streams.video[0]
    stream.thread_type = "AUTO"
    counter = _Counter(stream.codec_context.name in HIDDEN_PICTURES)
    key = _key_packet(opened, settings.start)
    damage = _Damage(name_of(settings.path))
    to_rgb = ToRgb()
    source, last = None, Fraction(-1)
    for picture in _pictures(container, stream, key, counter, damage):
        index = counter.index_of(picture)
        stamped = picture.pts is not None
        time = Fraction(picture.pts * picture.time_base if stamped else index / Fraction(stream.average_rate or 25))
        if time < settings.start:
            continue
        if settings.stop is not None and time >= settings.stop:
            break
        turn = orientation(picture)
        if source is None:
            source = Source(
                path=opened if isinstance(opened, str) else name_of(opened),
                start=settings.start,
                fps=stream.average_rate,
                frames=expected_frames(container, settings.start, settings.stop),
                colour=colour_of(picture),
                rotation=int(picture.rotation),
            )
        last = time
        image = upright(to_rgb(picture, reduced(picture.height, picture.width, settings.max_size)), turn)
        yield Frame(index=index, time=time, image=image, source=source)
    else:
        damage.check_length(container, last)
    damage.report()


def reduced(h: int, w: int, max_size: int | None) -> tuple[int, int] | None:
    """The size (h, w) at which the longest side is `max_size`; None where it is no larger already."""
    if max_size is None or max(h, w) <= max_size:
        return None
    scale = Fraction(max_size, max(h, w))
    return max(1, round(h * scale)), max(1, round(w * scale))


def _pictures(
    container: Any, stream: Any, key: tuple[int, int] | None, counter: "_Counter", damage: "_Damage"
) -> Iterator[Any]:
    """The pictures that the decoder gives from packet `key` on, in the order they are shown; all packets count."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            damage.cut_off = str(error)
            packet = None
        if packet is not None and packet.size and not packet.is_discard:
            counter.sent(packet)
        if packet is not None and packet.size and key is not None:
            if (packet.dts, packet.pts) != key:
                continue
            key = None
        try:
            pictures = stream.codec_context.decode(None) if packet is None else packet.decode()
        except av.error.EOFError:
            return
        except av.error.FFmpegError:
            damage.refused += 1
            counter.refused += 1
            continue
        for picture in pictures:
            damage.flagged += bool(picture.is_corrupt)
            yield picture
        if packet is None:
            return


class _Counter:
    """Numbers pictures by the packets that were sent before them: what the decoder does not give leaves a gap."""

    def __init__(self, hidden_pictures: bool) -> None:
        self.hidden_pictures = hidden_pictures
        self.refused = 0  # packets with an error that have not made a gap yet
        self._waiting: list[int] = []  # time stamps of packets whose picture has not come
        self._next = 0

    def sent(self, packet: Any) -> None:
        stamp = packet.dts if packet.pts is None else packet.pts
        if stamp is not None:
            heappush(self._waiting, stamp)

    def index_of(self, picture: Any) -> int:
        missing = 0
        while picture.pts is not None and self._waiting and self._waiting[0] <= picture.pts:
            missing += heappop(self._waiting) < picture.pts
        if self.hidden_pictures:
            missing = min(missing, self.refused)
            self.refused -= missing
        index = self._next + missing
        self._next = index + 1
        return index


def _key_packet(path: str | BinaryIO, start: Fraction) -> tuple[int, int] | None:
    """(dts, pts) of the last key frame before `start`; None where decoding has to begin with the first packet."""
    if not start or not isinstance(path, str):
        return None
    with open_video(path) as container:
        stream = container.streams.video[0]
        if stream.codec_context.name in HIDDEN_PICTURES:
            return None  # numbers can be had by decoding alone
        try:
            container.seek(int(start / stream.time_base), stream=stream)
            packet = next(packet for packet in container.demux(stream) if packet.size)
        except (av.error.FFmpegError, OSError, StopIteration):
            return None  # a pipe, or no index
        found = packet.is_keyframe and packet.pts is not None and packet.pts * stream.time_base <= start
        return (packet.dts, packet.pts) if found else None


@attrs.define
class _Damage:
    """What was wrong with a file, told once at its end."""

    name: str
    refused: int = 0
    flagged: int = 0
    cut_off: str = ""

    def check_length(self, container: Any, last: Fraction) -> None:
        """A file that ends well before its length says is cut off."""
        length, rate = length_of(container), container.streams.video[0].average_rate
        if not self.cut_off and length is not None and rate and 0 <= last < length - max(2 / rate, Fraction(1, 2)):
            self.cut_off = f"it says {float(length):.1f} s and ends at {float(last):.1f} s"

    def report(self) -> None:
        told = []
        if self.refused:
            told.append(f"{self.refused} packets could not be decoded and are left out")
        if self.flagged:
            told.append(f"{self.flagged} frames are damaged")
        if self.cut_off:
            told.append(f"the file is cut off ({self.cut_off})")
        if told:
            log.warning("%s: %s.", self.name, "; ".join(told))


def _seekable_input(path: str | BinaryIO, stack: ExitStack) -> str | BinaryIO:
    """What PyAV can read: a pipe that needs seeking is copied into a temporary file first."""
    if path == "-":
        return _from_pipe(sys.stdin.buffer, stack)
    if isinstance(path, str):
        return path
    if not path.seekable():
        return _from_pipe(path, stack)
    path.seek(0)
    return path


def _from_pipe(pipe: BinaryIO, stack: ExitStack) -> str | BinaryIO:
    buffered: Any = pipe if isinstance(pipe, BufferedReader) else BufferedReader(pipe, PEEK)
    head = buffered.peek(PEEK)
    if head[4:8] != b"ftyp" or _index_comes_first(head):
        return _Forward(buffered)  # type: ignore[return-value]
    spooled = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peanut-"))) / "input.mp4"
    with spooled.open("wb") as file:
        shutil.copyfileobj(buffered, file)
    return str(spooled)


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


class _Forward:
    """A pipe as PyAV reads what cannot seek: an object with `read` alone."""

    def __init__(self, pipe: Any) -> None:
        self.read = pipe.read1
        self.name = "standard input"
