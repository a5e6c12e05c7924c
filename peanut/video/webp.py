"""Reading animated WebP, which FFmpeg cannot decode and OpenCV can."""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import attrs
import cv2
import numpy as np
import numpy.typing as npt

from peanut.errors import UsageError
from peanut.frame import Frame, Source
from peanut.video.file import past_end
from peanut.video.images import image_of

LARGEST = 1 << 30
"""Bytes of pictures in one animation; OpenCV decodes all of them at once."""


def is_animated_webp(path: str) -> bool:
    """Whether a file is a WebP of several pictures: its extended header says so."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        head = file.read(21)
    return head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & 0x02)


@attrs.frozen(repr=False)
class AnimatedWebp:
    """The frames of an animated WebP; iterates any number of times.

    start, stop: seconds, stop excluded. max_size: longest side in pixels. Holds: all its pictures.
    """

    path: str
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    max_size: int | None = None

    def __str__(self) -> str:
        return f"read({self.path!r})"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.path,)

    def __iter__(self) -> Iterator[Frame]:
        pictures, times = self.decoded()
        if self.start > times[-1]:
            raise past_end(self.path, self.start, times[-1], None)
        wanted = [
            number
            for number, time in enumerate(times)
            if time >= self.start and (self.stop is None or time < self.stop)
        ]
        source = Source(path=self.path, start=self.start, fps=rate(times), frames=len(wanted))
        for number in wanted:
            image = image_of(pictures[number][..., :3], self.max_size)
            yield Frame(index=number, time=times[number], image=image, source=source)

    def decoded(self) -> tuple[list[npt.NDArray[np.uint8]], list[Fraction]]:
        """All pictures (h w 3 or h w 4, BGR) and their times. Raises UsageError if they cannot be had."""
        if not hasattr(cv2, "imdecodeanimation"):
            raise UsageError(f"{self.path} is an animated WebP: OpenCV reads it from version 4.11 on.")
        with open(self.path, "rb") as file:
            data: Any = np.frombuffer(file.read(), np.uint8)
        h, w = (1 + int.from_bytes(data[at : at + 3].tobytes(), "little") for at in (27, 24))
        if 4 * h * w * (count := data.tobytes().count(b"ANMF")) > LARGEST:
            raise UsageError(f"{self.path} is an animated WebP of {count} pictures of {w}x{h}: too large to be read.")
        try:
            done, animation = cv2.imdecodeanimation(data)
        except cv2.error as error:
            raise UsageError(f"{self.path} cannot be read as an animated WebP: {error.err}.") from error
        if not done or not len(animation.frames):
            raise UsageError(f"{self.path} cannot be read as an animated WebP: it is damaged or cut off.")
        times, time = [], Fraction(0)
        for milliseconds in animation.durations:
            times.append(time)
            time += Fraction(max(1, int(milliseconds)), 1000)
        pictures: Any = animation.frames
        return list(pictures), times


def rate(times: list[Fraction]) -> Fraction | None:
    """Frames per second on average."""
    return (len(times) - 1) / times[-1] if len(times) > 1 else None
