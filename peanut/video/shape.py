"""The shape of a video's pictures: which stream they are, how wide their pixels are, how fast they come."""

from fractions import Fraction
from typing import Any

FASTEST = 960
"""Frames per second above which a rate is taken for the ticks of a clock (1000, 90000), not for a rate."""
ATTACHED_PICTURE = 1 << 10
"""FFmpeg's flag of a stream that is a cover."""


def pixel_aspect(stream: Any, turned: bool) -> Fraction:
    """Width of a pixel by its height, of the upright picture: 1 where the file says nothing of use.

    turned: the pictures are turned by 90 degrees to be upright.
    """
    own = stream.sample_aspect_ratio
    if not own or own < 0:
        return Fraction(1)
    return 1 / Fraction(own) if turned else Fraction(own)


def frame_rate(stream: Any) -> Fraction | None:
    """Frames per second; None where all that the file tells is nonsense (0/0, 1000/1, 90000/1)."""
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= FASTEST:
            return Fraction(rate)
    return None


def is_cover(stream: Any) -> bool:
    """Whether a stream is a picture that stands for the whole."""
    return stream.type == "video" and bool(int(getattr(stream, "disposition", 0)) & ATTACHED_PICTURE)


def picture_stream(container: Any) -> Any:
    """The best stream of pictures, never a cover if there is another."""
    films = [stream for stream in container.streams.video if not is_cover(stream)]
    best = container.streams.best("video")
    return best if best in films or not films else films[0]
