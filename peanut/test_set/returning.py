"""Objects that come back under a new number get their old one."""

from collections.abc import Mapping

import attrs

from peanut.objects.tracks import likeness
from peanut.test_set.histogram import MeanHistograms, histogram
from peanut.vision.array import Array

SAME = 0.5
"""What the colors of an object that comes back must have in common with those it had."""


@attrs.define(eq=False)
class Returning:
    """Gives the new number of an object that was out of sight for long its old one: it looks as one that is gone did.

    Holds the mean histogram of each object. An object that comes while its double is gone is taken for it.
    """

    same: dict[int, int] = attrs.field(factory=dict)
    """The number that each new number stands for."""
    colors: MeanHistograms = attrs.field(factory=MeanHistograms)

    def renumbered(self, image: Array, masks: Mapping[int, Array]) -> dict[int, Array]:
        """The masks of a view by the numbers that their objects had first; image: h w 3, uint8."""
        looks = {number: histogram(image, mask) for number, mask in masks.items()}
        for number in sorted(masks):
            if number not in self.same:
                here = {self.same[other] for other in masks if other in self.same}
                self.same[number] = self._known(looks[number], here, number)
        out: dict[int, Array] = {}
        for number, mask in masks.items():
            first = self.same[number]
            out[first] = mask | out[first] if first in out else mask
            self.colors.add(first, looks[number])
        return out

    def _known(self, look: Array, here: set[int], number: int) -> int:
        """The object that is gone and looks most like it, or the number itself."""
        gone = {likeness(look, colors): first for first, colors in self.colors.means.items() if first not in here}
        best = max(gone, default=0.0)
        return gone[best] if best >= SAME else number
