"""Reading folders of pictures, and patterns such as `frames/*.png`, as a video."""

import glob
import logging
import os
import re
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import attrs
import av
import av.error
import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame, Source
from peanut.video.file import past_end, reduced
from peanut.video.patterns import SUFFIXES, is_pattern, matching
from peanut.video.transparency import Transparency, decoded, is_transparent

log = logging.getLogger(__name__)


@attrs.frozen(repr=False)
class Images:
    """The pictures of a folder or pattern in natural order (9 before 10), as frames; iterates any number of times.

    A picture that cannot be read leaves a gap in `index`; how many did is told in one warning at the end. Transparency
    is dropped, which is told once.
    start, stop: seconds, stop excluded. fps: frames per second. max_size: longest side in pixels.
    Raises UsageError for a start after the last picture.
    """

    path: str
    start: Fraction = Fraction(0)
    stop: Fraction | None = None
    fps: Fraction = Fraction(25)
    max_size: int | None = None

    def __str__(self) -> str:
        return f"read({self.path!r})"

    @property
    def reads(self) -> tuple[Any, ...]:
        return (self.path,)

    def __iter__(self) -> Iterator[Frame]:
        found = files(self.path)
        if self.start and self.start > (last := (len(found) - 1) / self.fps):
            raise past_end(self.path, self.start, last, len(found) / self.fps)
        pictures = [
            (index, time, file)
            for index, file in enumerate(found)
            if (time := index / self.fps) >= self.start and (self.stop is None or time < self.stop)
        ]
        source = Source(path=self.path, start=self.start, fps=self.fps, frames=len(pictures))
        broken, first_broken = 0, ""
        transparency = Transparency(self.path)
        try:
            for index, time, file in pictures:
                image = load(file, self.max_size)
                if image is None:
                    broken, first_broken = broken + 1, first_broken or file.name
                else:
                    transparency.of_file(file)
                    yield Frame(index=index, time=time, image=image, source=source)
        finally:
            if broken:
                log.warning(
                    "%s: %d pictures cannot be read and are left out, first %s.", self.path, broken, first_broken
                )


def is_pictures(path: str) -> bool:
    """Whether a path is a folder or a pattern (`frames/*.png`, `frames/%05d.png`)."""
    return os.path.isdir(path) or is_pattern(path)


def files(path: str) -> list[Path]:
    """The pictures of a folder or pattern, in natural order. Raises UsageError if there is none."""
    found = glob.glob(os.path.join(glob.escape(path), "*")) if os.path.isdir(path) else matching(path)
    pictures = sorted((file for file in map(Path, found) if file.suffix.lower() in SUFFIXES), key=_natural)
    if not pictures:
        raise UsageError(f"{path} has no pictures ({', '.join(sorted(SUFFIXES))}) in it.")
    return pictures


def _natural(file: Path) -> tuple[list[tuple[int, str]], str]:
    """Numbers by value, the rest by letter; 1.png and 01.png, which are equal so, by letter alone."""
    parts = re.split(r"(\d+)", str(file))  # every second one is a number
    return [(int(part), "") if place % 2 else (-1, part) for place, part in enumerate(parts)], str(file)


def load(file: Path, max_size: int | None = None) -> Tensor | None:
    """A picture as 3 h w, uint8, RGB, upright, without its transparency; None if it cannot be read.

    16 bits are rounded to 8.
    """
    bgr = decoded(file, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH)
    if bgr is not None and bgr.dtype == np.uint8 and file.suffix.lower() in (".tif", ".tiff") and is_transparent(file):
        bgr = _undarkened(file, bgr)
    if bgr is not None and bgr.dtype == np.uint16:
        bgr = ((bgr.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if bgr is not None and bgr.dtype != np.uint8:  # floating point: as OpenCV reads it
        bgr = decoded(file, cv2.IMREAD_COLOR)
    return None if bgr is None else image_of(bgr, max_size)


def image_of(bgr: npt.NDArray[np.uint8], max_size: int | None) -> Tensor:
    """OpenCV's h w 3, uint8, BGR, as 3 h w, RGB; its longest side is reduced to `max_size` pixels."""
    size = reduced(bgr.shape[0], bgr.shape[1], max_size)
    if size is not None:
        bgr = cv2.resize(bgr, size[::-1], interpolation=cv2.INTER_AREA)  # type: ignore[assignment]
    return torch.from_numpy(np.ascontiguousarray(bgr[..., ::-1].transpose(2, 0, 1)))


def _undarkened(file: Path, bgr: Any) -> Any:
    """A see-through TIFF by FFmpeg's decoder, h w 3: OpenCV multiplies its colors by what they let through."""
    try:
        with av.open(str(file)) as container:
            own = next(container.decode(video=0)).to_ndarray(format="bgr24")
    except (av.error.FFmpegError, OSError, StopIteration):
        return bgr  # of a kind that FFmpeg does not read
    return own if own.shape == bgr.shape else bgr
