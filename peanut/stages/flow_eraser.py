"""Removing what is masked by showing what was behind it, without model files."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import numpy.typing as npt
import torch

from peanut.buffers import References, chunks, sliding
from peanut.errors import UsageError
from peanut.flow.estimator import FlowEstimator, PairwiseEstimator
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import mask_of, one_of
from peanut.vision.blending import Blend, blend, surrounding_error, trust
from peanut.vision.inpainting import fill_smooth
from peanut.vision.morphology import boxes
from peanut.vision.optical_flow import grid, sample
from peanut.vision.patch_offsets import repeats
from peanut.vision.registration import move
from peanut.vision.temporal_filter import SIDE, settle
from peanut.windows.candidates import PRESETS, Box, Preset, Scene, Source, aligned, sources
from peanut.windows.covered import Covered

Array = npt.NDArray[Any]

MARGIN = 32
"""Pixels around a hole whose known content judges the candidates."""
PER_FRAME = 0.1
"""Grey levels that a source costs for every frame of its distance."""
REPEATED = 50
"""Frames of distance that the same frame counts as, where it is shifted onto itself."""
ALIGNED = 4
"""How many of those shifts, the best, are tried aligned as well."""
OTHERWISE = 0.1
"""How much of a source counts for or against it that does not move with the layer that led there."""
PER_STRAY = 2.0
"""Grey levels that a source costs for every pixel by which flow strayed from all layers on the way to it."""
FITS = 2.0
"""Grey levels of error around a hole up to which a candidate fits well."""
REFERENCE_EVERY = 10
"""Frames between references before the window."""


@attrs.frozen(repr=False)
class FlowEraser(Stage):
    """Fill the masked pixels with what the same video shows there at other times, and smoothly where it never does.

    Every other frame of the window is a source several times over: looked up along dense flow chained from frame to
    frame, along the homography of the camera and the motions of up to two things that move otherwise, and along that
    homography with a flow of its own. Each source is judged, per pixel, by how well it shows what is known around the
    hole, and by its distance in time; the best are averaged, and give way to a smooth filling as far as they are in
    doubt; with "quality" a picture that repeats itself around the hole goes on inside it. What is left of a seam is
    spread over the hole, and every filled frame is drawn towards those before it and, with "quality", the five after
    it, so that what wavers or is invented settles.
    Everything outside the mask stays bit for bit as it is; a frame with nothing masked passes as the same object. One
    whose mask covers the whole picture is filled from the others; where none of them shows anything it stays as it is,
    which is told once.

    The layer `filled_from` (h w, int16) says where pixels come from: 0 the frame itself, n > 0 a frame n frames away,
    -1 invented.

    preset: "quality" looks 30 frames far to both sides, and at frames before those where the camera stands still;
    "fast" looks 7 frames far.
    flow: what measures the dense flow between neighbors (it gets them grey, their holes filled smoothly); None: DIS.
    Latency: 35 frames (fast: 7). Holds: 65 frames (15), and up to 24 bytes per pixel of each, in which the flows; with
    "quality" and things that move in layers 6 more.
    Raises UsageError for a frame without a mask.
    """

    preset: Literal["quality", "fast"] = attrs.field(default="quality", validator=one_of(*PRESETS))
    flow: FlowEstimator | None = attrs.field(default=None)
    needs_masks = True

    @flow.validator
    def _is_called(self, _: "attrs.Attribute[FlowEstimator | None]", flow: Any) -> None:
        if flow is not None and (isinstance(flow, type) or not callable(flow)):
            raise UsageError(f"FlowEraser: flow must be an estimator such as DIS() or None, got {flow!r}.")

    @property
    def latency(self) -> int:
        preset = PRESETS[self.preset]
        return preset.radius + preset.settles

    @property
    def memory(self) -> int:
        preset = PRESETS[self.preset]
        return 2 * preset.radius + 1 + preset.references

    @property
    def weights(self) -> tuple[str, ...]:
        return self.flow.weights if isinstance(self.flow, PairwiseEstimator) else ()

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        covered = Covered("FlowEraser")
        for window, _ in chunks(self._filled(frames), 1, after=PRESETS[self.preset].settles):
            if window[0].stays:
                covered.stays(window[0].scene.frame)
            yield _settled(window) if window[0].scene.hole.any() else window[0].scene.frame

    def _filled(self, frames: Iterable[Frame]) -> Iterator["_Filled"]:
        """Every frame filled, settled with those before it."""
        preset = PRESETS[self.preset]
        references: References[Scene] = References(REFERENCE_EVERY, preset.references)
        before: _Filled | None = None
        for window, core in sliding((_scene(frame, preset, self.flow) for frame in frames), preset.radius):
            scene, number = window[core.start], core.start
            filled = _erase(window, number, references.pick(window))
            if before is not None and number:
                filled.picture = filled.drawn(before, before.picture)
            yield filled
            before = filled
            if preset.references:
                references.add(scene)
            for past in window[: max(0, number + 1 - preset.chained)]:
                past.flows.clear()


def _scene(frame: Frame, preset: Preset, estimator: FlowEstimator | None) -> Scene:
    return Scene(frame, mask_of(frame, "FlowEraser").numpy(), preset, estimator)


@attrs.define(eq=False)
class _Filled:
    """A frame whose hole is filled."""

    scene: Scene
    picture: Array
    """h w 3, float32; uint8 where nothing is filled."""
    origin: Array
    """h w, int16: the layer `filled_from`."""
    stays: bool = False
    """Whether all of it is hole and nothing shows what is behind: it is left as it came."""
    ways: dict[int, list[tuple[Box, Array, list[Array]]]] = attrs.field(factory=dict)
    """To a neighbor: boxes around the holes, what of them is hole, and the positions along each motion."""

    @property
    def shot(self) -> int:
        return self.scene.shot

    def ways_to(self, other: Scene) -> list[tuple[Box, Array, list[Array]]]:
        number = other.frame.index
        if number not in self.ways:
            self.ways[number] = []
            for box in boxes(self.scene.hole, SIDE // 2):
                start = grid(*box)
                along = [move(start, motion) for motion in self.scene.motions_to(other)]
                along.append(start + self.scene.flow_to(other)[box])
                self.ways[number].append((box, self.scene.hole[box], along))
        return self.ways[number]

    def drawn(self, other: "_Filled", picture: Array) -> Array:
        """Its picture, what was filled drawn towards the same content in the picture of a neighbor."""
        if self.stays or other.stays:
            return self.picture
        ways_to = self.ways_to(other.scene)
        out = self.picture.copy() if ways_to else self.picture
        for box, hole, ways in ways_to:
            out[box][hole] = settle(out[box], hole, picture, ways)
        return out


def _erase(window: tuple[Scene, ...], number: int, references: tuple[Scene, ...]) -> _Filled:
    """The frame with its hole filled."""
    scene = window[number]
    if not scene.hole.any():
        return _Filled(scene, scene.frame.numpy(), np.zeros(0, np.int16))
    filled = _Filled(scene, scene.frame.numpy().astype(np.float32), np.zeros(scene.hole.shape, np.int16))
    if scene.hole.all():
        filled.stays = not _fill_whole(filled, window, number, references)
        return filled
    for box in boxes(scene.hole, MARGIN):
        hole = scene.hole[box]
        filled.picture[box][hole], filled.origin[box][hole] = _fill(window, number, references, box)
    return filled


def _fill_whole(filled: _Filled, window: tuple[Scene, ...], number: int, references: tuple[Scene, ...]) -> bool:
    """Fill a frame that is all hole from the others; False if none of them shows any of it."""
    hole = filled.scene.hole
    if all(other.hole.all() for other in (*window, *references)):
        return False
    box = slice(0, hole.shape[0]), slice(0, hole.shape[1])
    found = _judged(filled.scene, box, hole, sources(window, number, references, box))
    if found is None or not np.isfinite(found[0].cost).any():
        return False
    seen = np.isfinite(found[0].cost).reshape(hole.shape)
    filled.picture = fill_smooth(found[0].color.reshape(*hole.shape, 3), seen)
    filled.origin = np.where(seen, found[1].reshape(hole.shape), -1).astype(np.int16)
    return True


def _settled(window: tuple[_Filled, ...]) -> Frame:
    """The first frame of a window as it leaves: settled with those after it, from the last back to it."""
    picture = window[-1].picture
    for filled, after in reversed(list(pairwise(window))):
        picture = filled.drawn(after, picture)
    frame, hole = window[0].scene.frame, window[0].scene.hole
    image = frame.numpy().copy()
    image[hole] = np.clip(np.rint(picture[hole]), 0, 255)
    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    return frame.with_image(tensor).with_layer("filled_from", torch.from_numpy(window[0].origin))


def _fill(window: tuple[Scene, ...], number: int, references: tuple[Scene, ...], box: Box) -> tuple[Array, Array]:
    """What stands behind the masked pixels of a box: n 3, float32, and from how many frames away: n, int16."""
    scene = window[number]
    hole = scene.hole[box]
    band = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # with the rim, where seams are seen
    where = np.nonzero(band)
    inside, true = hole[where], scene.picture[box][..., :3]
    mixed = fill_smooth(true.astype(np.float32), ~hole)[where]
    origin = np.full(len(inside), -1, np.int16)
    found = _judged(scene, box, band, sources(window, number, references, box))
    share = np.zeros(len(inside), np.float32)
    if found is not None:
        share = trust(found[0], mixed, where, hole.shape)
        origin[share > 0.5] = found[1][share > 0.5]
    mixed = _repeated(scene, box, band, mixed, (share < 0.5) & inside)
    if found is not None:
        mixed = share[:, None] * found[0].color + (1 - share[:, None]) * mixed
    mixed += _seam(true[where] - mixed, inside, where, hole.shape)
    return mixed[inside], origin[inside]


def _judged(scene: Scene, box: Box, band: Array, candidates: Iterator[Source]) -> tuple[Blend, Array] | None:
    """The blend of candidates at the n pixels of a band, and how many frames away the best is: n; None without any."""
    hole, flat = scene.hole[box], np.flatnonzero(band)
    target: Array = cv2.cvtColor(scene.picture[box], cv2.COLOR_RGBA2GRAY)
    colors, costs, distances = [], [], []
    good = np.zeros(len(flat), np.int64)
    for source in candidates:
        seen = sample(source.frame.picture, source.at, padding="zeros")
        usable = seen[..., 3] == 255
        speaks = (usable & ~hole).astype(np.float32)
        if source.follows is not None:
            speaks[sample(source.follows.view(np.uint8), source.at, nearest=True) == 0] *= OTHERWISE
        error = surrounding_error(cv2.cvtColor(seen, cv2.COLOR_RGBA2GRAY), target, speaks)
        error += PER_STRAY * source.strays
        usable, error = usable.ravel()[flat], error.ravel()[flat]
        colors.append(seen.reshape(-1, 4)[flat, :3])
        costs.append(np.where(usable, error + np.float32(PER_FRAME * source.distance), np.float32(np.inf)))
        distances.append(source.distance)
        good += usable & (error < FITS)
        if good.min() >= scene.preset.enough:
            break
    if not colors:
        return None
    blended = blend(np.array(colors), np.array(costs))
    return blended, np.array(distances)[blended.best]


def _repeated(scene: Scene, box: Box, band: Array, smooth: Array, unseen: Array) -> Array:
    """A smooth filling, n 3, and in it, where no frame shows a pixel, what the picture repeats around the hole."""
    if not scene.preset.repeats or not unseen.any():
        return smooth
    where, wanted = np.nonzero(band), np.zeros(scene.hole.shape, bool)
    wanted[box][where] = unseen
    shifts = repeats(scene.grey, ~scene.hole, wanted, scene.preset.repeats)
    likes = [grid(*box) + np.array(shift, np.float32) for shift in shifts]
    likes += [aligned(scene, scene, at, box) for at in likes[:ALIGNED]]  # in perspective no shift fits everywhere
    found = _judged(scene, box, band, (Source(REPEATED, at, scene) for at in likes))
    if found is None:
        return smooth
    share = trust(found[0], smooth, where, scene.hole[box].shape)[:, None]
    return np.asarray(share * found[0].color + (1 - share) * smooth)


def _seam(difference: Array, inside: Array, where: tuple[Array, ...], size: tuple[int, int]) -> Array:
    """What is missing at the rim of a hole, spread smoothly over the hole: n 3, float32."""
    missing, rim = np.zeros((*size, 3), np.float32), np.zeros(size, bool)
    missing[where], rim[where] = difference, ~inside
    return fill_smooth(missing, rim)[where]
