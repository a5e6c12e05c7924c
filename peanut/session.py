"""Pushing frames into a pipeline instead of pulling them out of it: webcams, servers, branches."""

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from queue import SimpleQueue
from threading import Lock, Thread, current_thread, main_thread
from types import TracebackType
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from torch import Tensor

from peanut.doubts import Doubts
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.order import BEFORE_ALL, check_order
from peanut.run import Run
from peanut.statistics import Statistics

_END, _CLOSE = object(), object()


class _Feed(FrameStream):
    """What the pipeline reads in a session: asking for a frame hands the turn to the caller."""

    error: BaseException | None = None
    pushed = True
    doubts = Doubts()  # nobody reads these frames but the link above the first stage

    def __init__(self, reads: tuple[Any, ...]) -> None:
        self._reads = reads
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.asked: SimpleQueue[None] = SimpleQueue()
        self._ended = False

    @property
    def reads(self) -> tuple[Any, ...]:
        return self._reads

    def __next__(self) -> Frame:
        if self._ended:
            raise StopIteration
        self.asked.put(None)
        item = self.inbox.get()
        if item is _CLOSE:
            raise GeneratorExit  # the stages see what they see when a consumer stops early
        if item is _END:
            self._ended = True
            raise StopIteration
        frame: Frame = item
        return frame


class _Work:
    """What the thread of a session does. It does not know the session, which can be dropped while the thread waits."""

    def __init__(self, pipeline: Callable[[FrameStream], Run], reads: tuple[Any, ...]) -> None:
        self.feed = _Feed(reads)
        self.run: Run = pipeline(self.feed)
        self.out: list[Frame] = []
        self.failure: BaseException | None = None
        self.trace: TracebackType | None = None
        self.ended = False
        self.thread = Thread(target=self._work, name="peanut-session", daemon=True)

    def _work(self) -> None:
        try:
            for frame in self.run:
                self.out.append(frame)
                del frame  # held by its receiver alone
        except GeneratorExit:
            pass  # closed: `_CLOSE` came
        except BaseException as error:  # the next call raises it
            self.failure, self.trace = error, error.__traceback__
        finally:
            self.ended = True
            self.feed.asked.put(None)

    def give(self, item: Any) -> None:
        """Hand over the turn and wait until it comes back."""
        if not self.ended:
            self.feed.inbox.put(item)
            try:
                self.feed.asked.get()
            except BaseException:
                self.feed.asked.get()  # interrupted: the frame in work comes to its end first
                raise

    def take(self) -> list[Frame]:
        """What came out since the last time."""
        out, self.out = self.out, []
        return out

    def abandon(self) -> None:
        """Nobody has the session any more: its thread ends. When the program ends, what the stages close is closed."""
        self.feed.inbox.put(_CLOSE)
        if not main_thread().is_alive() and current_thread() is not self.thread:
            self.thread.join()  # never elsewhere: the collector may run while somebody holds what the stages wait for


