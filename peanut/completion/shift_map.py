"""Filling a hole with few shifted copies of the image, the seams between them where they show least."""

import cv2
import numpy as np

from peanut.completion.offsets import offsets
from peanut.vision.array import Array
from peanut.vision.blending import surrounding_error
from peanut.vision.optical_flow import grid

LABELS = 16
"""Copies of the image among which is chosen."""
BLOCK = 4
"""Side of the blocks that get one copy each at first, pixels."""
ROUNDS = 16
"""Rounds of belief propagation."""
STEPS = 6
"""Steps of the alignment of a copy."""
SAMPLES = 3000
"""Pixels by which a copy is aligned."""


def shift_map(image: Array, known: Array, hole: Array) -> Array | None:
    """Where each pixel of the hole is copied from: h w 2, float32; None if nothing repeats."""
    h, w = hole.shape
    here = grid(slice(0, h), slice(0, w)).astype(np.float32)
    found = _covering(image, known, hole, offsets(image, known, hole))
    if not len(found):
        return None
    near = np.argwhere(known & (cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3) < 32))
    near = near[:: max(1, len(near) // SAMPLES)]
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    slopes = [cv2.Sobel(grey, cv2.CV_32F, *order, scale=1 / 8) for order in ((1, 0), (0, 1))]
    motions = [_aligned(grey.astype(np.float32), slopes, known.astype(np.uint8), near, offset) for offset in found]
    places = [(here @ m[:2, :2].T + m[:2, 2]).astype(np.float32) for m in motions]
    seen = [_seen(image, known, at) for at in places]
    cost = np.array([_cost(color, image, shown & known) for color, shown in seen])
    label = _labels(
        np.array([color for color, _ in seen]), np.array([shown for _, shown in seen]), cost, image, known, hole
    )
    out = here.copy()
    for number, at in enumerate(places):
        out[label == number] = at[label == number]
    return out


def _seen(image: Array, known: Array, at: Array) -> tuple[Array, Array]:
    """What a copy shows, and where it shows what is known."""
    color = cv2.remap(image, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    shown = cv2.remap(known.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(color), np.asarray(shown > 0.99)


def _cost(color: Array, image: Array, both: Array) -> Array:
    grey, target = cv2.cvtColor(color, cv2.COLOR_RGB2GRAY), cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    return surrounding_error(grey, target, both.astype(np.float32))


def _aligned(grey: Array, slopes: list[Array], known: Array, near: Array, offset: Array) -> Array:
    """An offset as a motion 3 3, refined as far as it fits better: whole, to a fraction of a pixel, affine.

    Fitted on half of the positions near the hole (y, x), compared on the other half.
    """
    motion = np.eye(3)
    motion[:2, 2] = np.rint(offset)
    best, least = motion, np.inf
    source, target = near[::2], near[1::2]
    for parameters in (0, 2, 6):
        if parameters:
            motion = _fitted(grey, slopes, known, source, motion, parameters)
        error = _error(grey, known, target, motion)[0]
        if error < least * 0.98:
            best, least = motion, error
    return best


def _error(grey: Array, known: Array, at: Array, motion: Array) -> tuple[float, Array, Array, Array]:
    """Mean square error of a motion at n positions (y, x), the differences, what counts, and where to."""
    to = (at[:, ::-1] @ motion[:2, :2].T + motion[:2, 2]).astype(np.float32)[None]
    value = cv2.remap(grey, to, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)[0]
    shown = cv2.remap(known, to, None, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)[0] > 0
    difference = value - grey[at[:, 0], at[:, 1]]
    if shown.sum() < 0.25 * len(at) or shown.sum() < 16:
        return np.inf, difference, shown, to
    difference -= difference[shown].mean()
    return float((difference[shown] ** 2).mean()), difference, shown, to


def _fitted(grey: Array, slopes: list[Array], known: Array, at: Array, motion: Array, parameters: int) -> Array:
    """Gauss-Newton steps with robust weights (Lucas and Kanade, IJCAI 1981), of 2 or 6 parameters."""
    centre, spread = at.mean(axis=0), max(float(at.std()), 1.0)
    y, x = ((at - centre) / spread).T
    for _ in range(STEPS):
        error, difference, shown, to = _error(grey, known, at, motion)
        if not np.isfinite(error):
            break
        gx, gy = (cv2.remap(slope, to, None, cv2.INTER_LINEAR)[0] for slope in slopes)
        columns = [gx, gy] if parameters == 2 else [gx, gy, gx * x, gx * y, gy * x, gy * y]
        design, residual = np.column_stack(columns)[shown], difference[shown]
        robust = 1 / (1 + residual**2 / max(float(np.median(residual**2)), 1.0))
        normal = design.T @ (design * robust[:, None])
        normal += (1e-3 * np.trace(normal) / len(normal) + 1e-6) * np.eye(len(normal))
        step = -np.linalg.solve(normal, design.T @ (robust * residual))
        motion = motion.copy()
        motion[:2, 2] += step[:2]
        if parameters == 6:
            linear = step[2:].reshape(2, 2) / spread
            motion[:2, :2] += linear
            motion[:2, 2] -= linear @ centre[::-1]
        if np.abs(step).max() < 0.02:
            break
    return motion


def _covering(image: Array, known: Array, hole: Array, found: Array) -> Array:
    """Greedily the offsets that lower most the sum over the hole of the least cost; judged on a reduced image."""
    h, w = hole.shape
    factor = max(1.0, max(h, w) / 160)
    size = max(1, round(w / factor)), max(1, round(h / factor))
    small = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    sure = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    inside = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    here, scale = grid(slice(0, size[1]), slice(0, size[0])), np.array([size[0] / w, size[1] / h])
    costs = []
    for offset in found:
        color, shown = _seen(small, sure, (here + offset * scale).astype(np.float32))
        costs.append(np.where(shown, _cost(color, small, shown & sure), 255)[inside])
    least, kept = np.full(int(inside.sum()), 255.0), []
    while costs and len(kept) < LABELS:
        gain = [float(np.maximum(least - cost, 0).sum()) for cost in costs]
        best = int(np.argmax(gain))
        if gain[best] <= 0:
            break
        kept.append(best)
        least = np.minimum(least, costs[best])
    return found[kept]


def _labels(colors: Array, valid: Array, cost: Array, image: Array, known: Array, hole: Array) -> Array:
    """Which copy each pixel gets: h w; -1 outside."""
    h, w = hole.shape
    k = len(colors)
    ph, pw = -h % BLOCK, -w % BLOCK
    rim = known & (cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
    seam = np.abs(colors.astype(np.float32) - image).mean(-1) * rim
    unary = np.where(valid | ~hole, 0.3 * cost, 255.0) * hole + seam
    unary = np.pad(unary, ((0, 0), (0, ph), (0, pw)))
    bh, bw = (h + ph) // BLOCK, (w + pw) // BLOCK
    node = np.pad(hole, ((0, ph), (0, pw))).reshape(bh, BLOCK, bw, BLOCK).any(axis=(1, 3))
    unary = unary.reshape(k, bh, BLOCK, bw, BLOCK).sum(axis=(2, 4))
    node |= False
    block = colors.astype(np.float32)
    block = np.pad(block, ((0, 0), (0, ph), (0, pw), (0, 0)), mode="edge")
    label = _propagated(unary, block, node)
    label = np.repeat(np.repeat(label, BLOCK, 0), BLOCK, 1)[:h, :w]
    pixel = np.where(valid | ~hole, 0.3 * cost, 255.0) * hole + seam
    return _refined(np.where(hole, label, -1), pixel, colors.astype(np.float32), hole)


def _propagated(unary: Array, colors: Array, node: Array) -> Array:
    """Min-sum belief propagation on the blocks (Felzenszwalb and Huttenlocher, IJCV 2006)."""
    k, bh, bw = unary.shape
    number = np.full((bh, bw), -1)
    number[node] = np.arange(node.sum())
    rows, columns = np.nonzero(node)
    data = unary[:, rows, columns].T.astype(np.float32)
    edges = []
    for dy, dx in ((0, 1), (1, 0)):
        to = np.where(
            (rows + dy < bh) & (columns + dx < bw),
            number[np.minimum(rows + dy, bh - 1), np.minimum(columns + dx, bw - 1)],
            -1,
        )
        first = np.flatnonzero(to >= 0)
        second = to[first]
        y, x = rows[first] * BLOCK, columns[first] * BLOCK
        along = np.arange(BLOCK)
        if dx:
            ys, xs = y[:, None, None] + along[:, None], x[:, None, None] + np.array([BLOCK - 1, BLOCK])
        else:
            ys, xs = y[:, None, None] + np.array([[BLOCK - 1], [BLOCK]]), x[:, None, None] + along
        ys, xs = np.broadcast_arrays(ys, xs)
        strip = colors[:, ys, xs].reshape(k, len(first), -1).transpose(1, 0, 2)
        norm = (strip**2).sum(2)
        apart = norm[:, :, None] + norm[:, None, :] - 2 * strip @ strip.transpose(0, 2, 1)
        v = np.sqrt(np.maximum(apart, 0) / (2 * BLOCK * 3)) * BLOCK
        edges.append((first, second, v.astype(np.float32)))
    inbox = np.zeros((4, len(data), k), np.float32)
    for _ in range(ROUNDS):
        belief = data + inbox.sum(0)
        new = np.zeros_like(inbox)
        for e, (first, second, v) in enumerate(edges):
            out = ((belief[first] - inbox[2 * e + 1][first])[:, :, None] + v).min(1)
            back = ((belief[second] - inbox[2 * e][second])[:, :, None] + v).min(1)
            new[2 * e][second] = out - out.min(1, keepdims=True)
            new[2 * e + 1][first] = back - back.min(1, keepdims=True)
        inbox = 0.5 * inbox + 0.5 * new
    label = np.full((bh, bw), -1)
    label[node] = (data + inbox.sum(0)).argmin(1)
    return label


def _refined(label: Array, cost: Array, colors: Array, hole: Array) -> Array:
    """Iterated conditional modes on the pixels, each trying the labels of its neighbors, in a checkerboard."""
    h, w = hole.shape
    rows, columns = np.nonzero(hole)
    for number in range(8):
        part = (rows + columns) % 2 == number % 2
        y, x = rows[part], columns[part]
        beside = [
            (np.clip(y + dy, 0, h - 1), np.clip(x + dx, 0, w - 1)) for dy, dx in ((0, 1), (1, 0), (0, -1), (-1, 0))
        ]
        others = [label[at] for at in beside]
        current = label[y, x]
        edge = np.zeros(len(y), bool)
        for other in others:
            edge |= (other >= 0) & (other != current)
        y, x = y[edge], x[edge]
        beside = [(a[edge], b[edge]) for a, b in beside]
        others = [other[edge] for other in others]
        current = current[edge]

        def total(chosen):
            out = cost[chosen, y, x].astype(np.float32)
            for at, other in zip(beside, others):
                counts = (other >= 0) & (other != chosen)
                o = np.maximum(other, 0)
                d = np.abs(colors[chosen, y, x] - colors[o, y, x]).mean(1) + np.abs(
                    colors[chosen, at[0], at[1]] - colors[o, at[0], at[1]]
                ).mean(1)
                out += np.where(counts, d / 2, 0)
            return out

        best, least = current, total(current)
        for other in others:
            t = total(np.where(other >= 0, other, current))
            better = (t < least) & (other >= 0)
            best, least = np.where(better, other, best), np.where(better, t, least)
        label[y, x] = best
    return label
