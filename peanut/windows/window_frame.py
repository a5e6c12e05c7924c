"""A frame in a window of FlowEraser's, and how its content moves to the others."""

from functools import cached_property

import attrs
import cv2
import numpy as np
import torch

from peanut.errors import UsageError
from peanut.flow.estimator import FlowEstimator
from peanut.frame import Frame
from peanut.vision.array import Array
from peanut.vision.inpainting import fill_smooth
from peanut.vision.light import BURNT, Light, fit_light
from peanut.vision.morphology import boxes, grow_mask
from peanut.vision.optical_flow import grid, sample
from peanut.vision.registration import corners, motion_layers, move, register
from peanut.windows.preset import Preset

RING = 8
"""Pixels around a hole in which its filling distorts the flow; chosen on the demo clip and composites."""
LAYERS = 3
"""Motion layers between neighbors, the camera's included; chosen on the demo clip and composites."""
TOLERANCE, SLACK = 1.25, 1.0
"""a, a factor, and b, grey levels, of `WindowFrame.support`; chosen on the demo clip and composites."""
SIDE = 15
"""Side of the boxes in which a layer's error is averaged, pixels; chosen on the demo clip and composites."""
LEAST_KNOWN = 0.1
"""Share of such a box that must be known; chosen on the demo clip and composites."""
AROUND = 32
"""Pixels around a hole from which its flow is interpolated."""
AS_GOOD, AS_GOOD_SLACK = 1.1, 0.25
"""A factor, and grey levels, up to which the dominant motion fits as well as the flow."""
COMPARED, SOFT = 32, 5
"""Places along the longer side of the image at which light is compared, and pixels per side that are averaged there."""
UNIT, UNKNOWN = 8, 255
"""A layer's error is kept in eighths of a grey level, in a byte; the largest value means unknown, or as much."""


