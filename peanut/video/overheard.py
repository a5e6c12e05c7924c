"""What FFmpeg itself says of errors, where nothing else tells of them."""

import contextlib
from collections.abc import Iterator
from threading import RLock

import av.logging

ONE_AT_A_TIME = RLock()
"""FFmpeg has one level of telling for the whole process, which is put back afterwards."""


@contextlib.contextmanager
def overheard() -> Iterator[list[tuple[int, str, str]]]:
    """What FFmpeg says in this thread meanwhile, as (level, who, what); it is silent otherwise."""
    with ONE_AT_A_TIME:
        level, skipping = av.logging.get_level(), av.logging.get_skip_repeated()
        av.logging.set_level(av.logging.ERROR)
        av.logging.set_skip_repeated(False)
        try:
            with av.logging.Capture() as said:
                yield said
        finally:
            av.logging.set_level(level)
            av.logging.set_skip_repeated(skipping)


def reason(said: list[tuple[int, str, str]]) -> str:
    """FFmpeg's own words for what went wrong, to be put behind ours; nothing: ""."""
    words = [what.strip().splitlines()[0] for _, _, what in said if what.strip()]
    return f" (FFmpeg: {words[0].rstrip('.')})" if words else ""


@contextlib.contextmanager
def reasons() -> Iterator[None]:
    """While this is open, FFmpeg's log, closed otherwise, notes its errors on exceptions; it prints nothing."""
    with ONE_AT_A_TIME:
        level = av.logging.get_level()
        av.logging.set_level(av.logging.PANIC)
        try:
            yield
        finally:
            av.logging.set_level(level)


def reason_of(error: BaseException) -> str:
    """What FFmpeg says of an error raised within `reasons()`: "Unsupported channel layout", else its general word."""
    noted = getattr(error, "log", None)
    return " ".join(str(noted[2]).split()).rstrip(".") if noted else str(getattr(error, "strerror", None) or error)
