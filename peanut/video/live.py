"""Live sources: cameras and network streams, which do not wait for a pipeline that is busy."""

import logging
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import PurePosixPath
from threading import Condition, Thread
from typing import Any
from urllib.parse import urlsplit

import attrs
import av
import av.error

from peanut.errors import UsageError
from peanut.frame import Frame, Source
from peanut.video.colour import colour_of, orientation, to_rgb, upright
from peanut.video.file import reduced

log = logging.getLogger(__name__)

STREAMS = {"rtsp", "rtsps", "rtmp", "rtp", "udp", "srt", "tcp"}


def is_live(path: str | int) -> bool:
    """Whether a path names a camera or a stream without an end: its pictures come whether or not they are read."""
    if isinstance(path, int) or path.startswith("/dev/video"):
        return True
    address = urlsplit(path)
    suffix = PurePosixPath(address.path).suffix.lower()
    return address.scheme in STREAMS or (address.scheme in ("http", "https") and suffix in ("", ".m3u8", ".mjpg"))


@attrs.frozen(repr=False)
class Live:
    """The frames of a camera or network stream, read in a thread of their own; iterates any number of times.

    newest: frames kept while the pipeline is busy; older ones are dropped, counted, and leave gaps in `index`.
    timeout: seconds without a picture after which the connection counts as lost. retry: attempts to connect again.
    max_size: longest side in pixels.
    Raises UsageError if the source cannot be had, at first or any more. Latency: 0. Holds: `newest` frames and one.
    """

    path: str | int
    newest: int = attrs.field(default=4, validator=attrs.validators.ge(1))
    timeout: float = attrs.field(default=10.0, validator=attrs.validators.gt(0))
    retry: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    max_size: int | None = None

    def __str__(self) -> str:
        return f"read({self.path!r})"

    def __iter__(self) -> Iterator[Frame]:
        feed = _Feed(self)
        thread = Thread(target=feed.run, name="peanut-live", daemon=True)
        thread.start()
        try:
            yield from feed
        finally:
            feed.close()
            thread.join()
            if feed.dropped:
                log.warning("%s: %d frames were dropped, the pipeline was busy.", self.path, feed.dropped)


class _Feed(Iterator[Frame]):
    """The newest frames of a live source, between the thread that reads and the pipeline."""

    def __init__(self, settings: Live) -> None:
        self.settings, self.dropped = settings, 0
        self._frames: deque[Frame] = deque()
        self._changed = Condition()
        self._closing = self._ended = False
        self._error: BaseException | None = None
        self._index, self._last = 0, Fraction(-1)

    def __next__(self) -> Frame:
        with self._changed:
            while not self._frames:
                if self._error is not None:
                    error, self._error, self._ended = self._error, None, True
                    raise error
                if self._ended:
                    raise StopIteration
                self._changed.wait()
            return self._frames.popleft()

    def close(self) -> None:
        """Let the reading thread end after the picture in work."""
        self._closing = True

    def run(self) -> None:
        """Read until the stream ends, connecting again when it is lost."""
        left, error = self.settings.retry, None
        try:
            while not self._closing:
                before = self._index
                try:
                    self._read()
                    return
                except (OSError, av.error.FFmpegError) as lost:
                    error = lost
                left = self.settings.retry if self._index > before else left
                if not left:
                    raise UsageError(f"{self.settings.path} cannot be read any more: {error}") from error
                left -= 1
                log.warning("%s: connection lost (%s); connecting again.", self.settings.path, error)
        except BaseException as failure:  # crosses to the pipeline
            self._error = failure
        finally:
            with self._changed:
                self._ended = self._error is None
                self._changed.notify()

    def _read(self) -> None:
        with _open(self.settings) as container:
            stream = container.streams.video[0]
            source, offset = None, None
            for picture in container.decode(stream):
                if self._closing:
                    return
                stamp = Fraction((picture.pts or 0) * picture.time_base)
                if offset is None:  # after a reconnect the stream's clock may begin anew
                    step = 1 / Fraction(stream.average_rate or 25)
                    offset = max(Fraction(0), self._last + step - stamp) if self._index else Fraction(0)
                    source = Source(path=str(self.settings.path), fps=stream.average_rate, colour=colour_of(picture))
                self._put(picture, max(stamp + offset, self._last), source)

    def _put(self, picture: Any, time: Fraction, source: Source | None) -> None:
        size = reduced(picture.height, picture.width, self.settings.max_size)
        image = upright(to_rgb(picture, size), orientation(picture))
        frame = Frame(index=self._index, time=time, image=image, source=source)
        self._index, self._last = self._index + 1, time
        with self._changed:
            if len(self._frames) == self.settings.newest:
                self._frames.popleft()
                self.dropped += 1
            self._frames.append(frame)
            self._changed.notify()


def _open(settings: Live) -> Any:
    """The open container. Raises UsageError if it has no pictures, av's error if it cannot be opened."""
    camera = isinstance(settings.path, int) or settings.path.startswith("/dev/video")
    name = f"/dev/video{settings.path}" if isinstance(settings.path, int) else settings.path
    container = av.open(name, format="v4l2" if camera else None, timeout=settings.timeout)
    if not container.streams.video:
        container.close()
        raise UsageError(f"{name} has no pictures in it.")
    return container
