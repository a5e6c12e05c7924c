"""Making one picture of several candidates for what stands behind a hole, on NumPy arrays.

Candidates are pictures of a box around the hole, aligned to it. They are judged by what is known around the hole
(`surrounding_error`), the best are averaged (`blend`), and where the average cannot be trusted it gives way to a smooth
filling (`trust`).
"""

from typing import Any

import attrs
import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

SCALES = ((9, 1.0), (33, 0.1), (129, 0.01))
"""Sides of the boxes over which an error is carried into a hole, in pixels, and what each counts."""
NOTHING_KNOWN = 20.0
"""Grey levels of error assumed where nothing near is known."""
STRANGE = 20.0
"""Grey levels from the average at which a candidate counts half."""
BEST = 16
"""How many candidates are averaged."""


def surrounding_error(candidate: Array, target: Array, known: Array) -> Array:
    """How badly a candidate shows what is known around each pixel: h w, float32, mean grey levels, the nearest first.

    candidate, target: h w, uint8. known: h w, float32, 0 to 1, how much each pixel counts: 0 where not both show the
    scene. The error is carried inwards by box
    filters of 9, 33 and 129 pixels, each counting a tenth of the one before.
    """
    total, share = np.full_like(known, NOTHING_KNOWN * 1e-6), np.full_like(known, 1e-6)
    error = cv2.absdiff(candidate, target) * known
    for side, counts in SCALES:
        total += counts * cv2.blur(error, (side, side), borderType=cv2.BORDER_CONSTANT)
        share += counts * cv2.blur(known, (side, side), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(total / share)


@attrs.define(eq=False)
class Blend:
    """What `blend` makes of the candidates; n pixels."""

    color: Array
    """n 3, float32, 0 to 255."""
    cost: Array
    """n, float32, grey levels: the lowest cost, inf where no candidate shows anything."""
    variance: Array
    """n, float32: how far the averaged candidates disagree, mean square over the channels."""
    best: Array
    """n, int: which candidate costs least."""


def blend(colors: Array, costs: Array) -> Blend:
    """Average the best candidates, each by exp(-cost): the worse the best one is, the more the others count as well.

    Candidates that disagree with the average count less (Cauchy weights): what one frame alone shows does not.

    colors: k n 3, uint8. costs: k n, float32, grey levels, inf where a candidate shows nothing.
    """
    best = costs.argmin(axis=0)
    if len(costs) > 1.5 * BEST:  # to choose costs more than to average a few more
        kept = np.argpartition(costs, BEST - 1, axis=0)[:BEST]
        costs = np.take_along_axis(costs, kept, axis=0)
        colors = np.take_along_axis(colors, kept[..., None], axis=0)
    least = costs.min(axis=0)
    start = np.where(np.isfinite(least), least, 0)
    weights = np.exp((start - costs) / (1 + 0.25 * start))  # e^-inf = 0: what shows nothing counts nothing
    values = colors.astype(np.float32)
    mean, variance = _mean(values, weights), None
    for _ in range(2):
        apart = values - mean
        square = np.einsum("knc,knc->kn", apart, apart) / 3
        if variance is None:
            variance = (weights * square).sum(axis=0) / np.maximum(weights.sum(axis=0), 1e-6)
        mean = _mean(values, weights / (1 + square / STRANGE**2))
    return Blend(mean, least, np.asarray(variance), best)


def _mean(values: Array, weights: Array) -> Array:
    """Weighted mean of k candidates: n 3."""
    return np.asarray(np.einsum("kn,knc->nc", weights, values) / np.maximum(weights.sum(axis=0), 1e-6)[:, None])


def trust(blended: Blend, plain: Array, where: tuple[Array, ...], size: tuple[int, int]) -> Array:
    """How much of `blended` to take and how much of a plain filling: n, float32, 0 (plain) to 1.

    Where both err independently, their mean square difference is the sum of their errors; the error of the blend is
    guessed from its cost and from how far its candidates disagree, the rest is the plain filling's, and the shares
    that err least are those of a Wiener filter. plain: n 3. where: rows and columns of the n pixels in a box of `size`.
    """
    found = np.isfinite(blended.cost)
    cost = np.where(found, blended.cost, 0)
    wrong = 0.5 * (cost**2 + blended.variance) * found
    apart = ((blended.color - plain) ** 2).mean(axis=1) * found
    near: Array = np.zeros((*size, 3), np.float32)
    near[where] = np.stack([wrong, apart, found], axis=-1)
    near = cv2.blur(near, (33, 33), borderType=cv2.BORDER_CONSTANT)[where]
    share = 1 - near[:, 0] / np.maximum(near[:, 1] + near[:, 2], 1e-6)
    share = np.clip(share, 0, 1) / (1 + (cost / 30) ** 2)
    return np.asarray(found * np.minimum(share / 0.8, 1), np.float32)  # what is nearly sure is taken as it is: sharp
