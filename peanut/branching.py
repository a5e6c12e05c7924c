"""Branches: stages that push what they read into pipelines of their own.

They push because branches that pull from one generator fail ("generator already executing"), and branches behind
bounded queues deadlock as soon as their latencies differ.
"""

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import attrs

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import FrameStage, Pipeline, Stage, label
from peanut.session import Session


def _branch(stage: FrameStage | None) -> Pipeline | None:
    return None if stage is None else Pipeline() | stage


@attrs.frozen(repr=False)
class tap(Stage):
    """Give every frame to `side` as well (a preview, a mask video); what comes out of it is dropped.

    A failing side fails the pipeline; one that ends by itself gets no more.
    Latency: 0. Holds: 1 frame, and what `side` holds.
    """

    side: Pipeline = attrs.field(converter=_branch)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        with self.side.session() as session:
            for frame in frames:
                if session.ended_early is None:
                    session.push(frame)
                yield frame
            session.flush(getattr(frames, "error", None))

    @property
    def reads(self) -> tuple[Any, ...]:
        return self.side.reads

    @property
    def branches(self) -> dict[str, Pipeline | None]:
        return {"side": self.side}

    def __str__(self) -> str:
        return f"tap({self.side})"


def take_mask(a: Frame, b: Frame) -> Frame:
    """The default join: frame `a` with the mask of `b`."""
    return a.with_mask(b.mask)


@attrs.frozen(repr=False)
class merge(Stage):
    """Run two branches on the same frames and join what comes out, frame by frame, by index.

    a, b: stages or pipelines; None is the frames as they are. join: two frames of one index to one frame; by default
    `a` with the mask of `b`. Raises UsageError if a branch leaves a frame out that the other gives.
    Latency: that of the slower branch. Holds: the difference of the latencies plus one, what one push brings out, and
    what the branches hold.
    """

    a: Pipeline | None = attrs.field(converter=_branch)
    b: Pipeline | None = attrs.field(converter=_branch)
    join: Callable[[Frame, Frame], Frame] = take_mask

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        with _Arm(self.a) as a, _Arm(self.b) as b:
            for frame in frames:
                a.push(frame)
                b.push(frame)
                yield from self._pairs(a.out, b.out)
            error = getattr(frames, "error", None)
            for arm in (a, b):
                arm.flush(error)
                yield from self._pairs(a.out, b.out)
            if error is None and (a.out or b.out):
                raise self._left_out(self.b, a.out[0]) if a.out else self._left_out(self.a, b.out[0])

    def _pairs(self, a: deque[Frame], b: deque[Frame]) -> Iterator[Frame]:
        while a and b:
            if a[0].index != b[0].index:
                early, branch = (a[0], self.b) if a[0].index < b[0].index else (b[0], self.a)
                raise self._left_out(branch, early)
            yield self.join(a.popleft(), b.popleft())

    def _left_out(self, branch: Pipeline | None, frame: Frame) -> UsageError:
        name = "the frames as they are" if branch is None else str(branch)
        return UsageError(f"merge: frame {frame.index} is missing from the branch {name}; both must give every frame.")

    @property
    def reads(self) -> tuple[Any, ...]:
        return tuple(path for branch in (self.a, self.b) if branch is not None for path in branch.reads)

    @property
    def branches(self) -> dict[str, Pipeline | None]:
        return {"a": self.a, "b": self.b}

    def __str__(self) -> str:
        join = "" if self.join is take_mask else f", join={label(self.join)}"
        return f"merge({self.a}, {self.b}{join})"


class _Arm:
    """One branch of a merge with what came out of it and is not joined yet."""

    def __init__(self, branch: Pipeline | None) -> None:
        self.out: deque[Frame] = deque()
        self._session: Session | None = None if branch is None else branch.session()

    def push(self, frame: Frame) -> None:
        self.out.extend([frame] if self._session is None else self._session.push(frame))

    def flush(self, error: BaseException | None) -> None:
        if self._session is not None:
            self.out.extend(self._session.flush(error))

    def __enter__(self) -> "_Arm":
        if self._session is not None:
            self._session.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._session is not None:
            self._session.__exit__(*error)  # type: ignore[arg-type]
