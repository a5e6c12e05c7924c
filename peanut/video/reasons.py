"""FFmpeg's own reason for an error, which it only says in its log."""

from collections.abc import Iterator
from contextlib import contextmanager

import av.logging


@contextmanager
def reasons() -> Iterator[None]:
    """While this is open, FFmpeg's log, closed otherwise, notes its errors on exceptions; it prints nothing."""
    level = av.logging.get_level()
    av.logging.set_level(av.logging.PANIC)
    try:
        yield
    finally:
        av.logging.set_level(level)


def reason(error: BaseException) -> str:
    """What FFmpeg says of an error: "Unsupported channel layout", else its general word for it."""
    noted = getattr(error, "log", None)
    return " ".join(str(noted[2]).split()).rstrip(".") if noted else str(getattr(error, "strerror", None) or error)
