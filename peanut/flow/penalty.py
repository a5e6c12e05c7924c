"""Charbonnier's penalty, which grows like a square for small residuals and like their size for large ones.

psi(r) = sqrt(1 + (r / epsilon)^2), in units of epsilon. Sums of it are made small by iteratively reweighted least
squares: each residual counts with `weight`, the slope of psi over r, taken at the solution before.
Source: Black and Anandan, The Robust Estimation of Multiple Motions, CVIU 1996; Brox et al., High Accuracy Optical Flow
Estimation Based on a Theory for Warping, ECCV 2004.
"""

import numpy as np

from peanut.vision.array import Array


def charbonnier(residual: Array, epsilon: float) -> Array:
    """What residuals cost, from 1 on. Any shape.

    >>> charbonnier(np.array([0.0, 3.0, 4.0]), epsilon=4.0).round(2).tolist()
    [1.0, 1.25, 1.41]
    """
    scaled = residual * (1 / epsilon)
    scaled *= scaled
    scaled += 1
    return np.sqrt(scaled, out=scaled)


def weight(residual: Array, epsilon: float) -> Array:
    """How much residuals count in the next least squares: 1 for none, epsilon / |residual| for large ones. Any shape.

    >>> weight(np.array([0.0, 3.0, 400.0]), epsilon=4.0).round(2).tolist()
    [1.0, 0.8, 0.01]
    """
    costs = charbonnier(residual, epsilon)
    return np.reciprocal(costs, out=costs)
