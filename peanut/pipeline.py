"""Stages and pipelines: what they are, how they are named, and how `|` joins them."""

import builtins
import functools
import inspect
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Concatenate, Generic, NoReturn, ParamSpec, Protocol, overload

import attrs

from peanut.buffers import prefetch as prefetch_items
from peanut.diagram import mermaid
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.labels import label, with_settings
from peanut.progress import Progress
from peanut.run import Link, Run
from peanut.session import Session
from peanut.statistics import StageStatistics, Statistics

log = logging.getLogger(__name__)

P = ParamSpec("P")


class FrameStage(Protocol):
    """What a stage is: any callable from a stream of frames to an iterator of frames."""

    def __call__(self, frames: FrameStream, /) -> Iterable[Frame]: ...


class Stage(ABC):
    """Base class of stages with settings: an attrs class with `__call__(self, frames)`; gives it `|`, `run` and more.

    What a run knows lives in the iterator that `__call__` returns, never in the stage: one stage can run many times at
    once. What a graph must know of a stage, the stage tells by the properties below, as attributes of its class where
    they are the same for all settings.
    """

    drops: bool = False
    """True: frames are left out, or the end comes before that of the input, on purpose; the log says nothing then."""
    needs_masks: bool = False
    """True: every frame must have a mask when it comes."""
    keeps: bool = False
    """True: what comes is kept or shown somewhere (as `write` does), so that nobody need take what comes out."""
    plumbing: bool = False
    """True: frames are only passed on, so that the stage is never the one that takes the time."""

    @property
    def latency(self) -> int | None:
        """Frames that must arrive after a frame before it comes out, at most; None: that depends on the frames."""
        return None

    @property
    def memory(self) -> int | None:
        """Frames that are held at once, at most; None: that depends on the frames."""
        return None

    @property
    def weights(self) -> tuple[str, ...]:
        """The published weights that it computes with: names in the table of `peanut weights list`."""
        return ()

    @property
    def reads(self) -> tuple[Any, ...]:
        """Paths and file objects that the stage reads while frames run: `write` does not replace them."""
        return ()

    @property
    def branches(self) -> "Mapping[str, Pipeline | None]":
        """Pipelines that the stage runs inside itself; None is a branch that leaves the frames as they are."""
        return {}

    @abstractmethod
    def __call__(self, frames: FrameStream, /) -> Iterator[Frame]:
        """The frames that come out when `frames` go in."""

    def __or__(self, other: FrameStage) -> "Pipeline":
        return Pipeline(stages=_flat(self)) | other

    def __ror__(self, other: Iterable[Frame]) -> "Pipeline":
        if not isinstance(other, Iterable):
            raise UsageError(f"{label(self)} reads frames, and {label(other)} on its left gives none.")
        return Pipeline(source=other, stages=_flat(self))

    def run(self, *, progress: bool = True) -> Statistics:
        """As `Pipeline.run`; raises UsageError unless it begins with a source."""
        return Pipeline(stages=_flat(self)).run(progress=progress)

    def session(self, fps: float = 25) -> Session:
        """As `Pipeline.session`."""
        return Pipeline(stages=_flat(self)).session(fps)

    def mermaid(self) -> str:
        """As `Pipeline.mermaid`."""
        return Pipeline(stages=_flat(self)).mermaid()

    def __str__(self) -> str:
        return with_settings(self) if attrs.has(type(self)) else type(self).__name__

    def __repr__(self) -> str:
        return str(self)


_Function = Callable[Concatenate[FrameStream, P], Iterator[Frame]]


class _Unbuilt(Generic[P]):
    """What `@stage` makes of a generator function: called with its settings it gives the stage."""

    def __init__(self, function: _Function[P], told: Mapping[str, Any]) -> None:
        self.function, self.told = function, told
        functools.update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Stage:
        bound = inspect.signature(self.function).bind(None, *args, **kwargs)
        settings = dict(list(bound.arguments.items())[1:])
        name, apply = self.function.__name__, lambda frames: self.function(frames, *args, **kwargs)
        return _FunctionStage(apply=apply, name=name, settings=settings, **self.told)

    def __or__(self, other: Any) -> NoReturn:
        _refuse_unbuilt(self.function.__name__)

    __ror__ = __or__


