"""Live sources: cameras and network streams, which do not wait for a pipeline that is busy."""

import errno
import logging
import os
import sys
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import PurePosixPath
from threading import Condition, Thread
from typing import Any

import attrs
import av
import av.error

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.validators import above, at_least
from peanut.video.coded import coded_of
from peanut.video.color import ToRgb, orientation, upright
from peanut.video.container import rate_of, video_stream
from peanut.video.file import name_of, reduced
from peanut.video.media import Media
from peanut.video.web import LIST_TYPES, Connection, WebFile, WebVideo, is_http, told

log = logging.getLogger(__name__)

STREAMS = {"rtsp", "rtsps", "rtmp", "rtp", "udp", "srt", "tcp"}
"""Schemes of addresses that are streams."""
ENDLESS = {"", ".m3u8", ".mjpg"}
"""How the path of an HTTP address ends that is no file."""


def is_live(path: str | int) -> bool:
    """Whether a path names a camera or a stream without an end: its pictures come whether or not they are read.

    >>> [is_live(path) for path in (0, "/dev/video0", "rtsp://camera/1", "http://camera/now.m3u8", "http://camera/now")]
    [True, True, True, True, True]
    >>> [is_live(path) for path in ("street.mp4", "now.m3u8", "https://site/street.mp4?size=full")]
    [False, False, False]
    """
    if isinstance(path, int) or path.startswith("/dev/video"):
        return True
    scheme, _, rest = path.partition("://")
    suffix = PurePosixPath(rest.partition("?")[0].partition("/")[2]).suffix.lower()
    return bool(rest) and (scheme.lower() in STREAMS or (scheme.lower() in ("http", "https") and suffix in ENDLESS))


@attrs.frozen(repr=False)
class Live:
    """The frames of a camera or network stream, read in a thread of their own; iterates any number of times.

    newest: frames kept while the pipeline is busy; older ones are dropped, counted, and leave gaps in `index`.
    timeout: seconds without data after which the connection counts as lost. retry: attempts to connect again, of which
    the first comes at once and the others after 1, 3, 7, ... seconds, at most `timeout`; they count anew once there is
    a picture. max_size: longest side in pixels.
    `index` counts the pictures decoded, and packets that cannot be. `time` is the stream's own; where its clock begins
    anew, after a reconnect or not, it goes on one frame after the last. A stream that says it is over ends the frames;
    a connection that ends otherwise (over tcp always, unless the container tells its length) was lost.
    What a web server gives in parts, or lists with an end (HLS), is a file: it waits, and no frame is dropped.

    Raises UsageError if the source cannot be had at first (without trying again) or any more. Closing waits for the
    picture in work, in a stall until `timeout` at most. Latency: 0. Holds: `newest` frames and one.
    """

    path: str | int
    newest: int = attrs.field(default=4, validator=at_least(1))
    timeout: float = attrs.field(default=10.0, validator=above(0))
    retry: int = attrs.field(default=3, validator=at_least(0))
    max_size: int | None = None

    def __str__(self) -> str:
        return f"read({self.path!r})"

    def __iter__(self) -> Iterator[Frame]:
        connection = None
        try:
            connection = self._connect()
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read any more: {told(error, self.timeout)}") from error
        if connection is not None and connection.in_parts:
            connection.close()
            file: Any = WebFile(str(self.path), self.timeout, self.retry)
            yield from WebVideo(file, max_size=self.max_size)
            return
        feed = _Feed(self, connection)
        thread = Thread(target=feed.run, name="peanut-live", daemon=True)
        thread.start()
        try:
            yield from feed
        finally:
            feed.close()
            thread.join()
            if feed.dropped:
                log.warning("%s: %d frames were dropped, the pipeline was busy.", self.path, feed.dropped)
            if feed.refused:
                log.warning("%s: %d packets could not be decoded and are left out.", self.path, feed.refused)

    def _connect(self) -> Connection | None:
        """A connection to a web server; None if FFmpeg has to make it. Raises OSError if there is none to be had."""
        if not is_http(self.path):
            return None
        connection = Connection(str(self.path), self.timeout)
        if not connection.kind.endswith(LIST_TYPES):
            return connection
        connection.close()
        return None


class _Answer:
    """The answer of a web server as PyAV reads a pipe; what breaks it is kept, and what came before is decoded."""

    def __init__(self, connection: Connection) -> None:
        self.connection, self.name = connection, connection.name
        self.lost: OSError | None = None

    def read(self, size: int) -> bytes:
        try:
            return b"" if self.lost is not None else self.connection.read(size)
        except OSError as error:
            self.lost = error
            return b""


