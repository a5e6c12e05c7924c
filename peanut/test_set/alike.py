"""How many objects can be taken for one another."""

from collections import Counter

import attrs
import cv2
import numpy as np

from peanut.objects.detector import ObjectDetector
from peanut.objects.tracks import likeness
from peanut.test_set.histogram import histogram
from peanut.test_set.measure import mean, saturated
from peanut.test_set.view import DETECTED, View
from peanut.vision.array import Array


@attrs.define
class Alike:
    """How many objects are like another: n / (n + 1), n the mean number of those that can be taken for one of them.

    Two objects are alike by c s f, each 0 to 1: what their color histograms have in common, the smaller area over the
    larger, and the same of their boxes' width by height. n is the sum over all other objects, of the object for which
    it is largest. So two twins make 1/2, three 2/3, and one object, or objects of different kinds, about 0.
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
    ratio: float

    @classmethod
    def of(cls, image: Array, mask: Array) -> "_Look":
        _, _, w, h = cv2.boundingRect(mask.astype(np.uint8))
        return cls(histogram(image, mask), float(mask.sum()), w / h)


def _alike(a: _Look, b: _Look) -> float:
    return likeness(a.colors, b.colors) * _smaller(a.area, b.area) * _smaller(a.ratio, b.ratio)


def _smaller(a: float, b: float) -> float:
    return min(a, b) / max(a, b)
