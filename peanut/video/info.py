"""What a video is, without reading its pictures."""

import os
from fractions import Fraction

import attrs

from peanut.video.colour import colour_of
from peanut.video.file import expected_frames, length_of, open_video
from peanut.video.images import files, load


@attrs.frozen(kw_only=True)
class Info:
    """What a video says of itself; `print` shows it in a few lines."""

    path: str
    size: tuple[int, int]
    """(h, w) in pixels, upright."""
    fps: Fraction | None
    frames: int | None
    seconds: Fraction | None
    codec: str
    pixel_format: str
    colour: str
    rotation: int
    audio: tuple[str, ...]
    subtitles: tuple[str, ...]

    @property
    def megabytes(self) -> float:
        """What one frame costs in memory, in MB."""
        return 3 * self.size[0] * self.size[1] / 1e6

    def __str__(self) -> str:
        h, w = self.size
        count = "length not known" if self.frames is None else f"{self.frames} frames"
        rate = "" if self.fps is None else f" at {float(self.fps):g} per second"
        length = "" if self.seconds is None else f", {float(self.seconds):.2f} s"
        return "\n".join(
            [
                f"{self.path}: {w}x{h}, {count}{rate}{length}",
                f"pictures   {self.codec}, {self.pixel_format}, {self.colour}, rotated by {self.rotation} degrees",
                f"sound      {', '.join(self.audio) or 'none'}",
                f"subtitles  {', '.join(self.subtitles) or 'none'}",
                f"a frame takes {self.megabytes:.1f} MB of memory",
            ]
        )


def info(path: str | os.PathLike[str]) -> Info:
    """What a video file or a folder of pictures is. Raises UsageError if it is neither."""
    name = os.fspath(path)
    if os.path.isdir(name):
        return _of_pictures(name)
    with open_video(name) as container:
        stream = container.streams.video[0]
        picture = next(container.decode(stream), None)
        upright = picture is None or picture.rotation % 180 == 0
        size = (stream.height, stream.width) if upright else (stream.width, stream.height)
        colour = None if picture is None else colour_of(picture)
        return Info(
            path=name,
            size=size,
            fps=stream.average_rate,
            frames=expected_frames(container, Fraction(0), None),
            seconds=length_of(container),
            codec=stream.codec_context.name,
            pixel_format=stream.codec_context.pix_fmt or "unknown",
            colour="RGB" if colour is None else _told(colour.matrix, colour.full_range),
            rotation=0 if picture is None else int(picture.rotation),
            audio=tuple(audio.codec_context.name for audio in container.streams.audio),
            subtitles=tuple(one.codec_context.name for one in container.streams.subtitles if one.codec_context),
        )


def _told(matrix: int, full_range: bool) -> str:
    name = {1: "BT.709", 5: "BT.601", 6: "BT.601", 7: "SMPTE 240M", 9: "BT.2020"}.get(matrix, "matrix not stated")
    return f"{name}, {'full' if full_range else 'limited'} range"


def _of_pictures(folder: str) -> Info:
    pictures = files(folder)
    first = next((image for file in pictures if (image := load(file)) is not None), None)
    size = (0, 0) if first is None else (first.shape[1], first.shape[2])
    return Info(
        path=folder,
        size=size,
        fps=None,
        frames=len(pictures),
        seconds=None,
        codec=pictures[0].suffix.lower().removeprefix("."),
        pixel_format="rgb24",
        colour="RGB",
        rotation=0,
        audio=(),
        subtitles=(),
    )
