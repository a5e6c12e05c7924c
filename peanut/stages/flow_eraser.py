"""Removing what is masked by showing what was behind it, without model files."""

from collections.abc import Iterator
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import numpy.typing as npt
import torch

from peanut.buffers import sliding
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.ops.inpainting import fill_smooth
from peanut.ops.morphology import boxes, grown
from peanut.ops.optical_flow import dense_flow, grid, sample, within
from peanut.ops.registration import corners, move, register
from peanut.pipeline import Stage

Array = npt.NDArray[Any]
Preset = Literal["quality", "live"]

UNTRUSTED = 8
"""Pixels around a hole in which the flow is bent by what fills the hole."""
MARGIN = 40
"""Pixels around a hole whose known content judges the candidates."""
RADIUS = {"quality": 20, "live": 8}
BEST = 12
"""How many candidates are blended."""
ENOUGH = 24
"""Candidates per pixel that fit well after which no farther frame is asked."""
FITS = 4.0
"""Grey levels of error up to which a candidate fits well."""


@attrs.define(eq=False)
class _Scene:
    """A frame in the window, with what was computed for it once."""

    frame: Frame
    hole: Array
    preset: Preset
    _known: dict[str, Any] = attrs.field(factory=dict)

    @property
    def shot(self) -> int:
        return self.frame.shot

    @property
    def picture(self) -> Array:
        """h w 4, uint8: RGB, and 255 where it is known."""
        if "picture" not in self._known:
            self._known["picture"] = np.dstack([self.frame.numpy(), np.where(self.hole, 0, 255).astype(np.uint8)])
        return np.asarray(self._known["picture"])

    @property
    def grey(self) -> Array:
        """h w, uint8, the hole filled smoothly: what motion is measured on."""
        if "grey" not in self._known:
            grey = cv2.cvtColor(self.picture, cv2.COLOR_RGBA2GRAY)
            if self.hole.any():
                smooth = fill_smooth(grey[..., None].astype(np.float32), ~self.hole)
                grey = np.clip(np.rint(smooth[..., 0]), 0, 255).astype(np.uint8)
            self._known["grey"] = grey
        return np.asarray(self._known["grey"])

    def flow_to(self, other: "_Scene") -> Array:
        """Dense flow to a neighbour, in and around both holes completed from farther out: h w 2, pixels."""
        key = f"flow {other.frame.index}"
        if key not in self._known:
            flow = dense_flow(self.grey, other.grey, "medium" if self.preset == "quality" else "fast")
            doubt = grown(self.hole, UNTRUSTED)
            if other.hole.any():
                rows, columns = (slice(0, n) for n in doubt.shape)
                theirs = grown(other.hole, UNTRUSTED).astype(np.uint8)
                doubt = doubt | (sample(theirs, grid(rows, columns) + flow, nearest=True) > 0)
            self._known[key] = fill_smooth(flow, ~doubt) if doubt.any() else flow
        return np.asarray(self._known[key])

    def motion_to(self, other: "_Scene") -> Array:
        """Homography to a neighbour: 3 3."""
        key = f"motion {other.frame.index}"
        if key not in self._known:
            points = corners(self.grey, ~grown(self.hole, UNTRUSTED))
            self._known[key] = register(self.grey, other.grey, points, np.eye(3))
            other._known[f"motion {self.frame.index}"] = np.linalg.inv(self._known[key])
        return np.asarray(self._known[key])


@attrs.frozen
class FlowEraser(Stage):
    """Fill the masked pixels with what the same video shows there at other times, and smoothly where it never does.

    Every other frame of the window is a source twice over: looked up along dense flow that is completed inside the
    holes, and along the homographies of the camera. A source is judged, per pixel, by how well it shows what is known
    around the hole, and by its distance in time; the best are blended. Everything outside the mask stays bit for bit
    as it is, and a frame with nothing masked passes through as the same object.

    preset: "quality" looks 20 frames far to both sides, "live" 8.
    Latency: 20 frames (live: 8). Holds: 41 frames (17) and about 40 bytes per pixel of each, in which the flows.
    Raises UsageError for a frame without a mask.
    """

    preset: Preset = attrs.field(default="quality", validator=attrs.validators.in_(tuple(RADIUS)))

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for window, core in sliding((_scene(frame, self.preset) for frame in frames), RADIUS[self.preset]):
            for number in range(core.start, core.stop):
                scene = window[number]
                yield _erase(window, number) if scene.hole.any() else scene.frame


