"""Writing: the frames of a pipeline become a file, and nothing that was finished is ever lost."""

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import attrs
import av
import av.error

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Pipeline, Stage
from peanut.video.encode import FORMATS, VideoOutput
from peanut.video.file import name_of
from peanut.video.mask_stages import mask_images
from peanut.video.media import Media, View
from peanut.video.picture_folder import PictureFolder

log = logging.getLogger(__name__)

CODECS = {"mp4": "libx264", "mov": "libx264", "matroska": "libx264", "webm": "libvpx-vp9"}


class Output(Protocol):
    """What frames are written into."""

    @property
    def count(self) -> int: ...

    def add(self, frame: Frame) -> None: ...

    def close(self) -> None: ...


def _as_target(path: Any) -> Any:
    if hasattr(path, "write"):
        return path
    return os.fspath(path) + ("/" if isinstance(path, Path) and not path.suffix else "")


@attrs.frozen(repr=False)
class write(Stage):
    """Write the frames and pass them on.

    path: mp4, mov, mkv, webm; a binary file object (mp4, or by its name); a folder of PNG (ends in `/` or has no
        suffix), whose files are numbered by `frame.index`.
    codec: name of a video encoder of FFmpeg; by default H.264, VP9 for webm. crf: its quality, lower is better.
    pixel_format: by default yuv420p, for odd sizes yuv444p; HEVC and AV1 keep 10 bits, and FFV1, ProRes and all others
        the source's format where they take it.
    audio, subtitles, metadata: carry those of the source over; sound that the container does not take is encoded anew,
        subtitles that it does not take are left out.

    Colours are stored and tagged as in the source, and where no pixel was changed the very samples of the source are
    encoded, as far as the pixel format holds them (`pixel_format="yuv420p10le"` keeps 10 bits).
    The file appears under its name when it is complete. A run that fails or is interrupted leaves every frame written
    in a playable `clean.partial.mp4`, one that is killed all but the last 3 seconds.
    A source that was read from its beginning keeps its times, otherwise the output starts at zero.
    Raises UsageError, before the first frame is computed, for what cannot be written; later for a frame of another
    size, and if no frame came at all. Latency: 0. Holds: 1 frame, and what the encoder looks ahead.
    """

    path: str | BinaryIO = attrs.field(converter=_as_target)
    codec: str | None = attrs.field(default=None, kw_only=True)
    crf: float = attrs.field(default=16, kw_only=True)
    pixel_format: str | None = attrs.field(default=None, kw_only=True)
    audio: bool = attrs.field(default=True, kw_only=True)
    subtitles: bool = attrs.field(default=True, kw_only=True)
    metadata: bool = attrs.field(default=True, kw_only=True)
    overwrite: bool = attrs.field(default=False, kw_only=True)

    def __attrs_post_init__(self) -> None:
        if not self._is_folder:
            self._check_codec()

    def __str__(self) -> str:
        return f"write({repr(self.path) if isinstance(self.path, str) else name_of(self.path)})"

    @property
    def _is_folder(self) -> bool:
        return isinstance(self.path, str) and (self.path.endswith("/") or not Path(self.path).suffix)

    @property
    def _format(self) -> str:
        name = name_of(self.path)
        if not isinstance(self.path, str):
            return FORMATS.get(Path(name).suffix.lower(), "mp4")
        suffix = Path(name).suffix.lower()
        if suffix not in FORMATS:
            raise UsageError(f"{name}: write knows {', '.join(FORMATS)} and folders (ending in /), not {suffix}.")
        return FORMATS[suffix]

    def _check_codec(self) -> None:
        codec = self.codec or CODECS[self._format]
        try:
            encoder: Any = av.codec.Codec(codec, "w")
        except av.codec.codec.UnknownCodecError as error:
            raise UsageError(f"write: this FFmpeg has no video encoder called {codec!r}; libx264 is one.") from error
        if encoder.type != "video":
            raise UsageError(f"write: {codec} encodes {encoder.type}, not video; libx264 is one that does.")
        with av.open(BytesIO(), "w", format=self._format) as container:
            if encoder.name not in container.supported_codecs:
                best = CODECS[self._format]
                raise UsageError(f"write: {self._format} does not hold {codec}; {best} is a codec that it does.")
        formats = [known.name for known in encoder.video_formats or ()]
        if self.pixel_format is not None and formats and self.pixel_format not in formats:
            raise UsageError(
                f"write: {codec} does not take the pixel format {self.pixel_format!r}. It takes: {', '.join(formats)}."
            )
        if not 0 <= self.crf <= 63:
            raise UsageError(f"write: crf must be 0 (best) to 63, got {self.crf}.")

    def _check_target(self) -> Path | None:
        """Refuse before anything is computed what could not be written at the end; returns the path, if it is one."""
        if not isinstance(self.path, str):
            return None
        path = Path(self.path)
        if path.exists() and not self.overwrite:
            raise UsageError(f"{self.path} exists already; overwrite=True (--overwrite) replaces it.")
        if path.exists() and path.is_dir() != self._is_folder:
            raise UsageError(f"{self.path} is {'a folder' if path.is_dir() else 'a file'} and cannot be replaced.")
        if self._is_folder and path.exists() and any(file.suffix != ".png" for file in path.iterdir()):
            raise UsageError(f"{self.path} holds other things than PNG and is not replaced; choose another folder.")
        if not path.absolute().parent.is_dir():
            raise UsageError(f"{self.path} cannot be written: there is no folder {path.absolute().parent}.")
        if not os.access(path.absolute().parent, os.W_OK):
            raise UsageError(f"{self.path} cannot be written: the folder {path.absolute().parent} is read-only.")
        return path

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        path = self._check_target()
        partial = None if path is None else path.with_name(f"{path.stem}.partial{path.suffix}")
        told = name_of(self.path) if partial is None else str(partial)
        output: Output | None = None
        with _Source() as source:
            try:
                for frame in frames:
                    output = output or self._open(partial, frame, source)
                    output.add(frame)
                    yield frame
            except BaseException as error:
                _finish_early(output, told, error)
                raise
            failure = getattr(frames, "error", None)
            if output is None:
                if failure is None:
                    raise UsageError(f"no frame came: {name_of(self.path)} is not written.")
                return
            if failure is not None:
                _finish_early(output, told, failure)
                return
            try:
                output.close()
            except BaseException as error:
                error.add_note(f"{output.count} frames are in {told}")
                raise
            if path is not None and partial is not None:
                if path.is_dir():
                    shutil.rmtree(path)
                partial.replace(path)

    def _open(self, partial: Path | None, first: Frame, source: "_Source") -> Output:
        if partial is not None and self._is_folder:
            return PictureFolder(partial)
        return VideoOutput(
            str(partial) if partial is not None else self.path,
            self._format,
            first,
            codec=self.codec or CODECS[self._format],
            crf=self.crf,
            pixel_format=self.pixel_format,
            source=source.open(first, audio=self.audio, subtitles=self.subtitles),
            audio=self.audio,
            subtitles=self.subtitles,
            metadata=self.metadata,
        )


