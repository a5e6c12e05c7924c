"""Videos at HTTP addresses: what the server says counts, and a connection that breaks is not the end of a video."""

import errno
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import closing, suppress
from http.client import HTTPException
from pathlib import PurePosixPath
from threading import Event
from typing import Any, BinaryIO, cast
from urllib.error import URLError
from urllib.parse import quote, unquote, urlsplit, urlunsplit
from urllib.request import (
    HTTPBasicAuthHandler,
    HTTPDigestAuthHandler,
    HTTPPasswordMgrWithDefaultRealm,
    Request,
    build_opener,
)

import attrs
import av.error

from peanut.buffers import prefetch
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.video.file import VideoFile
from peanut.video.media import View

log = logging.getLogger(__name__)

LISTS = {".m3u8", ".mpd"}
"""How the path of a list of segments ends."""
LIST_TYPES = ("mpegurl", "dash+xml")
"""How the content type of a list of segments ends."""
SKIP = 1 << 17
"""Bytes that are read over rather than asked for anew."""


def is_http(path: Any) -> bool:
    """Whether a path is the address of a web server, and no list of segments, which FFmpeg fetches by itself."""
    if not isinstance(path, str) or not path.lower().startswith(("http://", "https://")):
        return False
    return PurePosixPath(urlsplit(path).path).suffix.lower() not in LISTS


class HungUp(OSError):
    """The server ended its answer where it has not said that this is the end."""

    def __init__(self, at: int) -> None:
        super().__init__(errno.EIO, f"{os.strerror(errno.EIO)}: the server hung up after {at} bytes")


