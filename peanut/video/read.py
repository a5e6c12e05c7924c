"""Reading: whatever shows pictures one after the other becomes the source of a pipeline."""

import os
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, cast, get_args

from peanut.errors import UsageError
from peanut.pipeline import Pipeline
from peanut.video.file import Gaps, VideoFile
from peanut.video.images import Images, is_pictures
from peanut.video.live import Live, is_live
from peanut.video.shots import shots as find_shots
from peanut.video.web import WebFile, WebVideo, is_http
from peanut.video.webp import AnimatedWebp, is_animated_webp

Seconds = float | Fraction | str
"""A number of seconds, or "m:ss", "h:mm:ss" with fractions of a second."""


def read(
    path: str | Path | int | BinaryIO,
    *,
    start: Seconds | None = None,
    stop: Seconds | None = None,
    max_size: int | None = None,
    shots: bool = True,
    gaps: Gaps = "tell",
    resize: bool = True,
    deinterlace: bool = False,
    fps: float | Fraction | None = None,
    newest: int = 4,
    timeout: float = 10.0,
    retry: int = 3,
) -> Pipeline:
    """A pipeline that begins with the frames of `path`; its cuts are found on the way, unless `shots=False`.

    path: a video file, a folder of pictures or a pattern (`frames/*.png`) in natural order, `-` (standard input), a
        binary file object, the number of a camera or its device, an address (rtsp, http, HLS).
    start, stop: seconds from the source's beginning (its first picture or sound), stop excluded; `frame.time` and
        `frame.index` count from there too.
    max_size: longest side in pixels; larger pictures are reduced, smaller ones stay.
    gaps: where frames of a file are missing, every gap is told in a warning with its time, and a new shot begins.
        "tell": numbers go on as if nothing were missing, so that masks by number fit. "renumber": numbers close up over
        the gap. "repeat": the last frame fills it, with numbers and times of its own.
    resize: pictures of a file that change their size are brought to the size of the first (True), or refused.
    deinterlace: make whole pictures of a video file's interlaced ones (FFmpeg's bwdif), one of each, with its time.
    fps: frames per second of a folder of pictures (25); a video has its own.
    newest, timeout, retry: of live sources: frames kept while the pipeline is busy (older ones are dropped and
        counted), seconds without a picture after which the connection counts as lost, attempts to connect again.

    Raises UsageError for what is not there or no video. Latency: 0. Holds: 1 frame.
    """
    begin = Fraction(0) if start is None else _seconds("start", start)
    end = None if stop is None else _seconds("stop", stop)
    if end is not None and end <= begin:
        raise UsageError(f"read: stop ({stop}) must lie after start ({0 if start is None else start}).")
    if max_size is not None and max_size < 1:
        raise UsageError(f"read: max_size must be at least 1 pixel, got {max_size}.")
    if gaps not in get_args(Gaps):
        raise UsageError(f"read: gaps must be one of {', '.join(get_args(Gaps))}, got {gaps!r}.")
    trimmed = start is not None or stop is not None
    if isinstance(path, str) and path.isdigit() and not os.path.exists(path):
        path = int(path)  # a camera, as the command line names it
    if deinterlace and (isinstance(path, int) or (isinstance(path, str | Path) and not _is_file(os.fspath(path)))):
        raise UsageError("read: deinterlace is for video files; pictures and live sources are taken as they are.")
    source: Live | Images | AnimatedWebp | VideoFile
    if isinstance(path, int) or (isinstance(path, str) and is_live(path)):
        if trimmed:
            raise UsageError(f"read: {path} is live and has no start or stop; take as many frames as you want.")
        source = Live(path, newest=newest, timeout=timeout, retry=retry, max_size=max_size)
    elif isinstance(path, str | Path) and is_pictures(os.fspath(path)):
        rate = Fraction(25) if fps is None else Fraction(fps).limit_denominator(1001)
        source = Images(os.fspath(path), start=begin, stop=end, fps=rate, max_size=max_size)
    else:
        if fps is not None:
            raise UsageError("read: fps is for folders of pictures; a video has its own.")
        file: str | BinaryIO = os.fspath(path) if isinstance(path, str | Path) else path
        if isinstance(file, str) and is_animated_webp(file):
            source = AnimatedWebp(file, start=begin, stop=end, max_size=max_size)
        else:
            kind = WebVideo if is_http(file) else VideoFile
            opened = cast(BinaryIO, WebFile(str(file), timeout, retry)) if is_http(file) else file
            source = kind(
                opened, start=begin, stop=end, max_size=max_size, gaps=gaps, resize=resize, deinterlace=deinterlace
            )
    return Pipeline(source=source, stages=(find_shots(),) if shots else ())


def _is_file(path: str) -> bool:
    return not is_live(path) and not is_pictures(path)


def _seconds(name: str, value: Seconds) -> Fraction:
    try:
        parts = [Fraction(part) for part in value.split(":")] if isinstance(value, str) else [Fraction(value)]
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise UsageError(f"read: {name} must be seconds or m:ss, got {value!r}.") from error
    seconds = Fraction(0)
    for part in parts:
        seconds = 60 * seconds + part
    if seconds < 0:
        raise UsageError(f"read: {name} must not be negative, got {value}.")
    return seconds.limit_denominator(10**9)
