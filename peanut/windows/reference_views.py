"""Frames compared with others of their shot, each from there: reference views, and the masks made from them."""

from collections.abc import Iterable, Sequence
from itertools import chain, islice

import attrs
import cv2
import numpy as np

from peanut.frame import Frame
from peanut.vision import motion_segmentation as steps
from peanut.vision.array import Array
from peanut.vision.change_detection import INVALID, UNIT, compare, ranked
from peanut.vision.epipolar import Parallax, ParallaxHistory
from peanut.vision.flat_parts import FlatParts
from peanut.vision.optical_flow import dense_flow, grid, sample
from peanut.vision.registration import corners, register
from peanut.vision.static_model import in_one_light, one_scene

PARALLAX, SLACK = 1.1, 1.5
"""Pixels per frame, and besides, that parallax may shift what stands still; chosen on the demo clip and composites."""
SAME = 0.5
"""Distance, in sigma, up to which a masked view's texture is the same; chosen on the demo clip and composites."""
SEEN = 2
"""Reference views that must show the same where strong parallax hides it in the others."""


@attrs.frozen(eq=False)
class ReferenceView:
    """What another frame, registered, shows of a frame, as `compare` gives it."""

    distance: Array
    """h w, uint8: the distance map."""
    at: Array
    """h w 2, float32, pixels of the other frame."""
    parallax: Parallax | None


@attrs.define(eq=False)
class ComparedFrame:
    """A frame in the window, reduced, with what was computed for it once."""

    frame: Frame
    image: Array
    grey: Array
    corners: Array
    flat: Array
    flat_parts: FlatParts
    to_next: Array | None = None
    views: dict[int, ReferenceView] = attrs.field(factory=dict)
    mask: Array | None = None
    whole: Array | None = None
    """The mask without holes and with what rests: what comes out; reference views go by `mask`, what surely moves."""
    provisional: tuple[int, Array] | None = None
    """A first mask, and how many reference views it was made from."""
    compared: int = 0
    shifted: int = 0
    """How many reference views there were, and how many of them showed strong parallax."""
    lost: list[int] = attrs.field(factory=list)
    """The frames that do not show the same scene, or could not be registered."""
    _found_in: dict[int, Array] = attrs.field(factory=dict, init=False)

    @property
    def shot(self) -> tuple[int, tuple[int, int]]:
        return self.frame.shot, self.frame.size

    @property
    def found(self) -> Array | None:
        """All that seemed to move or rests, what was given up included: h w, bool; None: not known yet."""
        return None if self.mask is None or self.whole is None else self.mask | self.whole

    @property
    def parallax(self) -> bool:
        """Whether the reference views show strong parallax: a third of them, at least."""
        return 3 * self.shifted >= max(1, self.compared)

    def add(self, other: "ComparedFrame", view: ReferenceView) -> None:
        self.views[other.frame.index] = view
        self.compared += 1
        self.shifted += view.parallax is not None

    def distance_maps(self, others: "Window") -> list[Array]:
        """The maps to reference views, each h w, uint8."""
        return [self.views[other.frame.index].distance for other in others]

    def found_in(self, other: "ComparedFrame") -> Array:
        """The positions in a neighboring frame that dense flow leads to: h w 2, float32, pixels."""
        if other.frame.index not in self._found_in:
            start = grid(*(slice(0, n) for n in self.grey.shape))
            self._found_in[other.frame.index] = start + dense_flow(self.grey, other.grey, "fast")
        return self._found_in[other.frame.index]

    def release(self) -> None:
        """Drop what only the frame's own mask needed."""
        self.views.clear()
        self._found_in.clear()


Window = Sequence[ComparedFrame]


def compared_frame(frame: Frame, width: int) -> ComparedFrame:
    image: Array = frame.numpy()
    h, w = frame.size
    if max(h, w) > width:
        share = width / max(h, w)
        small = (max(1, round(w * share)), max(1, round(h * share)))
        image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    grey = _grey(image)
    flat = steps.is_flat(grey)
    return ComparedFrame(frame, image, grey, corners(grey), flat, FlatParts(image, flat))


