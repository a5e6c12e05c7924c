"""Pushing frames into a pipeline instead of pulling them out of it: webcams, servers, branches."""

from collections.abc import Iterator
from fractions import Fraction
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Pipeline
from peanut.run import Statistics

_END, _CLOSE = object(), object()


class _Feed(Iterator[Frame]):
    """What the pipeline reads in a session: asking for a frame hands the turn to the caller."""

    pushed = True

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self.inbox: SimpleQueue[Any] = SimpleQueue()
        self.asked: SimpleQueue[None] = SimpleQueue()
        self._ended = False

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


class Session:
    """A pipeline in step with its caller: `push` returns when it asks for its next frame, with what came out meanwhile.

    The pipeline runs in one thread of its own, which ends with the session. After a failure `push` returns what came
    out, and the next `push` or `flush` raises the error. Leaving `with` without `flush`, or by an exception, closes
    without flushing, after the frame in work.

    Raises UsageError if the pipeline has a source of its own.
    """

    def __init__(self, pipeline: Pipeline, fps: float = 25) -> None:
        if pipeline.source is not None:
            raise UsageError(f"a session pushes its own frames; leave the source away from {pipeline}")
        if fps <= 0:
            raise UsageError(f"session: fps must be above 0, got {fps}.")
        self.fps = Fraction(fps).limit_denominator(1001)
        self._feed = _Feed()
        self._run = pipeline(self._feed)
        self._thread = Thread(target=self._work, name="peanut-session", daemon=True)
        self._out: list[Frame] = []
        self._failure: BaseException | None = None
        self._over = False  # flushed or closed
        self._last = -1

    def __enter__(self) -> "Session":
        self._thread.start()
        self._feed.asked.get()
        return self

    def _work(self) -> None:
        try:
            for frame in self._run:
                self._out.append(frame)
                del frame  # held by its receiver alone
        except GeneratorExit:
            pass  # closed: `_CLOSE` came
        except BaseException as error:  # the next call raises it
            self._failure = error
        finally:
            self._feed.asked.put(None)

    def _give(self, item: Any) -> list[Frame]:
        """Hand over the turn and wait until it comes back."""
        if self._thread.is_alive():
            self._feed.inbox.put(item)
            try:
                self._feed.asked.get()
            except BaseException:
                self._feed.asked.get()  # interrupted: the frame in work comes to its end first
                raise
        out, self._out = self._out, []
        return out

    def push(self, frame: Frame | Tensor | npt.NDArray[np.uint8]) -> list[Frame]:
        """Give the pipeline its next frame; returns the frames that came out, often none, sometimes several.

        A picture (array h w 3 or tensor 3 h w, uint8, RGB) is numbered and timed by arrival, and so is a frame
        without a source whose number has come before. Raises what the pipeline failed with, and UsageError after
        `flush`.
        """
        if self._over or self._thread.ident is None:
            raise UsageError(
                "this session is not open: push inside `with pipeline.session() as session`, before flush."
            )
        self._raise_failure()
        return self._give(self._numbered(frame))

    def _numbered(self, frame: Frame | Tensor | npt.NDArray[np.uint8]) -> Frame:
        arrival = self._last + 1
        if isinstance(frame, Tensor):
            frame = Frame(index=arrival, time=arrival / self.fps, image=frame)
        elif not isinstance(frame, Frame):
            frame = Frame.from_numpy(frame, index=arrival, time=arrival / self.fps)
        elif frame.index < arrival:
            if frame.source is not None:
                raise UsageError(f"push: frame {frame.index} came after frame {self._last}; the index must increase.")
            frame = attrs.evolve(frame, index=arrival, time=arrival / self.fps)
        self._last = frame.index
        return frame

    def flush(self, error: BaseException | None = None) -> list[Frame]:
        """End the stream; returns the frames that were still inside.

        error: what ended the stream early, for stages that read it (`write` then keeps its file under the partial
        name). Raises what the pipeline failed with; a second call gives what came out nevertheless.
        """
        if not self._over:
            self._raise_failure()
            self._over, self._feed.error = True, error
            came = self._give(_END)
            self._thread.join()
            self._out = came + self._out
            self._raise_failure()
        out, self._out = self._out, []
        return out

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    @property
    def statistics(self) -> Statistics:
        """What the stages have done so far."""
        return self._run.statistics

    def close(self) -> None:
        """Stop without flushing; waits for the frame in work."""
        self._over = True
        self._feed.inbox.put(_CLOSE)
        if self._thread.ident is not None:
            self._thread.join()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()
        if error is None:
            self._raise_failure()
