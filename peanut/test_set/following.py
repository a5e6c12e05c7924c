"""Whether masks go with what they are on, and whether numbers stay with their objects."""

from collections.abc import Mapping

import attrs
import cv2
import numpy as np

from peanut.objects.tracks import likeness
from peanut.test_set.histogram import MeanHistograms, histogram
from peanut.test_set.overlap import overlap
from peanut.test_set.view import View
from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask
from peanut.vision.optical_flow import grid, sample

SLACK = 0.06
"""How far an outline may lie beside that carried by the flow, in sides of a square as large as the mask; or 1 pixel."""
SAME = 2 / 3
"""What two masks must have in common to be of one thing: more than a third cannot change from a frame to the next."""
LIKE, NOISE = 1.25, 3.0
"""A factor, and grey levels, up to which two matches are as good as each other."""
SMALL = 0.5
"""Share of an object's largest area below which nothing is judged: it is about to be hidden, or comes back."""
MARGIN = 0.5
"""By how much two objects must agree better with each other's past than with their own, of 2 at most."""


@attrs.define(eq=False)
class Following:
    """How well one object's masks go with its motion: of each view and the one before J, where both know the object.

    J is the share that the mask and that of the view before, moved here, have in common, what lies within a small
    distance of the other's outline left out, and what another object covers. The mask is moved by the flow, or, where
    that fits better, as a whole to where the mask is now, if what it shows moved there, too: flow loses what is small
    and fast. A mask that is not there where that before says it must be has 0. What is coming into the image is not
    judged: it touches the border and is larger than ever.
    """

    agreed: list[float] = attrs.field(factory=list)
    lost: int = 0
    """Views in which J is below `SAME`; below its power by the root of n, where n frames lie between."""
    largest: float = 0.0

    def see(self, view: View, number: int) -> None:
        """The next view of the clip, in which the object has a mask or has none."""
        mask = view.masks.get(number, np.zeros(view.size, bool))
        comes_in = mask.sum() > self.largest and _at_border(mask)
        if number in view.carried and not comes_in:
            now = mask & ~_others(view.carried, number, view.size)
            before = view.carried[number] & ~_others(view.masks, number, view.size)
            if max(now.sum(), before.sum()) >= SMALL * max(self.largest, mask.sum()):
                agreed = tolerant_j(before, now)
                if agreed < SAME and number in view.masks:
                    agreed = max(agreed, _agreed_as_a_whole(view, number))
                self.agreed.append(agreed)
                self.lost += agreed < SAME**view.frames_since**0.5
        self.largest = max(self.largest, float(mask.sum()))

    def __len__(self) -> int:
        return len(self.agreed)


def _at_border(mask: Array) -> bool:
    return bool(mask[[0, -1]].any() or mask[:, [0, -1]].any())


def _others(masks: Mapping[int, Array], number: int, size: tuple[int, int]) -> Array:
    """What other objects cover: h w, bool."""
    covered = np.zeros(size, bool)
    for other, mask in masks.items():
        if other != number:
            covered |= mask
    return covered


def _agreed_as_a_whole(view: View, number: int) -> float:
    """J if the mask before is moved as a whole to where the mask is now; 0 if what it showed did not move there.

    It did where its content differs as little as along the flow. Over several frames, of which flow may know little,
    that is not asked.
    """
    if view.before is None:
        return 0.0
    mask, before = view.masks[number], view.before.masks[number]
    shift = (np.argwhere(mask).mean(axis=0) - np.argwhere(before).mean(axis=0))[::-1].astype(np.float32)
    there = grid(slice(0, view.size[0]), slice(0, view.size[1]))
    as_a_whole, by_flow = (
        float(cv2.absdiff(view.image, sample(view.before.image, at))[mask].mean())
        for at in (there - shift, there + view.flow)
    )
    if view.frames_since == 1 and as_a_whole > LIKE * by_flow + NOISE:
        return 0.0
    moved = sample(before.astype(np.float32), there - shift, padding="zeros") >= 0.5
    others = _others(view.masks, number, view.size), _others(view.carried, number, view.size)
    return tolerant_j(moved & ~others[0], mask & ~others[1])


def tolerant_j(a: Array | None, b: Array | None) -> float:
    """What two masks have in common of both, 0 to 1, what lies close to the other's outline left out."""
    if a is None or b is None or not (a.any() and b.any()):
        return 0.0
    slack = max(1, round(SLACK * np.sqrt(max(a.sum(), b.sum()))))
    apart = (a & ~grow_mask(b, slack)) | (b & ~grow_mask(a, slack))
    return 1 - float(apart.sum() / (a | b).sum())


@attrs.define(eq=False)
class Identity:
    """Whether two objects change numbers: a view in which each goes on as the other did.

    By place: their masks have more in common with the other's mask of the view before, carried by the flow. By color:
    their histograms have more in common with the other's mean so far than with their own, wherever they are, as when
    one comes back from behind something under the number of the other.
    """

    colors: MeanHistograms = attrs.field(factory=MeanHistograms)
    changes: list[tuple[int, int, int]] = attrs.field(factory=list)
    """Frame, and the two numbers."""

    def see(self, view: View) -> None:
        here = {number: histogram(view.image, mask) for number, mask in view.masks.items()}
        means = self.colors.means
        known = sorted(number for number in here if number in means)
        for i, j in ((i, j) for i in known for j in known if i < j):
            if self._by_place(view, i, j) > MARGIN or self._by_color(here, i, j) > MARGIN:
                self.changes.append((view.index, i, j))
                means[i], means[j] = means[j], means[i]
        for number, colors in here.items():
            self.colors.add(number, colors)

    def _by_place(self, view: View, i: int, j: int) -> float:
        now, before = view.masks, view.carried
        if i not in before or j not in before:
            return 0.0
        own = overlap(now[i], before[i]) + overlap(now[j], before[j])
        return overlap(now[i], before[j]) + overlap(now[j], before[i]) - own

    def _by_color(self, here: dict[int, Array], i: int, j: int) -> float:
        means = self.colors.means
        own = likeness(here[i], means[i]) + likeness(here[j], means[j])
        return likeness(here[i], means[j]) + likeness(here[j], means[i]) - own
