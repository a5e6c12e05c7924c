"""Finding what moves, without model files."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import numpy.typing as npt
import torch

from peanut.buffers import sliding
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import at_least, between, flag, one_of
from peanut.vision.change_detection import INVALID, UNIT, compare, darkened, median, ranked
from peanut.vision.guided_filter import guided_filter
from peanut.vision.morphology import boxes, components, fill_holes, grown, hysteresis, large_components, open_close
from peanut.vision.optical_flow import dense_flow, grid, sample
from peanut.vision.registration import corners, register

Array = npt.NDArray[Any]

RADIUS = 15
"""Frames looked ahead and back."""
FAR = 10
"""Frames that outlast a resting foot: near a cut, where only one side has witnesses, these alone are asked."""
FIRM = 4
"""How many witnesses of one side must know what was followed until here, so that it is let go."""
PARALLAX = 1.1
"""Pixels per frame that a still thing may move against the dominant motion."""
SURE, LIKELY = 4.0, 2.0
"""Distances, in units of the registration's noise, above which content is new, and above which it probably is."""
MOST = 10
"""And above which it makes no difference any more."""
TOUCHES, FLAT_TOUCHES = 1.0, 0.9
"""And above which it is new, textured or flat, if it touches what is."""
SAME = 0.5
"""And below which a textured picture is the same even where a witness is masked: then its mask was wrong."""
FLAT = 5.0
"""Grey levels of deviation over 7x7 pixels below which a picture is flat: there a match means little."""
WITHIN = 5
"""Pixels within what moves in the frames before and after, from where on all moves."""
IN_SHADOW = 0.34
"""Share of the witnesses that must show a place brighter than it is, and at least two, so that a shadow lies there."""
EDGE = 0.4
"""Share of the largest distance within 2 pixels that belongs to the same thing, where few witnesses know little."""
OUTLINE = 0.1
"""Radius within which colors decide on the outline, as a share of the root of a part's area."""
NEAR = 0.05
"""Share of the picture's longest side within which a small part belongs to a larger one."""


@attrs.frozen
class _Preset:
    width: int
    """Longest side in pixels that is looked at; larger pictures are reduced."""
    distances: tuple[int, ...]
    """Frames between a frame and its witnesses: nearer ones than 5 still show a foot that rests."""
    edge: float = EDGE
    """As EDGE, where both sides have witnesses: where a sharp edge is drawn."""


PRESETS = {"quality": _Preset(640, (5, 6, 8, 10, 12, 15), edge=0.49), "fast": _Preset(320, (6, 10, 15))}


@attrs.define(eq=False)
class _View:
    """What a witness says of a frame."""

    distance: Array
    """h w, uint8: how far the content differs, as `compare` gives it."""
    at: Array
    """h w 2, float32, pixels of the witness."""


@attrs.define(eq=False)
class _Scene:
    """A frame in the window, reduced, with what was computed for it once."""

    frame: Frame
    picture: Array
    grey: Array
    corners: Array
    flat: Array
    to_next: Array | None = None
    views: dict[int, _View] = attrs.field(factory=dict)
    mask: Array | None = None
    guess: tuple[int, Array] | None = None
    """A first mask, and how many views it was made from."""

    @property
    def shot(self) -> int:
        return self.frame.shot


@attrs.frozen(repr=False)
class MovingObjects(Stage):
    """Mask what moves against the camera's own motion, also while it rests for a moment.

    Asks of every pixel whether its content stands at this place of the scene 5 to 15 frames earlier and later. Frames
    are registered by a homography; a bounded local search forgives parallax, so that what stands still in front of the
    background is left alone. A second pass asks only what the witnesses do not themselves mask. All masks are new: what
    frames bring along is not used.

    most: at most so many connected parts per frame, the largest; None: all.
    min_area: parts smaller than this share of the picture are left out; near a larger part a quarter of it suffices.
    grow: pixels added around what was found.
    preset: "fast" looks at half the size and half the witnesses, in a fifth of the time, and finds less.
    shadows: whether to mask the shadows as well that touch what moves: what is darker than at other times. More around
        dark things is then marked with them.
    Latency: 15 frames. Holds: 31 frames and about 130 bytes per pixel of each, at most 640 pixels wide.
    """

    most: int | None = attrs.field(default=None, validator=at_least(1, also=(None,)))
    min_area: float = attrs.field(default=0.002, validator=between(0.0, 1.0))
    grow: int = attrs.field(default=0, validator=at_least(0))
    preset: Literal["quality", "fast"] = attrs.field(default="quality", validator=one_of(*PRESETS))
    shadows: bool = attrs.field(default=False, validator=flag)
    latency, memory = RADIUS, 2 * RADIUS + 1

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        preset = PRESETS[self.preset]
        for window, core in sliding((_scene(frame, preset.width) for frame in frames), RADIUS):
            number = core.start
            _look(window, preset.distances)
            scene = window[number]
            edge = preset.edge if all(_witnesses(window, scene)) else EDGE
            scene.mask = self._clean(scene, _score(window, number), edge)
            if self.shadows:
                scene.mask = hysteresis(scene.mask | open_close(_shadows(window, scene)), scene.mask)
            scene.views.clear()
            yield scene.frame.with_mask(self._full_size(scene.mask, scene.frame.size))

    def _clean(self, scene: _Scene, score: Array, edge: float) -> Array:
        """From a score to a mask, at the reduced size."""
        least = np.where(scene.flat, FLAT_TOUCHES, TOUCHES) * UNIT
        strongest = cv2.dilate(np.minimum(score, np.uint8(MOST * UNIT)), np.ones((5, 5), np.uint8))
        mask = open_close(hysteresis((score > least) & (score >= edge * strongest), score > SURE * UNIT))
        least_area = self.min_area * mask.size
        near = grown(large_components(mask, least_area), round(NEAR * max(mask.shape)))
        mask = large_components(hysteresis(mask, near), least_area / 4, self.most)
        return _outlined(scene, fill_holes(mask, 0.002 * mask.size))

    def _full_size(self, mask: Array, size: tuple[int, int]) -> torch.Tensor:
        if mask.shape != size:
            mask = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=cv2.INTER_LINEAR) > 0.5
        return torch.from_numpy(grown(mask, self.grow).copy())


