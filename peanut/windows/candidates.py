"""Where the content of a frame is found in other frames: the candidates that FlowEraser chooses from."""

from collections.abc import Iterator

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.light import SAME, Light
from peanut.vision.optical_flow import dense_flow, grid, sample
from peanut.vision.registration import move, registered
from peanut.windows.window_frame import LAYERS, Window, WindowFrame, complete

Box = tuple[slice, slice]

FARTHEST = 5.0
"""Pixels that a step adds to a `layer_distance` at most; chosen on the demo clip and composites."""
STATIC = 0.05
"""Share of the image by which a static camera may move over the window; chosen on the demo clip and composites."""
REFERENCE_INLIERS = 0.2
"""Share of the corners that must fit a reference's homography; chosen on the demo clip and composites."""
MATCHED = 10
"""Grey levels of mean difference up to which local flow aligns; chosen on the demo clip and composites."""


@attrs.frozen(eq=False)
class Candidate:
    """A source of real pixels for a box: where its content lies in another frame."""

    distance: int
    """Frames."""
    at: Array
    """h w 2, float32, pixels of the other frame."""
    frame: WindowFrame
    support: Array | None = None
    """Where the other frame moves with the layer that led there: h w, bool; None: everywhere."""
    layer_distance: Array | float = 0.0
    """Distance of chained flow, where it was interpolated, to the nearest layers, in sum: h w, float32, pixels."""
    light: Light = SAME
    """What turns the light of the other frame into that of this one."""


def candidates(window: Window, number: int, references: Window, box: Box) -> Iterator[Candidate]:
    """The candidates for a box of window[number]: the nearest frames first, references before the window last."""
    frame, start = window[number], grid(*box)
    walks = [_Walk(window, number, step, box, start, start) for step in (-1, 1)]
    for distance in range(1, frame.preset.radius + 1):
        for walk in walks:
            if 0 <= number + walk.step * distance < len(window):
                yield from walk.candidates(distance)
    if _displacement(walks[0].layers[0], frame.hole.shape) <= STATIC:
        yield from _from_references(frame, references, box)


@attrs.define(eq=False)
class _Walk:
    """From a frame of the window into one direction of time, flow and layers chained from frame to frame."""

    window: Window
    number: int
    step: int
    box: Box
    start: Array
    at: Array
    """Where flow has led: h w 2, float32, pixels."""
    layers: list[Array] = attrs.field(factory=lambda: [np.eye(3)] * LAYERS)
    layer_distance: Array | float = 0.0

    def candidates(self, distance: int) -> Iterator[Candidate]:
        """Those of the frame at a distance; asked for in order."""
        here, other = (self.window[self.number + self.step * d] for d in (distance - 1, distance))
        self.layers = [after @ before for before, after in zip(self.layers, here.layers_to(other), strict=False)]
        light = self.window[self.number].light_from(other, self.layers[0])
        if distance <= here.preset.chained:
            flow = sample(here.flow_to(other), self.at)
            self.layer_distance = self.layer_distance + _distance_to_layers(here, other, self.at, flow)
            self.at = self.at + flow
            yield Candidate(distance, self.at, other, layer_distance=self.layer_distance, light=light)
        yield from self._along_layers(other, distance, light)

    def _along_layers(self, other: WindowFrame, distance: int, light: Light) -> Iterator[Candidate]:
        """Along the motion layers: as they are chained or registered anew, and aligned by local flow."""
        frame, layers = self.window[self.number], self.layers
        preset = frame.preset
        if distance in preset.direct:
            layers = [frame.dominant_motion_to(other, layers[0]), *layers[1:]]
        positions = [move(self.start, motion) for motion in layers]
        supports = self._supports(distance, len(layers)) if distance in preset.local else [None] * len(layers)
        if distance in preset.plain | preset.direct:
            yield from (
                Candidate(distance, at, other, each, light=light) for at, each in zip(positions, supports, strict=True)
            )
        if distance in preset.local:
            for at, each in zip(positions, supports, strict=True):
                yield Candidate(distance, aligned(frame, other, at, self.box), other, each, light=light)

    def _supports(self, distance: int, count: int) -> list[Array | None]:
        """The support of each layer in the frame at a distance, by its neighbors in the window."""
        there = self.number + self.step * distance
        beside = [n for n in (there - 1, there + 1) if 0 <= n < len(self.window) and n != self.number]
        return [self.window[there].support(layer, [self.window[n] for n in beside]) for layer in range(count)]


def _from_references(frame: WindowFrame, references: Window, box: Box) -> Iterator[Candidate]:
    """Along homographies to frames before the window, as they are and aligned by local flow."""
    for other in references:
        motion = registered(frame.grey, other.grey, frame.corners, REFERENCE_INLIERS)
        if motion is not None:
            distance, at = abs(frame.frame.index - other.frame.index), move(grid(*box), motion)
            light = frame.light_from(other, motion)
            yield Candidate(distance, at, other, light=light)
            yield Candidate(distance, aligned(frame, other, at, box), other, light=light)


def _distance_to_layers(frame: WindowFrame, other: WindowFrame, at: Array, flow: Array) -> Array | float:
    """min_l |motion_l(at) - at - flow| where flow was interpolated, over a hole: h w, float32, pixels; 0 elsewhere.

    Where layers meet in a hole, flow that was interpolated from one to the other belongs to neither.
    """
    if len(frame.layers_to(other)) == 1:
        return 0.0
    residuals = [move(at, motion) - at - flow for motion in frame.layers_to(other)]
    nearest = np.minimum.reduce([np.hypot(residual[..., 0], residual[..., 1]) for residual in residuals])
    return np.where(frame.in_ring(at), np.minimum(nearest, np.float32(FARTHEST)), np.float32(0))


def _displacement(motion: Array, size: tuple[int, ...]) -> float:
    """How far a transform moves the centre of an image, as a share of its longer side."""
    centre = np.array([[[size[1] / 2, size[0] / 2]]])
    return float(np.linalg.norm(cv2.perspectiveTransform(centre, motion) - centre) / max(size))


def aligned(frame: WindowFrame, other: WindowFrame, at: Array, box: Box) -> Array:
    """Positions improved by flow between a box and what is looked up there, interpolated where that does not fit."""
    grey, warped = frame.grey[box], sample(other.grey, at)
    flow = dense_flow(grey, warped, "fast")
    start = grid(slice(0, grey.shape[0]), slice(0, grey.shape[1]))
    unreliable = cv2.blur(cv2.absdiff(sample(warped, start + flow), grey), (7, 7)) > MATCHED
    unreliable |= frame.ring[box]
    unreliable |= other.in_ring(at)
    return at + complete(flow, unreliable)
