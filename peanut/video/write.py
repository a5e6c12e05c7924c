"""Writing: the frames of a pipeline become a file, and nothing that was finished is ever lost."""

import os
import sys
from collections.abc import Iterable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import attrs
import av

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.order import in_order
from peanut.pipeline import Stage
from peanut.run import Link
from peanut.validators import between
from peanut.video.beside import Beside
from peanut.video.encode import FORMATS, Encoding, VideoOutput
from peanut.video.file import name_of
from peanut.video.finish import Output, finish, finish_early
from peanut.video.picture_folder import PictureFolder
from peanut.video.target import Stream, Target

CODECS = {"mp4": "libx264", "mov": "libx264", "matroska": "libx264", "webm": "libvpx-vp9"}


def _as_target(path: Any) -> Any:
    if hasattr(path, "write"):
        return path
    return os.fspath(path) + ("/" if isinstance(path, Path) and not path.suffix else "")


@attrs.frozen(repr=False)
class write(Stage):
    """Write the frames and pass them on.

    path: mp4, mov, mkv, webm; a binary file object (mp4, or by its name); `-`, standard output (Matroska, which players
        read from a pipe); a folder of PNG (ends in `/` or has no suffix), whose files are numbered by `frame.index`.
    codec: name of a video encoder of FFmpeg; by default H.264, VP9 for webm. crf: its quality, lower is better.
    pixel_format: by default yuv420p, for odd sizes yuv444p; HEVC and AV1 keep 10 bits, and FFV1, ProRes and all others
        the source's format where they take it.
    audio, subtitles, metadata: carry those of the source over; sound that the container does not take is encoded anew,
        subtitles that it does not take are left out.

    overwrite: replace what `write` made before; never what the run reads, whatever its name, nor what a frame says it
        comes from.

    Colors are stored and tagged as in the source, and where no pixel was changed the very samples of the source are
    encoded, as far as the pixel format holds them (`pixel_format="yuv420p10le"` keeps 10 bits).
    The file appears under its name when it is complete. A run that fails or is interrupted leaves every frame written
    in a playable `clean.partial-3f2a.mp4`, a new name every time, one that is killed all but the last 3 seconds.
    A source that was read from its beginning keeps its times, otherwise the output starts at zero.
    Raises UsageError, before the first frame is computed, for what cannot be written; later for a frame of another
    size or from the file that would be replaced, and if no frame came at all.
    Latency: 0. Holds: 1 frame, and what the encoder looks ahead.
    """

    path: str | BinaryIO = attrs.field(converter=_as_target)
    codec: str | None = attrs.field(default=None, kw_only=True)
    crf: float = attrs.field(default=16, validator=between(0.0, 63.0), kw_only=True)
    pixel_format: str | None = attrs.field(default=None, kw_only=True)
    audio: bool = attrs.field(default=True, kw_only=True)
    subtitles: bool = attrs.field(default=True, kw_only=True)
    metadata: bool = attrs.field(default=True, kw_only=True)
    overwrite: bool = attrs.field(default=False, kw_only=True)
    keeps, latency, memory = True, 0, 1

    def __attrs_post_init__(self) -> None:
        if not self._is_folder:
            self._check_codec()

    def __str__(self) -> str:
        return f"write({repr(self.path) if isinstance(self.path, str) else name_of(self.path)})"

    @property
    def _is_folder(self) -> bool:
        path = self.path
        return isinstance(path, str) and path != "-" and (path.endswith("/") or not Path(path).suffix)

    @property
    def _format(self) -> str:
        name = name_of(self.path)
        if self._is_standard:
            return "matroska"
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

    @property
    def _is_standard(self) -> bool:
        return self.path == "-" or (sys.stdout is not None and self.path is getattr(sys.stdout, "buffer", None))

    def _place(self) -> Target | Stream:
        """Where the frames go. Raises UsageError for a standard output that is closed."""
        if self._is_standard:
            if sys.stdout is None or sys.stdout.closed:
                raise UsageError("write: standard output is closed; nothing can be written to it.")
            return Stream(sys.stdout.buffer, standard=True)
        if isinstance(self.path, str):
            return Target(self.path, folder=self._is_folder, overwrite=self.overwrite)
        return Stream(self.path, standard=False)

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        output: Output | None = None
        sources: set[str] = set()
        with self._place() as place, Beside(frames.reads) as beside:
            place.refuse(*beside.reads)
            place.refuse_what_is_there()
            try:
                for frame in frames if isinstance(frames, Link) else in_order("write", frames):
                    if frame.source is not None and frame.source.path not in sources:
                        sources.add(frame.source.path)
                        place.refuse(frame.source.path, getattr(frame.source, "again", None))
                    output = output or self._open(place, frame, beside)
                    output.add(frame)
                    yield frame
            except BaseException as error:
                finish_early(output, place, error)
                raise
            failure = frames.error
            if failure is not None:
                finish_early(output, place, failure)
            elif output is None:
                raise UsageError(f"no frame came: {place.given} is not written.")
            else:
                finish(output, place)
                beside.tell_changes(place.given)

    def _open(self, place: Target | Stream, first: Frame, beside: Beside) -> Output:
        target = place.reserve()
        if self._is_folder:
            return PictureFolder(Path(target))
        encoding = Encoding(
            kind=self._format,
            codec=self.codec or CODECS[self._format],
            crf=self.crf,
            pixel_format=self.pixel_format,
            audio=self.audio,
            subtitles=self.subtitles,
            metadata=self.metadata,
        )
        try:
            source = beside.open(first, audio=self.audio, subtitles=self.subtitles)
            return VideoOutput(target, first, encoding, name=place.given, source=source)
        except BaseException:
            place.discard()
            raise
