"""Filling a hole with few shifted copies of the image, the seams between them where they show least.

After He and Sun, Statistics of Patch Offsets for Image Completion, ECCV 2012; beyond whole offsets, each copy is
aligned to what is known around the hole.
"""

import cv2
import numpy as np

from peanut.completion.offsets import offsets
from peanut.vision.array import Array
from peanut.vision.blending import surrounding_error
from peanut.vision.optical_flow import grid, sample

LABELS = 16
"""Copies among which is chosen, at most."""
COVERED = 160
"""Longer side, pixels, of the image on which these are chosen."""
BLOCK = 4
"""Side of the blocks that get one copy each at first, pixels."""
ROUNDS, REFINED = 16, 8
"""Rounds of belief propagation on the blocks, and of iterated conditional modes on the pixels."""
SURROUNDINGS = 0.3
"""Weight of the error around a pixel beside the seams."""
NOT_SHOWN = 255.0
"""Cost of a pixel that a copy does not show, grey levels."""
NEAR, SAMPLES, STEPS = 32, 3000, 6
"""A copy is aligned to what is this near to the hole, by at most so many pixels, in so many steps."""
AROUND = (0, 1), (1, 0), (0, -1), (-1, 0)
"""The four neighbors: rows and columns."""
BETTER = 0.98
"""Share of the error that a finer motion must be below, or the coarser one stays."""


def shift_map(image: Array, known: Array, hole: Array) -> Array | None:
    """Where each pixel of a hole is copied from: h w 2, float32; None if nothing repeats.

    image: h w 3, uint8. known, hole: h w, bool.
    """
    h, w = hole.shape
    here = grid(slice(0, h), slice(0, w))
    found = _covering(image, known, hole, offsets(image, known, hole))
    near = np.argwhere(known & (cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3) < NEAR))
    near = near[:: max(1, len(near) // SAMPLES)]
    if not len(found) or not len(near):
        return None
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))]
    motions = [_aligned(grey.astype(np.float32), slopes, known, near, offset) for offset in found]
    places = [(here @ motion[:, :2].T + motion[:, 2]).astype(np.float32) for motion in motions]
    colors = np.stack([sample(image, at, cubic=True) for at in places])
    shown = np.stack([_shown(known, at) for at in places])
    label = _labels(colors, shown, image, known, hole)
    return np.asarray(np.take_along_axis(np.stack(places), np.maximum(label, 0)[None, ..., None], axis=0)[0])


def _shown(known: Array, at: Array) -> Array:
    """Whether what lies at positions is known: bool."""
    return np.asarray(sample(known.astype(np.float32), at, padding="zeros") > 0.99)


def _costs(color: Array, shown: Array, image: Array, known: Array) -> Array:
    """The error of a copy around each pixel, h w, grey levels; NOT_SHOWN where it shows nothing."""
    first, second = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (color, image))
    return np.where(shown, surrounding_error(first, second, (shown & known).astype(np.float32)), np.float32(NOT_SHOWN))


