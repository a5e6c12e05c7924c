"""One run of a pipeline: the links between its stages, what they count, and what ends it.

Between two stages stands a `Link`: the iterator that the next stage reads. It counts, keeps the time, refuses what is
no frame or out of order, and turns an error of the stage above into the end of the stream, so that the stages below
flush what they hold; the run raises the error when all is out. A stage may leave frames out or end before its input;
the log has a line about it, unless the stage says `drops = True`.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from time import perf_counter
from typing import Any, NoReturn

import attrs

from peanut.errors import StageError, UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.order import BEFORE_ALL, check_order

log = logging.getLogger(__name__)


@attrs.define(eq=False)
class StageStatistics:
    """What one stage did in one run."""

    name: str
    frames_in: int = 0
    frames_out: int = 0
    seconds_with_input: float = attrs.field(default=0.0, repr=False)
    seconds_of_input: float = attrs.field(default=0.0, repr=False)
    past: int = attrs.field(default=0, repr=False)
    """How many frames the stage says it keeps that came out already: the past of its window."""
    most_waiting: int = attrs.field(default=0, repr=False)
    """The most frames consumed at one time that lay beyond the last frame that came out."""
    last_in: int | None = None
    last_out: int | None = None
    _waiting: deque[int] = attrs.field(factory=deque, init=False, repr=False)
    _thread: int = attrs.field(default=0, init=False, repr=False)

    @property
    def seconds(self) -> float:
        """Seconds spent inside the stage, without those in which it waited for the stages above."""
        return self.seconds_with_input - self.seconds_of_input

    @property
    def held(self) -> int:
        """Frames in the stage, now: those consumed that have not come out, and of the others those that it keeps."""
        return min(self.frames_in, len(self._waiting) + self.past)

    @property
    def most_held(self) -> int:
        """As `held`, the most at one time."""
        return min(self.frames_in, self.most_waiting + self.past)

    @property
    def latency(self) -> int:
        """Frames that had to arrive after a frame before it came out, at most."""
        return max(0, self.most_waiting - 1)


@attrs.frozen
class Statistics:
    """What a run did, stage by stage; `print` shows it as a table."""

    stages: tuple[StageStatistics, ...]
    seconds: float
    """Seconds from the first frame asked for."""

    @property
    def frames(self) -> int:
        """Frames that came out at the end."""
        return self.stages[-1].frames_out if self.stages else 0

    @property
    def slowest(self) -> StageStatistics:
        """The stage in which most of the time was spent."""
        return max(self.stages, key=lambda stage: stage.seconds)

    def __str__(self) -> str:
        fps = self.frames / self.seconds if self.seconds else 0.0
        lines = [f"{self.frames} frames in {self.seconds:.1f} s ({fps:.1f} per second)"]
        lines += [f"{'in':>7} {'out':>7} {'seconds':>9} {'held':>5} {'latency':>7}  stage"]
        for s in self.stages:
            counts = f"{s.frames_in:7d} {s.frames_out:7d} {s.seconds:9.2f} {s.most_held:5d} {s.latency:7d}"
            lines.append(f"{counts}  {s.name}")
        return "\n".join(lines)


class _Unchecked:
    _time = object()  # no frame's


_UNCHECKED = _Unchecked()


class Link(FrameStream):
    """The frames between two stages, as the lower one reads them.

    name: of the stage that gives them. make: begins it. above: what that stage reads, None for most sources.
    drops, reads, past: what the stage tells.
    """

    __slots__ = (
        *("_above", "_below", "_checked", "_drops", "_error", "_items", "_make", "_pull", "_time"),
        *("ended_early", "pushed", "reads", "statistics"),
    )

    def __init__(
        self,
        name: str,
        make: Callable[[], Iterable[Frame]],
        above: FrameStream | None,
        drops: bool = False,
        reads: tuple[Any, ...] = (),
        past: int = 0,
    ) -> None:
        self.statistics = StageStatistics(name, past=past)
        self.pushed: bool = above is not None and above.pushed
        self.ended_early = False
        """True if the stage ended by itself, before the frames that it reads did."""
        self.reads: tuple[Any, ...] = reads if above is None else (*above.reads, *reads)
        self._above = above
        if isinstance(above, Link):
            above._below = self.statistics
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
        if not isinstance(self._items, Iterable):
            raise UsageError(f"{self.statistics.name} gave {type(self._items).__name__} back: a stage yields frames.")
        self._pull = iter(self._items).__next__
        frame: Frame = self._pull()
        return frame

    def __iter__(self) -> "Link":
        return self

    def __next__(self) -> Frame:
        statistics, below = self.statistics, self._below
        waiting = statistics._waiting
        statistics._thread = thread = get_ident()
        start = perf_counter()
        try:
            frame = self._pull()
            if not (  # the number and time that the link above checked last, and not given yet: in order
                frame.__class__ is Frame
                and (index := frame.index) is statistics.last_in
                and waiting
                and (time := frame.time) is self._checked._time
            ):
                last = BEFORE_ALL if statistics.last_out is None else statistics.last_out
                check_order(statistics.name, frame, last, self._time)
                index, time, self._checked = frame.index, frame.time, _UNCHECKED
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
            if below is not None and below._thread == thread:  # not when asked by a thread of the stage's own
                below.seconds_of_input += took
        self._time = time
        statistics.frames_out += 1
        statistics.last_out = index
        while waiting and waiting[0] <= index:
            waiting.popleft()
        if below is not None:
            below.frames_in += 1
            below.last_in = index
            waiting = below._waiting
            waiting.append(index)
            if len(waiting) > below.most_waiting:
                below.most_waiting = len(waiting)
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
