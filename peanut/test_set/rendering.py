"""A drawn scene as frames: with all that is in it, without some of it, and who is where."""

import cv2
import numpy as np

from peanut.test_set.backgrounds import background
from peanut.test_set.drawn_scenes import LENGTH, SIZE, DrawnScene
from peanut.vision.array import Array

MARGIN = 48
"""By how many pixels a background is larger than a scene, on each side."""
NOISE = 1.5
"""Standard deviation of the camera's noise, in levels."""
PILLAR = 34
"""Its width, in pixels."""


class Rendering:
    """The frames of a scene."""

    def __init__(self, scene: DrawnScene) -> None:
        self.scene = scene
        self._behind = background(scene.behind, (SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN), LENGTH)

    def frame(self, t: int, without: tuple[int, ...] = ()) -> Array:
        """Frame t without some actors: h w 3, uint8. What they do not cover is the same in every pixel."""
        image = self._view(t)
        for number, actor in enumerate(self.scene.actors, 1):
            if number not in without:
                drawn, cover = actor.drawn(t, SIZE)
                image = image + (drawn - image) * cover
        pillar = self._pillar(t)
        if pillar is not None:
            image[:, pillar] = _wood(image[:, pillar].shape[1])
        image = image + np.random.default_rng(t).normal(0, NOISE, image.shape)
        return np.asarray(np.clip(np.rint(image), 0, 255).astype(np.uint8))

    def labels(self, t: int) -> Array:
        """Which actor covers at least half of each pixel of frame t: h w, uint8; 0: none."""
        labels = np.zeros(SIZE, np.uint8)
        for number, actor in enumerate(self.scene.actors, 1):
            labels[actor.drawn(t, SIZE)[1][..., 0] >= 0.5] = number
        pillar = self._pillar(t)
        if pillar is not None:
            labels[:, pillar] = 0
        return labels

    def _view(self, t: int) -> Array:
        """The background as the camera sees it: h w 3, float32."""
        x, y = self.scene.camera.at(t)
        shift = np.array([[1, 0, -MARGIN - x], [0, 1, -MARGIN - y]])
        view = cv2.warpAffine(self._behind(t), shift, SIZE[::-1], flags=cv2.INTER_CUBIC)
        return np.asarray(view)

    def _pillar(self, t: int) -> slice | None:
        if self.scene.pillar is None:
            return None
        left = round(self.scene.pillar - self.scene.camera.at(t)[0] + self.scene.camera.at(0)[0])
        return slice(max(0, left), max(0, left + PILLAR))


def _wood(width: int) -> Array:
    across = np.linspace(-1, 1, width, dtype=np.float32)
    return np.asarray((150 - 60 * across**2)[None, :, None] * np.array([1.0, 0.95, 0.85], np.float32))
