"""Things are solid: what was masked and moves along stays masked, and gaps inside an outline close. On NumPy arrays."""

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.change_detection import content_distance, worst_channel
from peanut.vision.morphology import components, grow_mask, hysteresis
from peanut.vision.motion_segmentation import CHANGED, LIKELY
from peanut.vision.optical_flow import grid, sample, within
from peanut.vision.registration import move

SAME_COLOR = 10
"""Grey levels, mean of 3x3 pixels, up to which flow leads to the same content; as the noise of videos is."""
CONSISTENT = 1.0
"""Pixels that flow there and back may differ, besides a tenth of its length."""
MOVES, PROOF = 0.5, 4
"""Pixels per frame besides the camera's motion, and in how many frames, that prove that something moves."""
REACH = 0.15
"""Half the width of a notch that may close, as a share of the root of the mask's largest component."""
LEVELS = 16
"""Steps of a channel in a histogram of colors."""
RARE = 0.002
"""Share of the background nearby below which a color does not occur in it."""


@attrs.frozen(eq=False)
class Carried:
    """What is known of the pixels of a frame that were masked in its neighbor, carried along by flow."""

    mask: Array
    """h w, bool: was masked there, and is the same content."""
    moves: Array
    """h w, float32: in how many frames it was tracked, textured, at another speed than the camera's."""
    since: Array
    """h w, float32: seconds; when it was last found to move."""

    @classmethod
    def nothing(cls, size: tuple[int, ...]) -> "Carried":
        zeros = np.zeros(size, np.float32)
        return cls(np.zeros(size, bool), zeros, zeros)

    @property
    def proven(self) -> Array:
        """What surely has moved, and has not only been taken for moving: h w, bool."""
        return np.asarray(self.mask & (self.moves >= PROOF))

    def along(self, image: Array, flat: Array, other: Array, flow: Array, back: Array, camera: Array) -> "Carried":
        """To `image` from its neighbor `other`, whose these are; only what is the same content there.

        image, other: h w 3, uint8. flat: h w, bool; flow proves nothing there. flow: from `image` to `other`, and
        `back`: h w 2, pixels. camera: 3 3, from `image` to `other`.
        """
        if not self.mask.any():
            return self
        start = grid(*(slice(0, n) for n in self.mask.shape))
        at = start + flow
        mask, moves, since = (
            sample(x.astype(np.float32), at, nearest=True) for x in (self.mask, self.moves, self.since)
        )
        gap, relative = flow + sample(back, at), at - move(start, camera)
        tracked = np.hypot(gap[..., 0], gap[..., 1]) <= CONSISTENT + 0.1 * np.hypot(flow[..., 0], flow[..., 1])
        tracked &= cv2.blur(worst_channel(cv2.absdiff(sample(other, at), image)), (3, 3)) <= SAME_COLOR
        moves += ~flat & (np.hypot(relative[..., 0], relative[..., 1]) > MOVES)
        return Carried((mask > 0) & tracked & within(at, flat.shape), moves, since)

    def with_mask(self, mask: Array, found: Array, now: float) -> "Carried":
        """The same of a frame's own mask; where this knows nothing it begins. found: h w, bool: seen to move now."""
        known = mask & self.mask
        return Carried(mask, self.moves * known, np.where(known & ~found, self.since, np.float32(now)))


@attrs.define(eq=False)
class Background:
    """What stood at each place of a frame when last nothing was masked there, carried along the camera's motion."""

    image: Array
    """h w 3, uint8."""
    known: Array
    """h w, bool."""

    def carry(self, camera: Array) -> None:
        """To the next frame. camera: 3 3, from that frame to this."""
        if not np.array_equal(camera, np.eye(3)):
            at = move(grid(*(slice(0, n) for n in self.known.shape)), camera)
            self.image = np.asarray(cv2.remap(self.image, at, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))  # type: ignore[call-overload]
            self.known = (sample(self.known.astype(np.uint8), at, nearest=True) > 0) & within(at, self.known.shape)

    def compare(self, image: Array, masked: Array) -> tuple[Array, Array]:
        """Where it is known, what the image shows: the background, or something else: each h w, bool."""
        if not self.known.any():
            return self.known, self.known
        difference, compared = worst_channel(cv2.absdiff(image, self.image)), self.known & ~masked
        noise = max(1.0, float(np.median(difference[compared]))) if compared.any() else 1.0
        distance = content_distance(image, self.image) / noise
        other = hysteresis(self.known & (distance > LIKELY), distance > CHANGED)
        return self.known & (distance <= LIKELY), other

    def learn(self, image: Array, masked: Array) -> None:
        """Take what is not masked."""
        free = ~grow_mask(masked, 3)
        self.image = np.where(free[..., None], image, self.image)
        self.known = self.known | free


