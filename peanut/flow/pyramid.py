"""Flow from coarse to fine: what the variational and the local estimators share, on NumPy arrays."""

from collections.abc import Callable

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


def coarse_to_fine(image: Array, other: Array, warps: int, refine: Refine) -> Array:
    """A flow, h w 2, refined `warps` times on every level of a pyramid; it starts from none on the coarsest."""
    pyramid: list[tuple[Array, ...]] = [(image.astype(np.float32), other.astype(np.float32))]
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


def linearized(image: Array, other: Array, flow: Array) -> tuple[Array, Array]:
    """Constancy of grey levels around a flow: gradient u + rest = 0 for the whole flow u (not for its change).

    Returns gradient, h w 2, and rest, h w; both are 0 where the flow leaves the image.
    """
    h, w = image.shape
    at = grid(slice(0, h), slice(0, w)) + flow
    warped = sample(other, at)
    mean = (image + warped) / 2
    gradient = np.dstack([cv2.filter2D(mean, -1, kernel) for kernel in (_DERIVATIVE, _DERIVATIVE.T)])
    gradient *= within(at, (h, w))[..., None]
    change = (warped - image) * within(at, (h, w))
    return gradient, change - (gradient * flow).sum(axis=2)
