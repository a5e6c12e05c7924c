"""Stages and pipelines: composing with `|`, running, failing, closing, statistics.

Between two stages stands a `Link`: the iterator that the next stage reads. It counts, keeps the time, and turns an
error of the stage above into the end of the stream, so that the stages below flush what they hold; the run raises the
error when all is out.
"""

import functools
import inspect
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from time import perf_counter
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NoReturn, ParamSpec, Protocol

import attrs

from peanut.buffers import prefetch as prefetch_items
from peanut.errors import StageError, UsageError
from peanut.frame import Frame

if TYPE_CHECKING:
    from peanut.session import Session

P = ParamSpec("P")


class FrameStage(Protocol):
    """What a stage is: any callable from an iterator of frames to an iterator of frames."""

    def __call__(self, frames: Iterator[Frame], /) -> Iterable[Frame]: ...


class Stage(ABC):
    """Base class of stages with settings: an attrs class with `__call__(self, frames)`; gives it `|`.

    What a run knows lives in the iterator that `__call__` returns, never in the stage: one stage can run many times at
    once. The iterator that a stage receives has `.error` (None, or what ended it early) and `.pushed` (True in a
    session, where a stage must not run ahead).
    """

    @abstractmethod
    def __call__(self, frames: Iterator[Frame], /) -> Iterator[Frame]:
        """The frames that come out when `frames` go in."""

    def __or__(self, other: "FrameStage") -> "Pipeline":
        return Pipeline(stages=_flat(self)) | other

    def __ror__(self, other: Iterable[Frame]) -> "Pipeline":
        if not isinstance(other, Iterable):
            raise UsageError(f"{label(self)} reads frames, and {label(other)} on its left gives none.")
        return Pipeline(source=other, stages=_flat(self))


class _Unbuilt(Generic[P]):
    """What `@stage` makes of a generator function: called with its settings it gives the stage."""

    def __init__(self, function: Callable[Concatenate[Iterator[Frame], P], Iterator[Frame]]) -> None:
        self.function = function
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> "Stage":
        bound = inspect.signature(self.function).bind(None, *args, **kwargs)
        settings = dict(list(bound.arguments.items())[1:])
        return _FunctionStage(lambda frames: self.function(frames, *args, **kwargs), self.function.__name__, settings)

    def __or__(self, other: Any) -> NoReturn:
        _refuse_unbuilt(self.function.__name__)

    __ror__ = __or__


@attrs.frozen(repr=False)
class _FunctionStage(Stage):
    run: Callable[[Iterator[Frame]], Iterator[Frame]]
    name: str
    settings: dict[str, Any]

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return self.run(frames)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.settings.items())})"


def stage(function: Callable[Concatenate[Iterator[Frame], P], Iterator[Frame]]) -> _Unbuilt[P]:
    """Make a stage from a generator function whose first parameter is the frames and whose others are settings.

    >>> @stage
    ... def every(frames, n=2):
    ...     for frame in frames:
    ...         if frame.index % n == 0:
    ...             yield frame
    >>> print(every(n=3) | every())
    every(n=3) | every()
    """
    return _Unbuilt(function)


def _refuse_unbuilt(name: str) -> NoReturn:
    raise UsageError(f"{name} is used without its brackets: write {name}(), with its settings in them.")


def label(stage: Any) -> str:
    """How a stage is shown: as it says itself, or its name with those settings that are not the default."""
    kind: Any = type(stage)
    if attrs.has(kind) and kind.__str__ is not object.__str__:
        return str(stage)
    if attrs.has(kind):
        fields = [field for field in attrs.fields(kind) if field.init and field.repr]
        shown = [(field, getattr(stage, field.name)) for field in fields]
        told = [
            f"{field.alias}={_brief(value)}" for field, value in shown if repr(value) != repr(_default(field, stage))
        ]
        return f"{type(stage).__name__}({', '.join(told)})"
    return str(getattr(stage, "__name__", kind.__name__))


def _brief(value: Any) -> str:
    """A value in one line: of a network, what it is."""
    text = repr(value)
    return f"{type(value).__name__}(...)" if "\n" in text else text


def _default(field: "attrs.Attribute[Any]", stage: Any) -> Any:
    default: Any = field.default
    if not isinstance(default, attrs.Factory):  # type: ignore[arg-type]
        return default
    return default.factory(stage) if default.takes_self else default.factory()


@attrs.define(eq=False)
class StageStatistics:
    """What one stage did in one run."""

    name: str
    frames_in: int = 0
    frames_out: int = 0
    seconds_with_input: float = attrs.field(default=0.0, repr=False)
    seconds_of_input: float = attrs.field(default=0.0, repr=False)
    most_held: int = 0
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
        """Frames consumed that lie beyond the last frame that came out, now."""
        return len(self._waiting)

    @property
    def latency(self) -> int:
        """Frames that had to arrive after a frame before it came out, at most."""
        return max(0, self.most_held - 1)


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