def _grey(image: Array) -> Array:
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))


def find_views(past: Window, distances: tuple[int, ...], parallax: ParallaxHistory) -> None:
    """Compare the last frame with those before it: each is a reference view of the other."""
    last = len(past) - 1
    if last:
        before, here = past[last - 1], past[last]
        image, other = in_one_light(before.image, here.image, np.eye(3))
        before.to_next = register(_grey(image), _grey(other), before.corners, np.eye(3), "similarity")
    for distance in sorted(distances, reverse=True):
        if distance <= last:
            _compare_pair(past, last - distance, last, parallax)


def _compare_pair(window: Window, first: int, second: int, parallax: ParallaxHistory) -> None:
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
        a.add(b, ReferenceView(*compare(image, other, transform, reach, parallax, a.flat_parts)))
    b.add(a, ReferenceView(*compare(other, image, np.linalg.inv(transform), reach, parallax, b.flat_parts)))


def sides_of(window: Window, frame: ComparedFrame) -> list[Window]:
    """The frames whose reference views a frame has, of the past and of the future: at most two, none empty."""
    views = [other for other in window if other.frame.index in frame.views]
    past = [other for other in views if other.frame.index < frame.frame.index]
    return [side for side in (past, views[len(past) :]) if side]


def explained(frame: ComparedFrame, change: Array, maps: Iterable[Array]) -> Array:
    """Where parallax is strong edges hide much: SEEN reference views that show the same, of any side, are enough."""
    if not frame.parallax:
        return change
    rows = ranked(list(maps))
    return np.asarray(np.minimum(change, rows[min(SEEN, len(rows)) - 1]))


def warped_mask(window: Window, number: int, neighbor: int) -> Array:
    """The mask of a neighboring frame, warped by dense flow: h w, bool; empty outside the window."""
    if not 0 <= neighbor < len(window):
        return np.zeros(window[number].grey.shape, bool)
    return warped(mask_of(window, window[neighbor]), window[number], window[neighbor])


def warped(mask: Array, frame: ComparedFrame, other: ComparedFrame) -> Array:
    """What is the mask of `other`, h w, bool, warped by dense flow to `frame`."""
    if not mask.any():
        return mask
    return np.asarray(sample(mask.astype(np.uint8), frame.found_in(other), nearest=True) > 0)


def masked_maps(window: Window, frame: ComparedFrame) -> dict[int, Array]:
    """The maps to all reference views, each h w, uint8, INVALID where the view is masked itself.

    A mask of a view is wrong, and ignored, where the view shows the very same texture.
    """
    maps = {}
    for other in chain(*sides_of(window, frame)):
        view, mask = frame.views[other.frame.index], mask_of(window, other)
        distance = view.distance
        if mask.any():
            masked = sample(mask.astype(np.uint8), view.at, nearest=True) > 0
            same = ~frame.flat & (distance <= SAME * UNIT)
            distance = np.where(masked & ~same, np.uint8(INVALID), distance)
        maps[other.frame.index] = distance
    return maps


def mask_of(window: Window, frame: ComparedFrame) -> Array:
    """The mask of a frame: its own, or a provisional one from the reference views so far."""
    if frame.mask is not None:
        return frame.mask
    if frame.provisional is None or frame.provisional[0] != len(frame.views):
        sides = [frame.distance_maps(side) for side in sides_of(window, frame)]
        mask = steps.provisional_mask(sides) if sides else np.zeros(frame.grey.shape, bool)
        mask &= explained(frame, np.full(mask.shape, INVALID, np.uint8), chain(*sides)) > steps.CHANGED * UNIT
        frame.provisional = len(frame.views), mask
    return frame.provisional[1]
