"""One video file being written: colors converted and tagged, exact times, the source's other streams beside it."""

import logging
import math
import os
from collections import deque
from fractions import Fraction
from typing import Any, BinaryIO

import attrs
import av
import av.error

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.video.coded import ToStored, color_of_output, told_location
from peanut.video.container import video_stream
from peanut.video.extras import describe, tags
from peanut.video.interlaced import BY_FIELDS, CODING_FIELDS, Fields
from peanut.video.media import Media
from peanut.video.overheard import reason_of, reasons
from peanut.video.pixel_format import usual_format
from peanut.video.remux import Remux

log = logging.getLogger(__name__)

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm"}
FRAGMENTS = {
    "movflags": "hybrid_fragmented+delay_moov+frag_keyframe",
    "min_frag_duration": "500000",
    "avoid_negative_ts": "disabled",
    "movie_timescale": "90000",
}
"""Pieces of mp4 that begin with a key frame, at least every two seconds.

A piece of a given length can hold nothing but frames that are shown before one in the piece before: as the last one it
ends the finished file too early. Without `delay_moov` the first piece of a killed file cannot be played.
Where a stream begins is written in ticks of the whole film, which are of a millisecond unless told otherwise.
"""
CLUSTERS = {"cluster_time_limit": "1000", "avoid_negative_ts": "disabled"}
"""Sound that begins before the pictures, as AAC does, must not move them."""
PLAYABLE_ALL_THE_TIME = {
    "mp4": FRAGMENTS,
    "mov": FRAGMENTS,
    "matroska": CLUSTERS,
    "webm": CLUSTERS,
}
"""A run that is killed leaves all but the last seconds: pieces of a second or two reach the disk as they are done."""
TICKS = 360_000
"""Ticks a second in which the times of all usual frame rates are whole, 24000/1001 included."""
QUALITY_LEVELS = {"libx264": "crf", "libx265": "crf", "libvpx-vp9": "crf", "libsvtav1": "crf", "libaom-av1": "crf"}
WITHOUT_SHAPE = {"libvpx", "libvpx-vp9", "libsvtav1", "libaom-av1", "librav1e"}
SQUEEZED = "%s: the source's pixels are %d:%d wide, and %s in %s is written without it: it is shown squashed."


@attrs.frozen(kw_only=True)
class Encoding:
    """How a video is encoded, and what of its source is remuxed."""

    kind: str
    """FFmpeg's name of the container."""
    codec: str
    crf: float
    pixel_format: str | None
    """None: the usual one of the codec."""
    audio: bool
    subtitles: bool
    metadata: bool


