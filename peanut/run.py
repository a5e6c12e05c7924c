"""One run of a pipeline: the links between its stages, what they count, and what ends it.

Between two stages stands a `Link`: the iterator that the next stage reads. It counts, keeps the time, refuses what is
no frame or out of order, and turns an error of the stage above into the end of the stream, so that the stages below
flush what they hold; the run raises the error when all is out. A stage may leave frames out or end before its input;
the log has a line about it, unless the stage says `drops = True`.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from time import perf_counter
from typing import Any, NoReturn

from peanut.doubts import Doubts
from peanut.errors import StageError, UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.order import BEFORE_ALL, check_order
from peanut.statistics import StageStatistics, Statistics

log = logging.getLogger(__name__)


class _Unchecked:
    _time = object()  # no frame's


_UNCHECKED = _Unchecked()


class Link(FrameStream):
    """The frames between two stages, as the lower one reads them.

    make: begins the stage that gives them. above: what that stage reads, None for most sources.
    statistics: of that stage, to be filled. drops, reads: what it tells.
    """

    __slots__ = (
        *("_above", "_below", "_checked", "_drops", "_error", "_items", "_make", "_pull", "_time"),
        *("ended_early", "pushed", "reads", "statistics"),
    )

    def __init__(
        self,
        statistics: StageStatistics,
        make: Callable[[], Iterable[Frame]],
        above: FrameStream | None,
        drops: bool = False,
        reads: tuple[Any, ...] = (),
    ) -> None:
        self.statistics = statistics
        self.pushed: bool = above is not None and above.pushed
        self.ended_early = False
        """True if the stage ended by itself, before the frames that it reads did."""
        self.reads: tuple[Any, ...] = reads if above is None else (*above.reads, *reads)
        self._above = above
        if isinstance(above, Link):
            above._below = statistics
        self._below: StageStatistics | None = None
        self._drops = drops
        self._time = BEFORE_ALL  # of the last frame
        self._checked: Any = above if isinstance(above, Link) else _UNCHECKED
        """The link above, as long as all numbers and times are its own: to compare fractions costs more than all the
        rest here."""
        self._items: Any = None
        self._make = make
        self._pull: Callable[[], Frame] = self._start  # from the first frame on: the stage's own `__next__`
        self._error: BaseException | None = None

    def _start(self) -> Frame:
        self._items = self._make()
        if self._pull is _cancelled:  # meanwhile, by another thread
            raise GeneratorExit
        if not isinstance(self._items, Iterable):
            raise UsageError(f"{self.statistics.name} gave {type(self._items).__name__} back: a stage yields frames.")
        self._pull = iter(self._items).__next__
        frame: Frame = self._pull()
        return frame

    def __iter__(self) -> "Link":
        return self

    def __next__(self) -> Frame:
        statistics, below = self.statistics, self._below
        waiting = statistics.waiting
        statistics.thread = thread = get_ident()
        start = perf_counter()
        try:
            frame = self._pull()
            if not (  # the number and time that the link above checked last, and not given yet: in order
                frame.__class__ is Frame
                and frame.index is statistics.last_in
                and waiting
                and frame.time is self._checked._time
            ):
                last = BEFORE_ALL if statistics.last_out is None else statistics.last_out
                check_order(statistics.name, frame, last, self._time)
                self._checked = _UNCHECKED
        except StopIteration:
            self._end()
            raise
        except Exception as error:
            self._pull = _no_more
            self._fail(error)
            raise StopIteration from None
        finally:
            took = perf_counter() - start
            statistics.seconds_with_input += took
            if below is not None and below.thread == thread:  # not when asked by a thread of the stage's own
                below.seconds_of_input += took
        self._time = frame.time
        index = statistics.last_out = frame.index
        statistics.frames_out += 1
        while waiting and waiting[0] <= index:
            waiting.popleft()
        if below is not None:
            below.took(index)
        return frame

    def _end(self) -> None:
        """The stage has given its last frame: say so if it took more than it gave, or did not wait for more."""
        above = self._above
        if self._pull is not _no_more and isinstance(above, Link) and self.error is None:
            own = self.statistics
            self.ended_early = above._pull is not _no_more
            if self.ended_early and not self._drops:
                log.warning("%s ended %s, before its input did.", own.name, _place(own.last_in))
            elif own.frames_out < own.frames_in and not self._drops:
                log.warning("%s took %d frames and gave %d.", own.name, own.frames_in, own.frames_out)
        self._pull = _no_more

    @property
    def doubts(self) -> Doubts:
        return Doubts() if self._below is None else self._below.doubts

    @property
    def stages(self) -> tuple[StageStatistics, ...]:
        above = () if self._above is None else self._above.stages
        return (*above, self.statistics)

    def cancel(self) -> None:
        if self._pull is not _no_more:
            self._pull = _cancelled
        if self._above is not None:
            self._above.cancel()

    @property
    def error(self) -> BaseException | None:
        above = None if self._above is None else self._above.error
        return above if above is not None else self._error

    def _fail(self, error: Exception) -> None:
        """Keep the first error, as what the run will raise; a later one becomes a note of it."""
        first, name = self.error, self.statistics.name
        frame = self.statistics.last_in if self.statistics.frames_in else self.statistics.last_out
        if first is not None:
            if error is not first:
                first.add_note(f"{name} then failed too: {type(error).__name__}: {error}")
        elif isinstance(error, UsageError):
            error.add_note(f"in {name}" + ("" if frame is None else f", at frame {frame}"))
            self._error = error
        elif isinstance(error, StageError):  # of a pipeline inside the stage
            self._error = error
        else:
            self._error = StageError(name, frame, error)
            self._error.__cause__ = error
            for note in getattr(error, "__notes__", ()):
                self._error.add_note(note)

    def close(self) -> None:
        """Close the stage that gives these frames."""
        self._pull = _no_more
        items, self._items = self._items, None
        if hasattr(items, "close"):
            try:
                items.close()
            except Exception as error:
                self._fail(error)


def _no_more() -> NoReturn:
    raise StopIteration


def _cancelled() -> NoReturn:
    raise GeneratorExit  # the stages see what they see when a consumer stops early


def _place(frame: int | None) -> str:
    return "before its first frame" if frame is None else f"at frame {frame}"


class Run(Iterator[Frame]):
    """One run of a pipeline: the frames that come out of it. Closes all stages when it ends, however it ends.

    Raises UsageError or StageError after the last frame, if a stage failed.
    """

    def __init__(self, links: list[Link]) -> None:
        self._links = links
        self._started: float | None = None
        self._seconds: float | None = None
        self._raised = False

    def __next__(self) -> Frame:
        if self._started is None:
            self._started = perf_counter()
        try:
            return next(self._links[-1])
        except StopIteration:
            self.close()
            raise
        except BaseException:
            self._close()
            raise

    @property
    def ended_early(self) -> str | None:
        """Which stage ended before its input did, and where; None if none has."""
        for link in self._links:
            if link.ended_early:
                return f"{link.statistics.name} ended {_place(link.statistics.last_in)}"
        return None

    @property
    def error(self) -> BaseException | None:
        """What ended the run early; None if nothing did."""
        return self._links[-1].error

    @property
    def statistics(self) -> Statistics:
        """What the stages have done so far."""
        start = perf_counter() if self._started is None else self._started
        seconds = perf_counter() - start if self._seconds is None else self._seconds
        return Statistics(tuple(link.statistics for link in self._links), seconds)

    def _close(self) -> None:
        for link in reversed(self._links):
            link.close()
        if self._seconds is None:
            self._seconds = self.statistics.seconds

    def close(self) -> None:
        """Stop without flushing. Raises what a stage failed with, once."""
        self._close()
        own = [link._error for link in self._links if link._error is not None]
        if own and not self._raised:
            self._raised = True
            raise own[0]

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        self._close()