@attrs.define(eq=False)
class WindowFrame:
    """A frame in the window, with what was computed for it once."""

    frame: Frame
    hole: Array
    preset: Preset
    flows: dict[int, Array] = attrs.field(factory=dict)
    layers: dict[int, list[Array]] = attrs.field(factory=dict)
    _errors: dict[int, list[Array]] = attrs.field(factory=dict)
    _lights: dict[int, Light] = attrs.field(factory=dict)

    @property
    def shot(self) -> tuple[int, tuple[int, int]]:
        return self.frame.shot, self.frame.size

    @cached_property
    def image(self) -> Array:
        """h w 4, uint8: RGB, and 255 where it is known."""
        return np.dstack([self.frame.numpy(), np.where(self.hole, 0, 255).astype(np.uint8)])

    @cached_property
    def grey(self) -> Array:
        """h w, uint8, the hole filled smoothly: what motion is measured on."""
        grey: Array = cv2.cvtColor(self.image, cv2.COLOR_RGBA2GRAY)
        for box in boxes(self.hole, RING):
            smooth = fill_smooth(grey[box][..., None].astype(np.float32), ~self.hole[box])
            grey[box] = np.clip(np.rint(smooth[..., 0]), 0, 255)
        return grey

    @cached_property
    def ring(self) -> Array:
        """h w, bool: the hole and the ring around it, in which flow is unreliable."""
        return grow_mask(self.hole, RING)

    @cached_property
    def corners(self) -> Array:
        return corners(self.grey, ~self.ring)

    @cached_property
    def softened(self) -> Array:
        """The image averaged over SOFT pixels, h w 4, uint8; 255 last where nothing of it is hole or burnt out."""
        exposed = cv2.inRange(self.image, (0, 0, 0, 255), (BURNT - 1, BURNT - 1, BURNT - 1, 255))
        soft = cv2.blur(self.image, (SOFT, SOFT))
        soft[..., 3] = cv2.erode(exposed, np.ones((SOFT, SOFT), np.uint8))
        return np.asarray(soft)

    def light_from(self, other: "WindowFrame", motion: Array) -> Light:
        """What turns the light of another frame of the window into that of this one; `motion` leads there, 3 3."""
        number = other.frame.index
        if number not in self._lights:
            self._lights[number] = self.light_of(other, motion)
            other._lights[self.frame.index] = self._lights[number].inverse
        return self._lights[number]

    def light_of(self, other: "WindowFrame", motion: Array) -> Light:
        """The same, measured."""
        step = max(1, round(max(self.hole.shape) / COMPARED))
        here = self.softened[::step, ::step]
        at = step * grid(*(slice(0, n) for n in here.shape[:2]))
        there = sample(other.softened, move(at, motion), padding="zeros")
        return fit_light(here[..., :3], there[..., :3], (here[..., 3] == 255) & (there[..., 3] == 255))

    def in_ring(self, at: Array) -> Array:
        """Which positions (m n 2, pixels) lie in the hole or the ring around it: m n, bool."""
        return sample(self.ring.view(np.uint8), at, nearest=True) > 0

    def flow_to(self, other: "WindowFrame") -> Array:
        """Dense flow to a neighbor, interpolated in and around both holes: h w 2, pixels."""
        number = other.frame.index
        if number not in self.flows:
            flow = self._as_dominant(other, _estimated(self.preset.flow, self.grey, other.grey))
            unreliable = self.ring
            if other.hole.any():
                unreliable = unreliable | other.in_ring(grid(*(slice(0, n) for n in self.hole.shape)) + flow)
            self.flows[number] = complete(flow, unreliable)
        return self.flows[number]

    def _as_dominant(self, other: "WindowFrame", flow: Array) -> Array:
        """Flow, around the hole replaced by the dominant motion where that fits as well: on a pattern much fits."""
        for box in boxes(self.hole, AROUND):
            start = grid(*box)
            dominant = move(start, self.layers_to(other)[0])
            own, its = (
                cv2.blur(cv2.absdiff(self.grey[box], sample(other.grey, at)).astype(np.float32), (SIDE, SIDE))
                for at in (start + flow[box], dominant)
            )
            np.copyto(flow[box], dominant - start, where=(its <= AS_GOOD * own + AS_GOOD_SLACK)[..., None])
        return flow

    def layers_to(self, other: "WindowFrame") -> list[Array]:
        """The motion layers to a neighbor, the dominant motion first, each in its place from pair to pair: each 3 3."""
        number = other.frame.index
        if number not in self.layers:
            before = [np.linalg.inv(motion) for motion in self.layers.get(2 * self.frame.index - number, [])]
            self.layers[number] = motion_layers(self.grey, other.grey, self.corners, LAYERS - 1, before)
            other.layers[self.frame.index] = [np.linalg.inv(motion) for motion in self.layers[number]]
        return self.layers[number]

    def dominant_motion_to(self, other: "WindowFrame", guess: Array) -> Array:
        """The dominant motion to a frame farther off, from a guess: 3 3."""
        number = other.frame.index
        if number not in self.layers:
            self.layers[number] = [register(self.grey, other.grey, self.corners, guess, check=False)]
            other.layers[self.frame.index] = [np.linalg.inv(self.layers[number][0])]
        return self.layers[number][0]

    def support(self, layer: int, neighbors: list["WindowFrame"]) -> Array | None:
        """Where the image moves with a layer: h w, bool; None if there is but one.

        e_l, the error of layer l, is the lowest over the neighbors (what moves may be hidden in one); supported is
        where e_l <= a min_k e_k + b.
        """
        errors = [self._layer_errors(other) for other in neighbors if len(self.layers_to(other)) > max(layer, 1)]
        if not errors:
            return None
        own = np.minimum.reduce([each[layer] for each in errors])
        least = np.minimum.reduce([one for each in errors for one in each])
        return np.asarray(own <= np.float32(TOLERANCE) * least + np.float32(SLACK * UNIT))

    def _layer_errors(self, other: "WindowFrame") -> list[Array]:
        """The mean difference to a neighbor along each layer: h w, uint8, in UNITs per grey level."""
        number = other.frame.index
        if number not in self._errors:
            start = grid(*(slice(0, n) for n in self.hole.shape))
            self._errors[number] = [self._error(other, move(start, motion)) for motion in self.layers_to(other)]
        return self._errors[number]

    def _error(self, other: "WindowFrame", at: Array) -> Array:
        warped = sample(other.image, at, padding="zeros")
        known = ((warped[..., 3] == 255) & ~self.hole).astype(np.float32)
        difference = cv2.absdiff(cv2.cvtColor(warped, cv2.COLOR_RGBA2GRAY), self.grey) * known
        error, share = (cv2.blur(each, (SIDE, SIDE)) for each in (difference, known))
        error = np.where(share > LEAST_KNOWN, UNIT * error / np.maximum(share, LEAST_KNOWN), UNKNOWN)
        return np.minimum(error, UNKNOWN).astype(np.uint8)


Window = tuple[WindowFrame, ...]


def _estimated(estimator: FlowEstimator, grey: Array, other: Array) -> Array:
    """The flow that an estimator finds between two grey images: h w 2, pixels, float32."""
    flow = estimator(*(torch.from_numpy(image).expand(3, -1, -1) for image in (grey, other)))
    if not isinstance(flow, torch.Tensor) or flow.shape != (2, *grey.shape):
        got = tuple(flow.shape) if isinstance(flow, torch.Tensor) else f"a {type(flow).__name__}"
        raise UsageError(f"FlowEraser: flow must give {(2, *grey.shape)} here, got {got}.")
    found = flow.detach().permute(1, 2, 0).cpu().numpy()
    return np.array(found, np.float32, order="C")  # a copy: `complete` writes into it


def complete(flow: Array, unreliable: Array) -> Array:
    """Replace unreliable flow by a smooth interpolation of the flow around it, in place: h w 2."""
    x, y, w, h = cv2.boundingRect(unreliable.view(np.uint8))
    if w:
        box = slice(max(0, y - 16), y + h + 16), slice(max(0, x - 16), x + w + 16)  # far from it nothing matters
        flow[box] = fill_smooth(flow[box], ~unreliable[box])
    return flow
