"""Removing what is masked by showing what was behind it, without model files."""

from collections.abc import Iterator
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import numpy.typing as npt
import torch

from peanut.buffers import References, chunks, sliding
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.ops.blending import blend, surrounding_error, trust
from peanut.ops.inpainting import fill_smooth
from peanut.ops.morphology import boxes, grown
from peanut.ops.optical_flow import dense_flow, grid, sample
from peanut.ops.registration import corners, move, register, registered
from peanut.ops.settling import SIDE, settle
from peanut.pipeline import Stage
from peanut.stages.flow_estimators import FlowEstimator

Array = npt.NDArray[Any]
Box = tuple[slice, slice]

UNTRUSTED = 8
"""Pixels around a hole in which the flow is bent by what fills the hole."""
MARGIN = 32
"""Pixels around a hole whose known content judges the candidates."""
PER_FRAME = 0.1
"""Grey levels that a source costs for every frame of its distance."""


@attrs.frozen
class _Preset:
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


PRESETS = {
    "quality": _Preset(
        radius=30,
        flow="medium",
        chained=20,
        plain=frozenset(range(1, 7)),
        direct=frozenset((8, 11, 15, 20, 25, 30)),
        local=frozenset((1, 2, 3, 4, 6, 8, 11, 15, 20, 25, 30)),
        references=4,
        enough=24,
        settles=5,
    ),
    "live": _Preset(
        radius=7,
        flow="fast",
        chained=7,
        plain=frozenset((1, 3, 6)),
        direct=frozenset(),
        local=frozenset(),
        references=0,
        enough=8,
        settles=0,
    ),
}
FITS = 2.0
"""Grey levels of error around a hole up to which a candidate fits well."""
STILL = 0.1
"""Share of the picture by which the camera may have moved over the window for frames before it to be asked."""
REFERENCE_EVERY = 10
"""Frames between references before the window."""


@attrs.define(eq=False)
class _Scene:
    """A frame in the window, with what was computed for it once."""

    frame: Frame
    hole: Array
    preset: _Preset
    estimator: FlowEstimator | None = None
    """What measures the flow to neighbours; None: DIS, as the preset says."""
    flows: dict[int, Array] = attrs.field(factory=dict)
    motions: dict[int, Array] = attrs.field(factory=dict)
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

    def flow_to(self, other: "_Scene") -> Array:
        """Dense flow to a neighbour, in and around both holes completed from farther out: h w 2, pixels."""
        number = other.frame.index
        if number not in self.flows:
            if self.estimator is None:
                flow = dense_flow(self.grey, other.grey, self.preset.flow)
            else:
                flow = _estimated(self.estimator, self.grey, other.grey)
            self.flows[number] = complete(flow, self.around | _lands_in(other, flow))
        return self.flows[number]

    def motion_to(self, other: "_Scene", guess: Array | None = None) -> Array:
        """Homography to a neighbour, or to a frame farther off from a guess: 3 3."""
        number = other.frame.index
        if number not in self.motions:
            start = np.eye(3) if guess is None else guess
            self.motions[number] = register(self.grey, other.grey, self.corners, start, check=guess is None)
            other.motions[self.frame.index] = np.linalg.inv(self.motions[number])
        return self.motions[number]


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


def _lands_in(other: _Scene, flow: Array) -> Array:
    """Where a flow leads into or close to the hole of a neighbour: h w, bool."""
    if not other.hole.any():
        return np.zeros(other.hole.shape, bool)
    start = grid(*(slice(0, n) for n in other.hole.shape))
    return sample(other.around.view(np.uint8), start + flow, nearest=True) > 0


