"""Branches: stages that push what they read into pipelines of their own.

They push because branches that pull from one generator fail ("generator already executing"), and branches behind
bounded queues deadlock as soon as their latencies differ.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import attrs
import torch

from peanut.doubts import Doubts
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.labels import label
from peanut.pipeline import FrameStage, Pipeline, Stage
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

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        with Session(self.side, reads=frames.reads) as session:
            for frame in frames:
                if session.ended_early is None:
                    session.push(frame)
                yield frame
            session.flush(frames.error)
            session.tell_doubts(frames.doubts)

    @property
    def latency(self) -> int:
        return 0

    @property
    def memory(self) -> int | None:
        return None if self.side.memory is None else 1 + self.side.memory

    @property
    def weights(self) -> tuple[str, ...]:
        return self.side.weights

    @property
    def needs_masks(self) -> bool:  # type: ignore[override]
        return self.side.needs_masks

    @property
    def keeps(self) -> bool:  # type: ignore[override]
        return self.side.keeps

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

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        with _Arm(self.a, frames.reads) as a, _Arm(self.b, frames.reads) as b:
            for frame in frames:
                a.push(frame)
                b.push(frame)
                yield from self._pairs(a.out, b.out)
            error = frames.error
            for arm in (a, b):
                arm.flush(error)
                yield from self._pairs(a.out, b.out)
                arm.tell_doubts(frames.doubts)
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
    def latency(self) -> int | None:
        told = [branch.latency for branch in self._pipelines]
        return None if None in told else max(told, default=0)  # type: ignore[type-var]

    @property
    def memory(self) -> int | None:
        """What the branches hold, and the frames of the quicker one that wait for the slower."""
        if self.latency is None or any(branch.memory is None for branch in self._pipelines):
            return None
        latencies = [0 if branch is None else branch.latency or 0 for branch in (self.a, self.b)]
        return sum(branch.memory or 0 for branch in self._pipelines) + max(latencies) - min(latencies) + 1

    @property
    def weights(self) -> tuple[str, ...]:
        return tuple(name for branch in self._pipelines for name in branch.weights)

    @property
    def needs_masks(self) -> bool:  # type: ignore[override]
        return any(branch.needs_masks for branch in self._pipelines)

    @property
    def keeps(self) -> bool:  # type: ignore[override]
        return any(branch.keeps for branch in self._pipelines)

    @property
    def reads(self) -> tuple[Any, ...]:
        return tuple(path for branch in self._pipelines for path in branch.reads)

    @property
    def _pipelines(self) -> list[Pipeline]:
        return [branch for branch in (self.a, self.b) if branch is not None]

    @property
    def branches(self) -> dict[str, Pipeline | None]:
        return {"a": self.a, "b": self.b}

    def __str__(self) -> str:
        join = "" if self.join is take_mask else f", join={label(self.join)}"
        return f"merge({self.a}, {self.b}{join})"


def side_by_side(a: Frame, b: Frame) -> Frame:
    """A join for `merge`: `a` on the left and `b` on the right, as the frame of `a` without mask and layers.

    Index, time, shot and source are those of `a`. Raises UsageError if their heights differ.
    """
    if a.size[0] != b.size[0]:
        raise UsageError(
            f"side_by_side: frame {a.index} is {a.size[0]} pixels high on the left and {b.size[0]} on the right: "
            "bring one of them to the other's height with resize first."
        )
    return Frame(index=a.index, time=a.time, image=torch.cat([a.image, b.image], dim=2), shot=a.shot, source=a.source)


class _Arm:
    """One branch of a merge with what came out of it and is not joined yet."""

    def __init__(self, branch: Pipeline | None, reads: tuple[Any, ...]) -> None:
        self.out: deque[Frame] = deque()
        self._session: Session | None = None if branch is None else Session(branch, reads=reads)

    def push(self, frame: Frame) -> None:
        self.out.extend([frame] if self._session is None else self._session.push(frame))

    def flush(self, error: BaseException | None) -> None:
        if self._session is not None:
            self.out.extend(self._session.flush(error))

    def tell_doubts(self, doubts: Doubts) -> None:
        if self._session is not None:
            self._session.tell_doubts(doubts)

    def __enter__(self) -> "_Arm":
        if self._session is not None:
            self._session.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._session is not None:
            self._session.__exit__(*error)  # type: ignore[arg-type]