def reach_of(mask: Array) -> int:
    """How far from the mask its gaps may lie, in pixels, by the size of its largest component."""
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    return max(2, round(REACH * float(stats[1:, cv2.CC_STAT_AREA].max(initial=0) ** 0.5)))


def close_gaps(mask: Array, image: Array, matches: Array, shown: Array) -> Array:
    """The mask with holes and notches closed, but for those that show the background: h w, bool.

    Gaps lie inside the closing of the mask by REACH or are enclosed by it. A gap's pixel is background where it is
    `shown`, or where its color occurs in the background nearby, and there more than in what is masked; where texture
    `matches` it, a third as much is enough. A hole whose rim goes on inside without an edge is none.
    """
    if not mask.any():
        return mask
    reach = reach_of(mask)
    around = grow_mask(mask, reach)
    hull = mask | ~grow_mask(~around, reach)
    holes = _enclosed(mask)
    gaps = (hull | holes) & ~mask
    if not gaps.any():
        return mask
    nearby = grow_mask(mask, 4 * reach) & ~hull & ~holes
    inside, outside = (_frequency(image, where) for where in (mask, nearby))
    like = np.where(matches, 3 * outside, outside)
    background = gaps & (shown | ((outside > RARE) & (like > inside)))
    background = cv2.morphologyEx(background.astype(np.uint8), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)) > 0
    out = mask | (gaps & ~background)
    return out | _continued(holes & ~out, out, image)


def _enclosed(mask: Array) -> Array:
    """What lies inside holes of any size: h w, bool."""
    padded = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    _, labels = cv2.connectedComponents(padded, connectivity=4)
    return np.asarray(((labels != labels[0, 0]) & (padded > 0))[1:-1, 1:-1])


def _frequency(image: Array, where: Array) -> Array:
    """How often each pixel's color, or a similar one, occurs in a part of the image: h w, float32, shares of it."""
    steps = (image // (256 // LEVELS)).astype(np.int32)
    codes = (steps[..., 0] * LEVELS + steps[..., 1]) * LEVELS + steps[..., 2]
    counts = np.bincount(codes[where], minlength=LEVELS**3).reshape((LEVELS,) * 3).astype(np.float32)
    for axis in range(3):
        padded = np.pad(counts, [(1, 1) if axis == other else (0, 0) for other in range(3)])
        counts = sum(np.take(padded, range(k, k + LEVELS), axis=axis) for k in range(3))  # type: ignore[assignment]
    return np.asarray(counts.reshape(-1)[codes] / max(1, np.count_nonzero(where)))


def _continued(holes: Array, mask: Array, image: Array) -> Array:
    """Those holes around which the image goes on without an edge, for more than half of the rim: h w, bool."""
    out = np.zeros_like(holes)
    smooth = cv2.blur(image, (3, 3))
    for hole in components(holes):
        rim = hole & grow_mask(~hole, 2)
        near = mask & grow_mask(hole, 4)
        weight = cv2.blur(near.astype(np.float32), (9, 9))
        mean = cv2.blur(smooth * near[..., None].astype(np.float32), (9, 9)) / np.maximum(weight, 1e-3)[..., None]
        same = np.abs(mean - smooth).max(axis=-1) <= SAME_COLOR
        if (same & rim).sum() > 0.5 * rim.sum():
            out |= hole
    return out
