"""Where a run is unsure of what it did: said by its stages, in frames and times, for people to look there."""

from collections.abc import Iterator
from fractions import Fraction

import attrs
from torch import Tensor

from peanut.frame import Frame

TOLD = 0.05
"""Share of a hole from which on it is told."""
MASKED_THROUGHOUT = "of what was masked is masked in every frame of the window"
INVENTED = "of what was masked is invented: no frame shows it"
NEAR = 12
"""Frames without a doubt, at most, that lie between two frames of one stretch: half a second of film."""
MOST = 200
"""Stretches that are kept of one reason; of more, those that matter least are dropped."""


@attrs.define
class Doubt:
    """A stretch of frames of which a stage is unsure, for one reason."""

    reason: str
    first: int
    """Index of the first frame."""
    last: int
    begin: Fraction
    """Time of the first frame, in seconds."""
    end: Fraction
    frames: int = 0
    worst: float = 0.0
    """The largest share of what is masked that is in doubt, 0 to 1."""
    total: float = 0.0
    """The sum of the shares."""

    @property
    def mean(self) -> float:
        """The mean share, over its frames."""
        return self.total / self.frames if self.frames else 0.0

    def __str__(self) -> str:
        where = f"frame {self.first}" if self.first == self.last else f"frames {self.first} to {self.last}"
        when = clock(self.begin) if self.first == self.last else f"{clock(self.begin)} to {clock(self.end)}"
        return f"{100 * self.mean:.0f} % {self.reason} in {where} ({when})"


class Doubts:
    """The doubts of one stage in one run, however long it is."""

    def __init__(self) -> None:
        self._by_reason: dict[str, list[Doubt]] = {}
        self._masks = self._empty = self._full = 0

    def add(self, reason: str, frame: Frame, share: float) -> None:
        """A frame of which `share` (0 to 1) of what is masked is in doubt."""
        kept = self._by_reason.setdefault(reason, [])
        if not kept or not 0 <= frame.index - kept[-1].last <= NEAR + 1:
            if len(kept) >= MOST:
                kept.remove(min(kept, key=lambda doubt: doubt.total))
            kept.append(Doubt(reason, frame.index, frame.index, frame.time, frame.time))
        doubt = kept[-1]
        doubt.last, doubt.end = frame.index, frame.time
        doubt.frames += 1
        doubt.worst, doubt.total = max(doubt.worst, share), doubt.total + share

    def add_mask(self, mask: Tensor) -> None:
        """The mask of one more frame that something is to be removed from."""
        self._masks += 1
        self._empty += not mask.any()
        self._full += bool(mask.all())

    def extend(self, others: "Doubts") -> None:
        """Take over what the stages of a branch are unsure of."""
        for reason, doubts in others._by_reason.items():
            self._by_reason.setdefault(reason, []).extend(doubts)
        self._masks, self._empty = self._masks + others._masks, self._empty + others._empty
        self._full += others._full

    @property
    def about_masks(self) -> str:
        """A sentence if no mask of the whole run says what to remove; otherwise nothing."""
        if self._masks and self._empty == self._masks:
            return f"the masks of all {self._masks} frames were empty: nothing was removed"
        if self._masks and self._full == self._masks:
            return f"the masks of all {self._masks} frames cover the whole picture: is white meant to be kept?"
        return ""

    def __iter__(self) -> Iterator[Doubt]:
        """The worst first."""
        every = [doubt for kept in self._by_reason.values() for doubt in kept]
        return iter(sorted(every, key=lambda doubt: -doubt.total))


def clock(seconds: Fraction) -> str:
    """A time as m:ss.t.

    >>> clock(Fraction(754, 10))
    '1:15.4'
    """
    minutes, rest = divmod(round(10 * seconds), 600)
    return f"{minutes}:{rest // 10:02d}.{rest % 10}"
