"""Farnebäck's polynomial expansion."""

import attrs
import cv2
import numpy as np
from torch import Tensor

from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.validators import at_least


@attrs.frozen
class Farneback(PairwiseEstimator):
    """Quadratic polynomials fitted to neighborhoods, compared from coarse to fine: smooth. On grey images.

    levels: images in the pyramid, each half as large. window: pixels over which the motion is averaged.
    iterations: per level. neighborhood, sigma: pixels that a polynomial is fitted to, and the width of their weights.
    Source: Farnebäck, Two-Frame Motion Estimation Based on Polynomial Expansion, SCIA 2003 (OpenCV's).
    Raises UsageError for settings out of range, and for images that do not fit.
    """

    levels: int = attrs.field(default=5, validator=at_least(1))
    window: int = attrs.field(default=15, validator=at_least(2))
    iterations: int = attrs.field(default=3, validator=at_least(1))
    neighborhood: int = attrs.field(default=7, validator=at_least(3))
    sigma: float = attrs.field(default=1.5, validator=at_least(0.1))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        settings = self.levels, self.window, self.iterations, self.neighborhood, self.sigma
        start = np.zeros((*image.shape[1:], 2), np.float32)
        return as_tensor(cv2.calcOpticalFlowFarneback(grey_of(image), grey_of(other), start, 0.5, *settings, 0))
