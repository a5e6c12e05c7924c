"""What a run says of its masks: at the first frames what looks wrong, at the end what they were."""

import logging

import attrs

from peanut.video.mask_stores import Mask

log = logging.getLogger(__name__)

FIRST = 25
"""Masks after which it is said that so far all are empty, or full."""


@attrs.define
class Report:
    """Counts the masks of one run."""

    path: str
    wanted: tuple[int, ...] | None
    """Objects that were asked for."""
    frames: int = 0
    empty: int = 0
    full: int = 0
    kinds: set[str] = attrs.field(factory=set)
    objects: set[int] = attrs.field(factory=set)

    def add(self, mask: Mask) -> None:
        """One more mask was given to a frame."""
        self.frames += 1
        self.empty += not mask.pixels.any()
        self.full += bool(mask.pixels.all())
        self.kinds |= {mask.kind} if mask.kind else set()
        self.objects.update(mask.numbers)
        if self.frames == FIRST and self.empty == FIRST:
            log.warning("%s: the first %d masks are all empty: nothing is removed so far.", self.path, FIRST)
        if self.frames == FIRST and self.full == FIRST:
            log.warning("%s: the first %d masks all cover the whole picture.", self.path, FIRST)

    def end(self) -> None:
        """The frames have come to their end."""
        lost = sorted(set(self.wanted or ()) - self.objects)
        if self.frames and lost:
            log.warning(
                "%s: no mask has object %s; there are %s.",
                self.path,
                ", ".join(map(str, lost)),
                ", ".join(map(str, sorted(self.objects))) or "none",
            )
        if self.frames and self.empty == self.frames:
            log.warning("%s: all masks were empty: nothing was removed.", self.path)
        elif self.frames and self.full == self.frames:
            log.warning(
                "%s: all masks covered the whole picture; white = remove, and invert() turns masks round.", self.path
            )
        elif self.frames:
            usual = self.kinds <= {"white on black"}
            log.log(logging.INFO if usual else logging.WARNING, "%s: %s.", self.path, self._summary())

    def _summary(self) -> str:
        counted = f", {len(self.objects)} object{'s' if len(self.objects) != 1 else ''}" if self.objects else ""
        full = f", {_share(self.full, self.frames)} covered whole" if self.full else ""
        return f"{' and '.join(sorted(self.kinds))}{counted}, {_share(self.empty, self.frames)} of frames empty{full}"


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.0f} %"