class VideoOutput:
    """An open file that takes frames of one size.

    first: the first frame; it decides size, colors, and what the time zero is. name: what the output is called in a
    sentence. source: the open container of the source, or None. Raises UsageError for settings that the encoder
    refuses.
    """

    def __init__(self, target: str | BinaryIO, first: Frame, encoding: Encoding, *, name: str, source: Any) -> None:
        self.size, self.name, self._target = first.size, name, target
        self._last, self.failed = -1, False
        self._newest = self._end = first.time
        self.rate = None if first.source is None else first.source.fps
        self.fps = self.rate or Fraction(25)
        self.shift = Fraction(0) if _untrimmed(first) else first.time
        self.media = first.source if isinstance(first.source, Media) else None
        self.fields = self._fields(encoding.codec)
        options = _options(target, encoding.kind)
        self.container = av.open(target, "w", format=encoding.kind, options=options)
        try:
            self.time_base = _time_base(source)
            self._add_video(encoding.kind, encoding.codec, encoding.crf, encoding.pixel_format, first)
            if encoding.metadata and source is not None:
                self.container.metadata.update(tags(source))
                describe(video_stream(source), self.stream, self.container)
            self.remux = Remux(
                source,
                self.container,
                options,
                zero=Fraction(0) if self.media is None else self.media.start_time,
                shift=self.shift,
                end=_end(first, self.shift),
                audio=encoding.audio,
                subtitles=encoding.subtitles,
                extras=encoding.metadata,
            )
        except BaseException:
            self._abandon()
            raise

    def _add_video(self, kind: str, codec: str, crf: float, pixel_format: str | None, first: Frame) -> None:
        h, w = self.size
        options = {QUALITY_LEVELS[codec]: f"{crf:g}"} if codec in QUALITY_LEVELS else {}
        options |= _looking_ahead(codec, self.rate)
        if codec.startswith("libvpx"):
            options |= {"b": "0", "row-mt": "1", "cpu-used": "4"}
        odd = bool(h % 2 or w % 2)
        self.pixel_format = pixel_format or usual_format(codec, first)
        if odd and pixel_format is None and codec in ("libx264", "libx265"):
            log.warning("%s: %dx%d is odd, which yuv420p cannot hold; written as yuv444p.", self.name, w, h)
        self.color = color_of_output(first, self.pixel_format)
        self._to_stored = ToStored(self.pixel_format, self.color)
        options |= told_location(self.color, self.pixel_format)
        stream: Any = self.container.add_stream(codec, rate=self.fps, options=options)
        stream.width, stream.height, stream.pix_fmt = w, h, self.pixel_format
        context = stream.codec_context
        context.time_base = self.time_base
        context.thread_type = "AUTO"
        if PLAYABLE_ALL_THE_TIME[kind] is FRAGMENTS:
            context.gop_size = max(1, round(2 * (self.rate or 10)))
        context.color_range = self._range = (2 if self.color.full_range else 1) if self.color.range_stated else 0
        context.colorspace = self.color.matrix
        context.color_primaries, context.color_trc = self.color.primaries, self.color.transfer
        if self.media is not None and self.media.aspect != 1:
            context.sample_aspect_ratio = self.media.aspect
            if codec in WITHOUT_SHAPE and kind in ("matroska", "webm"):
                log.warning(SQUEEZED, self.name, *self.media.aspect.as_integer_ratio(), codec, kind)
        if self.fields is not None:
            context.flags |= BY_FIELDS
            context.field_order = self.fields.order
        try:
            with reasons():
                context.open()
        except (av.error.FFmpegError, ValueError) as error:
            raise UsageError(
                f"write: {codec} refuses {w}x{h} in {self.pixel_format} at {float(self.fps):g} frames per second"
                f" with {options or 'no options'}: {reason_of(error)}"
            ) from error
        self.stream = stream

    def _fields(self, codec: str) -> Fields | None:
        """What marks the pictures as interlaced; None, and a word, where what was so is not any more."""
        if self.media is None or self.media.first_field is None:
            return None
        if self.size != self.media.size:
            why = "its fields do not outlive a change of size"
        elif codec not in CODING_FIELDS or (codec == "libx264" and self.size[0] % 4):
            why = f"{codec} does not keep fields apart" + (f" in {self.size[0]} lines" if codec == "libx264" else "")
        else:
            return Fields(self.media.first_field)
        log.warning("%s: the source is interlaced, the output is marked as progressive: %s.", self.name, why)
        return None

    @property
    def count(self) -> int:
        """Frames that are in the file; those that the encoder still looks ahead on come with `close`."""
        return int(self.stream.frames)

    def _encode(self, picture: av.VideoFrame | None) -> None:
        """Encode and write in one call, between whose parts no Ctrl-C can fall: a lost packet would break the video."""
        deque(map(self.container.mux, self.stream.encode_lazy(picture)), maxlen=0)

    def add(self, frame: Frame) -> None:
        """Write a frame. Raises UsageError if it has another size than the first."""
        if frame.size != self.size:
            (h, w), (first_h, first_w) = frame.size, self.size
            raise UsageError(
                f"write: frame {frame.index} is {w}x{h}, the video is {first_w}x{first_h}: put resize() before write."
            )
        picture = self._to_stored(frame)
        picture.colorspace, picture.color_range = self.color.matrix, self._range
        picture.color_primaries, picture.color_trc = self.color.primaries, self.color.transfer
        stamp = max(self._last + 1, round((frame.time - self.shift) / self.time_base))
        picture.pts, picture.time_base, self._last = stamp, self.time_base, stamp
        picture.duration = max(1, round(1 / self.fps / self.time_base))
        picture = picture if self.fields is None else self.fields(picture)
        self._newest, self._end = frame.time, frame.time + 1 / self.fps
        try:
            self._encode(picture)
            self.remux.write_until(frame.time)
        except Exception:
            self.failed = True  # a muxer that failed once must not be asked again
            raise

    def close(self) -> None:
        """Finish the file: it is complete and playable after this, or, where writing failed, as far as it got."""
        if self.failed:
            return self._abandon()
        try:
            self._encode(None)
            self.remux.finish(self._newest, self._end)
            self.container.close()
        except BaseException:
            self.failed = True
            self._abandon()
            raise
        if isinstance(self._target, str):
            self.remux.closed(self._target)
        return None

    def _abandon(self) -> None:
        """Close what could not be finished; the error that led here is the one to tell."""
        try:
            self.container.close()
        except (OSError, av.error.FFmpegError) as error:
            log.debug("%s could not be closed: %s", self.name, error)


def _options(target: str | BinaryIO, kind: str) -> dict[str, str]:
    """What the muxer is told."""
    options = {"flush_packets": "1", "max_interleave_delta": "1000000", **PLAYABLE_ALL_THE_TIME[kind]}
    if not isinstance(target, str) and not target.seekable() and "movflags" in options:
        options["movflags"] = "delay_moov+default_base_moof"  # a pipe: fragments to the end
    return options


def _looking_ahead(codec: str, fps: Fraction | None) -> dict[str, str]:
    """Settings with which the encoder holds less than a second of frames: a killed run loses what it holds.

    fps: frames per second; None: not known, as few as 10 are counted on.
    """
    frames = max(1, int(Fraction(2, 5) * (fps or 10)))
    if codec == "libx264":  # every thread holds a frame too
        threads = min((3 * (os.cpu_count() or 1) + 1) // 2, max(1, frames // 2))
        return {"rc-lookahead": str(min(40, frames)), "bf": str(min(3, frames // 2)), "threads": str(threads)}
    return {"lag-in-frames": str(min(25, frames))} if codec.startswith("libvpx") else {}


def _untrimmed(first: Frame) -> bool:
    return isinstance(first.source, Media) and not first.source.live and not first.source.start


def _end(first: Frame, shift: Fraction) -> Fraction | None:
    """Where the output will end, in its own seconds, as far as the source tells."""
    source = first.source
    if source is None or source.fps is None or source.frames is None:
        return None
    return first.time - shift + source.frames / source.fps


def _time_base(source: Any) -> Fraction:
    """Ticks in which the source's times, and those of all usual rates, are whole."""
    own = video_stream(source).time_base if source is not None and source.streams.video else None
    ticks = TICKS if own is None else math.lcm(TICKS, own.denominator)
    return Fraction(1, ticks) if ticks <= 10**8 or own is None else own
