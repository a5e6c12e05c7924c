"""Reading video files: exact numbers and times, upright pictures, and what is broken is counted, not lost."""

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from fractions import Fraction
from threading import Lock
from typing import Any, BinaryIO, Literal

import attrs
import av
import av.error

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.video.coded import coded_of
from peanut.video.color import ToRgb, orientation, upright
from peanut.video.container import expected_frames, is_cover, length_of, origin, rate_of, video_stream
from peanut.video.damage import Damage
from peanut.video.gaps import Numbering, Place
from peanut.video.interlaced import deinterlaced, first_field, tell_interlaced
from peanut.video.media import Media, View
from peanut.video.overheard import overheard, reason
from peanut.video.packets import Unheard, pictures
from peanut.video.pipe import Opened, another, opened, plain
from peanut.video.shape import pixel_aspect
from peanut.video.transparency import Transparency

log = logging.getLogger(__name__)

Gaps = Literal["tell", "renumber", "repeat"]
"""What happens where frames are missing: numbers keep their place, numbers close up, the last frame fills the hole."""
TIMEOUT = 10.0
"""Seconds without data after which a connection counts as lost."""
SILENT = ("mov", "avi", "gif")
"""Containers in which a leap in time without damage is meant: they list every frame, or say how long each is shown."""


@attrs.frozen(repr=False)
class VideoFile:
    """The frames of a video file, standard input (`-`) or binary file object; iterates any number of times.

    start, stop: seconds from the beginning, stop excluded. max_size: longest side in pixels. gaps: what happens where
    frames are missing. resize: whether pictures of another size than the first are brought to it, or refused.
    deinterlace: whether whole pictures are made of interlaced ones.
    """

    path: str | BinaryIO
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    max_size: int | None = None
    gaps: Gaps = "tell"
    resize: bool = True
    deinterlace: bool = False
    _lock: Lock = attrs.field(factory=Lock, eq=False, init=False)

    def __str__(self) -> str:
        trimmed = f", start={float(self.start):g}" if self.start else ""
        trimmed += "" if self.stop is None else f", stop={float(self.stop):g}"
        return f"read({self.path if hasattr(self.path, 'read') else repr(self.path)}{trimmed})"

    @property
    def name(self) -> str:
        """What the file is called in a sentence."""
        return "standard input" if self.path == "-" else name_of(self.path)

    @property
    def reads(self) -> tuple[Any, ...]:
        return (self.path,)

    def __iter__(self) -> Iterator[Frame]:
        with ExitStack() as stack:
            source = opened(self.path, self.name, self._lock, stack)
            container = stack.enter_context(open_video(source, self.name))
            yield from _Reading(self, container, source, stack).frames()


def name_of(path: Any) -> str:
    """What a source is called in a sentence."""
    return str(path) if isinstance(path, str) else str(getattr(path, "name", "the file object"))


def open_video(path: Any, name: str = "", **options: Any) -> Any:
    """An open PyAV container that has a video stream. Raises UsageError if there is none to be had.

    name: what the file is called in a sentence, where not by its path.
    """
    name = name or name_of(path)
    if isinstance(path, str):
        if "://" not in path and not os.path.exists(path):
            raise UsageError(f"{name}: no such file or folder.")
        if "://" in path:
            options.setdefault("timeout", TIMEOUT)
        path = plain(path)
    try:
        container = av.open(path, metadata_errors="replace", **options)
    except (av.error.InvalidDataError, av.error.EOFError) as error:
        told = f"{name} cannot be read as a video: it is none, or its index is cut off{_why(path)}."
        raise UsageError(told) from error
    except (OSError, av.error.FFmpegError) as error:
        raise UsageError(f"{name} cannot be opened: {error}") from error
    stream = video_stream(container)
    if stream is not None and stream.codec_context is not None:
        return container
    kinds = sorted({"a cover picture" if is_cover(other) else other.type for other in container.streams})
    container.close()
    if stream is None:
        raise UsageError(f"{name} has no pictures in it, only {', '.join(kinds) or 'nothing'}.")
    raise UsageError(f"{name} cannot be read as a video: its pictures are in no format that is known.")


def past_end(name: str, start: Fraction, last: Fraction, length: Fraction | None) -> UsageError:
    """What to raise where no picture comes after the time at which reading should begin.

    start: that time, last: that of the last picture, length: how long the source is, where that is known; in seconds.
    """
    long = "" if length is None else f"; it is {float(length):.2f} s long"
    return UsageError(
        f"{name}: start ({float(start):g} s) lies after its last picture, which comes at {float(last):.2f} s{long}."
    )


def reduced(h: int, w: int, max_size: int | None) -> tuple[int, int] | None:
    """The size (h, w) at which the longest side is `max_size`; None where it is no larger already."""
    if max_size is None or max(h, w) <= max_size:
        return None
    scale = Fraction(max_size, max(h, w))
    return max(1, round(h * scale)), max(1, round(w * scale))