class _Feed(Iterator[Frame]):
    """The newest frames of a live source, between the thread that reads and the pipeline."""

    def __init__(self, settings: Live, connection: Connection | None) -> None:
        self.settings, self.dropped, self.refused = settings, 0, 0
        self._connection = connection
        self._frames: deque[Frame] = deque()
        self._changed = Condition()
        self._closing = self._ended = False
        self._error: BaseException | None = None
        self._index = 0
        self._to_rgb = ToRgb()
        self._source: Media | None = None
        self._last: Fraction | None = None
        self._stamp = Fraction(0)  # of the last picture, by the stream's clock
        self._waits = False  # for the pipeline, instead of dropping frames
        self._offset = Fraction(0)  # from the stream's clock to ours

    def __next__(self) -> Frame:
        with self._changed:
            self._changed.wait_for(lambda: self._frames or self._ended)
            if self._frames:
                self._changed.notify_all()
                return self._frames.popleft()
            error, self._error = self._error, None
            raise error or StopIteration

    def close(self) -> None:
        """Let the reading thread end after the picture in work."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._connection is not None:
            self._connection.stop()

    def run(self) -> None:
        """Read until the stream ends, connecting again when it is lost."""
        try:
            self._read_again_and_again()
        except BaseException as error:  # crosses to the pipeline
            self._error = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()

    def _read_again_and_again(self) -> None:
        tries = 0
        while not self._closing:
            before = self._last
            try:
                self._read()
                return
            except (OSError, av.error.FFmpegError) as error:
                lost = error
            if self._closing:
                return
            tries = tries if self._last == before else 0
            why = told(lost, self.settings.timeout)
            if self._last is None or tries == self.settings.retry:
                came = f"; {self._index} frames came." if self._index else ""
                raise UsageError(f"{self.settings.path} cannot be read any more: {why}{came}") from lost
            log.warning("%s: connection lost (%s); connecting again.", self.settings.path, why)
            with self._changed:
                self._changed.wait_for(lambda: self._closing, min(self.settings.timeout, 2**tries - 1))
            tries += 1

    def _read(self) -> None:
        connection = self._connection or self.settings._connect()
        if connection is None:
            self._read_from(_named(self.settings.path))
            return
        self._connection, answer = connection, _Answer(connection)
        try:
            self._read_from(answer)
        except (UsageError, av.error.FFmpegError):
            if answer.lost is None:
                raise
        finally:
            self._connection = None
            connection.close()
        if answer.lost is not None:
            raise answer.lost

    def _read_from(self, source: Any) -> None:
        with _open(source, self.settings.timeout) as container:
            stream = video_stream(container)
            self._to_rgb = ToRgb(stream.codec_context.name)
            step = 1 / (rate_of(stream) or Fraction(25))
            beside = tuple(sorted({stream.type for stream in container.streams} & {"audio", "subtitle"}))
            self._waits = container.format.name == "hls" and container.duration is not None  # a list with an end
            for packet in container.demux(stream):
                try:
                    pictures = packet.decode()
                except av.error.InvalidDataError:  # joined in the middle, or data lost on the way
                    self.refused += 1
                    self._index += self._last is not None
                    continue
                for picture in pictures:
                    if self._closing:
                        return
                    self._put(picture, step, beside)
            self._check_end(container, step)

    def _check_end(self, container: Any, step: Fraction) -> None:
        """Over tcp a server that is done and one that was killed look the same: the container has to know its end."""
        if str(self.settings.path).lower().startswith("tcp://"):
            length = container.duration
            if length is None or self._stamp + 2 * step < Fraction((container.start_time or 0) + length, av.time_base):
                raise OSError(errno.EIO, f"{os.strerror(errno.EIO)}: the server hung up")

    def _put(self, picture: Any, step: Fraction, beside: tuple[str, ...]) -> None:
        if self._source is None:
            self._source = self._describe(picture, 1 / step, beside)
        size = reduced(picture.height, picture.width, self.settings.max_size)
        turn = orientation(picture)
        image = upright(self._to_rgb(picture, size), turn)
        coded = None if size else coded_of(picture, self._to_rgb.color_of(picture), turn)
        self._last = self._time_of(picture, step)
        frame = Frame(index=self._index, time=self._last, image=image, source=self._source, coded=coded)
        self._index += 1
        with self._changed:
            if self._waits:
                self._changed.wait_for(lambda: self._closing or len(self._frames) < self.settings.newest)
            elif len(self._frames) == self.settings.newest:
                self._frames.popleft()
                self.dropped += 1
            self._frames.append(frame)
            self._changed.notify_all()

    def _describe(self, picture: Any, fps: Fraction, beside: tuple[str, ...]) -> Media:
        size = picture.height, picture.width
        return Media(
            path=str(self.settings.path),
            fps=fps,
            color=self._to_rgb.color_of(picture),
            rotation=int(picture.rotation),
            size=size[::-1] if orientation(picture)[0] else size,
            live=True,
            beside=beside,
        )

    def _time_of(self, picture: Any, step: Fraction) -> Fraction:
        soonest = Fraction(0) if self._last is None else self._last + step
        if picture.pts is None:
            return soonest
        self._stamp = Fraction(picture.pts * picture.time_base)
        time = self._stamp + self._offset
        if self._last is not None and time <= self._last:  # its clock began anew
            self._offset += soonest - time
            return soonest
        return time


def _named(path: str | int) -> str:
    return f"/dev/video{path}" if isinstance(path, int) else path


def _open(source: Any, timeout: float) -> Any:
    """The open container. Raises UsageError if it has no pictures, av's error if it cannot be opened."""
    camera = isinstance(source, str) and source.startswith("/dev/video")
    if camera and not sys.platform.startswith("linux"):
        raise UsageError(f"{source} cannot be opened: cameras are read under Linux only; give the address of a stream.")
    container = av.open(source, format="v4l2" if camera else None, timeout=timeout)
    if video_stream(container) is None:
        container.close()
        raise UsageError(f"{name_of(source)} has no pictures in it.")
    return container
