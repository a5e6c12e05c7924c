"""The labels of a shot, frame after frame: whose every moving pixel is, and whose those of what stands still."""

from collections.abc import Collection, Iterator, Mapping

import cv2
import numpy as np

from peanut.objects.ownership import BINS, assign, color_bins
from peanut.objects.standing import cut_out
from peanut.objects.tracked_object import Labels, TrackedObject
from peanut.objects.tracks import PATIENCE, Track, likeness
from peanut.objects.watched import Watched
from peanut.vision.array import Array
from peanut.vision.detection import Box, area, cropped, distance, inner_part, intersection, wider
from peanut.vision.morphology import fill_holes
from peanut.vision.optical_flow import grid, sample

SURE = 0.6
"""Score from which on a single detection is believed."""
STANDING_HITS, STANDING_SCORE = 3, 0.45
"""Detections, and their mean score, that something needs that never moved."""
LEAST_AREA = 0.002
"""Share of the image below which what moves without a name is no object."""
MOVES = 0.3
"""Share of the inner part of its box that moves where an object does."""
SCRAP = 0.15
"""Share of its neighbor up to which what nobody claims is a part of it in any case."""
PIECE = 0.5
"""Share of its neighbor from which on what nobody claims is an object of its own."""
WITHIN = 0.6
"""Share of an object's pixels in the box of a new track from which on the two are one."""
COVERED = 0.3
"""Share of the box of a new track that an object must have for the two to be one."""
RESTS = 0.3
"""Share of the pixels an object is expected to have below which it stands still."""
FILLED = 0.35
"""Share of its box that an object is expected to have."""
ERODED = 0.6
"""Share of the pixels an object is expected to have below which it is cut out anew."""
DETECTED = 8
"""Frames from a detection within which what stands is believed to be there."""
CRUMBS = 0.1
"""Share of its area below which what is left of an object, and not detected, is none of it any more."""
HOLES = 0.05
"""Share of an object up to which a hole in it is filled."""
SAME_GREY = 12
"""Grey levels up to which a pixel shows the same as in the frame before."""
NEAR = 0.1
"""How much wider the box of an object is in which parts of it are looked for, as a share of its sides."""
SMALL = 0.1
"""Share of the box of an object up to which a piece of it may lie twice as far outside."""
TOGETHER = 6
"""Frames after which two pieces that were never apart are one."""
PART = 0.6
"""Share of an object up to which a part of it outside its box is one."""
GOES = 0.5
"""Share of its own size that a piece must go to be an object."""
LONG = 12
"""Frames after which what went nowhere is taken to stand."""
SAME_MOTION = 1.5
"""Pixels per frame up to which the motion of two pieces is the same."""
FORGOTTEN = 75
"""Frames after which an object that was not seen is forgotten: more than the look-ahead of any stage."""
SIGHTINGS = 8
"""Tracks that an object keeps: each is one stretch of detections."""
COMMON_COLORS = 0.4
"""Share of the colors that two sights of one object have in common at least."""

Tracks = Mapping[int, Track]