@attrs.frozen
class FlowEraser(Stage):
    """Fill the masked pixels with what the same video shows there at other times, and smoothly where it never does.

    Every other frame of the window is a source several times over: looked up along dense flow chained from frame to
    frame, along the homography of the camera, and along that homography with a flow of its own. Each source is judged,
    per pixel, by how well it shows what is known around the hole, and by its distance in time; the best are averaged,
    and give way to a smooth filling as far as they are in doubt. What is left of a seam is spread over the hole, and
    the filled frame before is carried along, so that what wavers or is invented settles.
    Everything outside the mask stays bit for bit as it is; a frame with nothing masked passes as the same object.

    The layer `filled_from` (h w, int16) says where pixels come from: 0 the frame itself, n > 0 a frame n frames away,
    -1 invented.

    preset: "quality" looks 30 frames far to both sides, and at frames before those where the camera stands still;
    "live" looks 7 frames far.
    flow: what measures the dense flow between neighbours (it gets them grey, their holes filled smoothly); None: DIS.
    Latency: 30 frames (live: 7). Holds: 65 frames (15), and up to 22 bytes per pixel of each, in which the flows.
    Raises UsageError for a frame without a mask.
    """

    preset: Literal["quality", "live"] = attrs.field(default="quality", validator=attrs.validators.in_(tuple(PRESETS)))
    flow: FlowEstimator | None = attrs.field(default=None)

    @flow.validator
    def _is_called(self, _: "attrs.Attribute[FlowEstimator | None]", flow: Any) -> None:
        if flow is not None and (isinstance(flow, type) or not callable(flow)):
            raise UsageError(f"FlowEraser: flow must be an estimator such as DIS() or None, got {flow!r}.")

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for (first, *ahead), _ in chunks(self._filled(frames), 1, after=PRESETS[self.preset].settles):
            yield _settled(first, ahead) if first.scene.hole.any() else first.scene.frame

    def _filled(self, frames: Iterator[Frame]) -> Iterator["_Filled"]:
        """Every frame filled, settled with those before it."""
        preset = PRESETS[self.preset]
        references: References[_Scene] = References(REFERENCE_EVERY, preset.references)
        before: _Filled | None = None
        for window, core in sliding((_scene(frame, preset, self.flow) for frame in frames), preset.radius):
            scene, number = window[core.start], core.start
            filled = _erase(window, number, references.pick(window))
            if before is not None and number:
                _settle(filled, before)
            yield filled
            before = filled
            if preset.references:
                references.add(scene)
            for past in window[: max(0, number + 1 - preset.chained)]:
                past.flows.clear()


def _scene(frame: Frame, preset: _Preset, estimator: FlowEstimator | None) -> _Scene:
    if frame.mask is None:
        raise UsageError("FlowEraser needs masks: put masks(path), MovingObjects() or PMask(prompt) before it.")
    return _Scene(frame, frame.mask.numpy(), preset, estimator)


@attrs.define(eq=False)
class _Filled:
    """A frame whose hole is filled."""

    scene: _Scene
    picture: Array
    """h w 3, float32."""
    origin: Array
    """h w, int16: the layer `filled_from`."""

    @property
    def shot(self) -> int:
        return self.scene.shot


def _erase(window: tuple[_Scene, ...], number: int, references: tuple[_Scene, ...]) -> _Filled:
    """The frame with its hole filled."""
    scene = window[number]
    filled = _Filled(scene, scene.frame.numpy().astype(np.float32), np.zeros(scene.hole.shape, np.int16))
    for box in boxes(scene.hole, MARGIN):
        hole = scene.hole[box]
        filled.picture[box][hole], filled.origin[box][hole] = _fill(window, number, references, box)
    return filled


def _settle(filled: _Filled, neighbour: _Filled) -> None:
    """Draw what was filled towards the same content in a neighbouring frame, in place."""
    scene, other = filled.scene, neighbour.scene
    for box in boxes(scene.hole, SIDE // 2):
        start, hole = grid(*box), scene.hole[box]
        ways = [move(start, scene.motion_to(other)), start + scene.flow_to(other)[box]]
        filled.picture[box][hole] = settle(filled.picture[box], hole, neighbour.picture, ways)


def _settled(filled: _Filled, ahead: list[_Filled]) -> Frame:
    """The frame as it leaves, settled with those after it: from the farthest back to it."""
    after: _Filled | None = None
    for one in reversed([filled, *ahead]):
        one = attrs.evolve(one, picture=one.picture.copy())  # on its own way it counts as it was
        if after is not None:
            _settle(one, after)
        after = one
    frame, hole = filled.scene.frame, filled.scene.hole
    picture = frame.numpy().copy()
    picture[hole] = _to_bytes(after.picture[hole])
    image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))
    return frame.with_image(image).with_layer("filled_from", torch.from_numpy(filled.origin))


