"""What can go wrong, and how it is said.

- `UsageError` (a `ValueError`): what the user asked for cannot be done; the sentence says what would work.
- `StageError`: a stage failed while frames ran through it; `.stage` and `.frame` say where, `__cause__` says why.
- `ReaderGone` (a `BrokenPipeError`): the program that read standard output has ended; the `__cause__` of a StageError.
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TypeVar

T = TypeVar("T")


class UsageError(ValueError):
    """Something that the user can put right: what was wrong, where, and what would work."""


class StageError(Exception):
    """A stage failed while frames ran through it; the original error is its `__cause__`."""

    def __init__(self, stage: str, frame: int | None, cause: BaseException) -> None:
        self.stage = stage
        """The stage, as `print(pipeline)` shows it."""
        self.frame = frame
        """Index of the last frame that went in (of a source: came out); None if there was none."""
        where = "before its first frame" if frame is None else f"at frame {frame}"
        super().__init__(f"{stage} failed {where}: {type(cause).__name__}: {cause}")


class ReaderGone(BrokenPipeError):
    """The program that read what is written to standard output has ended, as `head` does."""


def pick(kind: str, name: str, known: Mapping[str, T]) -> T:
    """Look up what a user named.

    >>> pick("weights", "e2fgvi-hd", {"e2fgvi": 1, "e2fgvi-hq": 2})
    Traceback (most recent call last):
    peanut.errors.UsageError: no weights called 'e2fgvi-hd', did you mean 'e2fgvi-hq'? Known: e2fgvi, e2fgvi-hq.
    """
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    hint = f", did you mean {near[0]!r}?" if near else "."
    raise UsageError(f"no {kind} called {name!r}{hint} Known: {', '.join(sorted(known))}.")
