"""What a video is, without reading its pictures."""

import os
from fractions import Fraction

import attrs

from peanut.errors import UsageError
from peanut.frame import Color
from peanut.video.coded import bytes_of
from peanut.video.color import MATRICES, color_of, orientation
from peanut.video.container import expected_frames, length_of, rate_of, video_stream
from peanut.video.file import open_video
from peanut.video.images import files, is_pictures, load
from peanut.video.packets import Unheard, pictures
from peanut.video.webp import AnimatedWebp, is_animated_webp, rate


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
    color: str
    rotation: int
    audio: tuple[str, ...]
    subtitles: tuple[str, ...]

    @property
    def megabytes(self) -> float:
        """What one frame costs in memory, in MB: its image, and the decoded picture that `write` keeps samples of."""
        h, w = self.size
        return (3 * h * w + bytes_of(self.pixel_format, h, w)) / 1e6

    def __str__(self) -> str:
        h, w = self.size
        count = "length not known" if self.frames is None else f"{self.frames} frames"
        rate = "" if self.fps is None else f" at {float(self.fps):g} per second"
        length = "" if self.seconds is None else f", {float(self.seconds):.2f} s"
        return "\n".join(
            [
                f"{self.path}: {w}x{h}, {count}{rate}{length}",
                f"pictures   {self.codec}, {self.pixel_format}, {self.color}, rotated by {self.rotation} degrees",
                f"sound      {', '.join(self.audio) or 'none'}",
                f"subtitles  {', '.join(self.subtitles) or 'none'}",
                f"a frame takes {self.megabytes:.1f} MB of memory",
            ]
        )


def info(path: str | os.PathLike[str]) -> Info:
    """What a video file, a folder of pictures, a pattern or a stream is. Raises UsageError if it is none of them.

    One picture is decoded, for its colors and the way up; a file whose pictures are all damaged tells the rest. Of
    cameras and standard input nothing is known before they are read: they are refused.
    """
    name = os.fspath(path)
    _refuse_unread(name)
    if is_pictures(name):
        return _of_pictures(name)
    if is_animated_webp(name):
        return _of_webp(name)
    with open_video(name) as container:
        stream = video_stream(container)
        picture = next(pictures(container, stream, None, Unheard()), None)
        turned = picture is not None and orientation(picture)[0]
        size = (stream.width, stream.height) if turned else (stream.height, stream.width)
        color = None if picture is None else color_of(picture, stream.codec_context.name)
        return Info(
            path=name,
            size=size,
            fps=rate_of(stream),
            frames=expected_frames(container, Fraction(0), None),
            seconds=length_of(container),
            codec=stream.codec_context.name,
            pixel_format=stream.codec_context.pix_fmt or "unknown",
            color="RGB" if color is None else _told(color),
            rotation=0 if picture is None else int(picture.rotation),
            audio=tuple(one.codec_context.name for one in container.streams.audio if one.codec_context),
            subtitles=tuple(one.codec_context.name for one in container.streams.subtitles if one.codec_context),
        )


def _refuse_unread(name: str) -> None:
    """Raise UsageError for what tells nothing before it is read."""
    if name == "-":
        raise UsageError("standard input can be read only once: info is for files, and `peanut.read('-')` for pipes.")
    if name.startswith("/dev/video") or (name.isdigit() and not os.path.exists(name)):
        camera = name if name.isdigit() else repr(name)
        raise UsageError(f"{name} is a camera: info is for files and streams, and `peanut.read({camera})` for cameras.")


def _told(color: Color) -> str:
    names = {"bt709": "BT.709", "bt601": "BT.601", "smpte240m": "SMPTE 240M", "bt2020": "BT.2020", "fcc": "FCC"}
    guessed = "" if color.matrix in MATRICES else " by its size (matrix not stated)"
    return f"{names[MATRICES[color.read_as]]}{guessed}, {'full' if color.full_range else 'limited'} range"


def _of_pictures(path: str) -> Info:
    pictures = files(path)
    first = next((image for file in pictures if (image := load(file)) is not None), None)
    if first is None:
        raise UsageError(f"{path}: none of the {len(pictures)} pictures can be read.")
    return Info(
        path=path,
        size=(first.shape[1], first.shape[2]),
        fps=None,
        frames=len(pictures),
        seconds=None,
        codec=pictures[0].suffix.lower().removeprefix("."),
        pixel_format="rgb24",
        color="RGB",
        rotation=0,
        audio=(),
        subtitles=(),
    )


def _of_webp(path: str) -> Info:
    pictures, times = AnimatedWebp(path).decoded()
    return Info(
        path=path,
        size=pictures[0].shape[:2],
        fps=rate(times),
        frames=len(pictures),
        seconds=None,
        codec="webp",
        pixel_format="rgb24",
        color="RGB",
        rotation=0,
        audio=(),
        subtitles=(),
    )
