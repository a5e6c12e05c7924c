"""Lucas and Kanade, for every pixel."""

from collections.abc import Iterator
from itertools import product
from typing import Literal

import attrs
import cv2
import numpy as np
from torch import Tensor

from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.flow.penalty import charbonnier, weight
from peanut.flow.pyramid import coarse_to_fine, linearized
from peanut.validators import at_least, one_of
from peanut.vision.array import Array

OWN = 10.0
"""How many times more than a pixel of its window a pixel's own residual counts when it chooses one."""


@attrs.frozen
class LucasKanade(PairwiseEstimator):
    """One motion for each window, for every pixel; coarse to fine with warping. On grey images of even contrast.

    radius: of the window, which is square, in pixels of every level. iterations: warps per level.
    damping: pull towards the flow so far, in squared grey levels per pixel: what holds where nothing has texture.
    penalty: what residuals are measured by. "charbonnier": every window leaves aside what does not move with it (of its
    pixels every second one is taken), and every pixel takes the motion of that window around it which fits best;
    "quadratic", as published in 1981: least squares over the window around the pixel, in a fifth of the time. epsilon:
    grey levels from which on a residual counts less than by its square.
    Source: Lucas and Kanade, An Iterative Image Registration Technique, IJCAI 1981; Black and Anandan, The Robust
    Estimation of Multiple Motions, CVIU 1996; shiftable windows: Bobick and Intille, Large Occlusion Stereo, IJCV 1999;
    with a median filter between warps (Sun et al., Secrets of Optical Flow Estimation, CVPR 2010).
    Raises UsageError for settings out of range, and for images that do not fit.
    """

    radius: int = attrs.field(default=4, validator=at_least(1))
    iterations: int = attrs.field(default=5, validator=at_least(1))
    damping: float = attrs.field(default=2.0, validator=at_least(0.01))
    penalty: Literal["charbonnier", "quadratic"] = attrs.field(
        default="charbonnier", validator=one_of("charbonnier", "quadratic")
    )
    epsilon: float = attrs.field(default=2.0, validator=at_least(0.01))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return as_tensor(coarse_to_fine(grey_of(image), grey_of(other), self.iterations, self._refine))

    def _refine(self, image: Array, other: Array, flow: Array) -> Array:
        gradient, rest = linearized(image, other, flow)
        x, y = cv2.split(gradient)
        if self.penalty == "quadratic":
            side = 2 * self.radius + 1
            moments = [cv2.blur(product, (side, side)) for product in (x * x, x * y, y * y, x * rest, y * rest)]
            return self._solved(np.stack(moments), flow)
        lines = Lines(x, y, rest)
        flow = self._solved(self._moments(lines, flow), flow)
        return self._shifted(lines, flow)

    def _solved(self, moments: Array, flow: Array) -> Array:
        """The u that is best for each window: min_u mean (g u + rest)^2 + damping |u - flow|^2, with its 2x2 matrix.

        moments: 5 h w, the window's means of xx, xy, yy, x rest and y rest.
        """
        xx, xy, yy, xr, yr = moments
        xx, yy = xx + self.damping, yy + self.damping
        right, down = self.damping * flow[..., 0] - xr, self.damping * flow[..., 1] - yr
        determinant = xx * yy - xy * xy
        return np.asarray(np.dstack([yy * right - xy * down, xx * down - xy * right]) / determinant[..., None])

    def _moments(self, lines: "Lines", flow: Array) -> Array:
        """The moments of each window, weighted by how well its pixels fit the window's own flow."""
        moments, total = np.zeros((5, *flow.shape[:2]), np.float32), np.zeros(flow.shape[:2], np.float32)
        for line in lines.around(self.radius):
            one = weight(line.residual(flow), self.epsilon)
            wx, wy = one * line.x, one * line.y
            for sum_of, part in zip(
                moments, (wx * line.x, wx * line.y, wy * line.y, wx * line.rest, wy * line.rest), strict=True
            ):
                sum_of += part
            total += one
        return moments / total

    def _shifted(self, lines: "Lines", flow: Array) -> Array:
        """Every pixel takes the flow of one of nine windows that hold it: the one that fits itself and the pixel best.

        Near a boundary that is one that does not lie across it.
        """
        (h, w), r = flow.shape[:2], self.radius
        mean = np.mean([charbonnier(line.residual(flow), self.epsilon) for line in lines.around(r)], axis=0)
        cost = np.asarray(cv2.copyMakeBorder(mean, r, r, r, r, cv2.BORDER_CONSTANT, value=1e9))
        padded = np.asarray(cv2.copyMakeBorder(flow, r, r, r, r, cv2.BORDER_REPLICATE))
        best, chosen = np.full((h, w), np.inf, np.float32), flow.copy()
        for top, left in product((r, 0, 2 * r), repeat=2):
            there = np.s_[top : top + h, left : left + w]
            fits = cost[there] + OWN * charbonnier(lines.residual(padded[there]), self.epsilon)
            better = fits < best
            best[better], chosen[better] = fits[better], padded[there][better]
        return chosen


@attrs.frozen
class Lines:
    """For every pixel the flows that keep its grey level: x u + y v + rest = 0. Each h w."""

    x: Array
    y: Array
    rest: Array

    def residual(self, flow: Array) -> Array:
        """By how many grey levels a flow, h w 2, misses: h w."""
        return np.asarray(self.x * flow[..., 0] + self.y * flow[..., 1] + self.rest)

    def around(self, radius: int) -> Iterator["Lines"]:
        """The lines of every second pixel of the window around each, one after another."""
        (h, w), r = self.x.shape, radius
        parts = (self.x, self.y, self.rest)
        padded = [np.asarray(cv2.copyMakeBorder(part, r, r, r, r, cv2.BORDER_REFLECT_101)) for part in parts]
        for top, left in product(range(0, 2 * r + 1, 2), repeat=2):
            yield Lines(*(part[top : top + h, left : left + w] for part in padded))