class Labeler:
    """Labels the frames of one shot. Holds the labels of one frame and what is known of each object."""

    def __init__(self, size: tuple[int, ...], numbers: Iterator[int]) -> None:
        self.numbers = numbers
        self.before = np.zeros(size, np.int32)
        self.grey = np.zeros(size, np.uint8)
        self.objects: dict[int, TrackedObject] = {}
        self.same: dict[int, int] = {}
        """Objects that turned out to be parts of others."""
        self.owner: dict[int, int] = {}
        """The object of each track."""
        self.frames = 0

    def label(self, watched: Watched, moving: Array, tracks: Tracks) -> Labels:
        """The labels of the next frame. moving: h w, bool. tracks: those that its boxes belong to, as known by now."""
        at = grid(*(slice(0, n) for n in self.grey.shape)) + watched.flow
        carried = sample(self.before.astype(np.float32), at, nearest=True, padding="zeros").astype(np.int32)
        bins = color_bins(watched.image)
        named = self._named(watched, carried, moving, bins, tracks)
        around = self._around(carried)
        boxes = around | {number: _reaching(box, around.get(number, box)) for number, box in named.items()}
        known = {number: self._object(number).appearance for number in boxes}
        labels = assign(moving, carried, boxes, known, bins, watched.flow)
        self._claim(labels, moving, bins, watched.flow, named)
        same = cv2.absdiff(sample(self.grey, at), watched.grey) < SAME_GREY
        there = {n: box for n, box in named.items() if self._is_detected(n, watched.number)}
        standing = {n for n, box in there.items() if self._stand(labels, n, box, carried, same, watched)}
        for number in np.unique(labels[labels > 0]).tolist():
            owned = self._tidy(labels, number, watched.number)
            if owned.any():
                self._object(number).seen(owned, watched.image, bins, watched.flow, watched.camera, self.frames)
        self._merge(labels, named)
        self.before, self.grey = labels, watched.grey
        self.frames += 1
        self._forget(tracks)
        return Labels(watched.frame, watched.image, labels, self.objects, self.same, frozenset(standing))

    def _object(self, number: int) -> TrackedObject:
        return self.objects.setdefault(number, TrackedObject(number, last=self.frames))

    def _forget(self, tracks: Tracks) -> None:
        """Drop what was not seen for so long that neither it nor a frame that is still held needs it."""
        for number in [n for n, one in self.objects.items() if self.frames - one.last > FORGOTTEN]:
            del self.objects[number]
            self.same.pop(number, None)
        for number in [n for n, one in self.owner.items() if n not in tracks or one not in self.objects]:
            del self.owner[number]

    def _named(self, watched: Watched, carried: Array, moving: Array, bins: Array, tracks: Tracks) -> dict[int, Box]:
        """The boxes of what was detected, by the number of its object."""
        believed = {n: box for n, box in watched.boxes.items() if _is_believed(tracks[n])}
        taken = {self.owner[number] for number in believed if number in self.owner}
        boxes: dict[int, Box] = {}
        for number, box in believed.items():
            if number not in self.owner:
                found = self._there(box, carried, tracks[number], taken) or self._lost_track(box, tracks[number], taken)
                self.owner[number] = found or number
                one = self._object(self.owner[number])
                one.tracks = dict([*one.tracks.items(), (number, tracks[number])][-SIGHTINGS:])
                if one.appearance.flow is None:
                    one.appearance.colors = _colors_in(box, moving, bins)
            boxes.setdefault(self.owner[number], box)
        for number, box in boxes.items():
            self.objects[number].appearance.see(moving, box)
        return boxes

    def _around(self, carried: Array) -> dict[int, Box]:
        """Where the objects are that were seen before: around their pixels, or where they go on behind others."""
        boxes: dict[int, Box] = {}
        for number, one in self.objects.items():
            if one.hidden(self.frames - 1) and self.frames - one.last_whole <= PATIENCE:
                boxes[number] = one.expected(self.frames)
        for number in np.unique(carried[carried > 0]).tolist():
            x, y, w, h = cv2.boundingRect((carried == number).view(np.uint8))
            boxes.setdefault(number, (x, y, x + w, y + h))
        return boxes

    def _there(self, box: Box, carried: Array, track: Track, taken: Collection[int]) -> int | None:
        """The object that a new track is of, if it is seen there: one without a name, or whose track was lost."""
        inside = carried[cropped(box, carried.shape)]
        for number, pixels in zip(*np.unique(inside[inside > 0], return_counts=True), strict=True):
            there = self.objects[int(number)]
            alike = (there.label is None or there.label in track.scores) and there.number not in taken
            if alike and pixels > max(WITHIN * np.count_nonzero(carried == number), COVERED * area(box)):
                return there.number
        return None

    def _lost_track(self, box: Box, track: Track, taken: Collection[int]) -> int | None:
        """The object, out of sight for a while, that a new track is of: of the same name and colors, not far away."""
        alike = {
            one.number: max(likeness(other.histogram, track.histogram) for other in one.tracks.values())
            for one in self._hidden(box)
            if one.label == track.label and one.number not in taken
        }
        best = max(alike, key=lambda number: alike[number], default=None)
        return best if best is not None and alike[best] > COMMON_COLORS else None

    def _lost_piece(self, box: Box, colors: Array) -> int | None:
        """The object that comes back without being detected: of the same colors, not far away."""
        alike = {one.number: likeness(one.appearance.colors, colors) for one in self._hidden(box)}
        best = max(alike, key=lambda number: alike[number], default=None)
        return best if best is not None and alike[best] > COMMON_COLORS else None

    def _hidden(self, box: Box) -> Iterator[TrackedObject]:
        """The objects that are out of sight, and not for long, and may be in a box."""
        for one in self.objects.values():
            gone = self.frames - one.last_whole
            near = distance(one.expected(self.frames), box) < 1 + gone / PATIENCE
            if one.hidden(self.frames) and gone <= PATIENCE and near:
                yield one

    def _claim(self, labels: Array, moving: Array, bins: Array, flow: Array, named: Mapping[int, Box]) -> None:
        """What moves and fits no object known: a piece of what it is inside or touches, else a new object."""
        count, pieces, stats, _ = cv2.connectedComponentsWithStats((moving & (labels == 0)).view(np.uint8))
        for piece in range(1, count):
            x, y, w, h, pixels = stats[piece].tolist()
            near = np.s_[max(0, y - 2) : y + h + 2, max(0, x - 2) : x + w + 2]
            inside = pieces[near] == piece
            around = labels[near][cv2.dilate(inside.view(np.uint8), np.ones((5, 5), np.uint8)) > 0]
            neighbors, shared = np.unique(around[around > 0], return_counts=True)
            neighbor = int(neighbors[shared.argmax()]) if len(neighbors) else 0
            box = (float(x), float(y), float(x + w), float(y + h))
            if neighbor and self._is_piece(box, pixels, np.median(flow[near][inside], axis=0), neighbor, labels, named):
                labels[near][inside] = neighbor
            elif pixels >= LEAST_AREA * labels.size:
                number = self._around_it(box, named) or self._lost_piece(box, _histogram(bins[near][inside]))
                labels[near][inside] = self._object(number or next(self.numbers)).number

    def _is_piece(
        self, box: Box, pixels: int, flow: Array, neighbor: int, labels: Array, named: Mapping[int, Box]
    ) -> bool:
        """Whether what touches an object is a part of it: small, or not too large and in its box or moving with it."""
        size, known = np.count_nonzero(labels == neighbor), self.objects[neighbor].appearance.flow
        if not self._moves(neighbor):
            return False
        if pixels < SCRAP * size or pixels >= PIECE * size:
            return bool(pixels < SCRAP * size)
        within = neighbor in named and intersection(box, wider(named[neighbor], NEAR)) > WITHIN * area(box)
        return within or known is None or bool(np.linalg.norm(flow - known) < SAME_MOTION)

    def _moves(self, number: int) -> bool:
        """Whether an object moves itself, not only what is before it."""
        fill = self.objects[number].appearance.fill
        return fill is None or fill > MOVES

    def _around_it(self, box: Box, named: Mapping[int, Box]) -> int | None:
        """The smallest of the detected objects that move and around whose inside a piece lies."""
        around = [
            (area(other), number)
            for number, other in named.items()
            if intersection(box, wider(other, NEAR if area(box) > SMALL * area(other) else 2 * NEAR))
            > WITHIN * area(box)
            and self._moves(number)
        ]
        return min(around)[1] if around else None

    def _merge(self, labels: Array, named: Mapping[int, Box]) -> None:
        """What has no name, and stays beside something that has one, is a part of it.

        If it lies in its box and moves as it does, or goes nowhere by itself; of what was never seen apart it is enough
        to lie there or to move so.
        """
        for number in [n for n in np.unique(labels[labels > 0]).tolist() if self.objects[n].label is None]:
            piece, owned = self.objects[number], labels == number
            neighbor = _neighbor(labels, owned, named)
            piece.apart = piece.apart or not neighbor or piece.beside not in (0, neighbor)
            piece.together = piece.together + 1 if neighbor and piece.beside in (0, neighbor) else 0
            piece.beside = neighbor
            if piece.together < TOGETHER:
                continue
            whole = self.objects[neighbor]
            if not self._moves(neighbor):
                continue
            box = wider(named[neighbor], NEAR)
            inside = np.count_nonzero(owned[cropped(box, labels.shape)]) > WITHIN * np.count_nonzero(owned)
            small = piece.area / piece.frames < PART * whole.area / whole.frames
            alike = np.linalg.norm(piece.velocity - whole.velocity) < SAME_MOTION
            goes = np.linalg.norm(piece.way) * labels.shape[1] > GOES * owned.sum() ** 0.5
            if (
                (inside and alike)
                or (small and piece.frames > LONG and not goes)
                or (not piece.apart and (inside or (small and alike)))
            ):
                labels[owned] = neighbor
                self.same[number] = neighbor
                whole.absorb(piece)

    def _tidy(self, labels: Array, number: int, frame: int) -> Array:
        """The pixels of an object without holes; of one that is gone nothing is left: h w, bool."""
        owned: Array = labels == number
        one = self._object(number)
        if one.label is None:
            return owned
        pixels = np.count_nonzero(owned)
        if (
            one.frames
            and pixels < CRUMBS * one.area / one.frames * labels.size
            and not self._is_detected(number, frame)
        ):
            labels[owned] = 0
            return np.zeros_like(owned)
        x, y, w, h = cv2.boundingRect(owned.view(np.uint8))
        part = np.s_[max(0, y - 1) : y + h + 1, max(0, x - 1) : x + w + 1]
        owned[part] |= fill_holes(owned[part], HOLES * pixels) & (labels[part] == 0)
        labels[owned] = number
        return owned

    def _is_detected(self, number: int, frame: int) -> bool:
        """Whether an object was detected near a frame."""
        return any(abs(frame - at) <= DETECTED for track in self.objects[number].tracks.values() for at in track.at)

    def _stand(self, labels: Array, number: int, box: Box, carried: Array, same: Array, watched: Watched) -> bool:
        """Give a detected object of which little moves the pixels of where it stands; whether it stands."""
        one, was = self.objects[number], carried == number
        had, expected = np.count_nonzero(was), FILLED * area(box)
        if np.count_nonzero(labels == number) >= RESTS * (had or expected):
            one.moved = True
            return False
        if had < RESTS * one.area / max(1, one.frames) * labels.size:  # it went away: what is left is none of it
            return False
        labels[was & same & (labels == 0)] = number
        sure = one.hits >= STANDING_HITS and one.score >= STANDING_SCORE
        if sure and not one.moved and watched.detected and had < ERODED * expected:
            labels[cut_out(watched.image, box) & (labels == 0)] = number
        return True


