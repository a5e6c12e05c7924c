"""Reading: whatever shows pictures one after the other becomes the source of a pipeline."""

import os
from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast, get_args

from peanut.errors import UsageError
from peanut.frame import Frame
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

    path: a video file, a folder of pictures or a pattern (`frames/*.png`, `frames/%05d.png`) in natural order, `-`
        (standard input), a binary file object, the number of a camera or its device, an address (rtsp, http, HLS).
    start, stop: seconds from the source's beginning (its first picture or sound), stop excluded; `frame.time` and
        `frame.index` count from there too. max_size: longest side in pixels; larger pictures are reduced.
    gaps: where frames of a file are missing, every gap is told in a warning with its time, and a new shot begins.
        "tell": numbers go on as if nothing were missing, so that masks by number fit. "renumber": numbers close up over
        the gap. "repeat": the last frame fills it, with numbers and times of its own.
    resize: pictures of a file that change their size are brought to the size of the first (True), or refused.
    deinterlace: make whole pictures of a video file's interlaced ones (FFmpeg's bwdif), one of each, with its time.
    fps: frames per second of a folder of pictures (25); a video has its own.
    newest, timeout, retry: of live sources: frames kept while the pipeline is busy (older ones are dropped and
        counted), seconds without a picture after which the connection counts as lost, attempts to connect again.

    Raises UsageError for what is not there or no video, and for a start past its end. Latency: 0. Holds: 1 frame.
    """
    of_files = {"gaps": gaps, "resize": resize, "deinterlace": deinterlace}
    of_streams = {"newest": newest, "timeout": timeout, "retry": retry}
    source = _source(_camera(path), _part(start, stop, max_size), fps, of_files, of_streams)
    return Pipeline(source=source, stages=(find_shots(),) if shots else ())


def _part(start: Seconds | None, stop: Seconds | None, max_size: int | None) -> dict[str, Any]:
    """What is read of a source, as all kinds of sources take it."""
    begin = Fraction(0) if start is None else _seconds("start", start)
    end = None if stop is None else _seconds("stop", stop)
    if end is not None and end <= begin:
        raise UsageError(f"read: stop ({stop}) must lie after start ({0 if start is None else start}).")
    if max_size is not None and max_size < 1:
        raise UsageError(f"read: max_size must be at least 1 pixel, got {max_size}.")
    return {"start": begin, "stop": end, "max_size": max_size}


def _camera(path: Any) -> Any:
    """The number of a camera, as the command line names it; anything else as it is, paths as text."""
    path = os.fspath(path) if isinstance(path, Path) else path
    return int(path) if isinstance(path, str) and path.isdigit() and not os.path.exists(path) else path


def _source(
    path: Any, part: dict[str, Any], fps: float | Fraction | None, of_files: dict[str, Any], of_streams: dict[str, Any]
) -> Iterable[Frame]:
    """The source of the right kind. Raises UsageError for settings that are not for it."""
    if of_files["gaps"] not in get_args(Gaps):
        raise UsageError(f"read: gaps must be one of {', '.join(get_args(Gaps))}, got {of_files['gaps']!r}.")
    live = isinstance(path, str | int) and is_live(path)
    shown = isinstance(path, str) and not live and is_pictures(path)
    if of_files["deinterlace"] and (live or shown):
        raise UsageError("read: deinterlace is for video files; pictures and live sources are taken as they are.")
    if live:
        return _live(path, part, of_streams)
    if shown:
        rate = Fraction(25) if fps is None else Fraction(fps).limit_denominator(1001)
        return Images(path, fps=rate, **part)
    if fps is not None:
        raise UsageError("read: fps is for folders of pictures; a video has its own.")
    if isinstance(path, str) and is_animated_webp(path):
        return AnimatedWebp(path, **part)
    if is_http(path):
        return WebVideo(cast(BinaryIO, WebFile(path, of_streams["timeout"], of_streams["retry"])), **part, **of_files)
    return VideoFile(path, **part, **of_files)


def _live(path: str | int, part: dict[str, Any], settings: dict[str, Any]) -> Live:
    if part["start"] or part["stop"] is not None:
        raise UsageError(f"read: {path} is live and has no start or stop; take as many frames as you want.")
    return Live(path, max_size=part["max_size"], **settings)


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
