"""The bar of a run: frames in and frames out, so that it moves while windows fill."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm.auto import tqdm

from peanut.frame import Frame


class Progress:
    """A bar on a terminal or in a notebook; half of it is what went in, half what came out.

    The length is that of the source, known from its first frame on; without one, frames are counted alone.
    """

    def __init__(self, shown: bool) -> None:
        self._bar: Any = tqdm(unit=" frames", disable=None if shown else True)
        self._known = False
        self.taken = self.given = 0

    def took(self, frame: Frame) -> None:
        """The source gave a frame; may be called from another thread."""
        self.taken += 1
        if not self._known:
            self._known = True
            total = None if frame.source is None else frame.source.frames
            self._bar.total = None if total is None else 2 * total
            if total is not None:
                self._bar.bar_format = "{percentage:3.0f} %|{bar}| {postfix} [{elapsed}<{remaining}]"
        self._moved()

    def gave(self, slowest: Callable[[], str]) -> None:
        """A frame came out; `slowest` tells which stage takes most of the time."""
        self.given += 1
        self._moved(slowest)

    def _moved(self, slowest: Callable[[], str] | None = None) -> None:
        if self._bar.update():
            more = "" if slowest is None else f", slowest: {slowest()}"
            total = "" if self._bar.total is None else f" of {self._bar.total // 2}"
            self._bar.set_postfix_str(f"{self.given}{total} frames, {self.taken} read{more}", refresh=False)

    def __enter__(self) -> "Progress":
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._bar.close()
