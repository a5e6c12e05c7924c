"""Flow from coarse to fine: what the variational and the local estimators share, on NumPy arrays."""

from collections.abc import Callable

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.optical_flow import grid, sample, within

Refine = Callable[[Array, Array, Array], Array]
"""Takes an image and another (h w, float32) and the flow so far (h w 2); gives a better flow."""

MEDIAN = 5
"""Side of the median filter that takes outliers away after every warp (Sun et al., CVPR 2010)."""
COARSEST = 16
"""Pixels of the shorter side below which no image is halved."""
CONTRAST, FLATTEST = 40.0, 8.0
"""Grey levels of standard deviation that images are given, and that they are taken to have at least."""
FEWEST, AVERAGED = 64, 7
"""Pixels seen in both images by which their light is compared, and the side of the squares they are averaged over."""


def coarse_to_fine(image: Array, other: Array, warps: int, refine: Refine) -> Array:
    """A flow, h w 2, refined `warps` times on every level of a pyramid; it starts from none on the coarsest.

    Images are stretched to one contrast before: in the dark little counts as much as much does in the light.
    """
    stretch = CONTRAST / max(float(image.std()), FLATTEST)
    pyramid: list[tuple[Array, ...]] = [tuple(stretch * x.astype(np.float32) for x in (image, other))]
    while min(pyramid[-1][0].shape) >= 2 * COARSEST:
        h, w = pyramid[-1][0].shape
        size = -(-w // 2), -(-h // 2)
        pyramid.append(tuple(np.asarray(cv2.resize(x, size, interpolation=cv2.INTER_AREA)) for x in pyramid[-1]))
    flow: Array = np.zeros((*pyramid[-1][0].shape, 2), np.float32)
    for here, there in reversed(pyramid):
        (h, w), (from_h, from_w) = here.shape, flow.shape[:2]
        flow = cv2.resize(flow, (w, h)) * np.array([w / from_w, h / from_h], np.float32)
        for _ in range(warps):
            flow = np.dstack([cv2.medianBlur(part, MEDIAN) for part in cv2.split(refine(here, there, flow))])
    return flow


_DERIVATIVE = np.array([[1, -8, 0, 8, -1]], np.float32) / 12


@attrs.frozen
class Constraint:
    """The optical flow constraint of every pixel, x u + y v + rest = 0: which flows (u, v) keep its grey level.

    x, y, rest: h w each, float32; all 0 where nothing is known.
    """

    x: Array
    y: Array
    rest: Array

    def residual(self, u: Array, v: Array) -> Array:
        """By how many grey levels a flow misses: h w."""
        return np.asarray(self.x * u + self.y * v + self.rest)


def linearized(image: Array, other: Array, flow: Array) -> Constraint:
    """Constancy of grey levels around a flow, for the whole flow (not for its change).

    What `other` shows along the flow is given the mean and the contrast of `image` first: a change of light is no
    motion. Nothing is known where the flow leaves the image.
    """
    h, w = image.shape
    at = grid(slice(0, h), slice(0, w)) + flow
    seen = within(at, (h, w))
    warped = _in_the_light_of(image, sample(other, at), seen)
    mean = (image + warped) / 2
    x, y = (np.asarray(cv2.filter2D(mean, -1, kernel)) * seen for kernel in (_DERIVATIVE, _DERIVATIVE.T))
    change = (warped - image) * seen
    return Constraint(x, y, change - (x * flow[..., 0] + y * flow[..., 1]))


def _in_the_light_of(image: Array, other: Array, seen: Array) -> Array:
    """`other` with the mean and the contrast that `image` has where both are seen; a flat one keeps its contrast.

    Contrast is that of averaged images: noise has little part in it.
    """
    if np.count_nonzero(seen) < FEWEST:
        return other
    averaged = (np.asarray(cv2.blur(x, (AVERAGED, AVERAGED)))[seen] for x in (image, other))
    (mean, contrast), (other_mean, other_contrast) = ((x.mean(), x.std()) for x in averaged)
    gain = contrast / other_contrast if min(contrast, other_contrast) > 1 else 1.0
    return np.asarray((other - other_mean) * gain + mean, np.float32)