def _scene(frame: Frame, preset: Preset) -> _Scene:
    if frame.mask is None:
        raise UsageError("FlowEraser needs masks: put masks(path), MovingObjects() or PMask(prompt) before it.")
    return _Scene(frame, frame.mask.numpy(), preset)


def _erase(window: tuple[_Scene, ...], number: int) -> Frame:
    """The frame with its hole filled."""
    scene = window[number]
    picture = scene.picture[..., :3].copy()
    for box in boxes(scene.hole, MARGIN):
        hole = scene.hole[box]
        picture[box][hole] = _fill(window, number, box)
    return scene.frame.with_image(torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1))))


def _fill(window: tuple[_Scene, ...], number: int, box: tuple[slice, slice]) -> Array:
    """What stands behind the masked pixels of a box: n 3, uint8."""
    scene = window[number]
    hole, target = scene.hole[box], cv2.cvtColor(scene.picture[box], cv2.COLOR_RGBA2GRAY)
    where = np.nonzero(hole)
    colours, costs = [], []
    good = np.zeros(len(where[0]), np.int64)
    for distance, at, other in _sources(window, number, box):
        seen = sample(other.picture, at)
        usable = (seen[..., 3] == 255) & within(at, other.hole.shape)
        error = _error(cv2.absdiff(cv2.cvtColor(seen, cv2.COLOR_RGBA2GRAY), target), usable & ~hole)[where]
        usable = usable[where]
        colours.append(seen[..., :3][where])
        costs.append(np.where(usable, error + 0.1 * distance, np.inf))
        good += usable & (error < FITS)
        if good.min() >= ENOUGH:
            break
    mixed, found = _blend(np.array(colours), np.array(costs)) if colours else (None, np.zeros(len(good), bool))
    if found.all() and mixed is not None:
        return mixed
    invented = cv2.inpaint(scene.picture[box][..., :3].copy(), hole.astype(np.uint8), 5, cv2.INPAINT_TELEA)[where]
    return invented if mixed is None else np.where(found[:, None], mixed, invented)


def _sources(window: tuple[_Scene, ...], number: int, box: tuple[slice, slice]) -> Iterator[tuple[int, Array, _Scene]]:
    """Where the pixels of a box lie in the other frames, nearest first: (distance in frames, positions, frame)."""
    start = grid(*box)
    walks = {step: (start, np.eye(3)) for step in (-1, 1)}
    for distance in range(1, len(window)):
        for step, (at, motion) in walks.items():
            here, there = number + step * (distance - 1), number + step * distance
            if 0 <= there < len(window):
                at = at + sample(window[here].flow_to(window[there]), at)
                motion = window[here].motion_to(window[there]) @ motion
                walks[step] = at, motion
                yield distance, at, window[there]
                yield distance, move(start, motion), window[there]


def _error(difference: Array, known: Array) -> Array:
    """Mean difference of the known pixels near each pixel, the nearest counting most: h w, float32, grey levels."""
    weight = known.astype(np.float32)
    both = np.dstack([difference * weight, weight])
    total = np.full_like(both, 1e-6) * np.array([20, 1], np.float32)  # nothing known anywhere near: 20 levels
    for size, share in ((9, 1.0), (33, 0.1), (129, 0.01)):
        total += share * cv2.blur(both, (size, size), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total[..., 0] / total[..., 1])


def _blend(colours: Array, costs: Array) -> tuple[Array, Array]:
    """The mean of the best candidates by cost: n 3, uint8, and where there is any: n, bool.

    colours: k n 3, uint8. costs: k n, grey levels, inf where a candidate shows nothing.
    """
    if len(costs) > BEST:
        best = np.argpartition(costs, BEST - 1, axis=0)[:BEST]
        costs = np.take_along_axis(costs, best, axis=0)
        colours = np.take_along_axis(colours, best[..., None], axis=0)
    least = costs.min(axis=0)
    found = np.isfinite(least)
    weights = np.where(np.isfinite(costs), np.exp((np.where(found, least, 0) - costs) / 2), 0)
    mean = np.einsum("kn,knc->nc", weights, colours) / np.maximum(weights.sum(axis=0), 1e-6)[:, None]
    return np.rint(mean).astype(np.uint8), found
