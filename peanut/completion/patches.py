"""Filling a hole with patches of its surroundings, coarse to fine."""

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.inpainting import fill_smooth

RADIUS = 3
"""Patches are squares of 2 RADIUS + 1 pixels."""
COMPONENTS = 24
"""Principal components by which patches are compared."""
EXHAUSTIVE = 1.2e7
"""Pairs of patches up to which all are compared."""
ITERATIONS = 8

TEXTURE = 4.0
"""Weight of the two channels of texture beside the three of color."""


def patch_map(image: Array, known: Array, hole: Array) -> Array | None:
    """Where each pixel of the hole is copied from: h w 2, float32; None if no whole patch is known."""
    x = image.astype(np.float32)
    x = np.dstack([x, TEXTURE * _texture(x, known)])
    pyramid = [(x, known, hole)]
    while _depth(pyramid[-1][2]) > 2 * RADIUS + 1 and min(pyramid[-1][1].shape) > 6 * RADIUS:
        smaller = _half(*pyramid[-1])
        if not _centres(smaller[1]).any():
            break
        pyramid.append(smaller)
    if not _centres(known).any():
        return None
    random = np.random.default_rng(0)
    match: Array | None = None
    values = None
    for number, (x, known, hole) in reversed(list(enumerate(pyramid))):
        if values is None:
            values = np.where(hole[..., None], fill_smooth(x, known), x)
        else:
            match, values = _finer(match, x, known, hole)
        match, values = _level(values, x, known, hole, match, random, (1, 2, ITERATIONS)[min(number, 2)])
    return match


def _texture(x: Array, known: Array) -> Array:
    """Mean absolute horizontal and vertical differences around each pixel: texture that survives reduction."""
    grey = x.mean(axis=2)
    out = []
    for dx, dy in ((1, 0), (0, 1)):
        both = known & np.roll(known, (-dy, -dx), (0, 1))
        change = np.abs(np.roll(grey, (-dy, -dx), (0, 1)) - grey) * both
        out.append(cv2.blur(change, (15, 15)) / np.maximum(cv2.blur(both.astype(np.float32), (15, 15)), 1e-3))
    return np.dstack(out).astype(np.float32)


def _depth(hole: Array) -> float:
    """Diameter of the largest disc in the hole."""
    padded = np.pad(hole, 1).astype(np.uint8)
    return 2 * float(cv2.distanceTransform(padded, cv2.DIST_L2, 3).max())


def _half(x: Array, known: Array, hole: Array) -> tuple[Array, Array, Array]:
    h, w = hole.shape
    size = (w + 1) // 2, (h + 1) // 2
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(x * known[..., None], size, interpolation=cv2.INTER_AREA)
    inside = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    return total / np.maximum(share, 1e-6)[..., None], (share > 0.49) & ~inside, inside


