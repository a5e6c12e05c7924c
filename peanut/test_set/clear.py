"""How clearly objects stand out against what is around them."""

import attrs
import cv2
import numpy as np

from peanut.test_set.contrast import local_deviation
from peanut.test_set.measure import mean
from peanut.test_set.view import View
from peanut.vision.array import Array

FEWEST = 16
"""Pixels on either side below which nothing is measured."""
AROUND = 5
"""Pixels of a side of the square whose deviation is the texture."""
NOISE = np.diag([4.0, 4.0, 4.0, 1.0])
"""What a camera adds, as a covariance: two levels of each color, one of the texture."""


@attrs.define
class Clear:
    """How clearly an object differs from its surround: 1 - exp(-d), the mean over objects and views.

    d is Bhattacharyya's distance between two normal distributions, of the pixels under the mask and of those around it
    (`View.surround`): lightness and two colors (CIE L*a*b*), and texture, the local deviation of the lightness. 0 is an
    object that looks as its surround, 1 one that shares nothing with it.
    Source: Bhattacharyya, Bulletin of the Calcutta Mathematical Society 35, 1943.
    """

    clear: list[float] = attrs.field(factory=list)

    def see(self, view: View) -> None:
        looks = _features(view.image)
        for mask in view.masks.values():
            around = view.surround(mask)
            if min(mask.sum(), around.sum()) >= FEWEST:
                self.clear.append(1 - float(np.exp(-_distance(looks[mask], looks[around]))))

    @property
    def figure(self) -> float:
        return mean(self.clear)


def _features(image: Array) -> Array:
    """Lightness, two colors and texture of each pixel: h w 4, float32."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.dstack([lab, local_deviation(lab[..., 0], AROUND)])


def _distance(a: Array, b: Array) -> float:
    """Bhattacharyya's distance of two sets of samples, n c and m c."""
    cov_a, cov_b = (np.cov(x, rowvar=False) + NOISE for x in (a, b))
    both = (cov_a + cov_b) / 2
    apart = a.mean(axis=0) - b.mean(axis=0)
    spread = np.linalg.slogdet(both)[1] - (np.linalg.slogdet(cov_a)[1] + np.linalg.slogdet(cov_b)[1]) / 2
    return float(apart @ np.linalg.solve(both, apart) / 8 + max(0.0, spread) / 2)
