"""Finding faces, so that nobody is recognized."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import torch

from peanut.buffers import chunks
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.pipeline import Stage
from peanut.validators import at_least, between, one_of
from peanut.vision import box_tracking as boxes
from peanut.vision.array import Array
from peanut.vision.centerface import SEEN_BEST, FaceDetector
from peanut.vision.detection import Box, Detection, area, centre, intersection, overlap
from peanut.weights import names_used, pull

Detector = Callable[[Array, float], list[Detection]]
"""From an image (h w 3, uint8, RGB) and the least score to what is found in it."""

AGAIN = 0.5
"""Share of `min_score` that suffices where a face is expected."""
SAME = 0.25
"""Overlap (intersection over union) from which on a face is the one that was followed."""
NEAR = 3.0
"""Distance, in sides of the box, up to which a face may be one that was lost: what lies between is covered as well."""
LOST_GROWS, LOST_MOST = 0.04, 0.5
"""How much larger a box becomes with each frame in which it is lost, and at most, as a share of its size."""
STEADY = 0.1
"""Distance, in sides of the box, by which what is in a lost box may move otherwise than the face did."""
SLOWS = 0.9
"""Share of its speed that a lost box keeps from frame to frame."""
HAIR = 0.05
"""Share of its height by which the shape is moved up from the box: boxes end at the hair line, the shape above it."""
LEAST_MARGIN = 2
"""Pixels by which the shape is larger than the box on each side, at least."""
FOLLOWED = "of the faces that are masked are not seen any more, or not yet, and only followed"
Placed = tuple[Box, int]
"""Where a face is, and how many frames lie between this one and the nearest in which it was found."""


@attrs.define(eq=False)
class _FrameFaces:
    """A frame that waits, and where faces are in it."""

    frame: Frame
    placed: dict[int, Placed] = attrs.field(factory=dict)
    """By number of the face."""

    @property
    def shot(self) -> int:
        return self.frame.shot

    @property
    def grey(self) -> Array:
        """h w, uint8: the green channel, which needs no memory of its own."""
        return np.asarray(self.frame.image[1].numpy())


@attrs.define(eq=False)
class _Track:
    """A box that is moved on from frame to frame."""

    number: int
    box: Box
    """As it was found, or followed to."""
    velocity: tuple[float, float] = (0.0, 0.0)
    since: int = 0
    """Frames since it was found."""
    lost: int = 0
    """Frames for which it could not be followed."""
    found: Box = attrs.field(init=False)
    """Where it was found last."""

    def __attrs_post_init__(self) -> None:
        self.found = self.box

    def step(self, here: _FrameFaces, there: _FrameFaces) -> bool:
        """Move on to a neighboring frame; False if it has left the image."""
        now, (x, y) = boxes.follow(here.grey, there.grey, self.box, self.velocity), self.velocity
        if now is not None and self.lost and _apart(now, boxes.moved(self.box, x, y)) > STEADY:
            now = None  # what hides the face, not the face
        if now is None:
            now, self.lost, self.velocity = boxes.moved(self.box, x, y), self.lost + 1, (x * SLOWS, y * SLOWS)
        else:
            (x0, y0), (x1, y1) = centre(self.box), centre(now)
            self.velocity = (x + x1 - x0) / 2, (y + y1 - y0) / 2
        self.box, self.since = now, self.since + 1
        grown = boxes.moved(now, 0, 0, 1 + min(LOST_MOST, LOST_GROWS * self.lost))
        there.placed[self.number] = grown, self.since
        h, w = there.frame.size
        return intersection(grown, (0, 0, w, h)) > 0


@attrs.frozen(repr=False)
class Faces(Stage):
    """Mask faces, for privacy: rather one too many than one too few. No finder finds all: look at the result.

    Every few frames and where a shot begins faces are found; in between, and for a second before a face was first and
    after it was last found, its box is followed by what is in it. So one that turns away, is hidden for a moment or
    missed by the detector stays covered. Between two places where it was found its box is corrected to fit both. No
    face crosses a cut. Masks that frames bring along are replaced.

    min_score: how sure the detector must be of a face, 0 to 1. Half of it is enough where one is expected.
    every: frames from one search to the next.
    lookahead: frames for which a face is followed back from where it is first found. hold: frames for which it is
        followed after it was last found. 25 are a second of many videos; at 50 frames a second take 50.
    shape: what is masked of a face: an ellipse from above the hair line to below the chin, or a box.
    grow: how much larger the shape is than the face, as a share of it.
    smallest: height in pixels of the faces that must be found; smaller ones are, less surely. The image is looked at in
        the size in which these have 24 pixels, so half of it takes four times as long.
    detector: "centerface" (fetched on first use, MIT, 7.3 MB), or a function from an image (h w 3, uint8, RGB) and the
        least score to a list of `peanut.vision.detection.Detection`: of number plates, say.
    Latency: 25 frames (`lookahead`). Holds: 26 frames. Computes on the CPU.
    Raises UsageError for settings that do not fit, and if the weights cannot be had.
    """

    min_score: float = attrs.field(default=0.4, validator=between(0.0, 1.0))
    every: int = attrs.field(default=5, validator=at_least(1))
    shape: Literal["ellipse", "box"] = attrs.field(default="ellipse", validator=one_of("ellipse", "box"))
    grow: float = attrs.field(default=0.3, validator=at_least(0.0))
    lookahead: int = attrs.field(default=25, validator=at_least(0), kw_only=True)
    hold: int = attrs.field(default=25, validator=at_least(0), kw_only=True)
    smallest: int = attrs.field(default=24, validator=at_least(4), kw_only=True)
    detector: Literal["centerface"] | Detector = attrs.field(default="centerface", kw_only=True)
    _path: Any = attrs.field(init=False, default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.detector != "centerface" and not callable(self.detector):
            raise UsageError(f"Faces: detector must be 'centerface' or a function, got {self.detector!r}.")
        if self.weights:
            object.__setattr__(self, "_path", pull("centerface"))

    @property
    def latency(self) -> int:
        return self.lookahead

    @property
    def memory(self) -> int:
        return max(1, self.lookahead) + 1

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self.detector)

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        for window, _ in chunks(self._found(frames), 1, after=self.lookahead):
            seen = window[0]
            del window
            only_followed = [since > self.every for _, since in seen.placed.values()]
            if any(only_followed):
                frames.doubts.add(FOLLOWED, seen.frame, sum(only_followed) / len(only_followed))
            yield seen.frame.with_mask(self._mask(seen))
            del seen

    def _found(self, frames: Iterable[Frame]) -> Iterator[_FrameFaces]:
        """Each frame as it comes; faces found in it are followed back into those that wait."""
        detect = self._detector()
        shot = _Shot(self, detect)
        for frame in frames:
            if shot.waiting and (shot.waiting[-1].shot, shot.waiting[-1].frame.size) != (frame.shot, frame.size):
                shot = _Shot(self, detect)
            seen = _FrameFaces(frame)
            shot.add(seen)
            yield seen
            del frame, seen

    def _detector(self) -> Detector:
        """A detector for one run."""
        if callable(self.detector):
            return self.detector
        network, scale = FaceDetector(self._path), SEEN_BEST / self.smallest
        return lambda image, min_score: network.detect(image, min_score, scale)

    def _mask(self, seen: _FrameFaces) -> torch.Tensor:
        mask = np.zeros(seen.frame.size, np.uint8)
        for box, _ in seen.placed.values():
            _draw(mask, box, self.shape, self.grow)
        return torch.from_numpy(mask > 0)


class _Shot:
    """What is known of the faces of a shot; frames that have left, and faces long lost, are forgotten."""

    def __init__(self, stage: Faces, detect: Detector) -> None:
        self.stage, self.detect = stage, detect
        self.waiting: deque[_FrameFaces] = deque(maxlen=stage.memory)
        self.tracks: list[_Track] = []
        self.frames = self.faces = 0

    def add(self, seen: _FrameFaces) -> None:
        """Take the next frame: follow what is known into it, and look for faces if it is time to."""
        self.waiting.append(seen)
        if len(self.waiting) > 1:
            here, hold = self.waiting[-2], max(self.stage.hold, self.stage.every)
            self.tracks = [track for track in self.tracks if track.since < hold and track.step(here, seen)]
        else:
            self.tracks = []
        if self.frames % self.stage.every == 0:
            self._find(seen)
        self.frames += 1

    def _find(self, seen: _FrameFaces) -> None:
        found = self.detect(seen.frame.numpy(), AGAIN * self.stage.min_score)
        left = list(self.tracks)
        for one in sorted(found, key=lambda one: -one.score):
            known = max(left, key=lambda track: overlap(track.box, one.box), default=None)
            if known is not None and _same(known.box, one.box):
                left.remove(known)
                self._correct(known, one.box)
            elif one.score >= self.stage.min_score:
                self._begin(one.box, left)

    def _correct(self, track: _Track, box: Box) -> None:
        """A face was found again: what it was off by is spread over the frames since it was found last."""
        off = [found - followed for found, followed in zip(box, track.box, strict=True)]
        for back in range(min(track.since, len(self.waiting))):
            seen = self.waiting[-1 - back]
            share = (track.since - back) / track.since
            followed, _ = seen.placed[track.number]
            left, top, right, bottom = (edge + share * by for edge, by in zip(followed, off, strict=True))
            seen.placed[track.number] = (left, top, right, bottom), min(back, track.since - back)
        self.waiting[-1].placed[track.number] = box, 0
        track.box = track.found = box
        track.since = track.lost = 0

    def _begin(self, box: Box, lost: list[_Track]) -> None:
        """A face is new: follow it back, and cover the way from one that it may have been before."""
        self.faces += 1
        self.waiting[-1].placed[self.faces] = box, 0
        self.tracks.append(_Track(self.faces, box))
        back = _Track(self.faces, box)
        for here, there in zip(list(self.waiting)[:0:-1], list(self.waiting)[-2::-1], strict=True):
            if not back.step(here, there):
                break
        before = min(lost, key=lambda track: _apart(track.found, box), default=None)
        if before is not None and before.since > 1 and _apart(before.found, box) < NEAR:
            for back_by in range(1, min(before.since, len(self.waiting))):
                way = boxes.between(box, before.found, back_by / before.since)
                self.waiting[-1 - back_by].placed[-self.faces] = way, min(back_by, before.since - back_by)


def _same(followed: Box, found: Box) -> bool:
    """Whether a face is the one that was followed: most of it lies there, in a similar size."""
    return overlap(followed, found) >= SAME and 0.4 < area(found) / max(1e-6, area(followed)) < 2.5


def _apart(a: Box, b: Box) -> float:
    """The distance of two boxes, in sides of the larger; infinite for sizes that are not of one face."""
    if not 0.25 < area(a) / max(1e-6, area(b)) < 4:
        return float("inf")
    (x0, y0), (x1, y1) = centre(a), centre(b)
    return float(np.hypot(x1 - x0, y1 - y0)) / max(1e-6, boxes.side(a), boxes.side(b))


def _draw(mask: Array, box: Box, shape: str, grow: float) -> None:
    """Fill the shape of a face in a mask, h w, uint8."""
    (x, y), parts = centre(box), 16
    width, height = box[2] - box[0], box[3] - box[1]
    y -= HAIR * height
    a, b = (max(side / 2 * (1 + grow), side / 2 + LEAST_MARGIN) for side in (width, height))
    if shape == "box":
        corners = [round(edge * parts) for edge in (x - a, y - b, x + a, y + b)]
        cv2.rectangle(mask, corners[:2], corners[2:], 1, cv2.FILLED, cv2.LINE_8, 4)
    else:
        center, axes = ([round(edge * parts) for edge in pair] for pair in ((x, y), (a, b)))
        cv2.ellipse(mask, center, axes, 0, 0, 360, 1, cv2.FILLED, cv2.LINE_8, 4)