@attrs.frozen(repr=False, kw_only=True)
class _FunctionStage(Stage):
    """A stage of a function. What it tells a graph was told to `@stage`."""

    apply: Callable[[FrameStream], Iterable[Frame]]
    name: str
    settings: dict[str, Any] | None = None
    drops: bool = False
    needs_masks: bool = False
    keeps: bool = True  # who knows
    plumbing: bool = False
    latency: int | None = None
    memory: int | None = None

    def __call__(self, frames: FrameStream) -> Iterator[Frame]:
        return iter(self.apply(frames))

    def __str__(self) -> str:
        if self.settings is None:
            return self.name
        return f"{self.name}({', '.join(f'{key}={value!r}' for key, value in self.settings.items())})"


@overload
def stage(function: _Function[P], /) -> _Unbuilt[P]: ...
@overload
def stage(
    *, drops: bool = False, needs_masks: bool = False, latency: int | None = None, memory: int | None = None
) -> Callable[[_Function[P]], _Unbuilt[P]]: ...
def stage(function: _Function[P] | None = None, /, **told: Any) -> Any:
    """Make a stage from a generator function whose first parameter is the frames and whose others are settings.

    drops: the stage leaves frames out, or ends before its input, on purpose; otherwise the log has a line about it.
    needs_masks, latency, memory: what the stage tells a graph, as the properties of `Stage` of these names.

    >>> @stage(drops=True, latency=0, memory=1)
    ... def every(frames, n=2):
    ...     for frame in frames:
    ...         if frame.index % n == 0:
    ...             yield frame
    >>> print(every(n=3) | every())
    every(n=3) | every()
    """
    if function is None:
        return lambda function: _Unbuilt(function, told)
    return _Unbuilt(function, told)


def _refuse_unbuilt(name: str) -> NoReturn:
    raise UsageError(f"{name} is used without its brackets: write {name}(), with its settings in them.")


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
    def latency(self) -> int | None:
        """The sum of its stages' latencies; None if one does not tell."""
        return _sum([stage.latency if isinstance(stage, Stage) else None for stage in self.stages])

    @property
    def memory(self) -> int | None:
        """The sum of what its stages hold; None if one does not tell."""
        return _sum([stage.memory if isinstance(stage, Stage) else None for stage in self.stages])

    @property
    def keeps(self) -> bool:  # type: ignore[override]
        """Whether one of its stages keeps or shows what comes."""
        return any(not isinstance(stage, Stage) or stage.keeps for stage in self.stages)

    @property
    def needs_masks(self) -> bool:  # type: ignore[override]
        """Whether its first stage does that is not plumbing."""
        work = (stage for stage in self.stages if not (isinstance(stage, Stage) and stage.plumbing))
        first = next(work, None)
        return isinstance(first, Stage) and first.needs_masks

    @property
    def weights(self) -> tuple[str, ...]:
        """Those of all its stages, branches included, each once."""
        return tuple(dict.fromkeys(name for stage in self._told for name in stage.weights))

    @property
    def reads(self) -> tuple[Any, ...]:
        """What its source and its stages read."""
        own = getattr(self.source, "reads", ())
        return (*own, *(path for stage in self._told for path in stage.reads))

    @property
    def _told(self) -> Iterator[Stage]:
        """The stages that tell something of themselves."""
        return (stage for stage in self.stages if isinstance(stage, Stage))

    def __iter__(self) -> Run:
        return self._run(self._source())

    def _source(self) -> Iterable[Frame]:
        if self.source is None:
            raise UsageError(f"this pipeline has no source: put peanut.read(path) before {self}.")
        return self.source

    def __call__(self, frames: Iterable[Frame], /) -> Run:
        if self.source is not None:
            raise UsageError(f"this pipeline has a source of its own and takes no frames: {self}")
        return self._run(frames)

    def _run(self, source: Iterable[Frame], watch: Callable[[Frame], None] | None = None) -> Run:
        if inspect.isgenerator(source) and source.gi_frame is None:
            raise UsageError(
                f"the frames of {label(source)} were taken before, and a generator gives them once: begin with "
                "peanut.read(path), a list, or a new generator."
            )
        first = FrameStream.of(source) if isinstance(source, FrameStream) else None
        begin = source if watch is None else _watched(source, watch)
        statistics = StageStatistics(label(source), plumbing=True)
        given = () if source is self.source else getattr(source, "reads", ())
        links = [Link(statistics, lambda: begin, first, reads=(*given, *self.reads))]  # what stages below read, too
        for stage in self.stages:
            above, statistics = links[-1], StageStatistics(label(stage))
            if isinstance(stage, Stage):
                statistics.past, statistics.plumbing = _past(stage), stage.plumbing
            drops = isinstance(stage, Stage) and stage.drops
            links.append(Link(statistics, functools.partial(stage, above), above, drops))
        return Run(links)

    def run(self, *, progress: bool = True) -> Statistics:
        """Run to the end, with a bar on a terminal or in a notebook; returns the statistics, which show as a table.

        A pipeline in which nothing keeps the results is run all the same, and the log says so.
        Raises UsageError or StageError if a stage failed, after what was finished has been written.
        """
        source = self._source()
        if not self.keeps:
            log.warning("nothing keeps what comes out of %s: end it with write(path), or iterate over it.", self)
        with Progress(progress) as bar, self._run(source, bar.took) as run:
            for _ in run:
                bar.gave(lambda: run.statistics.slowest.name)
        return run.statistics

    def session(self, fps: float = 25) -> Session:
        """Push frames instead of pulling them: `with pipeline.session(fps=25) as session: session.push(frame)`.

        fps times images that are pushed without a time of their own. Raises UsageError if it has a source of its own.
        """
        if self.source is not None:
            raise UsageError(f"a session pushes its own frames; leave the source away from {self}")
        return Session(self, fps)

    def mermaid(self) -> str:
        """The graph as a Mermaid diagram, branches included."""
        return mermaid(self)

    def _repr_markdown_(self) -> str:
        """The graph, in a notebook that draws Mermaid."""
        return f"```mermaid\n{self.mermaid()}\n```"

    def __str__(self) -> str:
        parts = self.stages if self.source is None else (self.source, *self.stages)
        return " | ".join(label(part) for part in parts)


