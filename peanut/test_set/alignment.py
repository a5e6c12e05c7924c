"""Whether the outline of masks lies where images have edges and motion has its boundaries."""

import attrs
import cv2
import numpy as np

from peanut.test_set.view import View
from peanut.vision.array import Array
from peanut.vision.optical_flow import within

REACH, STEPS, DIRECTIONS = 0.45, 9, 12
"""How far the outline is moved, in sides of a square as large as the mask; in so many steps, and so many ways."""
BESIDE = (1.5, 2.5, 3.5)
"""Pixels on either side of the outline of which means are compared."""
COLORS, FLOW = 40.0, 2.0
"""Differences from which on an edge is as sharp as can be: of colors (CIE L*a*b*), and of the flow in pixels."""
FAR = max(BESIDE)
KNOWN = 0.4
"""Share of an outline that must lie inside the image, wherever it is moved."""
POINTS = 240
"""Of an outline, at most."""


def _places() -> Array:
    """Ways to move an outline: n 3, to the right, downwards, and outwards, in sides of the mask; the first is none."""
    lengths = REACH * np.arange(1, STEPS + 1) / STEPS
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    shifts = [(r * np.cos(a), r * np.sin(a), 0.0) for r in lengths for a in angles]
    growths = [(0.0, 0.0, sign * r) for r in lengths for sign in (1, -1)]
    return np.array([(0.0, 0.0, 0.0), *shifts, *growths])


PLACES = _places()


@attrs.define(eq=False)
class Alignment:
    """How far one object's outline lies beside the edges that it should lie on.

    The outline is moved, every way and in and out, and wherever it comes to lie the mean difference across it is
    measured: of the colors, and of the flow. Summed over the views, that is largest where the outline belongs.
    """

    scores: Array = attrs.field(factory=lambda: np.zeros(len(PLACES)))
    views: int = 0

    def see(self, view: View, mask: Array) -> None:
        points, normals = outline(mask)
        if len(points) < 8:
            return
        side = np.sqrt(mask.sum())
        scores = _across(view, points + side * (PLACES[:, None, :2] + PLACES[:, None, 2:] * normals), normals)
        if np.isfinite(scores).all():
            self.scores += scores
            self.views += 1

    def __len__(self) -> int:
        return self.views

    @property
    def off(self) -> float:
        """How far the outline lies beside where it belongs, in sides of a square as large as the mask: 0 is right."""
        return float(np.hypot(*self.place[:2]) + abs(self.place[2]))

    @property
    def place(self) -> Array:
        """Where the outline belongs: to the right, downwards, outwards, in sides of a square as large as the mask."""
        return np.asarray(PLACES[int(np.argmax(self.scores))])

    @property
    def gain(self) -> float:
        """By how much the difference is larger there than where the outline is: 0 as large, 1 twice as large."""
        here = self.scores[0]
        return float(self.scores.max() / here - 1) if here > 0 else 0.0

    @property
    def told(self) -> str:
        """Where the outline belongs, in words."""
        right, down, out = self.place
        if out:
            return f"the mask is {abs(out):.0%} of its side too {'small' if out > 0 else 'large'}"
        ways = [f"{abs(far):.0%} of its side too far {way}" for far, way in _ways(right, down) if abs(far) >= 0.05]
        return f"the mask lies {' and '.join(ways)}"


def _ways(right: float, down: float) -> list[tuple[float, str]]:
    return [(right, "left" if right > 0 else "right"), (down, "up" if down > 0 else "down")]


def outline(mask: Array) -> tuple[Array, Array]:
    """Points on the outline of a mask, x and y, and the way out at each: n 2 each, in pixels and of length 1."""
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 2.0)
    inside = mask & ~cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8), borderValue=1).astype(bool)
    ys, xs = np.nonzero(inside)
    out = -np.stack([cv2.Sobel(soft, cv2.CV_32F, 1, 0)[ys, xs], cv2.Sobel(soft, cv2.CV_32F, 0, 1)[ys, xs]], axis=1)
    length = np.linalg.norm(out, axis=1)
    keep = np.flatnonzero(length > 1e-3)
    keep = keep[:: max(1, len(keep) // POINTS)]
    normals = out[keep] / length[keep, None]
    return np.stack([xs, ys], axis=1)[keep] + 0.5 * normals, normals


def _across(view: View, points: Array, normals: Array) -> Array:
    """The mean difference across outlines (m n 2), of colors and of flow, each 0 to 1: m.

    Not a number where most of an outline lies outside the image.
    """
    known = within(points + FAR * normals, view.size) & within(points - FAR * normals, view.size)
    colors, flow = (
        np.linalg.norm(_beside(x, points, -normals) - _beside(x, points, normals), axis=-1)
        for x in (view.colors, view.residual_flow)
    )
    total = (((colors / COLORS).clip(max=1) + (flow / FLOW).clip(max=1)) * known).sum(axis=1)
    return np.where(known.mean(axis=1) < KNOWN, np.nan, total / np.maximum(1, known.sum(axis=1)))


def _beside(x: Array, points: Array, way: Array) -> Array:
    """The mean of x (h w c, float32) at a few distances from points (m n 2) along `way`: m n c."""
    to = [(points + far * way).astype(np.float32) for far in BESIDE]
    return np.asarray(sum(cv2.remap(x, at, None, cv2.INTER_LINEAR) for at in to) / len(BESIDE))  # type: ignore[call-overload]
