"""Horn and Schunck: the smoothest flow."""

import attrs
import cv2
import numpy as np
from torch import Tensor

from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.flow.pyramid import coarse_to_fine, linearized
from peanut.validators import at_least
from peanut.vision.array import Array


@attrs.frozen
class HornSchunck(PairwiseEstimator):
    """The smoothest flow that keeps grey levels constant; coarse to fine with warping. On grey images.

    smoothness: the weight of smoothness against constancy, in grey levels. warps: per level. iterations: of Jacobi's
    method, per warp.
    Source: Horn and Schunck, Determining Optical Flow, Artificial Intelligence 1981; with a median filter between
    warps (Sun et al., Secrets of Optical Flow Estimation, CVPR 2010).
    Raises UsageError for settings out of range, and for images that do not fit.
    """

    smoothness: float = attrs.field(default=12.0, validator=at_least(0.1))
    warps: int = attrs.field(default=5, validator=at_least(1))
    iterations: int = attrs.field(default=15, validator=at_least(1))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return as_tensor(coarse_to_fine(grey_of(image), grey_of(other), self.warps, self._refine))

    def _refine(self, image: Array, other: Array, flow: Array) -> Array:
        gradient, rest = linearized(image, other, flow)
        step = gradient / (self.smoothness**2 + (gradient**2).sum(axis=2, keepdims=True))
        around = np.array([[1, 2, 1], [2, 0, 2], [1, 2, 1]], np.float32) / 12
        for _ in range(self.iterations):
            mean = np.asarray(cv2.filter2D(flow, -1, around, borderType=cv2.BORDER_REPLICATE))
            wrong = gradient[..., 0] * mean[..., 0] + gradient[..., 1] * mean[..., 1] + rest
            flow = mean - step * wrong[..., None]
        return flow
