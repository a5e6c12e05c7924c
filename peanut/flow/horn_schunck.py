"""Horn and Schunck: the smoothest flow."""

from typing import Literal

import attrs
import cv2
import numpy as np
from torch import Tensor

from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.flow.penalty import weight
from peanut.flow.pyramid import Constraint, coarse_to_fine, linearized
from peanut.validators import at_least, one_of
from peanut.vision.array import Array

REWEIGHTED = 3
"""How often the weights of the robust penalty are taken anew per warp."""
BOUNDARY = 0.05
"""Pixels per pixel from which on a change of the flow is taken for a boundary; chosen on the benchmark."""


@attrs.frozen
class HornSchunck(PairwiseEstimator):
    """The smoothest flow that keeps grey levels constant; coarse to fine with warping. On grey images of even contrast.

    smoothness: the weight of smoothness against constancy, in grey levels. warps: per level. iterations: of Jacobi's
    method, per warp. penalty: what both terms are measured by. "charbonnier" lets the flow jump at boundaries, and
    pixels of another grey level (noise, what is covered) be; "quadratic", as published in 1981, does neither, and takes
    half the time. epsilon: grey levels from which on a residual counts less than by its square.
    Source: Horn and Schunck, Determining Optical Flow, Artificial Intelligence 1981; Black and Anandan, The Robust
    Estimation of Multiple Motions, CVIU 1996; with a median filter between warps (Sun et al., Secrets of Optical Flow
    Estimation, CVPR 2010).
    Raises UsageError for settings out of range, and for images that do not fit.
    """

    smoothness: float = attrs.field(default=16.0, validator=at_least(0.1))
    warps: int = attrs.field(default=5, validator=at_least(1))
    iterations: int = attrs.field(default=15, validator=at_least(1))
    penalty: Literal["charbonnier", "quadratic"] = attrs.field(
        default="charbonnier", validator=one_of("charbonnier", "quadratic")
    )
    epsilon: float = attrs.field(default=1.0, validator=at_least(0.01))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return as_tensor(coarse_to_fine(grey_of(image), grey_of(other), self.warps, self._refine))

    def _refine(self, image: Array, other: Array, flow: Array) -> Array:
        constraint = linearized(image, other, flow)
        if self.penalty == "quadratic":
            return self._solved(constraint, flow, np.ones_like(constraint.rest), None, self.iterations)
        for _ in range(REWEIGHTED):
            data = weight(constraint.residual(*cv2.split(flow)), self.epsilon)
            iterations = -(-self.iterations // REWEIGHTED)
            flow = self._solved(constraint, flow, data, weight(_steepness(flow), BOUNDARY), iterations)
        return flow

    def _solved(
        self, constraint: Constraint, flow: Array, data: Array, diffusivity: Array | None, iterations: int
    ) -> Array:
        """Jacobi's method on data (g u + rest) g + smoothness^2 (link (u - mean of its neighbors)) = 0, g = (x, y).

        data, diffusivity: the weights of both terms, h w; the link of two neighbors is the mean of their diffusivity.
        """
        x, y = constraint.x, constraint.y
        link = np.ones_like(x) if diffusivity is None else (diffusivity + _around(diffusivity)) / 2
        step = data / (self.smoothness**2 * link + data * (x * x + y * y))
        step_x, step_y, twice = step * x, step * y, 1 / (2 * link)
        u, v = cv2.split(flow)
        for _ in range(iterations):
            if diffusivity is None:
                u, v = _around(u), _around(v)
            else:
                u, v = (twice * (diffusivity * _around(part) + _around(diffusivity * part)) for part in (u, v))
            residual = constraint.residual(u, v)
            u, v = u - step_x * residual, v - step_y * residual
        return np.dstack([u, v])


def _around(x: Array) -> Array:
    """The mean of the eight neighbors, the nearer ones twice."""
    around = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]], np.float32) / 12
    return np.asarray(cv2.filter2D(x, -1, around, borderType=cv2.BORDER_REPLICATE))


def _steepness(flow: Array) -> Array:
    """How fast a flow changes: h w, pixels per pixel."""
    slopes = [cv2.Sobel(part, -1, *axis, scale=1 / 8) for part in cv2.split(flow) for axis in ((1, 0), (0, 1))]
    return np.asarray(np.sqrt(sum(slope * slope for slope in slopes)))
