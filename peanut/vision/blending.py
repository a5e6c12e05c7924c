"""Making one image of several candidates for what is behind a hole, on NumPy arrays.

Candidates are images of a box around the hole, aligned to it. Their error on what is known around the hole ranks them
(`surrounding_error`), the best are averaged (`blend`), and `confidence` says how far the average replaces a smooth
filling.
"""

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array

SCALES = ((9, 1.0), (33, 0.1), (129, 0.01))
"""(s_i, lambda_i) of `surrounding_error`: pixels, and weights; chosen on the demo clip and composites."""
PRIOR_ERROR, PRIOR_WEIGHT = 20.0, 1e-6
"""e_0, grey levels, and w_0 of `surrounding_error`; chosen on the demo clip and composites."""
CAUCHY_SCALE = 20.0
"""gamma of `blend`, grey levels; chosen on the demo clip and composites."""
MOST_AVERAGED = 16
"""Candidates that `blend` averages at most per pixel; chosen on the demo clip and composites."""
COST_SCALE = 30.0
"""c_0 of `confidence`, grey levels; chosen on the demo clip and composites."""
CONFIDENCE_SIDE = 33
"""s of `confidence`, pixels; chosen on the demo clip and composites."""
SATURATION = 0.8
"""q of `confidence`: a share from here on is certain, and stays sharp; chosen on the demo clip and composites."""


def surrounding_error(candidate: Array, target: Array, known: Array) -> Array:
    """How badly a candidate shows what is known around each pixel: h w, float32, grey levels.

    With box means B_s of s x s pixels, the error is carried into the hole, the nearest first:
    e = (w_0 e_0 + sum_i lambda_i B_{s_i}[w |candidate - target|]) / (w_0 + sum_i lambda_i B_{s_i}[w]).
    candidate, target: h w, uint8. known: h w, float32, the weights w in [0, 1]: 0 where not both show the scene.
    """
    total, weight = np.full_like(known, PRIOR_ERROR * PRIOR_WEIGHT), np.full_like(known, PRIOR_WEIGHT)
    error = cv2.absdiff(candidate, target) * known
    for side, share in SCALES:
        total += share * cv2.blur(error, (side, side), borderType=cv2.BORDER_CONSTANT)
        weight += share * cv2.blur(known, (side, side), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total / weight)


@attrs.define(eq=False)
class Blend:
    """What `blend` makes of the candidates; n pixels."""

    color: Array
    """n 3, float32, 0 to 255."""
    cost: Array
    """n, float32, grey levels: the lowest cost, inf where no candidate shows anything."""
    variance: Array
    """n, float32: weighted mean square deviation of the averaged candidates from their mean, over the channels."""
    best: Array
    """n, int: which candidate costs least."""


def blend(colors: Array, costs: Array) -> Blend:
    """Average the best candidates per pixel, robustly: what a single frame shows against all others counts little.

    Candidate i of color x_i and cost c_i has the weight w_i = exp((c_min - c_i) / (1 + c_min / 4)); the mean is
    iterated twice with Cauchy weights, mu <- sum_i v_i x_i / sum_i v_i, v_i = w_i / (1 + |x_i - mu|^2 / (3 gamma^2)).
    colors: k n 3, uint8. costs: k n, float32, grey levels, inf where a candidate shows nothing.
    """
    best = costs.argmin(axis=0)
    if len(costs) > 1.5 * MOST_AVERAGED:  # to choose costs more than to average a few more
        kept = np.argpartition(costs, MOST_AVERAGED - 1, axis=0)[:MOST_AVERAGED]
        costs = np.take_along_axis(costs, kept, axis=0)
        colors = np.take_along_axis(colors, kept[..., None], axis=0)
    least = costs.min(axis=0)
    start = np.where(np.isfinite(least), least, 0)
    weights = np.exp((start - costs) / (1 + 0.25 * start))  # e^-inf = 0: what shows nothing has no weight
    values = colors.astype(np.float32)
    mean, variance = _mean(values, weights), None
    for _ in range(2):
        deviation = values - mean
        square = np.einsum("knc,knc->kn", deviation, deviation) / 3
        if variance is None:
            variance = (weights * square).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-6)
        mean = _mean(values, weights / (1 + square / CAUCHY_SCALE**2))
    return Blend(mean, least, np.asarray(variance), best)


def _mean(values: Array, weights: Array) -> Array:
    """Weighted mean of k candidates: n 3."""
    return np.asarray(np.einsum("kn,knc->nc", weights, values) / np.maximum(weights.sum(axis=0), 1e-6)[:, None])


def confidence(blended: Blend, smooth: Array, where: tuple[Array, ...], size: tuple[int, int]) -> Array:
    """The share of `blended` in its mixture with a smooth filling: n, float32, 0 (all smooth) to 1.

    The Wiener shares of two estimates with independent errors, E the mean over s x s pixels that have a candidate:
    rho = 1 - E[(cost^2 + variance) / 2] / (E[(color - smooth)^2] + 1), clipped to [0, 1], and
    confidence = min(1, rho / (1 + (cost / c_0)^2) / q); 0 where no candidate shows anything.
    smooth: n 3. where: rows and columns of the n pixels in a box of `size`.
    """
    found = np.isfinite(blended.cost)
    cost = np.where(found, blended.cost, 0)
    error = 0.5 * (cost**2 + blended.variance) * found
    difference = ((blended.color - smooth) ** 2).mean(axis=1) * found
    near: Array = np.zeros((*size, 3), np.float32)
    near[where] = np.stack([error, difference, found], axis=-1)
    near = cv2.blur(near, (CONFIDENCE_SIDE, CONFIDENCE_SIDE), borderType=cv2.BORDER_CONSTANT)[where]
    share = 1 - near[:, 0] / np.maximum(near[:, 1] + near[:, 2], 1e-6)
    share = np.clip(share, 0, 1) / (1 + (cost / COST_SCALE) ** 2)
    return np.asarray(found * np.minimum(share / SATURATION, 1), np.float32)
