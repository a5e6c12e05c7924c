"""A filled key frame that is carried along flow to the frames behind it."""

import attrs
import cv2
import numpy as np
import torch

from peanut.frame import Frame
from peanut.vision.array import Array
from peanut.vision.inpainting import fill_smooth
from peanut.vision.morphology import boxes
from peanut.vision.optical_flow import grid, sample, within
from peanut.windows.preset import PRESETS
from peanut.windows.window_frame import WindowFrame

MARGIN = 8
"""Pixels around a hole that are looked at: its rim is one of them."""
UNCOVERED = 0.01
"""Share of the hole that may lie outside the key frame; it gets the key frame's nearest border pixel."""


@attrs.define(eq=False)
class Carried:
    """Where the pixels of the current frame lie in a key frame: `begin`, then `follow` from frame to frame.

    Flow is measured between neighbors, their holes filled smoothly, and interpolated in the holes; positions are
    chained, so that the key frame is looked up once, however far it is, and does not blur from frame to frame.
    """

    key: Array
    """The key frame, filled: h w 3, uint8."""
    last: WindowFrame
    """The current frame."""
    at: Array
    """Positions of its pixels in the key frame: h w 2, float32."""
    inside: Array
    """Which of them lie in it: h w, bool."""
    age: int = 0
    """Frames since the key frame."""

    @classmethod
    def begin(cls, frame: Frame, filled: Frame) -> "Carried":
        """From a frame with its mask, and the same frame filled."""
        h, w = frame.size
        at = grid(slice(0, h), slice(0, w))
        return cls(filled.numpy(), _of(frame), at, np.ones((h, w), bool))

    def goes_on_with(self, frame: Frame) -> bool:
        """Whether the next frame shows the same shot."""
        return (frame.shot, frame.size) == self.last.shot

    def follow(self, frame: Frame) -> None:
        """Go on to the next frame of the shot."""
        now = _of(frame)
        to_last = grid(*(slice(0, side) for side in frame.size)) + now.flow_to(self.last)
        self.inside = within(to_last, frame.size) & (sample(self.inside.view(np.uint8), to_last, nearest=True) > 0)
        self.at, self.last, self.age = sample(self.at, to_last), now, self.age + 1

    def filled(self) -> Frame | None:
        """The current frame, filled from the key frame; None where that does not cover the hole."""
        frame, hole = self.last.frame, self.last.hole
        if np.count_nonzero(hole & ~self.inside) > UNCOVERED * np.count_nonzero(hole):
            return None
        image: Array = frame.numpy().copy()
        for box in boxes(hole, MARGIN):
            inside = hole[box]
            image[box][inside] = np.clip(np.rint(self._filling(box)[inside]), 0, 255)
        return frame.with_image(torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1))))

    def _filling(self, box: tuple[slice, slice]) -> Array:
        """A box of the key frame with what is missing at the rim of the hole spread over it: h w 3, float32."""
        hole = self.last.hole[box]
        shown = sample(self.key, self.at[box], cubic=True).astype(np.float32)
        rim = (cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0) & ~hole & self.inside[box]
        return shown + fill_smooth(self.last.image[box][..., :3] - shown, rim)


def _of(frame: Frame) -> WindowFrame:
    assert frame.mask is not None
    return WindowFrame(frame, frame.mask.numpy(), PRESETS["quality"])
