"""Where the content of a frame is found in other frames: what FlowEraser chooses from."""

from collections.abc import Iterator
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import numpy.typing as npt
import torch

from peanut.errors import UsageError
from peanut.flow.estimator import FlowEstimator
from peanut.frame import Frame
from peanut.vision.inpainting import fill_smooth
from peanut.vision.morphology import boxes, grown
from peanut.vision.optical_flow import dense_flow, grid, sample
from peanut.vision.registration import corners, motions, move, register, registered

Array = npt.NDArray[Any]
Box = tuple[slice, slice]

UNTRUSTED = 8
"""Pixels around a hole in which the flow is bent by what fills the hole."""
LAYERS = 3
"""Motions between neighbors that are followed by themselves: the camera's, and what moves otherwise."""
ALIKE = 1.25
"""How many times the error of the layer that fits best another may have, for the picture to follow it as well."""
SURE = 1.0
"""And how many grey levels more."""
SIDE = 15
"""Pixels per side over which that error is taken."""
UNIT, UNKNOWN = 8, 255
"""It is kept in eighths of grey levels, in one byte; the largest means unknown, or too much to matter."""
BENT = 5.0
"""Pixels, at most, by which a step of flow counts as leaving all layers."""
STILL = 0.05
"""Share of the picture by which the camera may have moved over the window for frames before it to be asked."""


@attrs.frozen
class Preset:
    """What a preset looks at; distances in frames."""

    radius: int
    flow: Literal["fast", "medium"]
    chained: int
    """Up to which distance flow is chained from frame to frame."""
    plain: frozenset[int]
    """At which distances the chained homographies are used as they are."""
    direct: frozenset[int]
    """At which distances the chained homography is registered anew."""
    local: frozenset[int]
    """At which distances the registered picture is aligned once more by flow."""
    references: int
    """How many frames before the window are kept."""
    enough: int
    """Candidates per pixel that fit well after which no farther frame is asked."""
    settles: int
    """Filled frames ahead with which a frame settles; those before it count without end."""
    repeats: int
    """Shifts of the frame onto itself that are tried where no frame shows anything."""


PRESETS = {
    "quality": Preset(
        radius=30,
        flow="medium",
        chained=20,
        plain=frozenset(range(1, 7)),
        direct=frozenset((8, 11, 15, 20, 25, 30)),
        local=frozenset((1, 2, 3, 4, 6, 8, 11, 15, 20, 25, 30)),
        references=4,
        enough=24,
        settles=5,
        repeats=8,
    ),
    "fast": Preset(
        radius=7,
        flow="fast",
        chained=6,
        plain=frozenset((1, 4, 7)),
        direct=frozenset(),
        local=frozenset(),
        references=0,
        enough=8,
        settles=0,
        repeats=0,
    ),
}


@attrs.frozen(eq=False)
class Source:
    """Where the pixels of a box lie in another frame."""

    distance: int
    """Frames."""
    at: Array
    """h w 2, float32, pixels of the other frame."""
    frame: "Scene"
    follows: Array | None = None
    """Where the other frame moves with the layer that led there: h w, bool; None: all of it speaks for the source."""
    strays: Array | float = 0.0
    """How far, in pixels, completed flow strayed from all layers on the way: h w, float32."""