def _covering(image: Array, known: Array, hole: Array, found: Array) -> Array:
    """Greedily the offsets that lower most the sum over the hole of the least cost; judged on a reduced image."""
    h, w = hole.shape
    factor = max(1.0, max(h, w) / COVERED)
    size = max(1, round(w / factor)), max(1, round(h / factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    sure = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    inside = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    here, scale = grid(slice(0, size[1]), slice(0, size[0])), np.array([size[0] / w, size[1] / h])
    costs = []
    for offset in found:
        at = (here + offset * scale).astype(np.float32)
        costs.append(_costs(sample(small, at), _shown(sure, at), small, sure)[inside])
    least: Array = np.full(int(inside.sum()), NOT_SHOWN, np.float32)
    kept: list[int] = []
    while costs and len(kept) < LABELS:
        gain = [float(np.maximum(least - cost, 0).sum()) for cost in costs]
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        kept.append(best)
        least = np.minimum(least, costs[best])
    return np.asarray(found[kept])


def _aligned(grey: Array, slopes: list[Array], known: Array, near: Array, offset: Array) -> Array:
    """An offset as a motion 2 3, refined as far as it fits better: whole, to a fraction of a pixel, affine.

    Fitted on half of the positions near the hole (y, x), compared on the other half.
    """
    motion = np.column_stack([np.eye(2), np.rint(offset)])
    best, least = motion, _error(grey, known, near[1::2], motion)[0]
    for affine in (False, True):
        motion = _fitted(grey, slopes, known, near[::2], motion, affine)
        error = _error(grey, known, near[1::2], motion)[0]
        if error < BETTER * least:
            best, least = motion, error
    return best


def _error(grey: Array, known: Array, near: Array, motion: Array) -> tuple[float, Array, Array, Array]:
    """Mean square error of a motion at n positions (y, x), the differences, what counts, and where to."""
    to = (near[:, ::-1] @ motion[:, :2].T + motion[:, 2]).astype(np.float32)[None]
    shown = sample(known.view(np.uint8), to, nearest=True, padding="zeros")[0] > 0
    difference = sample(grey, to, cubic=True)[0] - grey[near[:, 0], near[:, 1]]
    if shown.sum() < max(16, 0.25 * len(near)):
        return np.inf, difference, shown, to
    difference -= difference[shown].mean()
    return float((difference[shown] ** 2).mean()), difference, shown, to


def _fitted(grey: Array, slopes: list[Array], known: Array, near: Array, motion: Array, affine: bool) -> Array:
    """Steps of Gauss-Newton with robust weights (Lucas and Kanade, IJCAI 1981), of 2 parameters or 6."""
    centre, spread = near.mean(axis=0), max(float(near.std()), 1.0)
    y, x = ((near - centre) / spread).T
    for _ in range(STEPS):
        error, difference, shown, to = _error(grey, known, near, motion)
        if not np.isfinite(error):
            break
        gx, gy = (sample(slope, to)[0] for slope in slopes)
        design = np.column_stack([gx, gy, *((gx * x, gx * y, gy * x, gy * y) if affine else ())])[shown]
        residual = difference[shown]
        robust = 1 / (1 + residual**2 / max(float(np.median(residual**2)), 1.0))
        normal = design.T @ (design * robust[:, None])
        normal += (1e-3 * np.trace(normal) / len(normal) + 1e-6) * np.eye(len(normal))
        step = -np.linalg.solve(normal, design.T @ (robust * residual))
        motion = motion.copy()
        motion[:, 2] += step[:2]
        if affine:
            linear = step[2:].reshape(2, 2) / spread
            motion[:, :2] += linear
            motion[:, 2] -= linear @ centre[::-1]
        if np.abs(step).max() < 0.02:
            break
    return motion


def _labels(colors: Array, shown: Array, image: Array, known: Array, hole: Array) -> Array:
    """Which of k copies, k h w 3, each pixel of the hole gets: h w, int; -1 outside.

    Least is the sum of: SURROUNDINGS times the error around each pixel; the difference to the image at known pixels
    beside the hole; and between neighbors of different copies a, b the mean of |a - b| at both.
    """
    (h, w), k = hole.shape, len(colors)
    costs = SURROUNDINGS * np.stack([_costs(c, s, image, known) for c, s in zip(colors, shown, strict=True)])
    costs = np.where(shown, costs, NOT_SHOWN) * hole
    rim = known & (cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    y, x = np.nonzero(rim)
    costs[:, y, x] += np.abs(colors[:, y, x].astype(np.float32) - image[y, x]).mean(axis=-1)
    pad = ((0, -h % BLOCK), (0, -w % BLOCK))
    rows, columns = (h + pad[0][1]) // BLOCK, (w + pad[1][1]) // BLOCK
    blocks = np.pad(costs, ((0, 0), *pad)).reshape(k, rows, BLOCK, columns, BLOCK).sum(axis=(2, 4))
    node = np.pad(hole, pad).reshape(rows, BLOCK, columns, BLOCK).any(axis=(1, 3))
    label = _propagated(blocks, np.pad(colors, ((0, 0), *pad, (0, 0)), mode="edge"), np.asarray(node))
    label = np.repeat(np.repeat(label, BLOCK, axis=0), BLOCK, axis=1)[:h, :w]
    return _refined(np.where(hole, label, -1), costs, colors, hole)


def _edges(colors: Array, node: Array) -> list[tuple[Array, Array, Array]]:
    """Pairs of neighboring blocks, to the right and below, and what a seam between two copies costs there: n k k."""
    number, edges = np.full(node.shape, -1), []
    number[node] = np.arange(node.sum())
    along, across = np.arange(BLOCK), np.array([BLOCK - 1, BLOCK])
    for dy, dx in ((0, 1), (1, 0)):
        first = number[: node.shape[0] - dy, : node.shape[1] - dx]
        second = number[dy:, dx:]
        y, x = np.nonzero((first >= 0) & (second >= 0))
        rows = BLOCK * y[:, None, None] + (along[:, None] if dx else across[:, None])
        strip = colors[:, rows, BLOCK * x[:, None, None] + (across if dx else along)].astype(np.float32)
        strip = strip.reshape(len(colors), len(y), 6 * BLOCK).transpose(1, 0, 2)
        norm = (strip**2).sum(axis=2)
        square = norm[:, :, None] + norm[:, None, :] - 2 * strip @ strip.transpose(0, 2, 1)
        edges.append((first[y, x], second[y, x], BLOCK * np.sqrt(np.maximum(square, 0) / strip.shape[2])))
    return edges


def _propagated(costs: Array, colors: Array, node: Array) -> Array:
    """Min-sum belief propagation on the blocks: Felzenszwalb and Huttenlocher, IJCV 2006."""
    data = costs[:, node].T.astype(np.float32)
    edges = _edges(colors, node)
    messages: Array = np.zeros((2 * len(edges), *data.shape), np.float32)
    for _ in range(ROUNDS):
        belief, new = data + messages.sum(axis=0), np.zeros_like(messages)
        for n, (first, second, seam) in enumerate(edges):
            for start, end, into, back in ((first, second, 2 * n, 2 * n + 1), (second, first, 2 * n + 1, 2 * n)):
                best = ((belief[start] - messages[back][start])[:, None, :] + seam).min(axis=2)
                new[into][end] = best - best.min(axis=1, keepdims=True)
        messages = (messages + new) / 2
    label = np.full(node.shape, -1)
    label[node] = (data + messages.sum(axis=0)).argmin(axis=1)
    return label


def _refined(label: Array, costs: Array, colors: Array, hole: Array) -> Array:
    """Iterated conditional modes: pixels at seams try their neighbors' labels, in a checkerboard. Besag, 1986."""
    padded = np.pad(label, 1, constant_values=-1)
    for number in range(REFINED):
        inner = padded[1:-1, 1:-1]
        beside = [padded[1 + dy : dy + inner.shape[0] + 1, 1 + dx : dx + inner.shape[1] + 1] for dy, dx in AROUND]
        seam = np.logical_or.reduce([(other >= 0) & (other != inner) for other in beside])
        y, x = np.nonzero(hole & seam)
        y, x = (z[(y + x) % 2 == number % 2] for z in (y, x))
        others = [other[y, x] for other in beside]
        tried = np.stack([inner[y, x], *(np.where(other >= 0, other, inner[y, x]) for other in others)])
        total = costs[tried, y, x]
        for (dy, dx), other in zip(AROUND, others, strict=True):
            here = y, x
            there = np.clip(y + dy, 0, hole.shape[0] - 1), np.clip(x + dx, 0, hole.shape[1] - 1)
            for at in (here, there):
                apart = np.abs(colors[(tried, *at)].astype(np.float32) - colors[(np.maximum(other, 0), *at)])
                total = total + np.where(other >= 0, apart.mean(axis=-1) / 2, 0)
        padded[y + 1, x + 1] = np.take_along_axis(tried, total.argmin(axis=0)[None], axis=0)[0]
    return padded[1:-1, 1:-1]
