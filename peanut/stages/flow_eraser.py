"""Removing what is masked by showing what was behind it, without model files."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, Literal

import attrs
import numpy as np
import torch
from torch import nn

from peanut.buffers import References, chunks, sliding
from peanut.completion.complete import complete as complete_image
from peanut.doubts import INVENTED, MASKED_THROUGHOUT, TOLD, Doubts
from peanut.errors import UsageError, pick
from peanut.flow.estimator import FlowEstimator, PairwiseEstimator
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.pipeline import Stage
from peanut.stages.per_frame import LAMA, METHODS, Inpainter, PerFrame
from peanut.validators import at_least, from_preset, mask_of, one_of
from peanut.vision.array import Array
from peanut.vision.inpainting import fill_smooth
from peanut.vision.light import SAME
from peanut.vision.morphology import boxes
from peanut.vision.optical_flow import grid
from peanut.vision.registration import move
from peanut.vision.temporal_filter import SIDE, temporal_filter
from peanut.weights import names_used
from peanut.windows.candidates import Box, candidates
from peanut.windows.covered import Covered
from peanut.windows.filling import blended, complete, seen
from peanut.windows.key_frame import Invention, KeyFrame
from peanut.windows.preset import PRESETS, Preset
from peanut.windows.window_frame import Window, WindowFrame

MARGIN = 32
"""Pixels around a hole whose known content ranks the candidates; chosen on the demo clip and composites."""
REFERENCE_EVERY = 10
"""Frames between references before the window; chosen on the demo clip and composites."""


def _patterns(image: Array, hole: Array, method: Any) -> tuple[Array, str]:
    completed = complete_image(image, hole, method=method)
    return completed.image, completed.method


Unseen = Literal["patterns", "smooth", "telea", "navier-stokes", "big-lama"] | Inpainter | nn.Module
OWN: dict[str, Invention | None] = {"patterns": _patterns, "smooth": None}


def _is_called(_: Any, __: Any, flow: Any) -> None:
    if isinstance(flow, type) or not callable(flow):
        raise UsageError(f"FlowEraser: flow must be an estimator such as DIS(), got {flow!r}.")


def _distances(given: Any) -> Any:
    return frozenset(given) if isinstance(given, Iterable) else given


def _are_distances(_: Any, field: "attrs.Attribute[Any]", value: Any) -> None:
    if not isinstance(value, frozenset) or not all(isinstance(n, int) and n > 0 for n in value):
        raise UsageError(f"FlowEraser: {field.name} must be whole numbers of frames from 1 on, got {value!r}.")


def _invention(unseen: Any) -> Invention | None:
    """What fills a key frame where no frame shows anything; None: nothing does, every frame is filled smoothly."""
    if isinstance(unseen, str):
        pick("way to fill what is unseen", unseen, {**OWN, **dict.fromkeys((*METHODS, LAMA))})
        if unseen in OWN:
            return OWN[unseen]
    inpainter = PerFrame(unseen)

    def invent(image: Array, hole: Array, _: str | None) -> tuple[Array, str]:
        return inpainter.filled(Frame.from_numpy(image), torch.from_numpy(hole)).numpy(), str(inpainter)

    return invent


@attrs.frozen(repr=False)
class FlowEraser(Stage):
    """Fill the masked pixels with what the same video shows there at other times, and smoothly where it never does.

    Every other frame of the window gives several candidates: looked up along dense flow chained from frame to frame,
    along the homography of the camera and up to two further motion layers, and along those with local flow. The cost of
    a candidate, per pixel, is its error on what is known around the hole, and grows with its distance in time; the best
    are averaged, and give way to a smooth filling where confidence is low; with "quality" what no frame shows is
    invented once, on a key frame, and moves with the scene. Other frames are brought into the light of this one. What
    is left of a seam is spread over the hole, and every filled frame is filtered along the motion with those before it
    and, with "quality", the five after it, so that it does not flicker.
    Everything outside the mask stays bit for bit as it is; a frame with nothing masked passes as the same object. One
    whose mask covers the whole image is filled from the others; where none of them shows anything it stays as it is,
    which is told once.

    The layer `filled_from` (h w, int16) says where pixels come from: 0 the frame itself, n > 0 a frame n frames away,
    -1 invented.

    preset: "quality" looks 30 frames far to both sides, and at frames before those where the camera stands still;
        "fast" looks 7 frames far. It fills in what is not given of the settings below.
    flow: what measures the dense flow between neighbors (it gets them grey, their holes filled smoothly).
    radius: frames searched to both sides. chained: up to which distance flow is chained from frame to frame.
    plain, direct, local: at which distances the chained motion layers are used as they are; the chained homography is
        registered anew; the registered image is aligned once more by flow.
    references: frames kept before the window. enough: candidates per pixel that fit well, after which none is searched.
    smoothing: filled frames ahead that the temporal filter takes in; those before count without end.
    unseen: what invents what no frame shows. "patterns" continues the patterns around the hole, or fills smoothly where
        that is truer; "smooth" fills smoothly; all else is what `PerFrame` takes as its inpainter: a name, a function,
        a module. It sees a key frame, once for all frames that show the same, and its result moves with the scene.
    Latency: 35 frames (fast: 7). Holds: 65 frames (15), and up to 24 bytes per pixel of each, in which the flows; with
    "quality" and several motion layers 6 more; with "quality" a key frame besides.
    Raises UsageError for a frame without a mask.
    """

    preset: Literal["quality", "fast"] = attrs.field(default="quality", validator=one_of(*PRESETS))
    flow: FlowEstimator = from_preset(PRESETS, "flow", _is_called)  # noqa: RUF009
    radius: int = from_preset(PRESETS, "radius", at_least(1), kw_only=True)
    chained: int = from_preset(PRESETS, "chained", at_least(0), kw_only=True)
    plain: frozenset[int] = from_preset(PRESETS, "plain", _are_distances, converter=_distances, kw_only=True)
    direct: frozenset[int] = from_preset(PRESETS, "direct", _are_distances, converter=_distances, kw_only=True)
    local: frozenset[int] = from_preset(PRESETS, "local", _are_distances, converter=_distances, kw_only=True)
    references: int = from_preset(PRESETS, "references", at_least(0), kw_only=True)
    enough: int = from_preset(PRESETS, "enough", at_least(1), kw_only=True)
    smoothing: int = from_preset(PRESETS, "smoothing", at_least(0), kw_only=True)
    unseen: Unseen = from_preset(PRESETS, "unseen", None, kw_only=True)  # noqa: RUF009
    _invent: Invention | None = attrs.field(init=False, repr=False)
    needs_masks = True

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_invent", _invention(self.unseen))

    @property
    def latency(self) -> int:
        return self.radius + self.smoothing

    @property
    def memory(self) -> int:
        return self.radius + 1 + max(self.radius, self.smoothing) + self.references

    @property
    def weights(self) -> tuple[str, ...]:
        return (*(self.flow.weights if isinstance(self.flow, PairwiseEstimator) else ()), *names_used(self.unseen))

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        covered = Covered("FlowEraser")
        for window, _ in chunks(self._filled(frames), 1, after=self.smoothing):
            if window[0].unfillable:
                covered.stays(window[0].source.frame)
            _doubt(frames.doubts, window[0])
            yield _finished(window) if window[0].source.hole.any() else window[0].source.frame

    def _filled(self, frames: Iterable[Frame]) -> Iterator["_Filled"]:
        """Every frame filled, and filtered with those before it."""
        preset = Preset(*(getattr(self, field.name) for field in attrs.fields(Preset)))
        references: References[WindowFrame] = References(REFERENCE_EVERY, self.references)
        before: _Filled | None = None
        loaded = (WindowFrame(f, mask_of(f, "FlowEraser").numpy(), preset) for f in frames)
        for window, core in sliding(loaded, self.radius):
            number = core.start
            key = before.key if before is not None and number else None
            if key is not None:
                key.follow(window[number - 1], window[number])
            before_window = references.pick(window)
            filled = _erase(window, number, before_window, key, self._invent)
            filled.never_shown = _never_shown(window, number, before_window)
            if filled.key is not None:
                filled.key.learn(window[number])
            if before is not None and number:
                filled.image = filled.filtered(before, before.image)
            yield filled
            before = filled
            if self.references:
                references.add(window[number])
            for past in window[: max(0, number + 1 - self.chained)]:
                past.flows.clear()


@attrs.define(eq=False)
class _Filled:
    """A frame whose hole is filled."""

    source: WindowFrame
    image: Array
    """h w 3, float32; uint8 where nothing is filled."""
    origin: Array
    """h w, int16: the layer `filled_from`."""
    key: KeyFrame | None = None
    """The key frame that it was filled from, or that it became."""
    never_shown: float = 0.0
    """The share of the hole that is masked at the same place in every frame of the window."""
    unfillable: bool = False
    """Whether all of it is hole and no frame shows what is behind: it stays as it came."""
    _positions: dict[int, list[tuple[Box, list[Array]]]] = attrs.field(factory=dict)

    @property
    def shot(self) -> tuple[int, tuple[int, int]]:
        return self.source.shot

    def positions_in(self, other: WindowFrame) -> list[tuple[Box, list[Array]]]:
        """Boxes around the holes, and the positions of their pixels in a neighbor along each layer, and along flow."""
        number = other.frame.index
        if number not in self._positions:
            self._positions[number] = []
            for box in boxes(self.source.hole, SIDE // 2):
                start = grid(*box)
                positions = [move(start, motion) for motion in self.source.layers_to(other)]
                positions.append(start + self.source.flow_to(other)[box])
                self._positions[number].append((box, positions))
        return self._positions[number]

    def filtered(self, other: "_Filled", image: Array) -> Array:
        """Its image, what was filled filtered along the motion with the image of a neighbor."""
        if self.unfillable or other.unfillable:
            return self.image
        regions = self.positions_in(other.source)
        light = self.source.light_from(other.source, self.source.layers_to(other.source)[0]) if regions else SAME
        if not light.same:
            image = light.apply(image)
        out = self.image.copy() if regions else self.image
        for box, positions in regions:
            hole = self.source.hole[box]
            out[box][hole] = temporal_filter(out[box], hole, image, positions)
        return out


def _never_shown(window: Window, number: int, references: Window) -> float:
    """The share of a frame's hole that is hole, at the same place, in all frames that are searched."""
    hole = window[number].hole
    if not hole.any():
        return 0.0
    always = np.logical_and.reduce([other.hole for other in (*window, *references)])
    return float(always.sum() / hole.sum())


