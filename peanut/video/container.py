"""What a container tells of its video: which stream it is, when it begins, how long it is, how many frames it has."""

import re
from fractions import Fraction
from typing import Any

import av
from av.stream import Disposition

FASTEST = 960
"""Frames per second beyond which a rate is the ticks of a clock (1000, 90000), not that of the pictures."""


def video_stream(container: Any) -> Any:
    """The video of a container: FFmpeg's choice among its video streams, never a cover; None if there is none."""
    best = container.streams.best("video")
    if best is not None and not is_cover(best):
        return best
    return next((stream for stream in container.streams.video if not is_cover(stream)), None)


def is_cover(stream: Any) -> bool:
    """Whether a stream is a picture to show beside the title, no video."""
    return bool(stream.disposition & Disposition.attached_pic)


def origin(container: Any) -> Fraction:
    """Seconds of the container's clock at which the recording begins: the first picture or sound.

    Sound that begins below zero is primed there and heard from zero on.
    """
    stream = video_stream(container)
    begins = [
        other.start_time * other.time_base
        for other in container.streams
        if other.type in ("video", "audio") and not is_cover(other) and other.start_time is not None
    ]
    first = min(begins, default=Fraction(0))
    own = (stream.start_time or 0) * _tick(stream)
    return Fraction(first if first >= 0 else min(0, own))


def rate_of(stream: Any) -> Fraction | None:
    """Frames per second of a stream; None where it is not known, or nonsense: the ticks of its clock."""
    rates = stream.average_rate, stream.guessed_rate, stream.base_rate
    return next((rate for rate in rates if rate and 0 < rate <= FASTEST), None)


def expected_frames(container: Any, start: Fraction, stop: Fraction | None) -> int | None:
    """How many frames a file will give between two times, as far as it tells."""
    stream = video_stream(container)
    if stream.frames and not start and stop is None:
        return int(stream.frames)
    length = length_of(container)
    rate = rate_of(stream)
    if not rate or (length is None and stop is None):
        return None
    begin = max(start, (stream.start_time or 0) * _tick(stream) - origin(container))
    end = min(time for time in (length, stop) if time is not None)
    return max(0, round(Fraction((end - begin) * rate)))


def length_of(container: Any) -> Fraction | None:
    """Seconds from the beginning of a recording to its end, as far as the file tells."""
    own = own_length(container)
    if own is not None:
        return own
    if container.duration:
        return Fraction((container.start_time or 0) + container.duration, av.time_base) - origin(container)
    return None


def own_length(container: Any) -> Fraction | None:
    """Seconds to the end of the pictures alone: mkv tells it in a tag, "00:00:04.040000000"."""
    stream = video_stream(container)
    if stream.duration:
        return Fraction(((stream.start_time or 0) + stream.duration) * _tick(stream)) - origin(container)
    hours, minutes, seconds = (re.findall(r"\d+(?:\.\d+)?", stream.metadata.get("DURATION", "")) + [0] * 3)[:3]
    told = 3600 * Fraction(hours) + 60 * Fraction(minutes) + Fraction(seconds)
    return told - origin(container) if told else None


def _tick(stream: Any) -> Fraction:
    """Seconds of one tick of the stream's clock; a damaged file may not say."""
    return stream.time_base or Fraction(1, 90_000)
