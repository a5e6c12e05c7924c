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
from peanut.flow.pyramid import Constraint, coarse_to_fine, linearized
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
    "quadratic", as published in 1981: least squares over the window around the pixel, in a quarter of the time.
    epsilon: grey levels from which on a residual counts less than by its square.
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
        own = linearized(image, other, flow)
        if self.penalty == "quadratic":
            x, y, rest, side = own.x, own.y, own.rest, 2 * self.radius + 1
            moments = [cv2.blur(product, (side, side)) for product in (x * x, x * y, y * y, x * rest, y * rest)]
            return self._solved(np.stack(moments), flow)
        window = list(_of_windows(own, self.radius))
        return self._shifted(own, window, self._solved(self._moments(window, flow), flow))

    def _solved(self, moments: Array, flow: Array) -> Array:
        """The u that is best for each window: min_u mean (g u + rest)^2 + damping |u - flow|^2, with its 2x2 matrix.

        moments: 5 h w, the window's means of xx, xy, yy, x rest and y rest.
        """
        xx, xy, yy, xr, yr = moments
        xx, yy = xx + self.damping, yy + self.damping
        right, down = self.damping * flow[..., 0] - xr, self.damping * flow[..., 1] - yr
        determinant = xx * yy - xy * xy
        return np.asarray(np.dstack([yy * right - xy * down, xx * down - xy * right]) / determinant[..., None])

    def _moments(self, window: list[Constraint], flow: Array) -> Array:
        """The moments of each window, weighted by how well its pixels fit the window's own flow."""
        total: Array = np.zeros(flow.shape[:2], np.float32)
        moments = np.zeros((5, *flow.shape[:2]), np.float32)
        u, v = cv2.split(flow)
        for each in window:
            weights = weight(each.residual(u, v), self.epsilon)
            wx, wy = weights * each.x, weights * each.y
            factors = ((wx, each.x), (wx, each.y), (wy, each.y), (wx, each.rest), (wy, each.rest))
            for moment, (left, right) in zip(moments, factors, strict=True):
                cv2.accumulateProduct(left, right, moment)
            total += weights
        return moments / total

    def _shifted(self, own: Constraint, window: list[Constraint], flow: Array) -> Array:
        """Every pixel takes the flow of one of nine windows that hold it: the one that fits itself and the pixel best.

        Near a boundary that is one that does not lie across it.
        """
        (h, w), r = flow.shape[:2], self.radius
        u, v = cv2.split(flow)
        mean = np.mean([charbonnier(each.residual(u, v), self.epsilon) for each in window], axis=0)
        cost = np.asarray(cv2.copyMakeBorder(mean, r, r, r, r, cv2.BORDER_CONSTANT, value=1e9))
        wide = [np.asarray(cv2.copyMakeBorder(part, r, r, r, r, cv2.BORDER_REPLICATE)) for part in (u, v)]
        best = np.full((h, w), np.inf, np.float32)
        for top, left in product((r, 0, 2 * r), repeat=2):
            there = np.s_[top : top + h, left : left + w]
            fits = cost[there] + OWN * charbonnier(own.residual(*(part[there] for part in wide)), self.epsilon)
            better = fits < best
            for chosen, part in zip((best, u, v), (fits, *(part[there] for part in wide)), strict=True):
                np.copyto(chosen, part, where=better)
        return np.dstack([u, v])


def _of_windows(own: Constraint, radius: int) -> Iterator[Constraint]:
    """The constraints of every second pixel of the window around each, one after another."""
    (h, w), r = own.x.shape, radius
    parts = (own.x, own.y, own.rest)
    padded = [np.asarray(cv2.copyMakeBorder(part, r, r, r, r, cv2.BORDER_REFLECT_101)) for part in parts]
    for top, left in product(range(0, 2 * r + 1, 2), repeat=2):
        yield Constraint(*(part[top : top + h, left : left + w] for part in padded))
