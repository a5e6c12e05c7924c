"""Stages and pipelines: what they are, how they are named, and how `|` joins them."""

import functools
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Concatenate, Generic, NoReturn, ParamSpec, Protocol, overload

import attrs

from peanut.buffers import prefetch as prefetch_items
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.run import Link, Run, Statistics

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

    drops: bool = False
    """True: frames are left out, or the end comes before that of the input, on purpose; the log says nothing then."""

    @property
    def reads(self) -> tuple[Any, ...]:
        """Paths and file objects that the stage reads while frames run: `write` does not replace them."""
        return ()

    @abstractmethod
    def __call__(self, frames: Iterator[Frame], /) -> Iterator[Frame]:
        """The frames that come out when `frames` go in."""

    def __or__(self, other: "FrameStage") -> "Pipeline":
        return Pipeline(stages=_flat(self)) | other

    def __ror__(self, other: Iterable[Frame]) -> "Pipeline":
        if not isinstance(other, Iterable):
            raise UsageError(f"{label(self)} reads frames, and {label(other)} on its left gives none.")
        return Pipeline(source=other, stages=_flat(self))


_Function = Callable[Concatenate[Iterator[Frame], P], Iterator[Frame]]


class _Unbuilt(Generic[P]):
    """What `@stage` makes of a generator function: called with its settings it gives the stage."""

    def __init__(self, function: _Function[P], drops: bool) -> None:
        self.function, self.drops = function, drops
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> "Stage":
        bound = inspect.signature(self.function).bind(None, *args, **kwargs)
        settings = dict(list(bound.arguments.items())[1:])
        name, run = self.function.__name__, lambda frames: self.function(frames, *args, **kwargs)
        return _FunctionStage(run, name, settings, self.drops)

    def __or__(self, other: Any) -> NoReturn:
        _refuse_unbuilt(self.function.__name__)

    __ror__ = __or__


@attrs.frozen(repr=False)
class _FunctionStage(Stage):
    run: Callable[[Iterator[Frame]], Iterator[Frame]]
    name: str
    settings: dict[str, Any]
    drops: bool = False

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        return self.run(frames)

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.settings.items())})"


@overload
def stage(function: _Function[P], /) -> _Unbuilt[P]: ...
@overload
def stage(*, drops: bool) -> Callable[[_Function[P]], _Unbuilt[P]]: ...
def stage(function: _Function[P] | None = None, /, *, drops: bool = False) -> Any:
    """Make a stage from a generator function whose first parameter is the frames and whose others are settings.

    drops: the stage leaves frames out, or ends before its input, on purpose; otherwise the log has a line about it.

    >>> @stage(drops=True)
    ... def every(frames, n=2):
    ...     for frame in frames:
    ...         if frame.index % n == 0:
    ...             yield frame
    >>> print(every(n=3) | every())
    every(n=3) | every()
    """
    if function is None:
        return lambda function: _Unbuilt(function, drops)
    return _Unbuilt(function, drops)


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

    @property
    def reads(self) -> tuple[Any, ...]:
        """What its source and its stages read."""
        return tuple(path for part in (self.source, *self.stages) for path in getattr(part, "reads", ()))

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
            drops, reads = isinstance(stage, Stage) and stage.drops, getattr(stage, "reads", ())
            links.append(Link(label(stage), functools.partial(stage, above), above, drops, reads))
            above._below = links[-1].statistics
        return Run(links)

    def run(self, *, progress: bool = True) -> Statistics:
        """Run to the end, with a bar on a terminal that names the slowest stage; returns the statistics.

        Raises UsageError or StageError if a stage failed, after what was finished has been written.
        """
        from tqdm import tqdm

        run = iter(self)
        with run, tqdm(unit=" frames", disable=None if progress else True) as bar:
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
