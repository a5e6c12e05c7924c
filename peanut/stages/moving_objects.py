"""Finding what moves, without model files."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import torch

from peanut.buffers import sliding
from peanut.doubts import TOLD
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.pipeline import Stage
from peanut.stages.grow import grown
from peanut.validators import at_least, between, flag, from_preset, one_of
from peanut.vision import motion_segmentation as steps
from peanut.vision.array import Array
from peanut.vision.change_detection import INVALID, darkened
from peanut.vision.epipolar import ParallaxHistory
from peanut.vision.morphology import hysteresis, large_components, open_close
from peanut.vision.motion_confidence import given_up
from peanut.vision.optical_flow import sample
from peanut.vision.solidity import fill_solid
from peanut.windows.confidence import confidence_of
from peanut.windows.reference_views import (
    ComparedFrame,
    Window,
    compared_frame,
    explained,
    find_views,
    masked_maps,
    sides_of,
    warped_mask,
)
from peanut.windows.solid_things import SolidThings

RADIUS = 15
"""Frames of look-ahead and of the past; chosen on the demo clip and composites."""
FAR = 10
"""Frames that outlast a resting foot, with views on one side only; chosen on the demo clip and composites."""
SHADOWED, SHADOWED_LEAST = 0.34, 2
"""Share and number of the reference views that show a shadow brighter; chosen on the demo clip and composites."""
EDGE = 0.4
"""Least share of the largest distance nearby, with views on one side; chosen on the demo clip and composites."""

UNSURE = "of what seemed to move is not masked: parallax, blur or water may have moved it"
LOST_SCENE = "of the image is compared with no other frame, and not masked: none shows the same scene"
SAME_GREY = 10
"""Grey levels up to which a pixel shows the same as in the frame before."""
LOST = 0.3
"""Share of the largest mask of the window that must be lost at once, in one piece, to be told."""


@attrs.frozen
class _Preset:
    """What a preset stands for; every field can be given by itself."""

    width: int
    distances: tuple[int, ...]
    edge: float = EDGE


PRESETS = {"quality": _Preset(640, (5, 6, 8, 10, 12, 15), edge=0.49), "fast": _Preset(320, (6, 10, 15))}


def _distances(given: Any) -> Any:
    return tuple(given) if isinstance(given, Iterable) else given


def _are_distances(instance: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, tuple) or not value or not all(isinstance(n, int) and 1 <= n <= RADIUS for n in value):
        raise UsageError(f"MovingObjects: distances must be whole numbers from 1 to {RADIUS}, got {value!r}.")


@attrs.frozen(repr=False)
class MovingObjects(Stage):
    """Mask what moves against the camera's own motion, also while it rests for a moment.

    Compares every pixel with the same place of the scene 5 to 15 frames earlier and later, in reference views that are
    registered by a homography; a bounded local search forgives parallax, so that what stands still before the
    background is left alone. Reference views do not count where they are masked themselves. All masks are new: what
    frames bring along is not used. The layer `motion_confidence` (h w, float32, 0 to 1) says how well all that is
    explained by a scene that stands still but for what was found.

    most: at most so many connected components per frame, the largest; None: all.
    min_area: components smaller than this share of the image are left out; near a larger one a quarter of it suffices.
    grow: pixels added around what was found, a disc; None: what suits the size of the image (`peanut.grow`).
    preset: "fast" takes half the size and half the reference views, in a fifth of the time, and finds less: it fills in
        what is not given of width, distances and edge.
    min_confidence: what is less sure to move than this, by the layer `motion_confidence`, is not masked and told in the
        report, unless most of the component that it belongs to is sure; 0 masks everything.
    shadows: whether to mask the shadows as well that touch what moves: what is darker than at other times. More around
        dark things is then marked with them.
    remember: seconds, by the times of the frames, for which what stops stays masked where it stopped, before a camera
        that stands still; 0: not at all.
    width: longest side that is looked at, in pixels; larger images are reduced.
    distances: frames between a frame and its reference views, at most 15; nearer ones than 5 still show a resting foot.
    edge: least share of the largest distance nearby, with reference views on both sides: where a sharp edge is drawn.
    Latency: 15 frames. Holds: 31 frames and about 140 bytes per pixel of each, at most 640 pixels wide.
    """

    most: int | None = attrs.field(default=None, validator=at_least(1, also=(None,)))
    min_area: float = attrs.field(default=0.002, validator=between(0.0, 1.0))
    grow: int | None = attrs.field(default=None, validator=at_least(0, also=(None,)))
    preset: Literal["quality", "fast"] = attrs.field(default="quality", validator=one_of(*PRESETS))
    shadows: bool = attrs.field(default=False, validator=flag)
    remember: float = attrs.field(default=5.0, validator=between(0.0, 3600.0), kw_only=True)
    min_confidence: float = attrs.field(default=0.2, validator=between(0.0, 1.0), kw_only=True)
    width: int = from_preset(PRESETS, "width", at_least(16), kw_only=True)
    distances: tuple[int, ...] = from_preset(PRESETS, "distances", _are_distances, converter=_distances, kw_only=True)
    edge: float = from_preset(PRESETS, "edge", between(0.0, 1.0), kw_only=True)
    latency, memory = RADIUS, 2 * RADIUS + 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        for window, core in sliding(self._compared(frames), RADIUS):
            frame = window[core.start]
            if not core.start:
                things = SolidThings(self.remember)
            maps = masked_maps(window, frame)
            change = _change_map(window, core.start, maps)
            frame.mask = self._found(window, frame, change)
            if self.shadows:
                frame.mask = hysteresis(frame.mask | open_close(_shadow(window, frame, maps)), frame.mask)
            confidence = confidence_of(window, core.start, frame.mask, maps)
            unsure = given_up(frame.mask, confidence, self.min_confidence)
            if frame.lost and not frame.views:
                frames.doubts.add(LOST_SCENE, frame.frame, 1.0)
            elif unsure.sum() > TOLD * frame.mask.sum():
                frames.doubts.add(UNSURE, frame.frame, float(unsure.sum() / frame.mask.sum()))
            frame.whole = self._whole(frame, frame.mask & ~unsure, change, things)
            rests = _at_rest(window, core.start)
            if rests:
                frames.doubts.add("of what moved stopped and is not masked any more", frame.frame, rests)
            frame.release()
            layer = torch.from_numpy(cv2.resize(confidence, frame.frame.size[::-1]))
            mask = self._full_size(frame.whole, frame.frame.size)
            yield frame.frame.with_mask(mask).with_layer("motion_confidence", layer)

    def _compared(self, frames: Iterable[Frame]) -> Iterator[ComparedFrame]:
        """Each frame as it comes, compared with those before it in its shot."""
        past: deque[ComparedFrame] = deque(maxlen=max(self.distances) + 1)
        parallax = ParallaxHistory()
        for frame in frames:
            if past and (frame.shot, frame.size) != past[-1].shot:
                past.clear()
                parallax = ParallaxHistory()
            past.append(compared_frame(frame, self.width))
            find_views(past, self.distances, parallax)
            yield past[-1]

    def _found(self, window: Window, frame: ComparedFrame, change: Array) -> Array:
        """What is seen to move in a frame, at the reduced size."""
        edge = self.edge if len(sides_of(window, frame)) == 2 else EDGE
        found = steps.segment(change, frame.flat, edge, self.min_area * change.size, self.most)
        return steps.refine_outline(found, frame.image)

    def _whole(self, frame: ComparedFrame, found: Array, change: Array, things: SolidThings) -> Array:
        """What is found in a frame without holes, and with what rests; `things` is told of it."""
        now = float(frame.frame.time)
        found = mask = fill_solid(found, frame.image, steps.is_match(change, frame.flat))
        if self.remember:
            if things.stand_still(frame.image):
                mask = things.mask(frame.image, found, frame.flat, now)
            things.learn(frame.image, mask, found, now)
        return mask

    def _full_size(self, mask: Array, size: tuple[int, int]) -> torch.Tensor:
        if mask.shape != size:
            mask = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        return grown(torch.from_numpy(mask), self.grow).clone()


def _change_map(window: Window, number: int, masked: Mapping[int, Array]) -> Array:
    """How far the content of a frame differs from the background: h w, uint8, in UNITs per sigma, none INVALID.

    masked: as `masked_maps` gives them.
    """
    frame = window[number]
    sides = sides_of(window, frame)
    if not sides:
        return np.zeros(frame.grey.shape, np.uint8)
    unmasked = [frame.distance_maps(side) for side in sides]
    judged = sides if len(sides) == 2 else [_far(frame, sides[0])]
    maps = [[masked[other.frame.index] for other in side] for side in judged]
    change, fallback = steps.background_distance(maps), np.minimum.reduce([*chain(*unmasked)])
    if len(sides) == 1:
        change = steps.keep_connected(change, fallback)
    tracked = warped_mask(window, number, number - 1)
    if tracked.any():
        change = steps.keep_tracked(change, tracked, maps)
        change = steps.saturate_interior(change, tracked & warped_mask(window, number, number + 1))
        fallback = np.where(tracked, steps.background_distance(unmasked), fallback)
    change = explained(frame, steps.replace_invalid(change, fallback), chain(*unmasked))
    return steps.assign_flat(change, frame.image, frame.flat)


def _far(frame: ComparedFrame, side: Window) -> Window:
    """Of the reference views of one side those that outlast a resting foot, if there are any."""
    return [other for other in side if abs(other.frame.index - frame.frame.index) >= FAR] or side


def _shadow(window: Window, frame: ComparedFrame, maps: Mapping[int, Array]) -> Array:
    """Where enough reference views that are not masked show the same brighter: h w, bool."""
    valid, brighter = (np.zeros(frame.grey.shape, np.uint8) for _ in range(2))
    for other in chain(*sides_of(window, frame)):
        known = maps[other.frame.index] != INVALID
        valid += known
        brighter += known & darkened(frame.image, sample(other.image, frame.views[other.frame.index].at), known)
    return np.asarray((brighter >= SHADOWED_LEAST) & (brighter >= SHADOWED * valid))


def _at_rest(window: Window, number: int) -> float:
    """The share of what moved that is here as in the frame before and is not masked any more: it stopped; 0 if little.

    What left the image, or went behind something, is not here any more: its content differs.
    """
    now, masks = window[number].whole, [past.found for past in window[:number]]
    before = masks[-1] if masks else None
    if now is None or before is None or not before.any():
        return 0.0
    moved = max(int(mask.sum()) for mask in masks if mask is not None)
    if before.sum() < LOST * moved or now.sum() > (1 - LOST) * before.sum():
        return 0.0
    frame, other = window[number], window[number - 1]
    at = frame.found_in(other)
    here = sample(before.astype(np.uint8), at, nearest=True) > 0
    here &= cv2.absdiff(sample(other.grey, at), frame.grey) < SAME_GREY
    stopped = large_components(here & ~now, LOST * moved)
    return min(1.0, float(stopped.sum() / moved))