class Session:
    """A pipeline in step with its caller: `push` returns when it asks for its next frame, with what came out meanwhile.

    The pipeline runs in one thread of its own, which ends with the session. After a failure `push` returns what came
    out, and every later `push` and `flush` raises the error: a new session begins anew. Threads that push at the same
    time take turns. Leaving `with` without `flush`, or by an exception, closes without flushing, after the frame in
    work; so does dropping the session.

    pipeline: one without a source; `pipeline.session(fps)` makes its session. fps: times images that have no time.
    reads: what is read where the pushed frames come from: `write` does not replace it.
    """

    def __init__(self, pipeline: Callable[[FrameStream], Run], fps: float = 25, reads: tuple[Any, ...] = ()) -> None:
        if not 0 < fps < float("inf"):
            raise UsageError(f"session: fps must be above 0, got {fps}.")
        self.fps = Fraction(fps).limit_denominator(1001)
        self._work = _Work(pipeline, reads)
        self._lock = Lock()
        self._holder: Thread | None = None  # who has the lock
        self._raised = False  # the failure has reached the caller
        self._over = False  # flushed or closed
        self._last, self._time = -1, BEFORE_ALL

    def __enter__(self) -> "Session":
        if self._work.thread.ident is not None or self._over:
            raise UsageError("a session is entered once: make another one with pipeline.session().")
        self._abandoned = weakref.finalize(self, self._work.abandon)
        self._work.thread.start()
        self._work.feed.asked.get()
        return self

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One call at a time. Raises UsageError for one from within another, which would wait for itself."""
        if self._holder is current_thread() or self._work.thread is current_thread():
            raise UsageError("this session is at work: a stage cannot push into, flush or close its own session.")
        with self._lock:
            self._holder = current_thread()
            try:
                yield
            finally:
                self._holder = None

    def push(self, frame: Frame | Tensor | npt.NDArray[np.uint8]) -> list[Frame]:
        """Give the pipeline its next frame; returns the frames that came out, often none, sometimes several.

        A picture (array h w 3 or tensor 3 h w, uint8, RGB) is numbered and timed by arrival, and so is a frame
        without a source whose number has come before. Raises what the pipeline failed with, and UsageError for what is
        no picture or out of order (the session goes on), after `flush`, and after the end of a pipeline that ended by
        itself.
        """
        with self._turn():
            self._raise_failure()
            if self._over or self._work.thread.ident is None:
                raise UsageError(
                    "this session is not open: push inside `with pipeline.session() as session`, before flush."
                )
            if self._work.ended:
                ended = self.ended_early or "the pipeline ended"
                raise UsageError(f"{ended}: nothing comes any more, flush and begin another session.")
            self._work.give(self._numbered(frame))
            return self._work.take()

    def _numbered(self, frame: Frame | Tensor | npt.NDArray[np.uint8]) -> Frame:
        arrival = self._last + 1
        if isinstance(frame, Tensor):
            frame = Frame(index=arrival, time=self._now(), image=frame)
        elif isinstance(frame, np.ndarray):
            frame = Frame.from_numpy(frame, index=arrival, time=self._now())
        elif isinstance(frame, Frame) and frame.index < arrival and frame.source is None:
            frame = attrs.evolve(frame, index=arrival, time=self._now())
        elif not isinstance(frame, Frame):
            several = ": push one after the other" if isinstance(frame, list | tuple) else ""
            raise UsageError(
                f"push takes a Frame, an array h w 3 or a tensor 3 h w, not {type(frame).__name__}{several}."
            )
        check_order("push", frame, self._last, self._time, "got")
        self._last, self._time = frame.index, frame.time
        return frame

    def _now(self) -> Fraction:
        """The time of a picture that has none: by arrival, but later than what has come."""
        time = (self._last + 1) / self.fps
        return time if time > self._time else self._time + 1 / self.fps

    def flush(self, error: BaseException | None = None) -> list[Frame]:
        """End the stream; returns the frames that were still inside.

        error: what ended the stream early, for stages that read it (`write` then keeps its file under the partial
        name). Raises what the pipeline failed with; a second call gives what came out nevertheless.
        """
        with self._turn():
            if not self._over:
                self._raise_failure()
                self._over, self._work.feed.error = True, error
                self._work.give(_END)
                self._work.thread.join()
                self._raise_failure()
            out = self._work.take()
            if not out:
                self._raise_failure()
            return out

    def _raise_failure(self) -> None:
        if self._work.failure is not None:
            self._raised = True
            raise self._work.failure.with_traceback(self._work.trace)  # raised ever again, it does not grow

    @property
    def ended_early(self) -> str | None:
        """Which stage ended before its input did, and where: nothing comes out any more. None if none has."""
        return self._work.run.ended_early

    @property
    def statistics(self) -> Statistics:
        """What the stages have done so far."""
        return self._work.run.statistics

    def tell_doubts(self, doubts: Doubts) -> None:
        """Add what the stages are unsure of to the doubts of another stage: the one that has this session."""
        for stage in self.statistics.stages:
            doubts.extend(stage.doubts)

    def close(self) -> None:
        """Stop without flushing; waits for the frame in work."""
        with self._turn():
            self._over = True
            self._work.feed.inbox.put(_CLOSE)
            if self._work.thread.ident is not None:
                self._work.thread.join()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
        if error is None and not self._raised:
            self._raise_failure()