def _watched(source: Iterable[Frame], watch: Callable[[Frame], None]) -> Iterator[Frame]:
    for frame in source:
        watch(frame)
        yield frame
        del frame


def _flat(stage: Any) -> tuple[FrameStage, ...]:
    return stage.stages if isinstance(stage, Pipeline) else (stage,)


def _sum(told: list[int | None]) -> int | None:
    known = [number for number in told if number is not None]
    return sum(known) if len(known) == len(told) else None


def _past(stage: Stage) -> int:
    """How many frames a stage holds that came out already; 0 if it does not tell."""
    return 0 if stage.memory is None or stage.latency is None else max(0, stage.memory - stage.latency - 1)


def prefetch(n: int = 4) -> Stage:
    """Run what is upstream in a thread of its own, behind a queue of `n` frames, so that stages overlap.

    In a session it passes frames through: there the caller sets the pace. Raises UsageError if n < 1.
    Latency: 0. Holds: n + 1 frames.
    """
    if n < 1:
        raise UsageError(f"prefetch: n must be at least 1, got {n}.")

    def run(frames: FrameStream) -> Iterator[Frame]:
        return frames if frames.pushed else prefetch_items(frames, n, stop=frames.cancel)

    told: dict[str, Any] = {"plumbing": True, "keeps": False, "latency": 0, "memory": n + 1}
    return _FunctionStage(apply=run, name="prefetch", settings={"n": n}, **told)


def map(function: Callable[[Frame], Frame]) -> Stage:
    """A stage that gives `function(frame)` for every frame. Latency: 0. Holds: 1 frame.

    >>> print(map(lambda frame: frame.with_mask(None)))
    map(<lambda>)
    """
    if not callable(function):
        raise UsageError(f"map takes a function from a frame to a frame, got {function!r}.")
    name = getattr(function, "__name__", type(function).__name__)
    return _FunctionStage(apply=lambda frames: builtins.map(function, frames), name=f"map({name})", latency=0, memory=1)