class _Reading:
    """One run through a file."""

    def __init__(self, settings: VideoFile, container: Any, source: Opened, stack: ExitStack) -> None:
        self.settings, self.container, self.source = settings, container, source
        self.stream = video_stream(container)
        self.stream.thread_type = "SLICE"  # threads for whole frames lose what they hold when a packet is damaged
        kind, begin = container.format.name, origin(container)
        self.key = _key_packet(source, settings.start + begin) if settings.start else None
        self.numbering = Numbering(self.stream, rate_of(self.stream), begin, leaps=not kind.startswith(SILENT))
        file = _bytes_of(source, stack)
        self.damage = Damage(settings.name, container, self.stream, self.numbering, file)
        self.media: Media | None = None
        self.size = self.first_size = (0, 0)  # of the stored pictures, (h, w): the last and the first
        self.size_told = False
        self.shot = 0
        self.to_rgb = ToRgb(self.stream.codec_context.name)
        self.transparency = Transparency(settings.name)
        self.transparency.of_stream(self.stream)

    def frames(self) -> Iterator[Frame]:
        """The frames that are wanted.

        Raises UsageError if there must be pictures and not one can be decoded, and if the last comes before `start`.
        """
        last, before = None, None  # the frame given out last; the time of the picture before
        decoded = pictures(self.container, self.stream, self.key, self.damage)
        for picture in deinterlaced(decoded) if self.settings.deinterlace else decoded:
            place = self.numbering.place(picture)
            if place is None:
                continue
            if self.settings.stop is not None and place.time >= self.settings.stop:
                break
            if place.time >= self.settings.start:
                if place.missing and (before is not None or self.key is None):
                    self.shot += 1
                    self.damage.gap(place, before)
                    yield from self._repeated(last, place)
                last = self._frame(picture, place)
                yield last
            before = place.time
        else:
            self.damage.check_end()
            if self.settings.start and last is None and before is not None:
                raise past_end(self.settings.name, self.settings.start, before, length_of(self.container))
            if before is None and not self.damage.rightly_empty:
                raise UsageError(f"{self.settings.name}: not one frame can be decoded{_why(self.source)}.")
        self.damage.report()

    def _repeated(self, last: Frame | None, place: Place) -> Iterator[Frame]:
        """The last frame once more for each that is missing, if that is wanted."""
        if self.settings.gaps == "repeat" and last is not None:
            step = (place.time - last.time) / (place.missing + 1)
            for number in range(1, place.missing + 1):
                yield attrs.evolve(last, index=last.index + number, time=last.time + number * step)

    def _frame(self, picture: Any, place: Place) -> Frame:
        turn, size = orientation(picture), (picture.height, picture.width)
        if self.media is None:
            self.size = self.first_size = size
            self.media = self._described(picture, turned=turn[0])
        if size != self.size:
            self.shot += 1
            self._told_of_size(place, size)
            self.size = size
        target = reduced(*self.first_size, self.settings.max_size)
        if target is None and size != self.first_size:
            target = self.first_size
        self.transparency.of_picture(picture)
        image = upright(self.to_rgb(picture, target), turn)
        coded = None if target else coded_of(picture, self.to_rgb.color_of(picture), turn)
        index = place.order if self.settings.gaps == "renumber" else place.index
        self.damage.flagged += bool(picture.is_corrupt)
        return Frame(index=index, time=place.time, image=image, shot=self.shot, source=self.media, coded=coded)

    def _told_of_size(self, place: Place, size: tuple[int, int]) -> None:
        (h, w), (first_h, first_w) = size, self.first_size
        told = f"{self.settings.name}: frame {place.index} is {w}x{h}, the first was {first_w}x{first_h}"
        if not self.settings.resize:
            raise UsageError(f"{told}: read(resize=True) brings all to the size of the first.")
        if not self.size_told:
            self.size_told = True
            log.warning("%s; all of another size are resized to it.", told)

    def _described(self, picture: Any, turned: bool) -> Media:
        settings, size, field = self.settings, self.first_size, first_field(self.stream, picture)
        if field is not None and not settings.deinterlace:
            tell_interlaced(settings.name, field)
        return Media(
            path=name_of(settings.path),
            start=settings.start,
            start_time=self.numbering.begin,
            fps=rate_of(self.stream),
            aspect=pixel_aspect(self.stream, turned),
            first_field=None if settings.deinterlace else field,
            frames=expected_frames(self.container, settings.start, settings.stop),
            color=self.to_rgb.color_of(picture),
            rotation=int(picture.rotation),
            size=size[::-1] if turned else size,
            beside=tuple(sorted({other.type for other in self.container.streams} & {"audio", "subtitle"})),
            again=another(self.source),
        )


def _key_packet(source: Opened, start: Fraction) -> int | None:
    """Time stamp of the last key frame before `start`; None where decoding has to begin with the first packet."""
    again = another(source)
    if again is None:
        return None
    with open_video(again) as container:
        stream = video_stream(container)
        try:
            container.seek(int(start / stream.time_base), stream=stream)
            packet = next(packet for packet in container.demux(stream) if packet.size)
        except (av.error.FFmpegError, OSError, StopIteration):
            return None  # no index
        found = packet.is_keyframe and packet.pts is not None and packet.pts * stream.time_base <= start
        return int(packet.pts) if found else None


def _why(path: Any) -> str:
    """What FFmpeg says, opening a file and decoding its first picture, of what is wrong with it; nothing: ""."""
    if not isinstance(path, str | View):
        return ""
    again = path if isinstance(path, str) else path.another()
    with (
        overheard() as said,
        suppress(OSError, av.error.FFmpegError),
        av.open(again, metadata_errors="replace") as container,
    ):
        next(pictures(container, video_stream(container), None, Unheard()), None)
    return reason(said)


def _bytes_of(source: Opened, stack: ExitStack) -> BinaryIO | None:
    """The bytes of a file, to look at beside its pictures; None where they are not at hand."""
    again = another(source)
    if isinstance(again, str):
        regular = os.path.isfile(again)
        return stack.enter_context(open(again, "rb", buffering=0)) if regular else None
    return again if again is not None and again.at_hand else None  # type: ignore[return-value]
