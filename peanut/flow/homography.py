"""The motion of the whole image as one homography."""

import attrs
import numpy as np
from torch import Tensor

from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.validators import at_least
from peanut.vision.optical_flow import grid
from peanut.vision.registration import corners, move, register


@attrs.frozen
class HomographyFlow(PairwiseEstimator):
    """One homography for the whole image: what a camera that turns, or sees a plane, does to it. On grey images.

    Corners are tracked, and the motion that most of them follow is taken for every pixel; what moves otherwise, and
    what has no texture, moves with it. It is smooth to the last pixel, and goes beyond the border. per_cell: corners
    taken from each of 6 x 6 parts of the image. Where no motion can be fitted nothing moves: with fewer than 8 corners
    that can be tracked there and back, or if the motion found folds the image, mirrors it, or halves or doubles its
    area. The same images give the same flow.
    Source: Shi and Tomasi, Good Features to Track, CVPR 1994; Fischler and Bolles, Random Sample Consensus, CACM 1981.
    Raises UsageError for settings out of range, and for images that do not fit.
    """

    per_cell: int = attrs.field(default=12, validator=at_least(1))

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        grey, grey_other = grey_of(image), grey_of(other)
        points = corners(grey, per_cell=self.per_cell)
        motion = register(grey, grey_other, points, np.eye(3))
        here = grid(slice(0, grey.shape[0]), slice(0, grey.shape[1]))
        return as_tensor(move(here, motion) - here)
