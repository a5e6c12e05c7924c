"""For how long objects are hidden and come back."""

import attrs
import numpy as np

from peanut.test_set.measure import lasting
from peanut.test_set.view import View
from peanut.vision.array import Array
from peanut.vision.morphology import components

LARGE = 0.25
"""Share of the area of the largest object from which on an object counts."""


@attrs.define
class Occlusion:
    """For how long the object that is hidden longest is hidden: the share of the views, each by how much is hidden.

    An object is hidden in a view by how far its visible area lies below the smaller one of the largest areas that it
    has before and after: so what comes or goes is not hidden, and what is gone for a while is. Up to a half counts for
    nothing (things turn), all of it for 1. Where it falls into parts, as behind a pole, and was one before and after,
    it is hidden by the area of the second part over that of the first. Objects that are seen in less than a quarter of
    the views do not count, nor do those that are never a quarter as large as the largest one.
    """

    areas: dict[int, dict[int, tuple[float, float]]] = attrs.field(factory=dict)
    """Of each object by view: the visible area in pixels, and how far it falls into parts, 0 to 1."""
    count: int = 0

    def see(self, view: View) -> None:
        for number, mask in view.masks.items():
            self.areas.setdefault(number, {})[self.count] = float(mask.sum()), _parted(mask)
        self.count += 1

    @property
    def figure(self) -> float:
        largest = {number: max(seen.values())[0] for number, seen in lasting(self.areas, self.count).items()}
        least = LARGE * max(largest.values(), default=0.0)
        subjects = [self.areas[number] for number, area in largest.items() if area >= least]
        return max((float(self._hidden(seen).mean()) for seen in subjects), default=0.0)

    def _hidden(self, seen: dict[int, tuple[float, float]]) -> Array:
        area, parted = (np.array([seen.get(n, (0.0, 0.0))[k] for n in range(self.count)]) for k in (0, 1))
        expected = _least_on_both_sides(area)
        gone = (expected - area) / np.maximum(1, expected)
        so_far, from_here_on = np.minimum.accumulate(parted), np.minimum.accumulate(parted[::-1])[::-1]
        split = np.clip(parted - np.maximum(so_far, from_here_on), 0, 1)
        return np.asarray(np.maximum(np.clip(2 * gone - 1, 0, 1), split))


def _least_on_both_sides(x: Array) -> Array:
    """The smaller one of the largest values up to and from each place on."""
    return np.asarray(np.minimum(np.maximum.accumulate(x), np.maximum.accumulate(x[::-1])[::-1]))


def _parted(mask: Array) -> float:
    """How far a mask falls into parts: the area of the second over that of the first, 0 to 1."""
    areas = sorted((float(part.sum()) for part in components(mask)), reverse=True)
    return areas[1] / areas[0] if len(areas) > 1 else 0.0