def _is_believed(track: Track) -> bool:
    return track.hits > 1 or track.best >= SURE


def _colors_in(box: Box, moving: Array, bins: Array) -> Array:
    """The colors in the inner part of a box: of what moves there, if that is enough."""
    part = inner_part(box, bins.shape)
    inside, moves = bins[part], moving[part]
    return _histogram(inside[moves] if inside.size and moves.mean() > 0.3 else inside.ravel())


def _histogram(bins: Array) -> Array:
    return np.bincount(bins, minlength=BINS**3).astype(np.float32) / max(1, len(bins))


def _reaching(box: Box, seen: Box) -> Box:
    """A detected box, halfway to where the pixels of the object reached beyond it: detectors cut limbs off."""
    left, top, right, bottom = (
        (min(a, (a + b) / 2) if edge < 2 else max(a, (a + b) / 2))
        for edge, (a, b) in enumerate(zip(box, seen, strict=True))
    )
    return left, top, right, bottom


def _neighbor(labels: Array, owned: Array, named: Mapping[int, Box]) -> int:
    """The named object beside a piece: of those that touch it the one whose box holds most of it; 0 if none does."""
    x, y, w, h = cv2.boundingRect(owned.view(np.uint8))
    near = np.s_[max(0, y - 3) : y + h + 3, max(0, x - 3) : x + w + 3]
    around = labels[near][cv2.dilate(owned[near].view(np.uint8), np.ones((7, 7), np.uint8)) > 0]
    numbers, shared = np.unique(around[np.isin(around, list(named))], return_counts=True)
    held = [np.count_nonzero(owned[cropped(wider(named[n], NEAR), labels.shape)]) for n in numbers.tolist()]
    return max(zip(held, shared.tolist(), numbers.tolist(), strict=True), default=(0, 0, 0))[2]
