"""Finding what moves, without model files."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
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
from peanut.vision.change_detection import INVALID, UNIT, compare, darkened, ranked
from peanut.vision.epipolar import Parallax, ParallaxHistory
from peanut.vision.morphology import hysteresis, large_components, open_close
from peanut.vision.motion_confidence import lasting, own_motion, registered_share, view_agreement
from peanut.vision.optical_flow import dense_flow, grid, sample
from peanut.vision.registration import corners, register
from peanut.vision.static_model import in_one_light, one_scene

RADIUS = 15
"""Frames of look-ahead and of the past; chosen on the demo clip and composites."""
FAR = 10
"""Frames that outlast a resting foot, with views on one side only; chosen on the demo clip and composites."""
PARALLAX, SLACK = 1.1, 1.5
"""Pixels per frame, and besides, that parallax may shift what stands still; chosen on the demo clip and composites."""
SAME = 0.5
"""Distance, in sigma, up to which a masked view's texture is the same; chosen on the demo clip and composites."""
SHADOWED, SHADOWED_LEAST = 0.34, 2
"""Share and number of the reference views that show a shadow brighter; chosen on the demo clip and composites."""
EDGE = 0.4
"""Least share of the largest distance nearby, with views on one side; chosen on the demo clip and composites."""

UNSURE = "of what seemed to move is not masked: parallax, blur or water may have moved it"
LOST_SCENE = "of the image is compared with no other frame, and not masked: none shows the same scene"
SEEN = 2
"""Reference views that must show the same where strong parallax hides it in the others."""
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


@attrs.frozen(eq=False)
class _ReferenceView:
    """What another frame, registered, shows of a frame, as `compare` gives it."""

    distance: Array
    """h w, uint8: the distance map."""
    at: Array
    """h w 2, float32, pixels of the other frame."""
    parallax: Parallax | None


@attrs.define(eq=False)
class _WindowFrame:
    """A frame in the window, reduced, with what was computed for it once."""

    frame: Frame
    image: Array
    grey: Array
    corners: Array
    flat: Array
    to_next: Array | None = None
    views: dict[int, _ReferenceView] = attrs.field(factory=dict)
    mask: Array | None = None
    provisional: tuple[int, Array] | None = None
    """A first mask, and how many reference views it was made from."""
    lost: list[int] = attrs.field(factory=list)
    """The frames that do not show the same scene, or could not be registered."""

    @property
    def shot(self) -> int:
        return self.frame.shot

    @property
    def parallax(self) -> bool:
        """Whether the reference views show strong parallax: a third of them, at least."""
        return 3 * sum(view.parallax is not None for view in self.views.values()) >= max(1, len(self.views))

    def distance_maps(self, others: "_Window", masks: dict[int, Array] | None = None) -> list[Array]:
        """The maps to reference views, each h w, uint8; with `masks`, INVALID where a view is masked.

        A mask of a view is wrong, and ignored, where the view shows the very same texture.
        """
        maps = []
        for number in (other.frame.index for other in others):
            view = self.views[number]
            distance = view.distance
            if masks is not None and masks[number].any():
                masked = sample(masks[number].astype(np.uint8), view.at, nearest=True) > 0
                same = ~self.flat & (distance <= SAME * UNIT)
                distance = np.where(masked & ~same, np.uint8(INVALID), distance)
            maps.append(distance)
        return maps