class Connection:
    """One answer of a web server, from byte `at` on, as it comes.

    timeout: seconds without data after which `read` fails. Raises OSError if there is no such answer.
    """

    def __init__(self, url: str, timeout: float, at: int = 0) -> None:
        self.name, self.at = url, at
        try:
            self._response = _answer(url, at, timeout)
        except URLError as error:
            raise (error.reason if isinstance(error.reason, OSError) else error) from error
        except HTTPException as error:
            raise OSError(errno.EIO, f"the server did not answer as one of the web does: {error!r}") from error
        ended = self._response.isclosed()  # an empty answer is
        self._line = None if ended else socket.fromfd(self._response.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        headers = self._response.headers
        in_parts = self._response.status == 206
        told = headers.get("Content-Range", "").rpartition("/")[2] if in_parts else headers.get("Content-Length", "")
        self.kind: str = headers.get_content_type()
        self.total = int(told) if told.isdigit() else None
        """Bytes in all; None: not said."""
        self.in_parts = in_parts and self.total is not None
        """The server gives any part of it that is asked for: it is a file."""
        self.says_its_end = self.total is not None or headers.get("Transfer-Encoding", "").lower() == "chunked"
        """Otherwise a server that is done and one that was killed look the same."""
        if at and not self.in_parts:
            self.close()
            raise OSError(errno.ESPIPE, "the server gives it from its beginning only")

    def read(self, size: int) -> bytes:
        """What there is, `size` bytes at most; nothing at the end. Raises OSError if that is no end the server told."""
        left = size if self.total is None else min(size, self.total - self.at)
        if left <= 0:
            return b""
        try:
            data: bytes = self._response.read1(left)
        except HTTPException as error:
            raise HungUp(self.at) from error
        if not data and (self.total is not None or not self.says_its_end):
            raise HungUp(self.at)
        self.at += len(data)
        return data

    def stop(self) -> None:
        """Let a `read` in another thread end at once."""
        if self._line is not None:
            with suppress(OSError):  # it has ended already
                self._line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up."""
        self._response.close()
        if self._line is not None:
            self._line.close()


def _answer(url: str, at: int, timeout: float) -> Any:
    """The open answer to a request for all from byte `at` on; a name and password may stand in the address."""
    parts = urlsplit(url)
    address = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], fragment=""))
    address = quote(address, safe="%/:?=&#+!$,;'@()*[]~")
    passwords = HTTPPasswordMgrWithDefaultRealm()
    if parts.username is not None:
        passwords.add_password(None, address, unquote(parts.username), unquote(parts.password or ""))
    opener = build_opener(HTTPBasicAuthHandler(passwords), HTTPDigestAuthHandler(passwords))
    request = Request(address, headers={"Range": f"bytes={at}-", "User-Agent": "peanut"})
    return opener.open(request, timeout=timeout)


class WebFile(View):
    """A file on a web server, read from a place of its own; a connection that breaks is made again where it broke.

    timeout: seconds without data after which a connection counts as lost. retry: attempts to connect again, after 0,
    1, 3, 7, ... seconds; they count anew once there is data. After the last it ends there, with a line in the log and
    `failure`: an error raised in the middle of PyAV would take with it what was read before.
    """

    at_hand = False

    def __init__(self, url: str, timeout: float, retry: int) -> None:
        self.name, self.timeout, self.retry = url, timeout, retry
        self.failure: UsageError | None = None
        """Why it ended where it did, and how much came; None: that was the end."""
        self._at = 0
        self._total: int | None = None
        self._end: int | None = None  # the place from which nothing is to be had
        self._connection: Connection | None = None
        self._stopped = Event()

    def __repr__(self) -> str:
        return repr(self.name)

    def another(self) -> "WebFile":
        """The same file, from its beginning."""
        return WebFile(self.name, self.timeout, self.retry)

    def connect(self) -> Connection:
        """The connection that gives the next bytes. Raises OSError if there is none to be had."""
        while self._connection is not None and 0 < self._at - self._connection.at <= SKIP:
            self._connection.read(self._at - self._connection.at)
        if self._connection is None or self._connection.at != self._at:
            self.close()
            self._connection = Connection(self.name, self.timeout, self._at)
            if self._total not in (None, self._connection.total):
                raise OSError(errno.ESTALE, "the server has another file there now")
            self._total = self._connection.total
            self._end = self._total if self._end is None else self._end
        return self._connection

    def seekable(self) -> bool:
        """Whether the server gives any part of it that is asked for."""
        return self.connect().in_parts

    def read(self, size: int = -1) -> bytes:
        """The next bytes, `size` at most; nothing at the end."""
        tries = 0
        while not self._stopped.is_set():
            if self._end is not None and self._at >= self._end:
                break
            try:
                data = self.connect().read(size if size > 0 else 1 << 16)
                self._at += len(data)
                return data
            except OSError as error:
                lost = error
            connection = self._connection
            self.close()
            if isinstance(lost, HungUp) and connection is not None and not connection.says_its_end:
                log.warning("%s: the server did not say that this is the end: %d bytes came.", self.name, self._at)
                self._end = self._at
                break
            if tries == self.retry or (connection is not None and not connection.in_parts):
                self._give_up(lost)
                break
            log.warning("%s: connection lost (%s); connecting again.", self.name, told(lost, self.timeout))
            self._stopped.wait(min(self.timeout, 2**tries - 1))
            tries += 1
        return b""

    def _give_up(self, lost: OSError) -> None:
        if not self._stopped.is_set():
            self._end = self._at
            came = f"{self._at} bytes" if self._total is None else f"{self._at} of {self._total} bytes"
            self.failure = UsageError(f"{self.name} cannot be read any more: {told(lost, self.timeout)}; {came} came.")
            self.failure.__cause__ = lost
            log.warning("%s", self.failure)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place; returns where that is, in bytes from the beginning."""
        start = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._total or 0}[whence]
        self._at = max(0, start + offset)
        return self._at

    def stop(self) -> None:
        """Let a `read` in another thread end at once, and every one that follows."""
        self._stopped.set()
        if self._connection is not None:
            self._connection.stop()

    def close(self) -> None:
        """Hang up; what is read next connects again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __del__(self) -> None:
        self.close()


def told(lost: Exception, timeout: float) -> str:
    """Why a connection was lost, in a sentence."""
    waited = isinstance(lost, TimeoutError | av.error.ExitError)  # Python's way to say so, and FFmpeg's
    return f"no data for {timeout:g} s" if waited else str(lost)


@attrs.frozen(repr=False)
class WebVideo(VideoFile):
    """The frames of a video file on a web server, read in a thread of their own.

    The thread is there for Ctrl-C: PyAV asks for bytes in the middle of C code, where Python could not be interrupted.
    """

    def __iter__(self) -> Iterator[Frame]:
        file: Any = self.path
        with closing(file.another()) as mine:
            try:
                mine.connect()
            except OSError as error:
                raise UsageError(f"{file.name} cannot be opened: {told(error, file.timeout)}") from error
            yield from prefetch(self._frames(mine), 1, stop=mine.stop)

    def _frames(self, file: WebFile) -> Iterator[Frame]:
        late = None
        try:
            yield from VideoFile.__iter__(attrs.evolve(self, path=cast(BinaryIO, file)))
        except UsageError as error:
            late = error
        if file.failure is not None:
            raise file.failure
        if late is not None:
            raise late
