"""What was measured of the objects of a frame, for a choice among them."""

from collections.abc import Sequence
from fractions import Fraction
from math import log

import cv2
import numpy as np

from peanut.objects.tracked_object import Labels, TrackedObject
from peanut.vision.array import Array
from peanut.words.candidate import Candidate
from peanut.words.colors import color_shares, light_of

ANEW = 8
"""Frames after which the colors of an object are measured again."""


class Measured:
    """The candidates of one shot, frame after frame. Holds what colors its objects have."""

    def __init__(self) -> None:
        self._colors: dict[int, tuple[int, dict[str, float]]] = {}
        self._light: tuple[float, float, float] | None = None

    def candidates(self, window: Sequence[Labels]) -> list[Candidate]:
        """The objects in the first frame of a window, as what is known after its last tells of them."""
        here = window[0]
        if self._light is None:
            self._light = light_of(here.image.reshape(-1, 3)[::7])
        fps, present = frames_per_second(window), here.present()
        self._colors = {number: known for number, known in self._colors.items() if number in here.objects}
        return [self._candidate(here, number, fps) for number in present]

    def _candidate(self, here: Labels, number: int, fps: float) -> Candidate:
        one = here.objects[number]
        h, w = here.numbers.shape
        x, y, width, height = cv2.boundingRect(here.mask_of({number}).view(np.uint8))
        seconds = max(1, one.frames) / fps
        rightwards, downwards = (float(n) / seconds for n in one.way)
        return Candidate(
            number=number,
            label=one.label,
            score=one.score,
            box=(float(x), float(y), float(x + width), float(y + height)),
            size=(h, w),
            area=one.area / max(1, one.frames),
            colors=self._colors_of(one),
            velocity=(rightwards, downwards),
            speed=one.path / seconds,
            growth=log(one.height / one.first_height) / seconds if one.first_height and one.height else 0.0,
            entered=one.entered,
            left=one.left,
            others={name: total / max(1, one.hits) for name, total in one.scores.items() if name != one.label},
        )

    def _colors_of(self, one: TrackedObject) -> dict[str, float]:
        measured, colors = self._colors.get(one.number, (-ANEW, {}))
        if one.frames - measured >= ANEW:
            colors = color_shares(one.pixels, self._light or (255, 255, 255))
            self._colors[one.number] = one.frames, colors
        return colors


def frames_per_second(window: Sequence[Labels]) -> float:
    """How many frames a second has, by the times of a window; 25 where they tell nothing."""
    first, last = window[0].frame, window[-1].frame
    seconds = last.time - first.time
    return float((len(window) - 1) / seconds) if seconds > Fraction(0) else 25.0


def resized(mask: Array, size: tuple[int, int]) -> Array:
    """A mask at another size (h, w): h w, bool."""
    if mask.shape == size:
        return mask
    return np.asarray(cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5)