@attrs.define(eq=False)
class Scene:
    """A frame in the window, with what was computed for it once."""

    frame: Frame
    hole: Array
    preset: Preset
    estimator: FlowEstimator | None = None
    """What measures the flow to neighbors; None: DIS, as the preset says."""
    flows: dict[int, Array] = attrs.field(factory=dict)
    motions: dict[int, list[Array]] = attrs.field(factory=dict)
    _misfits: dict[int, list[Array]] = attrs.field(factory=dict)
    _picture: Array | None = None
    _grey: Array | None = None
    _corners: Array | None = None
    _around: Array | None = None

    @property
    def shot(self) -> int:
        return self.frame.shot

    @property
    def picture(self) -> Array:
        """h w 4, uint8: RGB, and 255 where it is known."""
        if self._picture is None:
            self._picture = np.dstack([self.frame.numpy(), np.where(self.hole, 0, 255).astype(np.uint8)])
        return self._picture

    @property
    def grey(self) -> Array:
        """h w, uint8, the hole filled smoothly: what motion is measured on."""
        if self._grey is None:
            grey: Array = cv2.cvtColor(self.picture, cv2.COLOR_RGBA2GRAY)
            for box in boxes(self.hole, UNTRUSTED):
                smooth = fill_smooth(grey[box][..., None].astype(np.float32), ~self.hole[box])
                grey[box] = np.clip(np.rint(smooth[..., 0]), 0, 255)
            self._grey = grey
        return self._grey

    @property
    def around(self) -> Array:
        """h w, bool: the hole and the ring around it in which flow is not trusted."""
        if self._around is None:
            self._around = grown(self.hole, UNTRUSTED)
        return self._around

    @property
    def corners(self) -> Array:
        if self._corners is None:
            self._corners = corners(self.grey, ~self.around)
        return self._corners

    def flow_to(self, other: "Scene") -> Array:
        """Dense flow to a neighbor, in and around both holes completed from farther out: h w 2, pixels."""
        number = other.frame.index
        if number not in self.flows:
            if self.estimator is None:
                flow = dense_flow(self.grey, other.grey, self.preset.flow)
            else:
                flow = _estimated(self.estimator, self.grey, other.grey)
            self.flows[number] = complete(flow, self.around | _lands_in(other, flow))
        return self.flows[number]

    def motions_to(self, other: "Scene") -> list[Array]:
        """How the picture moves to a neighbor, in layers, the dominant motion first: each 3 3.

        What moves otherwise keeps its place in the list from neighbor to neighbor.
        """
        number = other.frame.index
        if number not in self.motions:
            before = [np.linalg.inv(motion) for motion in self.motions.get(2 * self.frame.index - number, [])]
            self.motions[number] = motions(self.grey, other.grey, self.corners, LAYERS - 1, before)
            other.motions[self.frame.index] = [np.linalg.inv(motion) for motion in self.motions[number]]
        return self.motions[number]

    def follows(self, layer: int, neighbors: list["Scene"]) -> Array | None:
        """Where the picture moves with a layer as well as with any: h w, bool; None if there is but one.

        Every layer is judged by the neighbor that fits it better: what moves may be hidden in the other.
        """
        misfits = [self._misfits_to(other) for other in neighbors if len(self.motions_to(other)) > max(layer, 1)]
        if not misfits:
            return None
        own = np.minimum.reduce([each[layer] for each in misfits])
        least = np.minimum.reduce([one for each in misfits for one in each])
        return np.asarray(own <= np.float32(ALIKE) * least + np.float32(SURE * UNIT))

    def _misfits_to(self, other: "Scene") -> list[Array]:
        """How badly each layer leads to a neighbor: h w, uint8, in UNITs of a grey level."""
        number = other.frame.index
        if number not in self._misfits:
            start = grid(*(slice(0, n) for n in self.hole.shape))
            self._misfits[number] = []
            for motion in self.motions_to(other):
                seen = sample(other.picture, move(start, motion), padding="zeros")
                known = ((seen[..., 3] == 255) & ~self.hole).astype(np.float32)
                apart = cv2.absdiff(cv2.cvtColor(seen, cv2.COLOR_RGBA2GRAY), self.grey) * known
                misfit, share = (cv2.blur(each, (SIDE, SIDE)) for each in (apart, known))
                misfit = np.where(share > 0.1, UNIT * misfit / np.maximum(share, 0.1), UNKNOWN)
                self._misfits[number].append(np.minimum(misfit, UNKNOWN).astype(np.uint8))
        return self._misfits[number]

    def motion_to(self, other: "Scene", guess: Array) -> Array:
        """The dominant motion to a frame farther off, from a guess: 3 3."""
        number = other.frame.index
        if number not in self.motions:
            self.motions[number] = [register(self.grey, other.grey, self.corners, guess, check=False)]
            other.motions[self.frame.index] = [np.linalg.inv(self.motions[number][0])]
        return self.motions[number][0]


def _estimated(estimator: FlowEstimator, grey: Array, other: Array) -> Array:
    """The flow that an estimator of the user's finds between two grey pictures: h w 2, pixels, float32."""
    flow = estimator(*(torch.from_numpy(picture).expand(3, -1, -1) for picture in (grey, other)))
    if flow.shape != (2, *grey.shape):
        raise UsageError(f"FlowEraser: flow must give {(2, *grey.shape)} here, got {tuple(flow.shape)}.")
    found = flow.detach().permute(1, 2, 0).cpu().numpy()
    return np.array(found, np.float32, order="C")  # a copy: `complete` writes into it