def _centres(known: Array) -> Array:
    """Where a patch is known as a whole."""
    side = 2 * RADIUS + 1
    kernel = np.ones((side, side), np.uint8)
    return np.asarray(
        cv2.erode(known.astype(np.uint8), kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0, bool
    )


def _finer(match: Array, x: Array, known: Array, hole: Array) -> tuple[Array, Array]:
    """The match of a coarser level at this one, and its values."""
    h, w = hole.shape
    y, column = np.mgrid[:h, :w]
    here = np.stack([column, y], -1)
    ch, cw = match.shape[:2]
    cy, cx = np.minimum(y // 2, ch - 1), np.minimum(column // 2, cw - 1)
    offset = 2 * (match[cy, cx] - np.stack([cx, cy], -1))
    to = here + offset
    to = np.clip(to, 0, [w - 1, h - 1])
    values = x[to[..., 1].astype(int), to[..., 0].astype(int)]
    fine = known[to[..., 1].astype(int), to[..., 0].astype(int)]
    start = fill_smooth(np.where(hole[..., None], values, x).astype(np.float32), np.where(hole, fine, known))
    return to.astype(np.float32), np.where(hole[..., None], start, x)


def _patches(x: Array, where: Array) -> Array:
    """The patches around flat positions: n, values."""
    r = RADIUS
    padded = np.pad(x, ((r, r), (r, r), (0, 0)), mode="reflect" if min(x.shape[:2]) > r else "edge")
    width = x.shape[1]
    y, column = where // width, where % width
    flat = padded.reshape(-1, x.shape[2])
    start = y * padded.shape[1] + column
    steps = (np.arange(2 * r + 1)[:, None] * padded.shape[1] + np.arange(2 * r + 1)).ravel()
    return flat[start[:, None] + steps].reshape(len(where), -1)


def _level(
    values: Array, x: Array, known: Array, hole: Array, match: Array | None, random: np.random.Generator, times: int
) -> tuple[Array, Array]:
    """Search and vote in turns at one level."""
    h, w = hole.shape
    side = 2 * RADIUS + 1
    targets = np.flatnonzero(cv2.dilate(hole.astype(np.uint8), np.ones((side, side), np.uint8)))
    sources = np.flatnonzero(_centres(known))
    sample = sources[:: max(1, len(sources) // 2000)]
    some = _patches(values, sample)
    mean = some.mean(axis=0)
    centred = some - mean
    _, basis = np.linalg.eigh(centred.T @ centred)
    basis = basis[:, -COMPONENTS:].astype(np.float32)
    described = np.full((h * w, basis.shape[1]), np.inf, np.float32)
    for part in np.array_split(sources, max(1, len(sources) // 8192)):
        described[part] = (_patches(values, part) - mean) @ basis
    depth = cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1].ravel()
    weight = 1.3 ** -depth[targets]
    found = None
    if match is not None:
        to = match.reshape(-1, 2)[targets].astype(int)
        found = to[:, 1] * w + to[:, 0]
    grid = np.full(h * w, -1)
    grid[targets] = np.arange(len(targets))
    before = None
    for _ in range(times):
        wanted = (_patches(values, targets) - mean) @ basis
        if len(targets) * len(sources) <= EXHAUSTIVE:
            found, error = _nearest(wanted, described[sources])
            found = sources[found]
        else:
            found, error = _search(wanted, described, targets, found, grid, sources, (h, w), random)
        values = _vote(values, x, hole, targets, found, error, weight)
        if before is not None and np.abs(values - before).mean() < 0.01:
            break
        before = values
    out = np.zeros((h * w, 2), np.float32)
    out[targets] = np.stack([found % w, found // w], -1)
    return out.reshape(h, w, 2), values


def _nearest(wanted: Array, described: Array) -> tuple[Array, Array]:
    """The nearest of all, by comparing all: their numbers and squared distances."""
    norm = (described**2).sum(axis=1)
    found, error = [], []
    for part in np.array_split(wanted, max(1, len(wanted) * len(described) // 4_000_000)):
        distance = norm - 2 * part @ described.T
        best = distance.argmin(axis=1)
        found.append(best)
        error.append(distance[np.arange(len(part)), best] + (part**2).sum(axis=1))
    return np.concatenate(found), np.concatenate(error)


def _search(
    wanted: Array,
    described: Array,
    targets: Array,
    found: Array,
    grid: Array,
    sources: Array,
    size: tuple[int, int],
    random: np.random.Generator,
) -> tuple[Array, Array]:
    """PatchMatch: neighbors' offsets and random places, several times."""
    h, w = size
    y, column = targets // w, targets % w

    def attempt(best: Array, error: Array, row: Array, col: Array) -> tuple[Array, Array]:
        place = np.clip(row, 0, h - 1) * w + np.clip(col, 0, w - 1)
        d = ((described[place] - wanted) ** 2).sum(axis=1)
        better = d < error
        return np.where(better, place, best), np.where(better, d, error)

    best, error = attempt(found, np.full(len(targets), np.inf, np.float32), found // w, found % w)
    lost = ~np.isfinite(error)
    if lost.any():
        place = sources[random.integers(0, len(sources), len(targets))]
        best, error = attempt(best, error, place // w, place % w)
    for jump in (1, 8, 4, 2, 1):
        for dy, dx in ((0, jump), (jump, 0), (0, -jump), (-jump, 0)):
            ny, nx = y + dy, column + dx
            inside = (ny >= 0) & (ny < h) & (nx >= 0) & (nx < w)
            number = grid[np.clip(ny, 0, h - 1) * w + np.clip(nx, 0, w - 1)]
            use = inside & (number >= 0)
            other = best[np.where(use, number, 0)]
            row = np.where(use, other // w - dy, best // w)
            col = np.where(use, other % w - dx, best % w)
            best, error = attempt(best, error, row, col)
        reach = 2 * jump
        row = best // w + random.integers(-reach, reach + 1, len(best))
        col = best % w + random.integers(-reach, reach + 1, len(best))
        best, error = attempt(best, error, row, col)
    return best, error


def _vote(values: Array, x: Array, hole: Array, targets: Array, found: Array, error: Array, weight: Array) -> Array:
    """Each pixel of the hole: the weighted mean of what the patches over it say."""
    h, w = hole.shape
    scale = max(float(np.percentile(error, 75)), 1e-6)
    top, left, height, width = (lambda b: (b[1], b[0], b[3], b[2]))(cv2.boundingRect(hole.astype(np.uint8)))
    r = RADIUS
    to, share = np.zeros((h + 2 * r, w + 2 * r), np.int32), np.zeros((h + 2 * r, w + 2 * r), np.float32)
    at = targets // w + r, targets % w + r
    to[at], share[at] = found, weight * np.exp(-np.maximum(error, 0) / (2 * scale))
    total = np.zeros((height, width, x.shape[2]), np.float32)
    sum_of_shares = np.zeros((height, width, 1), np.float32)
    flat = x.reshape(-1, x.shape[2])
    for dy in range(-r, r + 1, 2):
        for dx in range(-r, r + 1, 2):
            box = slice(top + r - dy, top + r - dy + height), slice(left + r - dx, left + r - dx + width)
            part = share[box][..., None]
            total += flat.take(to[box] + (dy * w + dx), axis=0, mode="clip") * part
            sum_of_shares += part
    out = x.copy()
    box = slice(top, top + height), slice(left, left + width)
    out[box] = np.where(hole[box][..., None], total / np.maximum(sum_of_shares, 1e-20), x[box])
    return np.asarray(out, np.float32)
