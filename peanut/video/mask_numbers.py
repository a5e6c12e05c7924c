"""Which mask picture belongs to which frame: by order, or by the number in its name."""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal

import attrs

from peanut.errors import UsageError

By = Literal["order", "number"]
Missing = Literal["empty", "carry"]

FORGIVEN = 2
"""How many masks may be missing at the end."""
CHOICES = (
    "missing='carry' keeps each mask until the next, missing='empty' leaves frames without one as they are "
    "(--missing-masks carry or empty)"
)


@attrs.frozen
class Numbered:
    """Mask pictures by the number of their frame."""

    files: Mapping[int, Path]
    missing: Missing | None
    """What frames without one get; None: they are refused, but for a few at the end."""
    told: str = ""
    """What the user should know, if the names do not simply count up from the first frame."""


def numbers_in(files: Sequence[Path]) -> list[int] | None:
    """The last number in each name; None where the names differ otherwise, have none, or one comes twice."""
    found = [re.fullmatch(r"(.*?)(\d+)(\D*)", file.stem) for file in files]
    parts = [match.groups() for match in found if match is not None]
    numbers = [int(number) for _, number, _ in parts]
    alike = len({(before, after) for before, _, after in parts}) == 1
    return numbers if alike and len(set(numbers)) == len(files) else None


def numbered(
    path: str,
    files: Sequence[Path],
    by: By | None,
    missing: Missing | None,
    length: int | None,
    wanted: range | None,
) -> Numbered:
    """Give each file the number of its frame.

    by: None takes them in order where names count up from 0 or 1 or are as many as the frames, otherwise by number.
    length: frames of the video, wanted: those that come of it; None where that is not known.
    Raises UsageError where neither fits, and for masks of every n-th frame alone, unless `missing` is given.
    """
    numbers = numbers_in(files)
    if numbers is None and by == "number":
        raise UsageError(f"{path}: its names have no numbers that differ; by='order' (--masks-by order) takes them so.")
    in_order = Numbered(dict(enumerate(files)), missing)
    if numbers is None or by == "order":
        return in_order
    if by == "number":
        return _by_number(path, files, numbers, missing, wanted)
    first, last, count = numbers[0], numbers[-1], len(numbers)
    if (first <= 1 and last - first == count - 1) or count == length:
        return in_order
    named = f"{files[0].name} to {files[-1].name}"
    if length is not None and last > length and abs(count - length) <= FORGIVEN:
        return attrs.evolve(in_order, told=f"{named} are taken in order")
    _refuse_unclear(f"{path} has {named}", files[0].name, first, last, length)
    shift = int(last == length)  # counted from 1
    return _by_number(path, files, [number - shift for number in numbers], missing, wanted)


def _refuse_unclear(named: str, name: str, first: int, last: int, length: int | None) -> None:
    """Raise UsageError where the numbers from `first` to `last` may or cannot be those of `length` frames."""
    choose = f"by='order' (--masks-by order) gives {name} to frame 0"
    if length is None:
        raise UsageError(f"{named}, and how many frames come is not known: {choose}, by='number' to frame {first}.")
    if last > length or (last == length and first == 0):
        raise UsageError(f"{named}, which are no numbers of the {length} frames; {choose}.")
    if last < length and first == 1:
        raise UsageError(
            f"{named} with gaps, from 0 or from 1 is not clear; by='number' (--masks-by number) gives {name} to frame"
            " 1, the second one."
        )


def _by_number(
    path: str, files: Sequence[Path], numbers: list[int], missing: Missing | None, wanted: range | None
) -> Numbered:
    steps = {after - before for before, after in pairwise(numbers)}
    every = min(steps, default=1)
    if missing is None and len(steps) == 1 and every > 1:
        named = ", ".join(file.name for file in files[:3])
        raise UsageError(f"{path} has one mask for {every} frames ({named}, ...): {CHOICES}.")
    told = f"{files[0].name} is the mask of frame {numbers[0]}, and so on by number"
    without = 0 if wanted is None else len(set(wanted) - set(numbers))
    if wanted is not None and without:
        left = "the mask before" if missing == "carry" else "an empty mask"
        told += (
            f"; {without} of {len(wanted)} frames {'has none and gets' if without == 1 else 'have none and get'} {left}"
        )
    return Numbered(dict(zip(numbers, files, strict=True)), missing or "empty", told)
