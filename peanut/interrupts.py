"""Ctrl-C and SIGTERM: how they end a run, and where they have to wait."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PATIENCE = 2
"""So many interrupts wait; the next one means it: what holds them may wait for a reader that never comes."""


class Terminated(KeyboardInterrupt):
    """A signal that asks the process to end, as Ctrl-C does."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


def end_as_by_ctrl_c() -> None:
    """SIGTERM and SIGHUP raise `Terminated` from now on; one that is ignored (`nohup`) stays so.

    For a program, not for a library: handlers belong to the process. Does nothing outside the main thread.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _raise_terminated)


def _raise_terminated(number: int, _: Any) -> None:
    raise Terminated(number)


@contextmanager
def held(deliver: bool = True) -> Iterator[None]:
    """Let Ctrl-C and SIGTERM wait until the block is through: a file that is half closed cannot be played.

    deliver: what came meanwhile is raised afterwards. Outside the main thread, where none arrives, nothing is done.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before: dict[int, Any] = {}

    def wait(number: int, frame: Any) -> None:
        came.append(number)
        if len(came) > PATIENCE:
            before[number](number, frame)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and callable(signal.getsignal(number)):
            before[number] = signal.getsignal(number)
            signal.signal(number, wait)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if deliver and 0 < len(came) <= PATIENCE:
            before[came[0]](came[0], None)
