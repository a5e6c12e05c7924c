"""What is flat has no texture to be followed: it moves if its rim does. On NumPy arrays."""

import cv2
import numpy as np

from peanut.vision.array import Array

RIM = 6.0
"""Pixels of texture around a flat part that are its rim: those nearer to it than to another."""
MOST, FEWEST = 0.7, 8
"""Share of the rim that must move, and the pixels of a rim at least: a wall stands still beside who passes it."""
SAME_COLOR = 16
"""Grey levels up to which two flat parts have one color."""


class FlatParts:
    """The connected flat parts of an image."""

    def __init__(self, image: Array, flat: Array) -> None:
        """image: h w 3, uint8. flat: h w, bool."""
        count, self._labels = cv2.connectedComponents(flat.astype(np.uint8), connectivity=4)
        distance, nearest = cv2.distanceTransformWithLabels(
            (~flat).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_CCOMP
        )
        part = np.zeros(int(nearest.max()) + 1, np.int32)
        part[nearest[flat]] = self._labels[flat]
        self._rim = np.where(flat | (distance > RIM), 0, part[nearest])
        self._area = self._counted(self._labels, count=count)
        colors = [np.bincount(self._labels.ravel(), image[..., channel].ravel(), count) for channel in range(3)]
        self._colors = np.stack(colors, axis=-1) / np.maximum(1, self._area)[:, None]

    def moving(self, moves: Array, rests: Array) -> Array:
        """Which flat parts move, h w, bool: not those with the color of a larger one that does not.

        moves, rests: h w, bool: where texture is seen to move, and to stand still.
        """
        for_it, against = (self._counted(self._rim[where], count=len(self._area)) for where in (moves, rests))
        moving = for_it > np.maximum(MOST * (for_it + against), FEWEST)
        moving[0] = False
        still = ~moving
        still[0] = False
        for part in np.flatnonzero(moving):
            larger = still & (self._area >= self._area[part])
            moving[part] = not (np.abs(self._colors[larger] - self._colors[part]).max(axis=1) < SAME_COLOR).any()
        return np.asarray(moving[self._labels])

    @staticmethod
    def _counted(labels: Array, count: int) -> Array:
        return np.bincount(labels.ravel(), minlength=count)