def _doubt(doubts: Doubts, filled: "_Filled") -> None:
    """Say what of a frame's hole no other frame shows."""
    source, hole = filled.source, filled.source.hole
    doubts.add_mask(torch.from_numpy(hole))
    if not hole.any():
        return
    invented = 1.0 if filled.unfillable else float((filled.origin[hole] < 0).mean())
    if invented >= TOLD:
        doubts.add(INVENTED, source.frame, invented)
    if filled.never_shown >= TOLD:
        doubts.add(MASKED_THROUGHOUT, source.frame, filled.never_shown)


def _erase(window: Window, number: int, references: Window, key: KeyFrame | None, invent: Invention | None) -> _Filled:
    """The frame with its hole filled."""
    source = window[number]
    hole = source.hole
    if not hole.any():
        return _Filled(source, source.frame.numpy(), np.zeros(0, np.int16), key)
    filled = _Filled(source, source.frame.numpy().astype(np.float32), np.zeros(hole.shape, np.int16), key)
    if hole.all():
        filled.unfillable = not _fill_whole(filled, window, number, references)
        return filled
    parts = [seen(window, number, references, box) for box in boxes(hole, MARGIN)]
    if invent is not None:
        filled.key = complete(source, parts, key, invent)
    for part in parts:
        inside = hole[part.box]
        filled.image[part.box][inside], filled.origin[part.box][inside] = part.filled(filled.key)
    return filled


