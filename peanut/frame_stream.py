"""What a stage receives: frames, and what is known of how they come."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from peanut.doubts import Doubts
from peanut.frame import Frame
from peanut.statistics import StageStatistics


class FrameStream(Iterator[Frame]):
    """The frames that a stage reads, one after the other; `FrameStream.of` makes one of any iterable."""

    __slots__ = ()

    @property
    @abstractmethod
    def error(self) -> BaseException | None:
        """What ended these frames early; None while they run and when they ended by themselves."""

    @property
    @abstractmethod
    def pushed(self) -> bool:
        """True in a session: frames come when the caller pushes them, and no stage may run ahead."""

    @property
    @abstractmethod
    def reads(self) -> tuple[Any, ...]:
        """Paths and file objects that are read on the way here, as far as is known: none may be written over."""

    @property
    @abstractmethod
    def doubts(self) -> Doubts:
        """Where the stage that reads these frames says what it is unsure of."""

    @property
    def stages(self) -> Sequence[StageStatistics]:
        """What the stages above have done so far, from the source on; nothing outside a run."""
        return ()

    def cancel(self) -> None:
        """Have the stages above end at the next frame that they ask for: what they hold is not wanted any more."""

    @staticmethod
    def of(frames: Iterable[Frame]) -> "FrameStream":
        """The frames themselves if they are a stream, otherwise as one that never fails early."""
        return frames if isinstance(frames, FrameStream) else _Plain(frames)


class _Plain(FrameStream):
    error, pushed = None, False
    reads: tuple[Any, ...] = ()

    def __init__(self, frames: Iterable[Frame]) -> None:
        self._frames = iter(frames)
        self._doubts = Doubts()
        self.reads = getattr(frames, "reads", ())

    def __next__(self) -> Frame:
        return next(self._frames)

    @property
    def doubts(self) -> Doubts:
        return self._doubts
