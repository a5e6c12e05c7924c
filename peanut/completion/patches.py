"""Filling a hole with patches of its surroundings, coarse to fine.

After Wexler, Shechtman and Irani, Space-Time Completion of Video, TPAMI 2007, with the texture features of Newson et
al., Video Inpainting of Complex Scenes, SIAM Journal on Imaging Sciences 2014: at each level of a pyramid every patch
over the hole looks for the most similar known one, and the pixels of the hole become what those patches vote for.
"""

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.inpainting import fill_smooth

RADIUS = 3
"""Patches are squares of 2 RADIUS + 1 pixels."""
COMPONENTS = 24
"""Principal components of patches by which they are compared."""
TEXTURE, TEXTURE_SIDE = 4.0, 15
"""Weight of the two channels of texture beside the three of color, and pixels over which texture is averaged."""
COMPARED = 1.2e7
"""Pairs of patches up to which all are compared; beyond, PatchMatch looks where it is likely."""
ROUNDS = 1, 2, 8
"""Rounds of search and vote at the finest level, the next, and all others: votes blur where little is left to find."""
NEAREST = 1.3
"""A patch this many times counts more per pixel that it lies nearer to what is known."""


@attrs.frozen(eq=False)
class _Level:
    """An image of the pyramid."""

    image: Array
    """h w 5, float32: color and texture."""
    known: Array
    """h w, bool."""
    hole: Array
    """h w, bool."""

    @property
    def sources(self) -> Array:
        """Flat positions around which a whole patch is known."""
        patch = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
        whole = cv2.erode(self.known.astype(np.uint8), patch, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        return np.flatnonzero(whole)

    def halved(self) -> "_Level":
        h, w = self.hole.shape
        size = (w + 1) // 2, (h + 1) // 2
        known, inside = (np.pad(x, ((0, h % 2), (0, w % 2))).astype(np.float32) for x in (self.known, self.hole))
        image = np.pad(self.image, ((0, h % 2), (0, w % 2), (0, 0)))
        share = cv2.resize(known, size, interpolation=cv2.INTER_AREA)
        total = cv2.resize(image * known[..., None], size, interpolation=cv2.INTER_AREA)
        hole = np.asarray(cv2.resize(inside, size, interpolation=cv2.INTER_AREA) > 0)
        return _Level(total / np.maximum(share, 1e-6)[..., None], (share > 0.49) & ~hole, hole)

    def copied(self, match: Array) -> Array:
        """Its image, the hole filled with what lies at `match`, smoothly where that is not known: h w 5."""
        column, row = np.moveaxis(match.astype(int), -1, 0)
        image = np.where(self.hole[..., None], self.image[row, column], self.image)
        known = np.where(self.hole, self.known[row, column], self.known)
        return np.where(self.hole[..., None], fill_smooth(image, known), self.image)


def patch_map(image: Array, known: Array, hole: Array) -> Array | None:
    """Where each pixel of a hole is copied from: h w 2, float32, whole numbers; None if no whole patch is known.

    image: h w 3, uint8. known, hole: h w, bool.
    """
    x = image.astype(np.float32)
    pyramid = [_Level(np.dstack([x, TEXTURE * _texture(x, known)]), known, hole)]
    if not len(pyramid[0].sources):
        return None
    while _depth(pyramid[-1].hole) > 2 * RADIUS + 1:
        level = pyramid[-1].halved()
        if min(level.hole.shape) < 5 * RADIUS or not len(level.sources):
            break
        pyramid.append(level)
    coarsest = pyramid[-1]
    match: Array | None = None
    values = np.where(coarsest.hole[..., None], fill_smooth(coarsest.image, coarsest.known), coarsest.image)
    random = np.random.default_rng(0)
    for number in range(len(pyramid) - 1, -1, -1):
        level = pyramid[number]
        if match is not None and match.shape[:2] != level.hole.shape:
            match = _resampled(match, level.hole.shape, 2.0)
            values = level.copied(match)
        match = _matched(level, values, match, random, ROUNDS[min(number, 2)])
    return match


def _texture(x: Array, known: Array) -> Array:
    """Mean absolute horizontal and vertical differences around each pixel: texture that survives reduction, h w 2."""
    grey, out = x.mean(axis=2), []
    side = TEXTURE_SIDE, TEXTURE_SIDE
    for axis in (1, 0):
        both = (known & np.roll(known, -1, axis)).astype(np.float32)
        change = cv2.blur(np.abs(np.roll(grey, -1, axis) - grey) * both, side)
        out.append(change / np.maximum(cv2.blur(both, side), 1e-3))
    return np.asarray(np.dstack(out), np.float32)


def _depth(hole: Array) -> float:
    """Diameter of the largest disc in the hole, pixels."""
    return 2 * float(cv2.distanceTransform(np.pad(hole, 1).astype(np.uint8), cv2.DIST_L2, 3).max())


def _resampled(match: Array, size: tuple[int, ...], scale: float) -> Array:
    """A map at another size, its offsets scaled: size 2, float32, whole numbers inside the image."""
    (h, w), (y, x) = size, np.mgrid[: size[0], : size[1]]
    here = np.stack([x, y], axis=-1)
    there = np.minimum((here / scale).astype(int), [match.shape[1] - 1, match.shape[0] - 1])
    offset = scale * (match[there[..., 1], there[..., 0]] - there)
    return np.asarray(np.clip(np.rint(here + offset), 0, [w - 1, h - 1]), np.float32)


def _patches(x: Array, where: Array) -> Array:
    """The patches around flat positions: n, values."""
    r, width = RADIUS, x.shape[1]
    padded = np.pad(x, ((r, r), (r, r), (0, 0)), mode="reflect" if min(x.shape[:2]) > r else "edge")
    start = where // width * padded.shape[1] + where % width
    steps = (np.arange(2 * r + 1)[:, None] * padded.shape[1] + np.arange(2 * r + 1)).ravel()
    return np.asarray(padded.reshape(-1, x.shape[2])[start[:, None] + steps].reshape(len(where), -1))


def _matched(level: _Level, values: Array, match: Array | None, random: np.random.Generator, rounds: int) -> Array:
    """Search and vote in turns at one level, from its values, h w 5, and, if any, a match: the next match, h w 2."""
    h, w = level.hole.shape
    patch = np.ones((2 * RADIUS + 1, 2 * RADIUS + 1), np.uint8)
    targets, sources = np.flatnonzero(cv2.dilate(level.hole.astype(np.uint8), patch)), level.sources
    some = _patches(values, sources[:: max(1, len(sources) // 2000)])
    mean = some.mean(axis=0)
    basis = np.linalg.eigh((some - mean).T @ (some - mean))[1][:, -COMPONENTS:].astype(np.float32)
    described: Array = np.full((h * w, basis.shape[1]), np.inf, np.float32)
    for part in np.array_split(sources, len(sources) // 8192 + 1):
        described[part] = (_patches(values, part) - mean) @ basis
    depth = cv2.distanceTransform(np.pad(level.hole, 1).astype(np.uint8), cv2.DIST_L2, 3)[1:-1, 1:-1]
    weight = NEAREST ** -depth.ravel()[targets]
    found = sources[random.integers(0, len(sources), len(targets))]
    if match is not None:
        column, row = match.reshape(-1, 2)[targets].astype(int).T
        found = np.where(np.isfinite(described[row * w + column, 0]), row * w + column, found)
    for number in range(rounds):
        wanted = (_patches(values, targets) - mean) @ basis
        if len(targets) * len(sources) <= COMPARED:
            nearest, error = _nearest(wanted, described[sources])
            found = sources[nearest]
        else:
            found, error = _searched(wanted, described, targets, found, (h, w), random)
        if number < rounds - 1:
            values = _voted(level, targets, found, weight * _likelihood(error))
    out = np.zeros((h * w, 2), np.float32)
    out[targets] = np.stack([found % w, found // w], axis=-1)
    return out.reshape(h, w, 2)


def _nearest(wanted: Array, described: Array) -> tuple[Array, Array]:
    """The nearest of all, by comparing all: their numbers and squared distances."""
    norm = (described**2).sum(axis=1)
    found, error = [], []
    for part in np.array_split(wanted, len(wanted) * len(described) // 4_000_000 + 1):
        distance = norm - 2 * part @ described.T
        best = distance.argmin(axis=1)
        found.append(best)
        error.append(distance[np.arange(len(part)), best] + (part**2).sum(axis=1))
    return np.concatenate(found), np.concatenate(error)


def _searched(
    wanted: Array, described: Array, targets: Array, found: Array, size: tuple[int, int], random: np.random.Generator
) -> tuple[Array, Array]:
    """PatchMatch (Barnes et al., SIGGRAPH 2009): the neighbors' offsets, and places at random near the best."""
    (h, w), n = size, len(targets)
    row, column = targets // w, targets % w
    number = np.full(h * w, -1)
    number[targets] = np.arange(n)
    best, error = found, ((described[found] - wanted) ** 2).sum(axis=1)

    def attempt(y: Array, x: Array) -> None:
        nonlocal best, error
        place = np.clip(y, 0, h - 1) * w + np.clip(x, 0, w - 1)
        distance = ((described.take(place, axis=0) - wanted) ** 2).sum(axis=1)
        best, error = np.where(distance < error, place, best), np.minimum(distance, error)

    for jump in (1, 8, 4, 2, 1):
        for dy, dx in ((0, jump), (jump, 0), (0, -jump), (-jump, 0)):
            y, x = row + dy, column + dx
            inside = (y >= 0) & (y < h) & (x >= 0) & (x < w)
            beside = np.where(inside, number[np.clip(y, 0, h - 1) * w + np.clip(x, 0, w - 1)], -1)
            other = best[np.maximum(beside, 0)]
            use = beside >= 0
            attempt(np.where(use, other // w - dy, best // w), np.where(use, other % w - dx, best % w))
        attempt(*(at + random.integers(-2 * jump, 2 * jump + 1, n) for at in (best // w, best % w)))
    return best, error


def _likelihood(error: Array) -> Array:
    """exp(-d / (2 s)), s the 75th percentile of the squared distances d."""
    return np.asarray(np.exp(-np.maximum(error, 0) / (2 * max(float(np.percentile(error, 75)), 1e-6))))


def _voted(level: _Level, targets: Array, found: Array, weight: Array) -> Array:
    """The image, each pixel of its hole the weighted mean of what every second patch over it shows: h w 5."""
    (h, w), r = level.hole.shape, RADIUS
    x, y, width, height = cv2.boundingRect(level.hole.astype(np.uint8))
    to, share = np.zeros((h + 2 * r, w + 2 * r), np.int64), np.zeros((h + 2 * r, w + 2 * r), np.float32)
    at = targets // w + r, targets % w + r
    to[at], share[at] = found, weight
    flat = level.image.reshape(-1, level.image.shape[2])
    total, shares = np.zeros((height, width, flat.shape[1]), np.float32), np.zeros((height, width, 1), np.float32)
    for dy in range(-r, r + 1, 2):
        for dx in range(-r, r + 1, 2):
            near = slice(y + r - dy, y + r - dy + height), slice(x + r - dx, x + r - dx + width)
            part = share[near][..., None]
            total += flat.take(to[near] + (dy * w + dx), axis=0, mode="clip") * part
            shares += part
    out, box = level.image.copy(), (slice(y, y + height), slice(x, x + width))
    out[box] = np.where(level.hole[box][..., None], total / np.maximum(shares, 1e-20), out[box])
    return out