def write_masks(path: str | Path, *, overwrite: bool = False) -> Pipeline:
    """Write the masks, lossless, white = remove: `masks(path)` reads the same masks back.

    path: mkv (FFV1), mp4 (H.264, lossless), or a folder of PNG. Passes on the masks as pictures. Raises as `write`.
    """
    suffix = Path(path).suffix.lower()
    if suffix in ("", ".mkv", ".mp4"):
        codec, pixel_format = {".mkv": ("ffv1", "gray"), ".mp4": ("libx264", "gray")}.get(suffix, (None, None))
        stage = write(
            path,
            codec=codec,
            pixel_format=pixel_format,
            crf=0,
            audio=False,
            subtitles=False,
            metadata=False,
            overwrite=overwrite,
        )
        return mask_images() | stage
    raise UsageError(f"write_masks: masks are written lossless to mkv, mp4 or a folder of PNG, not to {suffix}.")


def _finish_early(output: Output | None, told: str, error: BaseException) -> None:
    """Finish the partial file and note on the error how many frames are in it."""
    if output is None:
        return
    try:
        output.close()
    except Exception as late:
        error.add_note(f"{told} could not be finished: {late}")
    error.add_note(f"{output.count} frames are in {told}")
    if isinstance(error, GeneratorExit):
        log.warning("stopped early: %d frames are in %s.", output.count, told)


class _Source:
    """The source of the frames, opened once more for what it carries beside the pictures."""

    def __init__(self) -> None:
        self._container: Any = nullcontext()

    def open(self, first: Frame, *, audio: bool, subtitles: bool) -> Any:
        """An open container, or None where there is none to be had: pictures, a pipe or stream that has passed."""
        media = first.source
        if not isinstance(media, Media):
            return None
        wanted = [kind for kind, yes in (("audio", audio), ("subtitle", subtitles)) if yes and kind in media.beside]
        lost = "it can be read only once" if media.again is None else ""
        if not lost:
            again = media.again.another() if isinstance(media.again, View) else media.again
            try:
                self._container = av.open(again, metadata_errors="replace")
                return self._container
            except (OSError, av.error.FFmpegError) as error:
                lost = f"it cannot be opened again ({error})"
        if wanted:
            log.warning("%s: its %s is not carried over: %s.", media.path, " and ".join(wanted), lost)
        return None

    def __enter__(self) -> "_Source":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.__exit__(None, None, None)