_Window = Sequence[_WindowFrame]


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
        report; 0 masks everything.
    shadows: whether to mask the shadows as well that touch what moves: what is darker than at other times. More around
        dark things is then marked with them.
    width: longest side that is looked at, in pixels; larger images are reduced.
    distances: frames between a frame and its reference views, at most 15; nearer ones than 5 still show a resting foot.
    edge: least share of the largest distance nearby, with reference views on both sides: where a sharp edge is drawn.
    Latency: 15 frames. Holds: 31 frames and about 130 bytes per pixel of each, at most 640 pixels wide.
    """

    most: int | None = attrs.field(default=None, validator=at_least(1, also=(None,)))
    min_area: float = attrs.field(default=0.002, validator=between(0.0, 1.0))
    grow: int | None = attrs.field(default=None, validator=at_least(0, also=(None,)))
    preset: Literal["quality", "fast"] = attrs.field(default="quality", validator=one_of(*PRESETS))
    shadows: bool = attrs.field(default=False, validator=flag)
    min_confidence: float = attrs.field(default=0.2, validator=between(0.0, 1.0), kw_only=True)
    width: int = from_preset(PRESETS, "width", at_least(16), kw_only=True)
    distances: tuple[int, ...] = from_preset(PRESETS, "distances", _are_distances, converter=_distances, kw_only=True)
    edge: float = from_preset(PRESETS, "edge", between(0.0, 1.0), kw_only=True)
    latency, memory = RADIUS, 2 * RADIUS + 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        for window, core in sliding(self._compared(frames), RADIUS):
            frame = window[core.start]
            frame.mask = self._mask(window, core.start)
            if self.shadows:
                frame.mask = hysteresis(frame.mask | open_close(_shadow(window, frame)), frame.mask)
            confidence = _confidence(window, core.start, frame.mask)
            given_up = frame.mask & (confidence < self.min_confidence)
            if frame.lost and not frame.views:
                frames.doubts.add(LOST_SCENE, frame.frame, 1.0)
            elif given_up.sum() > TOLD * frame.mask.sum():
                frames.doubts.add(UNSURE, frame.frame, float(given_up.sum() / frame.mask.sum()))
            frame.views.clear()
            rests = _at_rest(window, core.start)
            if rests:
                frames.doubts.add("of what moved stopped and is not masked any more", frame.frame, rests)
            layer = torch.from_numpy(cv2.resize(confidence, frame.frame.size[::-1]))
            mask = self._full_size(frame.mask & ~given_up, frame.frame.size)
            yield frame.frame.with_mask(mask).with_layer("motion_confidence", layer)

    def _compared(self, frames: Iterable[Frame]) -> Iterator[_WindowFrame]:
        """Each frame as it comes, compared with those before it in its shot."""
        past: deque[_WindowFrame] = deque(maxlen=max(self.distances) + 1)
        parallax = ParallaxHistory()
        for frame in frames:
            if past and frame.shot != past[-1].shot:
                past.clear()
                parallax = ParallaxHistory()
            past.append(_window_frame(frame, self.width))
            _find_views(past, self.distances, parallax)
            yield past[-1]

    def _mask(self, window: "_Window", number: int) -> Array:
        """The mask of a frame, at the reduced size."""
        frame = window[number]
        edge = self.edge if len(_sides(window, frame)) == 2 else EDGE
        change = _change_map(window, number)
        mask = steps.segment(change, frame.flat, edge, self.min_area * change.size, self.most)
        return steps.refine_outline(mask, frame.image)

    def _full_size(self, mask: Array, size: tuple[int, int]) -> torch.Tensor:
        if mask.shape != size:
            mask = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        return grown(torch.from_numpy(mask), self.grow).clone()


def _window_frame(frame: Frame, width: int) -> _WindowFrame:
    image: Array = frame.numpy()
    h, w = frame.size
    if max(h, w) > width:
        share = width / max(h, w)
        small = (max(1, round(w * share)), max(1, round(h * share)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    grey = _grey(image)
    return _WindowFrame(frame, image, grey, corners(grey), steps.is_flat(grey))


def _grey(image: Array) -> Array:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def _find_views(past: _Window, distances: tuple[int, ...], parallax: ParallaxHistory) -> None:
    """Compare the last frame with those before it: each is a reference view of the other."""
    last = len(past) - 1
    if last:
        before, here = past[last - 1], past[last]
        image, other = in_one_light(before.image, here.image, np.eye(3))
        before.to_next = register(_grey(image), _grey(other), before.corners, np.eye(3), "similarity")
    for distance in sorted(distances, reverse=True):
        if distance <= last:
            _compare_pair(past, last - distance, last, parallax)


def _compare_pair(window: _Window, first: int, second: int, parallax: ParallaxHistory) -> None:
    """Make two frames reference views of each other; one whose mask is made needs none any more."""
    a, b = window[first], window[second]
    start = np.eye(3)
    for frame in islice(window, first, second):
        start = np.asarray(frame.to_next) @ start
    image, other = in_one_light(a.image, b.image, start)
    greys = [x.grey if y is x.image else _grey(y) for x, y in ((a, image), (b, other))]
    transform = register(greys[0], greys[1], a.corners, start)
    if not one_scene(image, other, transform):
        a.lost.append(b.frame.index)
        b.lost.append(a.frame.index)
        return
    reach = PARALLAX * (second - first) + SLACK
    if a.mask is None:
        a.views[b.frame.index] = _ReferenceView(*compare(image, other, transform, reach, parallax))
    b.views[a.frame.index] = _ReferenceView(*compare(other, image, np.linalg.inv(transform), reach, parallax))


def _sides(window: _Window, frame: _WindowFrame) -> list[_Window]:
    """The frames whose reference views a frame has, of the past and of the future: at most two, none empty."""
    views = [other for other in window if other.frame.index in frame.views]
    past = [other for other in views if other.frame.index < frame.frame.index]
    return [side for side in (past, views[len(past) :]) if side]


def _change_map(window: _Window, number: int) -> Array:
    """How far the content of a frame differs from the background: h w, uint8, in UNITs per sigma, none INVALID."""
    frame = window[number]
    sides = _sides(window, frame)
    if not sides:
        return np.zeros(frame.grey.shape, np.uint8)
    unmasked = [frame.distance_maps(side) for side in sides]
    masks = _masks(window, chain(*sides))
    maps = [frame.distance_maps(side, masks) for side in (sides if len(sides) == 2 else [_far(frame, sides[0])])]
    change, fallback = steps.background_distance(maps), np.minimum.reduce([*chain(*unmasked)])
    if len(sides) == 1:
        change = steps.keep_connected(change, fallback)
    tracked = _warped_mask(window, number, number - 1)
    if tracked.any():
        change = steps.keep_tracked(change, tracked, maps)
        change = steps.saturate_interior(change, tracked & _warped_mask(window, number, number + 1))
        fallback = np.where(tracked, steps.background_distance(unmasked), fallback)
    change = _explained(frame, steps.replace_invalid(change, fallback), chain(*unmasked))
    return steps.assign_flat(change, frame.image, frame.flat)


def _explained(frame: _WindowFrame, change: Array, maps: Iterable[Array]) -> Array:
    """Where parallax is strong edges hide much: SEEN reference views that show the same, of any side, are enough."""
    if not frame.parallax:
        return change
    rows = ranked(list(maps))
    return np.asarray(np.minimum(change, rows[min(SEEN, len(rows)) - 1]))


def _confidence(window: _Window, number: int, mask: Array) -> Array:
    """How well the scene explains a frame and, in its mask, that something moves: h w, float32, 0 to 1.

    The share of the reference views that show the scene; of a component how far they agree about what is behind it, or,
    where they do not see that, how far its content lasts; in strong parallax the share that does not move like that.
    """
    frame = window[number]
    confidence = np.full(mask.shape, registered_share(frame.frame.index, frame.views, frame.lost), np.float32)
    others = [*chain(*_sides(window, frame))]
    if not mask.any() or not others:
        return confidence
    maps = frame.distance_maps(others, _masks(window, others))
    views = [(each.grey, frame.views[each.frame.index].at, one) for each, one in zip(others, maps, strict=True)]
    agreement = view_agreement(mask, frame.grey, views)
    if np.isnan(agreement).any():
        near = [window[i].grey for i in (number - 1, number + 1) if 0 <= i < len(window)]
        agreement = np.where(np.isnan(agreement), lasting(mask, frame.grey, near), agreement)
    confidence = np.minimum(confidence, agreement)
    return np.minimum(confidence, _own_motion(window, number, mask)) if frame.parallax else confidence


def _own_motion(window: _Window, number: int, mask: Array) -> Array:
    """The share of a mask that does not move like parallax to the neighboring frames, the smaller of both."""
    frame, shares = window[number], [np.ones(mask.shape, np.float32)]
    matched = len(_sides(window, frame)) == 1
    for side in (-1, 1):
        views = [(side * (i - frame.frame.index), view.parallax) for i, view in frame.views.items()]
        near = min(((n, one) for n, one in views if n > 0 and one is not None), default=None, key=lambda each: each[0])
        if near is None:  # the parallax goes back as it came
            near = min(((n, one) for n, one in views if one is not None), key=lambda each: abs(each[0]))
        if 0 <= number + side < len(window):
            to = frame.to_next if side > 0 else np.linalg.inv(np.asarray(window[number - 1].to_next))
            other = window[number + side].grey
            shares.append(own_motion(mask, frame.grey, other, np.asarray(to), near[1], near[0], matched))
    return np.asarray(np.minimum.reduce(shares))


def _far(frame: _WindowFrame, side: _Window) -> _Window:
    """Of the reference views of one side those that outlast a resting foot, if there are any."""
    return [other for other in side if abs(other.frame.index - frame.frame.index) >= FAR] or side


def _warped_mask(window: _Window, number: int, neighbor: int) -> Array:
    """The mask of a neighboring frame, warped by dense flow: h w, bool; empty outside the window."""
    frame = window[number]
    if not 0 <= neighbor < len(window):
        return np.zeros(frame.grey.shape, bool)
    mask = _mask_of(window, window[neighbor])
    if not mask.any():
        return mask
    start = grid(*(slice(0, n) for n in frame.grey.shape))
    at = start + dense_flow(frame.grey, window[neighbor].grey, "fast")
    return np.asarray(sample(mask.astype(np.uint8), at, nearest=True) > 0)


def _masks(window: _Window, others: Iterable[_WindowFrame]) -> dict[int, Array]:
    return {other.frame.index: _mask_of(window, other) for other in others}


def _mask_of(window: _Window, frame: _WindowFrame) -> Array:
    """The mask of a frame: its own, or a provisional one from the reference views so far."""
    if frame.mask is not None:
        return frame.mask
    if frame.provisional is None or frame.provisional[0] != len(frame.views):
        sides = [frame.distance_maps(side) for side in _sides(window, frame)]
        mask = steps.provisional_mask(sides) if sides else np.zeros(frame.grey.shape, bool)
        mask &= _explained(frame, np.full(mask.shape, INVALID, np.uint8), chain(*sides)) > steps.CHANGED * UNIT
        frame.provisional = len(frame.views), mask
    return frame.provisional[1]


def _shadow(window: _Window, frame: _WindowFrame) -> Array:
    """Where enough reference views that are not masked show the same brighter: h w, bool."""
    valid, brighter = (np.zeros(frame.grey.shape, np.uint8) for _ in range(2))
    others = [*chain(*_sides(window, frame))]
    for other, distance in zip(others, frame.distance_maps(others, _masks(window, others)), strict=True):
        known = distance != INVALID
        valid += known
        brighter += known & darkened(frame.image, sample(other.image, frame.views[other.frame.index].at), known)
    return np.asarray((brighter >= SHADOWED_LEAST) & (brighter >= SHADOWED * valid))


def _at_rest(window: _Window, number: int) -> float:
    """The share of what moved that is here as in the frame before and is not masked any more: it stopped; 0 if little.

    What left the image, or went behind something, is not here any more: its content differs.
    """
    now, before = window[number].mask, window[number - 1].mask if number else None
    if now is None or before is None or not before.any():
        return 0.0
    moved = max(int(past.mask.sum()) for past in window[:number] if past.mask is not None)
    if before.sum() < LOST * moved or now.sum() > (1 - LOST) * before.sum():
        return 0.0
    frame, other = window[number], window[number - 1]
    at = grid(*(slice(0, n) for n in frame.grey.shape)) + dense_flow(frame.grey, other.grey, "fast")
    here = sample(before.astype(np.uint8), at, nearest=True) > 0
    here &= cv2.absdiff(sample(other.grey, at), frame.grey) < SAME_GREY
    stopped = large_components(here & ~now, LOST * moved)
    return min(1.0, float(stopped.sum() / moved))
