"""Objects in a stream: detected, followed, and each with its own pixels of what moves.

Names come from the detector, pixels from motion segmentation; what stands still gets its pixels from where they were
when it moved, or from its box and colors.
"""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import count

import attrs
import cv2
import numpy as np

from peanut.frame import Frame
from peanut.objects.labeling import Labeler
from peanut.objects.tracked_object import Labels
from peanut.objects.tracks import BoxTracker, Track, camera_flow, motion_in
from peanut.objects.watched import Watched
from peanut.vision.array import Array
from peanut.vision.detection import Box, Detection
from peanut.vision.optical_flow import dense_flow

Detect = Callable[[Array], list[Detection]]
"""From an image, h w 3, uint8, RGB, to what lies in it."""
Move = Callable[[Iterable[Frame]], Iterator[Frame]]
"""A stage that masks what moves, `latency` frames later."""


@attrs.frozen(kw_only=True)
class Looking:
    """How a stream is looked at."""

    detect: Detect
    """What finds objects."""
    move: Move
    """What masks moving things."""
    every: int
    """Frames from one detection to the next; the first frame of a shot is looked at, too."""
    width: int
    """Longest side that is looked at, pixels."""
    asked_for: Collection[str] = ()
    """Classes that are no part of who carries them."""


def objects(frames: Iterable[Frame], how: Looking) -> Iterator[Labels]:
    """The labels of each frame, in order.

    Latency: that of `how.move`. Holds: its frames, and about 20 bytes a pixel of each, at the size that is looked at.
    """
    waiting: deque[Watched] = deque()
    tracks: dict[int, Track] = {}
    labeler: Labeler | None = None
    numbers = count(1)
    for frame in how.move(_watch(frames, waiting, tracks, numbers, how)):
        watched = waiting.popleft()
        if labeler is None or watched.first:
            labeler = Labeler(watched.grey.shape, numbers)
        near = {number for later in waiting for number in later.boxes} | set(watched.boxes)
        for number in [number for number in tracks if number not in near]:
            del tracks[number]
        yield labeler.label(watched, _reduced(frame, watched.grey.shape), tracks)


def _reduced(frame: Frame, size: tuple[int, ...]) -> Array:
    mask = np.zeros(frame.size, np.uint8) if frame.mask is None else frame.mask.numpy().view(np.uint8)
    return np.asarray(cv2.resize(mask, size[::-1], interpolation=cv2.INTER_AREA) > 0)


def _watch(
    frames: Iterable[Frame], waiting: deque[Watched], tracks: dict[int, Track], numbers: Iterator[int], how: Looking
) -> Iterator[Frame]:
    """The frames as they come; `waiting` gets what is known of each, `tracks` every track of the frames waiting."""
    tracker, before, since = BoxTracker(numbers, how.asked_for), None, 0
    for number, frame in enumerate(frames):
        image = _small(frame, how.width)
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        first = before is None or before.frame.shot != frame.shot
        if before is None or first:
            tracker, since = BoxTracker(numbers, how.asked_for), 0
            flow = camera = np.zeros((*grey.shape, 2), np.float32)
        else:
            flow = dense_flow(grey, before.grey, "fast")
            camera = camera_flow(flow)
            tracker.move(flow, camera)
        before = Watched(frame, number, image, grey, flow, camera, first, detected=since % how.every == 0)
        waiting.append(before)
        if before.detected:
            _detect(tracker, [watched for watched in waiting if watched.frame.shot == frame.shot], how.detect)
        before.boxes |= {track.number: track.box for track in tracker.tracks}
        tracks.update((track.number, track) for track in tracker.tracks)
        since += 1
        yield frame


def _small(frame: Frame, width: int) -> Array:
    image: Array = frame.numpy()
    share = width / max(frame.size)
    if share >= 1:
        return image
    h, w = frame.size
    return np.asarray(
        cv2.resize(image, (max(1, round(w * share)), max(1, round(h * share))), interpolation=cv2.INTER_AREA)
    )


def _detect(tracker: BoxTracker, frames: list[Watched], detect: Detect) -> None:
    """Detect in the newest frame of a shot, and revise the boxes of those before it."""
    newest = frames[-1]
    ages = {track.number: track.missed for track in tracker.tracks}
    for track, expected in tracker.match(detect(newest.image), newest.image, newest.number):
        if expected is None:
            _extend_back(track, frames)
        else:
            _correct(track, expected, ages[track.number], frames)


def _correct(track: Track, expected: Box, age: int, frames: list[Watched]) -> None:
    """Spread the error of the expected box over the frames since the detection before."""
    error = [a - b for a, b in zip(track.box, expected, strict=True)]
    for back, watched in enumerate(reversed(frames[:-1]), start=1):
        share = 1 - back / max(1, age)
        if share <= 0 or track.number not in watched.boxes:
            return
        left, top, right, bottom = (e + share * off for e, off in zip(watched.boxes[track.number], error, strict=True))
        watched.boxes[track.number] = (left, top, right, bottom)


def _extend_back(track: Track, frames: list[Watched]) -> None:
    """Follow a new track backwards through the frames that wait."""
    left, top, right, bottom = track.box
    for watched, later in zip(reversed(frames[:-1]), reversed(frames[1:]), strict=False):
        x, y = motion_in((left, top, right, bottom), later.flow, later.camera)
        left, top, right, bottom = left - x, top - y, right - x, bottom - y
        watched.boxes[track.number] = (left, top, right, bottom)
