"""Keeping the identity of detected boxes from frame to frame: tracking by detection, on a cadence.

Between detections a box moves along the optical flow of what is in it; a detection belongs to the track with whose box
and colors it agrees best (Bewley et al., Simple Online and Realtime Tracking, ICIP 2016, with flow for the Kalman
filter and a color histogram beside the overlap).
"""

from collections import deque
from collections.abc import Collection, Iterator, Sequence

import attrs
import numpy as np

from peanut.vision.array import Array
from peanut.vision.detection import Box, Detection, area, centre, cropped, distance, inner_part, intersection, overlap

SAME = 0.75
"""Overlap from which on two detections of different classes are one thing, seen as both."""
LEAST = 0.15
"""Overlap below which a detection is another object than a track."""
INSIDE = 0.7
"""Share of a detection inside the box of a track of its class from which on it is a part of that object."""
MOVES = 1.0
"""Pixels per frame against the background from which on a pixel of a box is taken for the object's."""
MOVING_SHARE = 0.1
"""Share of a box that must move for the box to move with it."""
PATIENCE = 25
"""Frames for which an object that is not detected is followed."""
REMEMBERED = 32
"""Detections that are remembered."""
KINDS = {
    "vehicle": ("bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat"),
    "animal": ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe"),
}
HIDDEN = 8
"""Frames without a detection after which an object may be hidden."""
COVERED = 0.3
"""Share of a box from which on another before it may hide what is in it."""
BINS = 8
CARRIED = frozenset(
    (
        *("backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "baseball bat"),
        *("baseball glove", "skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork", "knife"),
        *("spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut"),
        *("cake", "mouse", "remote", "keyboard", "cell phone", "book", "clock", "scissors", "teddy bear", "hair drier"),
        *("toothbrush", "fire hydrant", "vase", "toilet"),
    )
)
"""What is a part of the person who carries it; some of it is what the detector takes parts of people for."""


@attrs.define(eq=False)
class Track:
    """One object, as its boxes tell."""

    number: int
    box: Box
    """Where it is in the newest frame, pixels."""
    scores: dict[str, float] = attrs.field(factory=dict)
    """Sum of the scores by class."""
    hits: int = 0
    """How often it was detected."""
    missed: int = 0
    """Frames since it was detected."""
    at: deque[int] = attrs.field(factory=lambda: deque(maxlen=REMEMBERED))
    """The numbers of the frames in which it was detected last."""
    best: float = 0.0
    histogram: Array = attrs.field(factory=lambda: np.zeros(BINS**3))
    """The colors of the inner part of its box where it was detected."""
    velocity: tuple[float, float] = (0.0, 0.0)
    """Pixels per frame, from detection to detection."""
    seen: Box = (0.0, 0.0, 0.0, 0.0)
    """Where it was detected last."""

    @property
    def label(self) -> str:
        """As what it was detected most."""
        return max(self.scores, key=lambda name: self.scores[name])

    def detected(self, found: Detection, image: Array, number: int) -> None:
        if self.hits:
            (x, y), (x0, y0) = centre(found.box), centre(self.seen)
            share = 0.5 / max(1, self.missed)
            self.velocity = 0.5 * self.velocity[0] + share * (x - x0), 0.5 * self.velocity[1] + share * (y - y0)
        self.seen = found.box
        self.at.append(number)
        self.box, self.missed, self.hits = found.box, 0, self.hits + 1
        self.scores[found.label] = self.scores.get(found.label, 0.0) + found.score
        self.best = max(self.best, found.score)
        seen = histogram(image, found.box)
        self.histogram = seen if self.hits == 1 else 0.7 * self.histogram + 0.3 * seen


class BoxTracker:
    """The tracks of one shot. Holds at most those that were detected in the last `PATIENCE` frames.

    numbers: for new tracks. asked_for: classes that are no part of who carries them.
    """

    def __init__(self, numbers: Iterator[int], asked_for: Collection[str] = ()) -> None:
        self.numbers = numbers
        self.asked_for = asked_for
        self.tracks: list[Track] = []

    def move(self, flow: Array, camera: Array) -> None:
        """One frame on: `flow` and `camera` (h w 2, pixels) tell where each pixel was before."""
        for track in self.tracks:
            x, y = motion_in(track.box, flow, camera)
            others = (other.box for other in self.tracks if other is not track and not other.missed > track.missed)
            if track.hits > 2 and any(intersection(track.box, box) > COVERED * area(track.box) for box in others):
                x, y = track.velocity  # hidden behind another: what is seen there moves with the other
            left, top, right, bottom = track.box
            track.box = (left + x, top + y, right + x, bottom + y)
            track.missed += 1
        h, w = flow.shape[:2]
        frame = (0.0, 0.0, float(w), float(h))
        self.tracks = [
            track
            for track in self.tracks
            if track.missed <= PATIENCE and intersection(track.box, frame) > 0.2 * area(track.box)
        ]

    def match(self, found: Sequence[Detection], image: Array, number: int) -> list[tuple[Track, Box | None]]:
        """Give the detections in frame `number` to tracks; those left over begin new ones.

        Returns the tracks that were detected, each with the box where it was expected; None for a new one.
        """
        found = merged(found, self.asked_for)
        pairs = sorted(
            (
                (_distance(track, one, image), a, b)
                for a, track in enumerate(self.tracks)
                for b, one in enumerate(found)
                if _may_be(track, one)
            ),
        )
        matched: list[tuple[Track, Box | None]] = []
        tracks, detections = set(range(len(self.tracks))), set(range(len(found)))
        for _, a, b in pairs:
            if a in tracks and b in detections:
                tracks.remove(a)
                detections.remove(b)
                matched.append((self.tracks[a], self.tracks[a].box))
                self.tracks[a].detected(found[b], image, number)
        for b in sorted(detections):
            if not any(_is_part(found[b], track) for track in self.tracks):
                self.tracks.append(Track(next(self.numbers), found[b].box))
                self.tracks[-1].detected(found[b], image, number)
                matched.append((self.tracks[-1], None))
        return matched


def merged(found: Collection[Detection], asked_for: Collection[str] = ()) -> list[Detection]:
    """Detections, best first, without those that are the same thing, seen as another class.

    What a person carries is a part of that person, unless it is `asked_for`.
    """
    kept: list[Detection] = []
    people = [one.box for one in found if one.label == "person"]
    for one in sorted(found, key=lambda one: -one.score):
        carried = one.label in CARRIED and one.label not in asked_for
        if carried and any(intersection(one.box, box) > 0.5 * area(one.box) for box in people):
            continue
        if all(overlap(one.box, other.box) < SAME for other in kept):
            kept.append(one)
    return kept


def _may_be(track: Track, found: Detection) -> bool:
    """Whether a detection lies where a track may be: the longer it was not detected, the further away."""
    near = track.missed > HIDDEN and found.label in track.scores and distance(track.box, found.box) < 0.7
    return kind(found.label) == kind(track.label) and (overlap(track.box, found.box) >= LEAST or near)


def kind(label: str) -> str:
    """What a class may be taken for in another frame: vehicles for each other, animals too, the rest for itself."""
    return next((name for name, labels in KINDS.items() if label in labels), label)


def _is_part(found: Detection, track: Track) -> bool:
    return found.label in track.scores and intersection(found.box, track.box) > INSIDE * area(found.box)


def _distance(track: Track, found: Detection, image: Array) -> float:
    """How badly a detection fits a track, from 0 on."""
    colors = 1 - likeness(histogram(image, found.box), track.histogram)
    other = found.label not in track.scores
    return 1 - overlap(track.box, found.box) + colors + 0.5 * other


def likeness(a: Array, b: Array) -> float:
    """What two histograms have in common: 0 to 1 (Swain and Ballard, IJCV 1991)."""
    return float(np.minimum(a, b).sum())


def histogram(image: Array, box: Box) -> Array:
    """The colors of the inner part of a box: BINS^3 shares that sum to 1. image: h w 3, uint8."""
    part = image[inner_part(box, image.shape)]
    if not part.size:
        return np.zeros(BINS**3)
    bins: Array = (part.reshape(-1, 3) // (256 // BINS)).astype(np.int32) @ np.array([BINS**2, BINS, 1])
    return np.bincount(bins, minlength=BINS**3) / len(bins)


def motion_in(box: Box, flow: Array, camera: Array) -> tuple[float, float]:
    """How far what is in a box moved since the frame before: (x, y) in pixels.

    The median over what moves against the background, if that is enough of the box; otherwise the camera's motion.
    """
    part = cropped(box, flow.shape)
    here, still = flow[part].reshape(-1, 2), camera[part].reshape(-1, 2)
    if not len(here):
        return 0.0, 0.0
    moves = np.abs(here - still).sum(axis=1) > MOVES
    x, y = np.median(here[moves] if moves.mean() > MOVING_SHARE else still, axis=0)
    return -float(x), -float(y)


def camera_flow(flow: Array, step: int = 8) -> Array:
    """The part of a flow that the camera's own motion explains: h w 2, pixels; an affine field, fitted robustly.

    Iteratively reweighted least squares with weights 1 / (1 + (r / 0.5)^2) on every `step`-th pixel (Odobez and
    Bouthemy, 1995).
    """
    h, w = flow.shape[:2]
    step = max(1, min(step, h // 2, w // 2))
    y, x = np.mgrid[step // 2 : h : step, step // 2 : w : step]
    terms = np.stack([np.ones(x.size), x.ravel() / w, y.ravel() / h], axis=1)
    values = flow[y, x].reshape(-1, 2).astype(np.float64)
    fitted = np.zeros((3, 2))
    fitted[0] = np.median(values, axis=0)
    for _ in range(6):
        residual = np.linalg.norm(values - terms @ fitted, axis=1)
        weight = 1 / (1 + (residual / 0.5) ** 2)
        scaled = terms * weight[:, None]
        fitted = np.linalg.lstsq(scaled.T @ terms + 1e-9 * np.eye(3), scaled.T @ values, rcond=None)[0]
    rows = (np.arange(h) / h)[:, None, None] * fitted[2]
    columns = (np.arange(w) / w)[None, :, None] * fitted[1]
    return np.asarray(fitted[0] + columns + rows, np.float32)
