"""Copying pixels into a hole so that no seam shows: the gradients are copied, the values follow."""

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.optical_flow import grid, sample

COARSEST = 8
"""Shorter side, pixels, at which the equations are no longer reduced."""
VISIBLE = 1.0
"""Square of a difference, grey levels, from which it is a seam."""
STEPS = 16
"""Steps of conjugate gradients per level."""


def copied(image: Array, known: Array, hole: Array, at: Array) -> Array:
    """Pixels of a hole copied from other places of the image, seams removed: h w 3, float32.

    The values u of the hole minimize the sum over neighbors p, q of w |u(q) - u(p) - g|^2, at least one in the hole
    and both in it or known; g is the mean of the differences that the copies at p and q show, and
    w = 1 / (1 + d^2 / s^2), d the difference between plain copies and g, s^2 the median of d^2 at seams: an edge of an
    object that is cut off stays an edge and does not bleed. Source: Perez et al., Poisson Image Editing, SIGGRAPH 2003;
    solved by conjugate gradients, coarse to fine.
    image: h w 3, uint8. known, hole: h w, bool. at: h w 2, float32, where each pixel of the hole is copied from.
    """
    x = image.astype(np.float32)
    at = np.where(hole[..., None], at, grid(slice(0, hole.shape[0]), slice(0, hole.shape[1]))).astype(np.float32)
    start = sample(x, at, cubic=True)
    seams = [_excess(x, start, known, hole, at, axis) for axis in (0, 1)]
    squares = [(excess**2).mean(axis=-1) for excess, _ in seams]
    visible = np.concatenate([square[square > VISIBLE] for square in squares])
    scale = float(np.median(visible)) if len(visible) else 1.0
    weights = [edge / (1 + square / scale) for (_, edge), square in zip(seams, squares, strict=True)]
    residual = np.zeros_like(x)
    for axis, ((excess, _), weight) in enumerate(zip(seams, weights, strict=True)):
        low, high = _halves(residual, axis)
        low += excess * weight[..., None]
        high -= excess * weight[..., None]
    down, right = np.pad(weights[0], ((0, 1), (0, 0))), np.pad(weights[1], ((0, 0), (0, 1)))
    inside = hole.astype(np.float32)
    return np.where(hole[..., None], start + _solved(residual * inside[..., None], inside, down, right), x)


def _halves(x: Array, axis: int) -> tuple[Array, Array]:
    """All but the last, all but the first, along an axis: views."""
    return (x[:, :-1], x[:, 1:]) if axis else (x[:-1], x[1:])


def _excess(x: Array, start: Array, known: Array, hole: Array, at: Array, axis: int) -> tuple[Array, Array]:
    """By how much plain copies differ from g along an axis, and which neighbors count."""
    step = np.array([axis, 1 - axis], np.float32)
    sure = known.astype(np.float32)
    here = sample(sure, at, padding="zeros") > 0.99
    low, high = _halves(start, axis)
    total, count = np.zeros_like(low), np.zeros(low.shape[:2], np.float32)
    for sign, own in ((1, 0), (-1, 1)):
        beside = at + sign * step
        both = _halves(here & (sample(sure, beside, padding="zeros") > 0.99), axis)[own]
        total += _halves(sign * (sample(x, beside, cubic=True) - start), axis)[own] * both[..., None]
        count += both
    usable, inside = _halves(hole | known, axis), _halves(hole, axis)
    edge = usable[0] & usable[1] & (inside[0] | inside[1])
    excess = (high - low - total / np.maximum(count, 1)[..., None]) * (edge & (count > 0))[..., None]
    return excess, edge.astype(np.float32)


def _solved(rhs: Array, inside: Array, down: Array, right: Array) -> Array:
    """u with A u = rhs inside, 0 elsewhere; A the Laplacian of a graph whose edges down and right have weights."""
    u = np.zeros_like(rhs)
    h, w = inside.shape
    if min(h, w) > COARSEST:
        half = (w + 1) // 2, (h + 1) // 2
        pad = ((0, h % 2), (0, w % 2))
        shrunk = [
            cv2.resize(np.pad(z, (*pad, (0, 0))[: z.ndim]), half, interpolation=cv2.INTER_AREA)
            for z in (rhs, inside, down, right)
        ]
        coarse_inside = (shrunk[1] > 0.5).astype(np.float32)
        coarse = _solved(4 * shrunk[0] * coarse_inside[..., None], coarse_inside, *shrunk[2:])
        u = cv2.resize(coarse, (2 * half[0], 2 * half[1]), interpolation=cv2.INTER_LINEAR)[:h, :w] * inside[..., None]
    edges = [down[:-1, :, None], right[:, :-1, None]]
    left = rhs - _laplacian(u, edges) * inside[..., None]
    direction, size = left, (left**2).sum()
    for _ in range(STEPS):
        if size < 1e-3:
            break
        image = _laplacian(direction, edges) * inside[..., None]
        length = size / max(float((direction * image).sum()), 1e-12)
        u = u + length * direction
        left = left - length * image
        size, before = (left**2).sum(), size
        direction = left + size / before * direction
    return np.asarray(u, np.float32)


def _laplacian(u: Array, edges: list[Array]) -> Array:
    out = np.zeros_like(u)
    for axis, edge in enumerate(edges):
        low, high = _halves(u, axis)
        flow = (low - high) * edge
        first, second = _halves(out, axis)
        first += flow
        second -= flow
    return out