def _scene(frame: Frame, width: int) -> _Scene:
    picture: Array = frame.numpy()
    h, w = frame.size
    if max(h, w) > width:
        share = width / max(h, w)
        small = (max(1, round(w * share)), max(1, round(h * share)))
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    mean = cv2.blur(grey.astype(np.float32), (7, 7))
    square = cv2.blur(grey.astype(np.float32) ** 2, (7, 7))
    return _Scene(frame, picture, grey, corners(grey), square - mean**2 < FLAT**2)


def _look(window: tuple[_Scene, ...], distances: tuple[int, ...]) -> None:
    """Compare all frames with their witnesses, where that was not done yet."""
    for here, there in pairwise(window):
        if here.to_next is None:
            here.to_next = register(here.grey, there.grey, here.corners, np.eye(3), "similarity")
    for number, scene in enumerate(window):
        for distance in distances:
            if number + distance < len(window):
                other = window[number + distance]
                if scene.frame.index not in other.views and other.mask is None:
                    _compare(window, number, number + distance)


def _compare(window: tuple[_Scene, ...], first: int, second: int) -> None:
    """Let two frames testify for each other; one whose mask is made needs no witness any more."""
    a, b = window[first], window[second]
    start = np.eye(3)
    for scene in window[first:second]:
        start = np.asarray(scene.to_next) @ start
    transform = register(a.grey, b.grey, a.corners, start)
    reach = PARALLAX * (second - first) + 1.5
    if a.mask is None:
        a.views[b.frame.index] = _View(*compare(a.picture, b.picture, transform, reach))
    b.views[a.frame.index] = _View(*compare(b.picture, a.picture, np.linalg.inv(transform), reach))


def _score(window: tuple[_Scene, ...], number: int) -> Array:
    """How far the content of a frame differs from what stands there at other times: h w, uint8, as of `compare`."""
    scene = window[number]
    sides = [others for others in _witnesses(window, scene) if others]
    if not sides:
        return np.zeros(scene.grey.shape, np.uint8)
    masks = {other.frame.index: _guess(window, other) for others in sides for other in others}
    telling = sides
    if len(sides) == 1:  # at a shot's end the far witnesses alone outlast a foot that rests
        far = [other for other in sides[0] if abs(other.frame.index - scene.frame.index) >= FAR]
        telling = [far or sides[0]]
    words = [median(_reports(scene, others, masks)) for others in telling]
    score: Array = np.minimum.reduce(words)
    unseen = np.minimum.reduce([report for others in sides for report in _reports(scene, others)])
    if len(sides) == 1:  # and what they alone see belongs to something that every witness misses
        known = score != INVALID
        joined = hysteresis(known & (score > LIKELY * UNIT), (unseen > SURE * UNIT) & (unseen != INVALID))
        score = np.where(joined | ~known, score, np.minimum(score, unseen))
    previous = window[number - 1].mask if number else None
    if previous is not None and previous.any():
        carried = _carried(scene, window[number - 1], previous)
        against = words if len(sides) > 1 else _reports(scene, telling[0], masks)
        firm = [ranked(_reports(scene, others, masks))[min(FIRM, len(others)) - 1] for others in telling]
        score = _followed(score, carried, against, np.minimum.reduce(firm))
        if number + 1 < len(window):
            after = window[number + 1]
            score = _inner(score, carried & _carried(scene, after, _guess(window, after)))
        unseen = np.where(carried, np.minimum.reduce([median(_reports(scene, others)) for others in sides]), unseen)
    score = np.where(score == INVALID, unseen, score)
    score = np.where(score == INVALID, 0, score).astype(np.uint8)
    return _by_color(scene, score)


