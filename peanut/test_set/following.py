"""Whether masks go with what they are on, and whether numbers stay with their objects."""

import attrs
import cv2
import numpy as np

from peanut.objects.tracks import likeness
from peanut.test_set.histogram import BINS, histogram
from peanut.test_set.view import View
from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask

SLACK = 0.06
"""How far an outline may lie beside that carried by the flow, in sides of a square as large as the mask; or 1 pixel."""
SAME = 2 / 3
"""What two masks must have in common to be of one thing: more than a third cannot change from a frame to the next."""
SMALL = 0.5
"""Share of an object's largest area below which nothing is judged: it is about to be hidden, or comes back."""


@attrs.define(eq=False)
class Following:
    """How well one object's masks go with the flow: of each view and the one before J, where both know the object.

    J is the share that the mask and that of the view before, carried by the flow, have in common, what lies within a
    small distance of the other's outline left out. A mask that is not there where that before says it must be has 0.
    Where several frames lie between two views, of which flow may know little, J is at least that of the mask before
    moved as a whole to where the mask is now.
    """

    agreed: list[float] = attrs.field(factory=list)
    lost: int = 0
    """Views in which J is below `SAME`; below its power by the root of n, where n frames lie between."""
    largest: float = 0.0

    def see(self, view: View, number: int) -> None:
        """The next view of the clip, in which the object has a mask or has none."""
        mask, carried = view.masks.get(number), view.carried.get(number)
        now, before = (0.0 if one is None else float(one.sum()) for one in (mask, carried))
        if before and max(now, before) >= SMALL * max(self.largest, now, before):
            self.agreed.append(max(tolerant_j(one, mask) for one in _expected(view, number)))
            self.lost += self.agreed[-1] < SAME**view.frames_since**0.5
        self.largest = max(self.largest, now)

    def __len__(self) -> int:
        return len(self.agreed)


def _expected(view: View, number: int) -> list[Array]:
    """Where the mask of the view before may be: carried by the flow; over several frames also moved as a whole."""
    carried = [view.carried[number]]
    if view.frames_since > 1 and view.before is not None and number in view.masks:
        before = view.before.masks[number]
        x, y = _middle(view.masks[number]) - _middle(before)
        moved = cv2.warpAffine(before.astype(np.uint8), np.array([[1.0, 0, x], [0, 1, y]]), before.shape[::-1])
        carried.append(moved > 0)
    return carried


def _middle(mask: Array) -> Array:
    return np.asarray(np.argwhere(mask).mean(axis=0)[::-1])


def tolerant_j(a: Array | None, b: Array | None) -> float:
    """What two masks have in common of both, 0 to 1, what lies close to the other's outline left out."""
    if a is None or b is None or not (a.any() and b.any()):
        return 0.0
    slack = max(1, round(SLACK * np.sqrt(max(a.sum(), b.sum()))))
    apart = (a & ~grow_mask(b, slack)) | (b & ~grow_mask(a, slack))
    return 1 - float(apart.sum() / (a | b).sum())


MARGIN = 0.5
"""By how much two objects must agree better with each other's past than with their own, of 2 at most."""


@attrs.define(eq=False)
class Identity:
    """Whether two objects change numbers: a view in which each goes on as the other did.

    By place: their masks have more in common with the other's mask of the view before, carried by the flow. By color:
    their histograms have more in common with the other's mean so far than with their own, wherever they are, as when
    one comes back from behind something under the number of the other.
    """

    colors: dict[int, Array] = attrs.field(factory=dict)
    """The mean histogram of each object so far."""
    views: dict[int, int] = attrs.field(factory=dict)
    changes: list[tuple[int, int, int]] = attrs.field(factory=list)
    """Frame, and the two numbers."""

    def see(self, view: View) -> None:
        here = {number: histogram(view.image, mask) for number, mask in view.masks.items()}
        known = sorted(number for number in here if number in self.colors)
        for i, j in ((i, j) for i in known for j in known if i < j):
            if self._by_place(view, i, j) > MARGIN or self._by_color(here, i, j) > MARGIN:
                self.changes.append((view.index, i, j))
                self.colors[i], self.colors[j] = self.colors[j], self.colors[i]
        for number, histogram_ in here.items():
            count = self.views[number] = self.views.get(number, 0) + 1
            before = self.colors.get(number, np.zeros(BINS**3))
            self.colors[number] = before + (histogram_ - before) / count

    def _by_place(self, view: View, i: int, j: int) -> float:
        now, before = view.masks, view.carried
        if i not in before or j not in before:
            return 0.0
        return _j(now[i], before[j]) + _j(now[j], before[i]) - _j(now[i], before[i]) - _j(now[j], before[j])

    def _by_color(self, here: dict[int, Array], i: int, j: int) -> float:
        own = likeness(here[i], self.colors[i]) + likeness(here[j], self.colors[j])
        return likeness(here[i], self.colors[j]) + likeness(here[j], self.colors[i]) - own


def _j(a: Array, b: Array) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))
