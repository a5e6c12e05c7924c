"""What is known of one object of a shot."""

from collections import deque
from collections.abc import Collection, Mapping

import attrs
import cv2
import numpy as np

from peanut.frame import Frame
from peanut.objects.ownership import Appearance
from peanut.objects.tracks import Track
from peanut.vision.array import Array
from peanut.vision.detection import Box, area, centre, wider

CORE = 2
"""Pixels between the rim of an object and its core, whose colors are its own."""
SAMPLE = 60
"""Pixels of its core that are looked at in a frame."""
STRIDE = 12
"""Frames over which a way is straightened before its length is taken."""
UNSURE = 0.02
"""How much wider the box of something hidden gets with each frame, as a share of its sides."""
STEADY = 0.85
"""Ratio of the areas of two boxes from which on their centres tell how it went."""
WHOLE = 0.8
"""Share of its area from which on it counts as seen whole."""
HIDDEN = 0.5
"""Share of its area below which an object counts as hidden."""
KEPT = 3000
"""Pixels of its core that are kept."""


@attrs.define(eq=False)
class TrackedObject:
    """One object of a shot, with what was measured of it so far."""

    number: int
    first: int = 0
    """Frames of the shot before it was seen."""
    tracks: dict[int, Track] = attrs.field(factory=dict)
    """As what it was detected; they know more than its pixels, up to the newest frame."""
    frames: int = 0
    """How often it was seen."""
    box: Box = (0.0, 0.0, 0.0, 0.0)
    """Around its pixels in the last frame in which it was seen whole."""
    last_whole: int = 0
    """That frame of the shot."""
    last: int = 0
    """Frame of the shot in which it was seen last."""
    velocity: Array = attrs.field(factory=lambda: np.zeros(2))
    """Its motion in the image, x and y, in pixels per frame, of its last frames."""
    area: float = 0.0
    """The sum of the shares of the image that it had."""
    last_area: float = 0.0
    """The share that it had in the last of its frames."""
    pixels: Array = attrs.field(factory=lambda: np.zeros((0, 3), np.uint8))
    """Colors of its core, n 3, uint8, RGB: a sample of its last frames."""
    way: Array = attrs.field(factory=lambda: np.zeros(2))
    """The sum of its motion against the background: x and y, in widths of the image."""
    path: float = 0.0
    """The length of that way, without what limbs and noise add within half a second."""
    ways: deque[Array] = attrs.field(factory=lambda: deque(maxlen=STRIDE + 1))
    """Its way so far, in its last frames."""
    first_height: float = 0.0
    """Of its box, pixels, when it was seen first."""
    height: float = 0.0
    """Of its box, of its last frames."""
    entered: bool = False
    """Whether it came over the edge of the image."""
    left: bool = False
    """Whether it touched the edge of the image when it was seen last."""
    moved: bool = False
    """Whether most of it was ever seen to move."""
    apart: bool = False
    """Of what has no name: whether it was ever seen away from what has one, or beside two."""
    beside: int = 0
    """The object with a name that it touches; 0: none."""
    together: int = 0
    """Frames for which it has touched it."""
    appearance: Appearance = attrs.field(factory=Appearance)

    @property
    def scores(self) -> dict[str, float]:
        """The sum of the scores of its detections, by class."""
        total: dict[str, float] = {}
        for track in self.tracks.values():
            for name, score in track.scores.items():
                total[name] = total.get(name, 0.0) + score
        return total

    @property
    def hits(self) -> int:
        """How often it was detected."""
        return sum(track.hits for track in self.tracks.values())

    @property
    def label(self) -> str | None:
        """What it was detected as most; None: never."""
        return max(self.scores, key=lambda name: self.scores[name], default=None)

    @property
    def score(self) -> float:
        """The mean score of its detections, those as something else as 0; 0 without."""
        return max(self.scores.values(), default=0.0) / max(1, self.hits)

    def hidden(self, frame: int) -> bool:
        """Whether less of it is seen, as of frame `frame` of the shot, than it is large."""
        return bool(self.frames) and (frame - self.last > 1 or self.last_area < HIDDEN * self.area / self.frames)

    def expected(self, frame: int) -> Box:
        """Where it would be in a frame of the shot if it went on as it did when it was seen whole."""
        gone = frame - self.last_whole
        x, y = (float(n) for n in self.velocity * gone)
        left, top, right, bottom = wider(self.box, UNSURE * gone)
        return left + x, top + y, right + x, bottom + y

    def seen(self, owned: Array, image: Array, bins: Array, flow: Array, camera: Array, number: int) -> None:
        """Measure it in frame `number` of the shot: owned h w, bool; image h w 3; flow, camera h w 2."""
        h, w = owned.shape
        x, y, width, height = cv2.boundingRect(owned.view(np.uint8))
        at_edge = x <= 1 or y <= 1 or x + width >= w - 1 or y + height >= h - 1
        self.entered = self.entered or (not self.frames and number > 0 and at_edge)
        self.first = self.first if self.frames else number
        self.left = at_edge
        self.frames, self.last = self.frames + 1, number
        self.last_area = np.count_nonzero(owned) / owned.size
        self.area += self.last_area
        box = (float(x), float(y), float(x + width), float(y + height))
        gone = self._gone(box, number, np.median(flow[owned], axis=0))
        self.way = self.way + (gone + np.mean(camera[owned], axis=0)) / w  # a flow tells where it came from
        self.ways.append(self.way)
        self.path += float(np.hypot(*(self.way - self.ways[0]))) / max(1, len(self.ways) - 1)
        if self.hidden(number):
            return
        self.velocity = 0.8 * self.velocity + 0.2 * gone if self.frames > 1 else gone
        if self.last_area > WHOLE * self.area / self.frames:
            self.box, self.last_whole = box, number
        self.first_height = self.first_height or float(height)
        self.height = 0.8 * (self.height or height) + 0.2 * height
        core = cv2.erode(owned.view(np.uint8), np.ones((2 * CORE + 1, 2 * CORE + 1), np.uint8)) > 0
        colors = image[core if core.any() else owned]
        step = max(1, len(colors) // SAMPLE)
        self.pixels = np.concatenate([self.pixels, colors[step // 2 :: step]])[-KEPT:]
        self.appearance.learn(bins, flow, owned)

    def _gone(self, box: Box, number: int, flow: Array) -> Array:
        """How far it went in the image since the frame before: as its centre while it keeps its size, else as its flow.

        Of repeated patterns a flow tells nothing; of what is half hidden a centre tells little.
        """
        grown = area(box) / max(1.0, area(self.box))
        steady = self.frames > 1 and STEADY < grown < 1 / STEADY
        return np.asarray(
            np.subtract(centre(box), centre(self.box)) / max(1, number - self.last_whole) if steady else -flow
        )

    def absorb(self, piece: "TrackedObject") -> None:
        """Take over when and how a piece of it was seen first."""
        if piece.first < self.first or not self.frames:
            self.first, self.entered = piece.first, piece.entered


@attrs.frozen(eq=False)
class Labels:
    """The labels of a frame: whose each pixel is."""

    frame: Frame
    image: Array
    """h w 3, uint8, RGB, at the size that is looked at."""
    numbers: Array
    """h w, int32: the number of an object, 0 for none; at that size."""
    objects: Mapping[int, TrackedObject]
    """The objects of the shot, measured on while frames come."""
    same: Mapping[int, int]
    """Objects that turned out to be parts of others, as known by now."""
    standing: frozenset[int]
    """The objects that do not move here: their pixels are where they were, or what their boxes and colors tell."""

    @property
    def shot(self) -> int:
        return self.frame.shot

    def whole(self, number: int) -> int:
        """The object that a number is a part of, as known by now."""
        while number in self.same:
            number = self.same[number]
        return number

    def present(self) -> dict[int, int]:
        """The objects that are in the frame, each with the number of its pixels."""
        numbers, counts = np.unique(self.numbers[self.numbers > 0], return_counts=True)
        found: dict[int, int] = {}
        for number, pixels in zip(map(self.whole, numbers.tolist()), counts.tolist(), strict=True):
            found[number] = found.get(number, 0) + pixels
        return found

    def mask_of(self, chosen: Collection[int]) -> Array:
        """Where the chosen objects are: h w, bool."""
        numbers = [
            number for number in np.unique(self.numbers[self.numbers > 0]).tolist() if self.whole(number) in chosen
        ]
        return np.isin(self.numbers, numbers)
