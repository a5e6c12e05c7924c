"""How many objects can be taken for one another."""

from collections import Counter

import attrs
import cv2
import numpy as np

from peanut.objects.detector import ObjectDetector
from peanut.objects.tracks import likeness
from peanut.test_set.histogram import histogram
from peanut.test_set.measure import mean, saturated
from peanut.test_set.overlap import overlap
from peanut.test_set.view import DETECTED, View
from peanut.vision.array import Array

SIDE, SPAN = 32, 3.0
"""Pixels of a side on which outlines are compared, and how many sides of a square as large as the mask that is."""


@attrs.define
class Alike:
    """How many objects are like another: n / (n + 1), n the mean number of those that can be taken for one of them.

    Two objects are alike by f s (1 + c) / 2, each 0 to 1: what their outlines have in common (J) where both are moved
    to one middle and brought to one area, the smaller area over the larger, and what their color histograms have in
    common. So things of one shape and size are alike in part whatever their color, as those of one class are. n is the
    sum over all other objects, of the object for which it is largest: two twins make 1/2, three 2/3, one object 0.
    With a detector, n is at least the number of detections of the commonest class, less one: two people are of one
    class whatever they wear.
    """

    detector: ObjectDetector | None = None
    others: list[float] = attrs.field(factory=list)
    detected: list[float] = attrs.field(factory=list)

    def see(self, view: View) -> None:
        looks = [_Look.of(view.image, mask) for mask in view.masks.values()]
        sums = [sum(_alike(a, b) for b in looks if b is not a) for a in looks]
        self.others.append(max(sums, default=0.0))
        if self.detector is not None and len(self.others) % DETECTED == 1:
            classes = Counter(found.label for found in self.detector.detect(view.image))
            self.detected.append(max(classes.values(), default=1) - 1.0)

    @property
    def figure(self) -> float:
        return saturated(max(mean(self.others), mean(self.detected)), 1.0)


@attrs.frozen(eq=False)
class _Look:
    colors: Array
    area: float
    outline: Array
    """The mask, SIDE x SIDE, its middle in the middle, at one area: bool."""

    @classmethod
    def of(cls, image: Array, mask: Array) -> "_Look":
        area = float(mask.sum())
        scale = SIDE / (SPAN * np.sqrt(area))
        y, x = np.argwhere(mask).mean(axis=0)
        to = np.array([[scale, 0, SIDE / 2 - scale * x], [0, scale, SIDE / 2 - scale * y]])
        outline = cv2.warpAffine(mask.astype(np.uint8), to, (SIDE, SIDE), flags=cv2.INTER_NEAREST) > 0
        return cls(histogram(image, mask), area, outline)


def _alike(a: _Look, b: _Look) -> float:
    """By how much two objects can be taken for one another: 0 to 1."""
    size = min(a.area, b.area) / max(a.area, b.area)
    return overlap(a.outline, b.outline) * size * (1 + likeness(a.colors, b.colors)) / 2