def complete(flow: Array, doubt: Array) -> Array:
    """Bend a flow smoothly over from around into where it is in doubt, in place: h w 2."""
    x, y, w, h = cv2.boundingRect(doubt.view(np.uint8))
    if w:
        box = slice(max(0, y - 16), y + h + 16), slice(max(0, x - 16), x + w + 16)  # far from it nothing matters
        flow[box] = fill_smooth(flow[box], ~doubt[box])
    return flow


def _lands_in(other: Scene, flow: Array) -> Array:
    """Where a flow leads into or close to the hole of a neighbor: h w, bool."""
    if not other.hole.any():
        return np.zeros(other.hole.shape, bool)
    start = grid(*(slice(0, n) for n in other.hole.shape))
    return sample(other.around.view(np.uint8), start + flow, nearest=True) > 0


def sources(window: tuple[Scene, ...], number: int, references: tuple[Scene, ...], box: Box) -> Iterator[Source]:
    """Where the pixels of a box lie in other frames, nearest first."""
    scene, start = window[number], grid(*box)
    preset = scene.preset
    walks: dict[int, tuple[Array, list[Array], Array | float]]
    walks = {step: (start, [np.eye(3)] * LAYERS, 0.0) for step in (-1, 1)}
    for distance in range(1, preset.radius + 1):
        for step in walks:
            here, there = number + step * (distance - 1), number + step * distance
            if not 0 <= there < len(window):
                continue
            other, (at, layers, strayed) = window[there], walks[step]
            layers = [after @ before for before, after in zip(layers, window[here].motions_to(other), strict=False)]
            if distance <= preset.chained:
                flow = sample(window[here].flow_to(other), at)
                strayed = strayed + _strays(window[here], other, at, flow)
                at = at + flow
                yield Source(distance, at, other, strays=strayed)
            walks[step] = at, layers, strayed
            if distance in preset.direct:
                layers = [scene.motion_to(other, layers[0]), *layers[1:]]
            ways = [move(start, motion) for motion in layers]
            follow: list[Array | None] = [None] * len(layers)
            if distance in preset.local:
                beside = [window[n] for n in (there - 1, there + 1) if 0 <= n < len(window) and n != number]
                follow = [other.follows(layer, beside) for layer in range(len(layers))]
            if distance in preset.plain | preset.direct:
                yield from (Source(distance, at, other, each) for at, each in zip(ways, follow, strict=True))
            if distance in preset.local:
                for at, each in zip(ways, follow, strict=True):
                    yield Source(distance, aligned(scene, other, at, box), other, each)
    if _travelled(walks[-1][1][0], scene.hole.shape) > STILL:
        return
    for other in references:
        still = registered(scene.grey, other.grey, scene.corners, least=0.2)
        if still is not None:
            distance = abs(scene.frame.index - other.frame.index)
            yield Source(distance, move(start, still), other)
            yield Source(distance, aligned(scene, other, move(start, still), box), other)


def _strays(scene: Scene, other: Scene, at: Array, flow: Array) -> Array | float:
    """How far the flow to a neighbor, where it was completed, is from every layer's: h w, float32, pixels; 0 for one.

    Where layers meet in a hole, flow that goes smoothly from one over into the other is nobody's.
    """
    if len(scene.motions_to(other)) == 1:
        return 0.0
    ways = [move(at, motion) - at - flow for motion in scene.motions_to(other)]
    apart = np.minimum.reduce([np.hypot(way[..., 0], way[..., 1]) for way in ways])
    completed = sample(scene.around.view(np.uint8), at, nearest=True) > 0
    return np.where(completed, np.minimum(apart, np.float32(BENT)), np.float32(0))


def _travelled(motion: Array, size: tuple[int, ...]) -> float:
    """How far a transform moves the centre of a picture, as a share of its longer side."""
    centre = np.array([[[size[1] / 2, size[0] / 2]]])
    return float(np.linalg.norm(cv2.perspectiveTransform(centre, motion) - centre) / max(size))


def aligned(scene: Scene, other: Scene, at: Array, box: Box) -> Array:
    """Positions improved by the flow between a box and what is looked up there; smooth where that does not fit."""
    grey, seen = scene.grey[box], sample(other.grey, at)
    flow = dense_flow(grey, seen, "fast")
    start = grid(slice(0, grey.shape[0]), slice(0, grey.shape[1]))
    doubt = cv2.blur(cv2.absdiff(sample(seen, start + flow), grey), (7, 7)) > 10
    doubt |= scene.around[box]
    doubt |= sample(other.around.view(np.uint8), at, nearest=True) > 0
    return at + complete(flow, doubt)
