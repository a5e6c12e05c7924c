"""The order of frames: number and time grow from each to the next, on every link of a pipeline."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from numbers import Integral, Rational
from typing import Any

import numpy as np
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame

BEFORE_ALL: Any = float("-inf")
"""The number and the time that every first frame comes after."""


def check_order(who: str, frame: Any, last: int, time: Rational, did: str = "gave") -> None:
    """Refuse what `who` gave unless it is a frame that comes after the frame number `last` at `time`.

    Raises UsageError.

    >>> import torch
    >>> image = torch.zeros(3, 2, 2, dtype=torch.uint8)
    >>> check_order("swap()", Frame(index=7, time=Fraction(7, 25), image=image), 8, Fraction(8, 25))
    Traceback (most recent call last):
    peanut.errors.UsageError: swap() gave frame 7 after frame 8: the numbers of frames must grow.
    """
    if _follows(frame, last, time):
        return
    if not isinstance(frame, Frame):
        raise UsageError(f"{who} {did} {_shown(frame)}: a stage yields frames{_made_of(frame)}.")
    index = frame.index
    if not isinstance(index, Integral):
        raise UsageError(f"{who} {did} a frame with the number {index!r}: it must be a whole number.")
    if index == last:
        raise UsageError(f"{who} {did} frame {index} twice: the numbers of frames must grow.")
    if index < last:
        raise UsageError(f"{who} {did} frame {index} after frame {last}: the numbers of frames must grow.")
    if not isinstance(frame.time, Rational):
        raise UsageError(
            f"{who} {did} frame {index} with the time {frame.time!r}: it must be a Fraction of seconds, "
            f"such as Fraction({index}, 25)."
        )
    if frame.time <= time:
        raise UsageError(
            f"{who} {did} frame {index} at {_seconds(frame.time)} after frame {last} at {_seconds(time)}: "
            "the times of frames must grow."
        )


def _follows(frame: Any, last: int, time: Any) -> bool:
    """Whether a frame of the usual types is in order: `<` between fractions takes three times as long."""
    if frame.__class__ is not Frame or frame.index.__class__ is not int or frame.index <= last:
        return False
    now = frame.time
    if now.__class__ is not Fraction or time.__class__ is not Fraction:
        return False
    return bool(now.numerator * time.denominator > time.numerator * now.denominator)


def in_order(who: str, frames: Iterable[Frame]) -> Iterator[Frame]:
    """The frames that `who` got, each checked; for those that no pipeline has checked. Raises UsageError."""
    last = time = BEFORE_ALL
    for frame in frames:
        check_order(who, frame, last, time, "got")
        last, time = frame.index, frame.time
        yield frame


def _shown(thing: Any) -> str:
    return "None" if thing is None else type(thing).__name__


def _made_of(thing: Any) -> str:
    """How what came instead becomes a frame, where it can."""
    if isinstance(thing, np.ndarray):
        return ", and Frame.from_numpy(array, index=number) makes one"
    if isinstance(thing, Tensor):
        return ", and Frame(index=number, time=seconds, image=tensor) makes one"
    return " (did it forget to yield the frame?)" if thing is None else ""


def _seconds(time: Rational) -> str:
    return f"{float(time):.6g} s"
