"""Reading video files: exact numbers and times, upright pictures, and what is broken is counted, not lost."""

import logging
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction
from heapq import heappop, heappush
from io import BufferedReader
from threading import Lock
from typing import Any, BinaryIO

import attrs
import av
import av.error

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.video.colour import ToRgb, colour_of, orientation, upright
from peanut.video.interlaced import deinterlaced, first_field
from peanut.video.media import Media, View
from peanut.video.shape import frame_rate, pixel_aspect
from peanut.video.transparency import Transparency

log = logging.getLogger(__name__)

HIDDEN_PICTURES = {"vp8", "vp9", "av1"}
"""Codecs with packets that show nothing by design: a packet without a picture does not mean that one was lost."""
INTERLACED = (
    "%s: its pictures are interlaced (%s field first) and are taken as they are, combs and all;"
    " read(path, deinterlace=True), --deinterlace, makes whole pictures of them."
)
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
    deinterlace: bool = False
    _lock: Lock = attrs.field(factory=Lock, eq=False, init=False)

    def __str__(self) -> str:
        trimmed = f", start={float(self.start):g}" if self.start else ""
        trimmed += "" if self.stop is None else f", stop={float(self.stop):g}"
        return f"read({self.path if hasattr(self.path, 'read') else repr(self.path)}{trimmed})"

    def __iter__(self) -> Iterator[Frame]:
        with ExitStack() as stack:
            opened = self._input(stack)
            container = stack.enter_context(open_video(opened))
            yield from _frames(self, container, opened)

    def _input(self, stack: ExitStack) -> "str | View | _Forward":
        """What PyAV can read: a pipe that needs seeking is copied into a temporary file first."""
        file: Any = sys.stdin.buffer if self.path == "-" else self.path
        if isinstance(file, str):
            if not os.path.exists(file) or not stat.S_ISFIFO(os.stat(file).st_mode):
                return file
            file = stack.enter_context(open(file, "rb"))  # noqa: SIM115  (closed with the stack)
        return View(file, self._lock) if file.seekable() else _from_pipe(file)


def name_of(path: Any) -> str:
    """What a source is called in a sentence."""
    return str(path) if isinstance(path, str) else str(getattr(path, "name", "the file object"))


def open_video(path: Any, **options: Any) -> Any:
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
    own = _own_length(container.streams.video[0])
    if own is not None:
        return own
    if container.duration:
        return Fraction((container.start_time or 0) + container.duration, av.time_base)
    return None


def _own_length(stream: Any) -> Fraction | None:
    """Seconds from time zero to the end of this stream alone: mkv tells it in a tag, "00:00:04.040000000"."""
    if stream.duration:
        return Fraction(((stream.start_time or 0) + stream.duration) * stream.time_base)
    hours, minutes, seconds = (re.findall(r"\d+(?:\.\d+)?", stream.metadata.get("DURATION", "")) + [0] * 3)[:3]
    return 3600 * Fraction(hours) + 60 * Fraction(minutes) + Fraction(seconds) or None


def _frames(settings: VideoFile, container: Any, opened: "str | View | _Forward") -> Iterator[Frame]:
    stream = container.streams.video[0]
    stream.thread_type = "SLICE"  # threads for whole frames lose what they hold when a packet near the end is damaged
    counter = _Counter(stream.codec_context.name in HIDDEN_PICTURES)
    key = _key_packet(opened, settings.start)
    damage = _Damage(name_of(settings.path))
    transparency = Transparency(name_of(settings.path))
    transparency.of_stream(stream)
    to_rgb = ToRgb()
    source, last = None, Fraction(-1)
    pictures = _pictures(container, stream, key, counter, damage)
    for picture in deinterlaced(pictures) if settings.deinterlace else pictures:
        index = counter.index_of(picture)
        stamped = picture.pts is not None
        time = Fraction(picture.pts * picture.time_base if stamped else index / Fraction(stream.average_rate or 25))
        if time < settings.start:
            continue
        if settings.stop is not None and time >= settings.stop:
            break
        turn = orientation(picture)
        if source is None:
            size = picture.height, picture.width
            field = first_field(stream, picture)
            if field is not None and not settings.deinterlace:
                log.warning(INTERLACED, name_of(settings.path), field)
            source = Media(
                path=name_of(settings.path),
                start=settings.start,
                fps=frame_rate(stream),
                aspect=pixel_aspect(stream, turned=turn[0]),
                first_field=None if settings.deinterlace else field,
                frames=expected_frames(container, settings.start, settings.stop),
                colour=colour_of(picture),
                rotation=int(picture.rotation),
                size=size[::-1] if turn[0] else size,
                beside=tuple(sorted({other.type for other in container.streams} & {"audio", "subtitle"})),
                again=_another(opened),
            )
        last = time
        transparency.of_picture(picture)
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
    packets = container.demux()  # of all streams: the end of the others tells whether the file is cut off
    while True:
        try:
            packet = next(packets)
        except StopIteration:
            return
        except (av.error.FFmpegError, OSError) as error:
            damage.cut_off = str(error)
            packet = None
        if packet is not None and packet.stream.index != stream.index:
            damage.passed(packet)
            continue
        if packet is not None and packet.size:
            damage.packets += 1
            if not packet.is_discard:
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


def _key_packet(opened: "str | View | _Forward", start: Fraction) -> tuple[int, int] | None:
    """(dts, pts) of the last key frame before `start`; None where decoding has to begin with the first packet."""
    again = _another(opened)
    if not start or again is None:
        return None
    with open_video(again) as container:
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
    packets: int = 0
    cut_off: str = ""
    others: Fraction = Fraction(0)
    """Seconds to which the other streams came."""

    def passed(self, packet: Any) -> None:
        """A packet of another stream came by."""
        if packet.pts is not None:
            self.others = max(self.others, Fraction(packet.pts * packet.time_base))

    def check_length(self, container: Any, last: Fraction) -> None:
        """A file that ends well before its length says is cut off."""
        stream = container.streams.video[0]
        length, rate = length_of(container), stream.average_rate
        if _own_length(stream) is None:  # the length is that of the longest stream
            last = max(last, self.others)
        if not self.cut_off and length is not None and rate and 0 <= last < length - max(2 / rate, Fraction(1, 2)):
            self.cut_off = f"it says {float(length):.1f} s and ends at {float(last):.1f} s"
        if not self.cut_off and self.packets < stream.frames:
            self.cut_off = f"it says {stream.frames} frames and holds {self.packets}"

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


def _another(opened: "str | View | _Forward") -> str | View | None:
    """What opens the same file once more; None where it has passed."""
    return opened.another() if isinstance(opened, View) else opened if isinstance(opened, str) else None


def _from_pipe(pipe: BinaryIO) -> "View | _Forward":
    buffered: Any = pipe if isinstance(pipe, BufferedReader) else BufferedReader(pipe, PEEK)
    head = buffered.peek(PEEK)
    if head[4:8] != b"ftyp" or _index_comes_first(head):
        return _Forward(buffered)
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


class _Forward:
    """A pipe as PyAV reads what cannot seek: an object with `read` alone."""

    def __init__(self, pipe: Any) -> None:
        self.read = pipe.read1
        self.name = "standard input"
