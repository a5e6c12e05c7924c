"""The colors under a mask, and the mean of each object."""

import attrs
import numpy as np

from peanut.vision.array import Array

BINS = 8
"""Levels of each channel that are told apart."""


def histogram(image: Array, mask: Array) -> Array:
    """The colors of an image (h w 3, uint8) under a mask: BINS^3 shares that sum to 1."""
    bins: Array = (image[mask] // (256 // BINS)).astype(np.int32) @ np.array([BINS**2, BINS, 1])
    return np.bincount(bins, minlength=BINS**3) / max(1, len(bins))


@attrs.define(eq=False)
class MeanHistograms:
    """The mean histogram of each object so far, by its number."""

    means: dict[int, Array] = attrs.field(factory=dict)
    counts: dict[int, int] = attrs.field(factory=dict)

    def add(self, number: int, colors: Array) -> None:
        """One more histogram of an object."""
        count = self.counts[number] = self.counts.get(number, 0) + 1
        before = self.means.get(number, np.zeros(BINS**3))
        self.means[number] = before + (colors - before) / count
