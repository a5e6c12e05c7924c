"""How fast the camera moves, and how fast the objects move against what it sees."""

import attrs
import numpy as np

from peanut.test_set.measure import lasting, median, saturated
from peanut.test_set.view import View

FAST = 0.01
"""Motion that makes a half, in diagonals per frame: at 25 frames a second the image is crossed in four seconds."""


@attrs.define
class CameraMotion:
    """How fast the camera moves: x / (x + 0.01), x the median over the views of the mean length of the camera's flow.

    The camera's flow is a homography fitted robustly to corners beside the masks (`View.camera_flow`), its length is in
    diagonals of the image per frame; 0 is a camera that stands still.
    """

    speeds: list[float] = attrs.field(factory=list)
    """Diagonals per frame, of each view from the second on."""

    def see(self, view: View) -> None:
        if view.frames_since:
            length = np.linalg.norm(view.camera_flow, axis=2).mean()
            self.speeds.append(float(length) / view.diagonal / view.frames_since)

    @property
    def speed(self) -> float:
        """Diagonals per frame."""
        return median(self.speeds)

    @property
    def figure(self) -> float:
        return saturated(self.speed, FAST)


@attrs.define
class ObjectMotion:
    """How fast the fastest object moves: x / (x + 0.01), x the median over the views in which it is seen.

    The motion of an object is the length of the median difference of flow and the camera's flow inside its mask, in
    diagonals of the image per frame: what it moves against the background, whatever the camera does. Objects that are
    seen in less than a quarter of the views do not count.
    """

    speeds: dict[int, list[float]] = attrs.field(factory=dict)
    """Diagonals per frame, of each object."""
    count: int = 0

    def see(self, view: View) -> None:
        if not view.frames_since:
            return
        self.count += 1
        for number, mask in view.masks.items():
            length = float(np.linalg.norm(np.median(view.residual_flow[mask], axis=0)))
            self.speeds.setdefault(number, []).append(length / view.diagonal / view.frames_since)

    @property
    def speed(self) -> float:
        """Diagonals per frame, of the fastest object."""
        return max(map(median, lasting(self.speeds, self.count).values()), default=0.0)

    @property
    def figure(self) -> float:
        return saturated(self.speed, FAST)