def _fill(window: tuple[_Scene, ...], number: int, references: tuple[_Scene, ...], box: Box) -> tuple[Array, Array]:
    """What stands behind the masked pixels of a box: n 3, float32, and from how many frames away: n, int16."""
    scene = window[number]
    hole = scene.hole[box]
    target: Array = cv2.cvtColor(scene.picture[box], cv2.COLOR_RGBA2GRAY)
    band = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # with the rim, where seams are seen
    where = np.nonzero(band)
    flat, inside = np.flatnonzero(band), hole[where]
    colours, costs, distances = [], [], []
    good = np.zeros(len(inside), np.int64)
    for distance, at, other in _sources(window, number, references, box):
        seen = sample(other.picture, at, padding="zeros")
        usable = seen[..., 3] == 255
        error = surrounding_error(cv2.cvtColor(seen, cv2.COLOR_RGBA2GRAY), target, usable & ~hole)
        usable, error = usable.ravel()[flat], error.ravel()[flat]
        colours.append(seen.reshape(-1, 4)[flat, :3])
        costs.append(np.where(usable, error + np.float32(PER_FRAME * distance), np.float32(np.inf)))
        distances.append(distance)
        good += usable & (error < FITS)
        if good.min() >= scene.preset.enough:
            break
    true = scene.picture[box][..., :3]
    smooth = fill_smooth(true.astype(np.float32), ~hole)[where]
    if not colours:
        return smooth[inside], np.full(inside.sum(), -1, np.int16)
    blended = blend(np.array(colours), np.array(costs))
    share = trust(blended, smooth, where, hole.shape)
    mixed = share[:, None] * blended.colour + (1 - share[:, None]) * smooth
    mixed += _seam(true[where] - mixed, inside, where, hole.shape)
    origin = np.where(share > 0.5, np.array(distances)[blended.best], -1).astype(np.int16)
    return mixed[inside], origin[inside]


def _seam(difference: Array, inside: Array, where: tuple[Array, ...], size: tuple[int, int]) -> Array:
    """What is missing at the rim of a hole, spread smoothly over the hole: n 3, float32."""
    missing, rim = np.zeros((*size, 3), np.float32), np.zeros(size, bool)
    missing[where], rim[where] = difference, ~inside
    return fill_smooth(missing, rim)[where]


def _to_bytes(colours: Array) -> Array:
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def _sources(
    window: tuple[_Scene, ...], number: int, references: tuple[_Scene, ...], box: Box
) -> Iterator[tuple[int, Array, _Scene]]:
    """Where the pixels of a box lie in other frames, nearest first: (distance in frames, positions, frame)."""
    scene, start = window[number], grid(*box)
    preset = scene.preset
    walks = {step: (start, np.eye(3)) for step in (-1, 1)}
    for distance in range(1, preset.radius + 1):
        for step in walks:
            here, there = number + step * (distance - 1), number + step * distance
            if not 0 <= there < len(window):
                continue
            at, motion = walks[step]
            other = window[there]
            motion = window[here].motion_to(other) @ motion
            if distance <= preset.chained:
                at = at + sample(window[here].flow_to(other), at)
                yield distance, at, other
            walks[step] = at, motion
            if distance in preset.direct:
                motion = scene.motion_to(other, motion)
            if distance in preset.plain | preset.direct:
                yield distance, move(start, motion), other
            if distance in preset.local:
                yield distance, _aligned(scene, other, move(start, motion), box), other
    if _travelled(walks[-1][1], scene.hole.shape) > STILL:
        return
    for other in references:
        still = registered(scene.grey, other.grey, scene.corners)
        if still is not None:
            distance = abs(scene.frame.index - other.frame.index)
            yield distance, move(start, still), other
            yield distance, _aligned(scene, other, move(start, still), box), other


def _travelled(motion: Array, size: tuple[int, ...]) -> float:
    """How far a transform moves the centre of a picture, as a share of its longer side."""
    centre = np.array([[[size[1] / 2, size[0] / 2]]])
    return float(np.linalg.norm(cv2.perspectiveTransform(centre, motion) - centre) / max(size))


def _aligned(scene: _Scene, other: _Scene, at: Array, box: Box) -> Array:
    """Positions improved by the flow between a box and what is looked up there; smooth where that does not fit."""
    grey, seen = scene.grey[box], sample(other.grey, at)
    flow = dense_flow(grey, seen, "fast")
    start = grid(slice(0, grey.shape[0]), slice(0, grey.shape[1]))
    doubt = cv2.blur(cv2.absdiff(sample(seen, start + flow), grey), (7, 7)) > 10
    doubt |= scene.around[box]
    doubt |= sample(other.around.view(np.uint8), at, nearest=True) > 0
    return at + complete(flow, doubt)
