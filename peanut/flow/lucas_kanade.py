"""Lucas and Kanade, for every pixel."""

import attrs
import cv2
import numpy as np
from torch import Tensor

from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.flow.pyramid import coarse_to_fine, linearized
from peanut.validators import at_least
from peanut.vision.array import Array


@attrs.frozen
class LucasKanade(PairwiseEstimator):
    """One motion for each window, by least squares; for every pixel, coarse to fine with warping. On grey images.

    radius: of the window, which is square, in pixels of every level. iterations: warps per level.
    damping: pull towards the flow so far, in squared grey levels per pixel: what holds where nothing has texture.
    Source: Lucas and Kanade, An Iterative Image Registration Technique, IJCAI 1981; with a median filter between
    warps (Sun et al., Secrets of Optical Flow Estimation, CVPR 2010).
    Raises UsageError for settings out of range, and for images that do not fit.
    """

    radius: int = attrs.field(default=4, validator=at_least(1))
    iterations: int = attrs.field(default=5, validator=at_least(1))
    damping: float = attrs.field(default=2.0, validator=at_least(0.01))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return as_tensor(coarse_to_fine(grey_of(image), grey_of(other), self.iterations, self._refine))

    def _refine(self, image: Array, other: Array, flow: Array) -> Array:
        """The u that is best for the window: min_u sum (g u + rest)^2 + damping |u - flow|^2, with its 2x2 matrix."""
        gradient, rest = linearized(image, other, flow)
        x, y = gradient[..., 0], gradient[..., 1]
        side = 2 * self.radius + 1
        xx, xy, yy, xr, yr = (cv2.blur(product, (side, side)) for product in (x * x, x * y, y * y, x * rest, y * rest))
        xx, yy = xx + self.damping, yy + self.damping
        right, down = self.damping * flow[..., 0] - xr, self.damping * flow[..., 1] - yr
        determinant = xx * yy - xy * xy
        return np.asarray(np.dstack([yy * right - xy * down, xx * down - xy * right]) / determinant[..., None])
