"""Copying pixels into a hole so that no seam shows: the gradients are copied, the values follow."""

import cv2
import numpy as np

from peanut.vision.array import Array

COARSEST = 8
"""Shorter side, pixels, at which the equations are no longer reduced."""
STEPS = 16
"""Steps of conjugate gradients per level."""


def copied(image: Array, known: Array, hole: Array, at: Array) -> Array:
    """Pixels of a hole copied from other places of the image, seams removed: h w 3, float32.

    The values u of the hole minimize the sum over neighbors p, q of |u(q) - u(p) - g(p, q)|^2, at least one in the hole
    and both in it or known; g is the mean of the differences that the two copies show there. Source: Perez et al.,
    Poisson Image Editing, SIGGRAPH 2003; solved by conjugate gradients, coarse to fine.
    image: h w 3, uint8. known, hole: h w, bool. at: h w 2, float32, where each pixel of the hole is copied from.
    """
    x = image.astype(np.float32)
    start = _sampled(x, at)
    start = np.where(hole[..., None], start, x)
    inside = hole.astype(np.float32)
    usable = (hole | known).astype(np.float32)
    residual = np.zeros_like(x)
    excesses = []
    for axis, step in ((0, (0, 1)), (1, (1, 0))):
        wanted, exists = _difference(x, known, hole, at, axis, step)
        first, second = _halves(start, axis)
        edge = np.minimum(*_halves(usable, axis)) * np.maximum(*_halves(inside, axis))
        excesses.append(((second - first - wanted) * (edge * exists)[..., None]).astype(np.float32))
    size = [(excess**2).mean(axis=-1) for excess in excesses]
    seams = np.concatenate([z[z > 1] for z in size])
    scale = float(np.median(seams)) if len(seams) else 1.0
    edges = [np.minimum(*_halves(usable, axis)) / (1 + z / scale) for axis, z in enumerate(size)]
    for axis, (excess, edge) in enumerate(zip(excesses, edges)):
        low, high = _halves(residual, axis)
        low += excess * edge[..., None]
        high -= excess * edge[..., None]
    both = [np.pad(edge, ((0, edge_axis == 0), (0, edge_axis == 1))) for edge_axis, edge in enumerate(edges)]
    correction = _solve(residual * inside[..., None], inside, *both)
    return np.asarray(np.where(hole[..., None], start + correction, x))


def _halves(x: Array, axis: int) -> tuple[Array, Array]:
    """All but the last, all but the first, along an axis: views."""
    return (x[:, :-1], x[:, 1:]) if axis else (x[:-1], x[1:])


def _sampled(x: Array, at: Array) -> Array:
    """Cubic; exact at whole pixels."""
    out = cv2.remap(x, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    return np.asarray(out)


def _difference(
    x: Array, known: Array, hole: Array, at: Array, axis: int, step: tuple[int, int]
) -> tuple[Array, Array]:
    """What the copies show as difference to the next pixel, and whether any of them does."""
    y, columns = np.mgrid[: hole.shape[0], : hole.shape[1]].astype(np.float32)
    at = np.where(hole[..., None], at, np.stack([columns, y], -1))
    shift = np.array(step, np.float32)
    value = _sampled(x, at)
    sure = cv2.remap(known.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) > 0.99
    total, weight = 0.0, 0.0
    for sign, own in ((1, 0), (-1, 1)):
        beside = at + sign * shift
        shown = cv2.remap(known.astype(np.float32), beside, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
        both = _halves((shown > 0.99) & sure, axis)[own]
        total = total + _halves(sign * (_sampled(x, beside) - value), axis)[own] * both[..., None]
        weight = weight + both
    return np.asarray(total / np.maximum(weight, 1)[..., None]), np.asarray(weight > 0)


def _solve(rhs: Array, inside: Array, down: Array, right: Array) -> Array:
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
        coarse = _solve(4 * shrunk[0] * coarse_inside[..., None], coarse_inside, *shrunk[2:])
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