def _followed(score: Array, carried: Array, against: list[Array], firm: Array) -> Array:
    """A score that one side's word alone is not enough to lower where a mask is carried along."""
    held = np.maximum.reduce([np.where(word == INVALID, 0, word) for word in against])
    return np.where(carried & (score != INVALID) & (firm > LIKELY * UNIT), held, score)


def _inner(score: Array, lasting: Array) -> Array:
    """A score that says that all moves well inside what moves before and after."""
    inner = cv2.erode(lasting.view(np.uint8), np.ones((2 * WITHIN + 1, 2 * WITHIN + 1), np.uint8)) > 0
    return np.where(inner & (score != INVALID), np.maximum(score, np.uint8(MOST * UNIT)), score)


def _shadows(window: tuple[_Scene, ...], scene: _Scene) -> Array:
    """Where enough witnesses that are not masked show the same brighter: h w, bool."""
    asked, brighter = (np.zeros(scene.grey.shape, np.uint8) for _ in range(2))
    others = [other for side in _witnesses(window, scene) for other in side]
    masks = {other.frame.index: _guess(window, other) for other in others}
    for other, report in zip(others, _reports(scene, others, masks), strict=True):
        known = report != INVALID
        seen = sample(other.picture, scene.views[other.frame.index].at)
        asked += known
        brighter += known & darkened(scene.picture, seen, known)
    return np.asarray((brighter >= 2) & (brighter >= IN_SHADOW * asked))


def _carried(scene: _Scene, other: _Scene, mask: Array) -> Array:
    """The mask of a neighboring frame, carried along by flow: h w, bool."""
    start = grid(*(slice(0, n) for n in scene.grey.shape))
    at = start + dense_flow(scene.grey, other.grey, "fast")
    return np.asarray(sample(mask.astype(np.uint8), at, nearest=True) > 0)


def _by_color(scene: _Scene, score: Array) -> Array:
    """Where a match means little, because nothing has texture, the colors around decide."""
    new, old = score > SURE * UNIT, (score <= LIKELY * UNIT) & ~scene.flat
    picture = scene.picture.astype(np.float32)
    around_new, around_old = (
        cv2.blur(np.dstack([picture * side[..., None], side.astype(np.float32)]), (41, 41)) for side in (new, old)
    )
    apart_new, apart_old = (
        ((picture - around[..., :3] / (around[..., 3:] + 1e-4)) ** 2).sum(axis=-1)
        for around in (around_new, around_old)
    )
    needed = 0.5 + 6 * score.astype(np.float32) / (LIKELY * UNIT)  # the likelier it is new, the less the color must say
    joins = scene.flat & (score <= LIKELY * UNIT) & (around_new[..., 3] > 0.25) & (apart_new < needed * apart_old)
    return np.where(joins, np.uint8(SURE * UNIT), score)


def _outlined(scene: _Scene, mask: Array) -> Array:
    """The mask with an outline that follows the colors."""
    out = np.zeros_like(mask)
    for part in components(mask):
        radius = max(1, round(OUTLINE * float(np.count_nonzero(part)) ** 0.5))
        for box in boxes(part, 2 * radius):
            out[box] |= guided_filter(part[box], scene.picture[box], radius) > 0.5
    return out


def _witnesses(window: tuple[_Scene, ...], scene: _Scene) -> tuple[list[_Scene], list[_Scene]]:
    seen = [other for other in window if other.frame.index in scene.views]
    return (
        [other for other in seen if other.frame.index < scene.frame.index],
        [other for other in seen if other.frame.index > scene.frame.index],
    )


def _guess(window: tuple[_Scene, ...], scene: _Scene) -> Array:
    """The mask of a witness: its own, or a first one from what has been compared so far."""
    if scene.mask is not None:
        return scene.mask
    if scene.guess is None or scene.guess[0] != len(scene.views):
        sides = [others for others in _witnesses(window, scene) if others]
        words = [median(_reports(scene, others)) for others in sides]
        if len(words) == 1:  # one side cannot tell what left from what came: only what none of them shows
            words = _reports(scene, sides[0])
        score = np.minimum.reduce(words) if words else np.zeros(scene.grey.shape, np.uint8)
        scene.guess = len(scene.views), open_close((score > SURE * UNIT) & (score != INVALID))
    return scene.guess[1]


def _reports(scene: _Scene, others: list[_Scene], masks: dict[int, Array] | None = None) -> list[Array]:
    """What the witnesses say, each h w, uint8; INVALID where they cannot see or, with `masks`, are masked."""
    reports = []
    for other in others:
        view = scene.views[other.frame.index]
        report = view.distance
        if masks is not None and masks[other.frame.index].any():
            covered = sample(masks[other.frame.index].astype(np.uint8), view.at, nearest=True)
            same = ~scene.flat & (report <= SAME * UNIT)
            report = np.where((covered > 0) & ~same, np.uint8(INVALID), report)
        reports.append(report)
    return reports
