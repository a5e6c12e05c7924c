"""Key frames: filled completely, so that what no frame shows is invented once, and moves with what is around it."""

from collections.abc import Callable

import attrs
import cv2
import numpy as np
import torch

from peanut.vision.array import Array
from peanut.vision.light import BURNT, SAME, Light
from peanut.vision.optical_flow import grid, sample
from peanut.vision.registration import move, register
from peanut.windows.candidates import Box, Candidate
from peanut.windows.window_frame import WindowFrame

Invention = Callable[[Array, Array, str | None], tuple[Array, str]]
"""From an image (h w 3, uint8), what is to be invented of it (h w, bool), and the shot's method, None at its start, to
an image like the first and the method."""
GATE = 4.0
"""Pixels by which a registration may differ from the motion that was chained so far."""
KEY_DISTANCE = 50
"""Frames of distance that count for a key frame."""


@attrs.define(eq=False)
class KeyFrame:
    """A filled frame of a shot; what later frames never show is taken from it, until they do show it."""

    filled: WindowFrame
    """The frame with nothing masked any more; its image goes on changing, as more is learned."""
    invented: Array
    """What of it no frame has shown so far: h w, bool."""
    method: str
    """How it was invented."""
    motion: Array = attrs.field(factory=lambda: np.eye(3))
    """From the current frame to it: 3 3."""
    light: Light = SAME
    """What turns its light into that of the current frame."""

    @classmethod
    def of(cls, source: WindowFrame, image: Array, invented: Array, method: str) -> "KeyFrame":
        """From a frame, its filled image (h w 3, uint8), what of it is invented (h w, bool), and how."""
        frame = source.frame.with_image(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))
        return cls(WindowFrame(frame, np.zeros_like(source.hole), source.preset), invented, method)

    def follow(self, before: WindowFrame, frame: WindowFrame) -> None:
        """Go on from a frame to the one after it."""
        self.motion = self.motion @ frame.layers_to(before)[0]
        found = register(frame.grey, self.filled.grey, frame.corners, self.motion, check=False)
        h, w = frame.hole.shape
        corners = np.array([[[0, 0], [w, 0], [0, h], [w, h]]], np.float32)
        if np.abs(move(corners, found) - move(corners, self.motion)).max() < GATE:
            self.motion = found
        self.light = frame.light_of(self.filled, self.motion)

    def candidate(self, box: Box) -> Candidate:
        """Where the content of a box of the current frame lies in it."""
        return Candidate(KEY_DISTANCE, move(grid(*box), self.motion), self.filled, light=self.light, alone=True)

    def invented_at(self, box: Box) -> Array:
        """Which pixels of a box of the current frame it has invented: h w, bool."""
        return np.asarray(sample(self.invented.view(np.uint8), move(grid(*box), self.motion), nearest=True) > 0)

    def learn(self, frame: WindowFrame) -> None:
        """Replace what was invented by what the current frame shows of it."""
        x, y, w, h = cv2.boundingRect(self.invented.view(np.uint8))
        if not w:
            return
        box = slice(y, y + h), slice(x, x + w)
        back = np.linalg.inv(self.motion)
        shown = sample(np.where(frame.ring[..., None], 0, frame.image), move(grid(*box), back), padding="zeros")
        new = (shown[..., 3] == 255) & self.invented[box]
        if not self.light.same:
            new &= shown[..., :3].max(axis=-1) < BURNT
        self.filled.image[box][new, :3] = np.clip(np.rint(self.light.inverse.apply(shown[new][:, :3])), 0, 255)
        self.invented[box][new] = False