def _fill_whole(filled: _Filled, window: Window, number: int, references: Window) -> bool:
    """Fill a frame that is all hole from the others; False if none of them shows any of it."""
    hole = filled.source.hole
    if all(other.hole.all() for other in (*window, *references)):
        return False
    box = slice(0, hole.shape[0]), slice(0, hole.shape[1])
    found, distance = blended(filled.source, box, hole, candidates(window, number, references, box))
    shown = np.isfinite(found.cost).reshape(hole.shape)
    if not shown.any():
        return False
    filled.image = fill_smooth(found.color.reshape(*hole.shape, 3), shown)
    filled.origin = np.where(shown, distance.reshape(hole.shape), -1).astype(np.int16)
    return True


def _finished(window: tuple[_Filled, ...]) -> Frame:
    """The first frame of a window as it leaves: filtered with those after it, from the last back to it."""
    filtered = window[-1].image
    for filled, after in reversed(list(pairwise(window))):
        filtered = filled.filtered(after, filtered)
    frame, hole = window[0].source.frame, window[0].source.hole
    image = frame.numpy().copy()
    image[hole] = np.clip(np.rint(filtered[hole]), 0, 255)
    tensor = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))
    return frame.with_image(tensor).with_layer("filled_from", torch.from_numpy(window[0].origin))
