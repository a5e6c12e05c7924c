"""What a video file holds beside its pictures, and how it is opened once more to get at it."""

import io
from fractions import Fraction
from threading import Lock
from typing import BinaryIO

import attrs

from peanut.frame import Source


class View:
    """A file object that can seek, read from a place of its own, so that several can read it at once."""

    at_hand = True
    """It costs little to read its bytes a second time."""

    def __init__(self, file: BinaryIO, lock: Lock) -> None:
        self._file, self._lock, self._at = file, lock, 0
        self.name = str(getattr(file, "name", "the file object"))

    def another(self) -> "View":
        """The same file object, from its beginning."""
        return View(self._file, self._lock)

    def read(self, size: int = -1) -> bytes:
        """The next bytes, fewer than `size` only at the end."""
        with self._lock:
            self._file.seek(self._at)
            data = self._file.read(size)
            self._at += len(data)
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; returns where that is, in bytes from the beginning."""
        with self._lock:
            start = self._at if whence == io.SEEK_CUR else 0
            self._file.seek(start + offset, io.SEEK_END if whence == io.SEEK_END else io.SEEK_SET)
            self._at = self._file.tell()
        return self._at

    def fileno(self) -> int:
        """The number that the system knows the file by. Raises OSError or AttributeError if it has none."""
        return self._file.fileno()

    def tell(self) -> int:
        """Where the next bytes come from."""
        return self._at


@attrs.frozen(kw_only=True)
class Media(Source):
    """A source with sound, subtitles and metadata, for those who write them."""

    size: tuple[int, int] = attrs.field(eq=False)
    """(h, w) of the upright pictures, before `max_size`."""
    start_time: Fraction = Fraction(0)
    """Seconds of the source's own clock at time zero of its frames; 1.4 in a usual .ts."""
    live: bool = False
    """A camera or network stream, whose clock says nothing to those who watch later."""
    beside: tuple[str, ...] = ()
    """Kinds of the other streams: audio, subtitle."""
    aspect: Fraction = Fraction(1)
    """Width of a pixel by its height, of the upright pictures."""
    first_field: str | None = None
    """Of interlaced pictures the field that is shown first, top or bottom; None: they are not interlaced."""
    again: str | View | None = attrs.field(default=None, eq=False, repr=False)
    """What PyAV opens to read it once more; None: what passed is gone."""