class Link:
    """The frames between two stages, as the lower one reads them."""

    __slots__ = ("_above", "_below", "_error", "_items", "_make", "_pull", "pushed", "statistics")

    def __init__(self, name: str, make: Callable[[], Iterable[Frame]], above: Any) -> None:
        self.statistics = StageStatistics(name)
        self.pushed: bool = getattr(above, "pushed", False)
        """True in a session: frames come when the caller pushes them, and no stage may run ahead."""
        self._above = above
        self._below: StageStatistics | None = None
        self._items: Any = None
        self._make = make
        self._pull: Callable[[], Frame] = self._start  # from the first frame on: the stage's own `__next__`
        self._error: BaseException | None = None

    def _start(self) -> Frame:
        self._items = self._make()
        if not isinstance(self._items, Iterable):
            raise UsageError(f"{self.statistics.name} gave {label(self._items)} back: a stage yields frames.")
        self._pull = iter(self._items).__next__
        frame: Frame = self._pull()
        return frame

    def __iter__(self) -> "Link":
        return self

    def __next__(self) -> Frame:
        statistics, below = self.statistics, self._below
        statistics._thread = thread = get_ident()
        start = perf_counter()
        try:
            frame = self._pull()
            index = frame.index
        except StopIteration:
            self._pull = _no_more
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
        statistics.frames_out += 1
        statistics.last_out = index
        waiting = statistics._waiting
        while waiting and waiting[0] <= index:
            waiting.popleft()
        if below is not None:
            below.frames_in += 1
            below.last_in = index
            below._waiting.append(index)
            if len(below._waiting) > below.most_held:
                below.most_held = len(below._waiting)
        return frame

    @property
    def error(self) -> BaseException | None:
        """What ended these frames early; None while they run and when they ended by themselves."""
        above: BaseException | None = getattr(self._above, "error", None)
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


@attrs.frozen(eq=False, repr=False)
class Pipeline(Stage):
    """Stages one after the other, with or without a source of frames in front.

    With a source it iterates and runs; without one it is a stage, takes frames when called, or runs in a session.
    """

    source: Iterable[Frame] | None = None
    stages: tuple[FrameStage, ...] = ()

    def __or__(self, other: FrameStage) -> "Pipeline":
        if isinstance(other, type | _Unbuilt):
            _refuse_unbuilt(label(other))
        if isinstance(other, Pipeline) and other.source is not None:
            raise UsageError(f"a pipeline with a source can only stand first: {other}")
        if not callable(other):
            raise UsageError(f"a stage is a callable from frames to frames, got {label(other)}.")
        return Pipeline(source=self.source, stages=self.stages + _flat(other))

    def __ror__(self, other: Iterable[Frame]) -> "Pipeline":
        if self.source is not None:
            raise UsageError(f"a pipeline with a source can only stand first: {self}")
        return super().__ror__(other)

    def __iter__(self) -> Run:
        if self.source is None:
            raise UsageError(f"this pipeline has no source: put peanut.read(path) before {self}.")
        return self._run(self.source)

    def __call__(self, frames: Iterable[Frame], /) -> Run:
        if self.source is not None:
            raise UsageError(f"this pipeline has a source of its own and takes no frames: {self}")
        return self._run(frames)

    def _run(self, source: Iterable[Frame]) -> Run:
        links = [Link(label(source), lambda: source, above=source)]
        for stage in self.stages:
            above = links[-1]
            links.append(Link(label(stage), functools.partial(stage, above), above))
            above._below = links[-1].statistics
        return Run(links)

    def run(self, *, progress: bool = True) -> Statistics:
        """Run to the end, with a bar on a terminal that names the slowest stage; returns the statistics.

        Raises UsageError or StageError if a stage failed, after what was finished has been written.
        """
        from tqdm import tqdm

        run = iter(self)
        with tqdm(unit=" frames", disable=None if progress else True) as bar:
            for frame in run:
                if bar.n == 0 and frame.source is not None:
                    bar.total = frame.source.frames
                if bar.update():
                    bar.set_postfix_str(f"slowest: {run.statistics.slowest.name}", refresh=False)
        return run.statistics

    def session(self, fps: float = 25) -> "Session":
        """Push frames instead of pulling them: `with pipeline.session(fps=25) as session: session.push(frame)`.

        fps times pictures that are pushed without a time of their own.
        """
        from peanut.session import Session

        return Session(self, fps)

    def mermaid(self) -> str:
        """The graph as a Mermaid diagram, branches included."""
        from peanut.diagram import mermaid

        return mermaid(self)

    def __str__(self) -> str:
        parts = self.stages if self.source is None else (self.source, *self.stages)
        return " | ".join(label(part) for part in parts)

    __repr__ = __str__


def _flat(stage: Any) -> tuple[FrameStage, ...]:
    return stage.stages if isinstance(stage, Pipeline) else (stage,)


def prefetch(n: int = 4) -> Stage:
    """Run what is upstream in a thread of its own, behind a queue of `n` frames, so that stages overlap.

    In a session it passes frames through: there the caller sets the pace. Raises UsageError if n < 1.
    Latency: 0. Holds: n + 1 frames.
    """
    if n < 1:
        raise UsageError(f"prefetch: n must be at least 1, got {n}.")

    def run(frames: Iterator[Frame]) -> Iterator[Frame]:
        return frames if getattr(frames, "pushed", False) else prefetch_items(frames, n)

    return _FunctionStage(run, "prefetch", {"n": n})
