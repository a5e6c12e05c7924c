"""Things are solid: they have no holes, and what stops is still there. On NumPy arrays."""

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.change_detection import content_distance, worst_channel
from peanut.vision.morphology import grow_mask, hysteresis, open_close
from peanut.vision.motion_segmentation import CHANGED, LIKELY
from peanut.vision.optical_flow import dense_flow, grid, sample, within
from peanut.vision.registration import corners, registered

SAME_COLOR = 10
"""Grey levels, mean of 3x3 pixels, up to which flow leads to the same content; as the noise of videos is."""
CONSISTENT = 1.0
"""Pixels that flow there and back may differ, besides a tenth of its length."""
MOVES, PROOF = 0.5, 4
"""Pixels per frame, and in how many frames, that prove that something moves."""
NOISE = 2.5
"""Least noise between frames far apart in time, in grey levels: codecs and the light drift."""
MARGIN = 3
"""Pixels around a mask that are no background: its faint rim."""
SHIFTED = 0.5
"""Median displacement, in pixels, of the corners since the first frame up to which a camera stands still."""
NEARBY = 0.6
"""How far the background nearby reaches, as a share of the root of the mask's area."""
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
    """h w, float32: in how many frames it was tracked, textured, and moved."""
    since: Array
    """h w, float32: seconds; when it was last found to move."""
    moved: Array
    """h w, bool: is textured, and moved from the neighbor to here."""

    @classmethod
    def nothing(cls, size: tuple[int, ...]) -> "Carried":
        zeros = np.zeros(size, np.float32)
        return cls(np.zeros(size, bool), zeros, zeros, np.zeros(size, bool))

    @property
    def proven(self) -> Array:
        """What surely has moved, and has not only been taken for moving: h w, bool."""
        return np.asarray(self.mask & (self.moves >= PROOF))

    def along(self, image: Array, other: Array, flat: Array) -> "Carried":
        """To `image` from its neighbor `other`, whose these are, before a still camera; only what is the same content.

        image, other: h w 3, uint8. flat: h w, bool; there nothing is proven to move.
        """
        if not self.mask.any():
            return self
        grey, other_grey = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (image, other))
        flow, back = dense_flow(grey, other_grey), dense_flow(other_grey, grey)
        at = grid(*(slice(0, n) for n in grey.shape)) + flow
        mask, moves, since = (
            sample(x.astype(np.float32), at, nearest=True) for x in (self.mask, self.moves, self.since)
        )
        gap, length = flow + sample(back, at), np.hypot(flow[..., 0], flow[..., 1])
        tracked = np.hypot(gap[..., 0], gap[..., 1]) <= CONSISTENT + 0.1 * length
        tracked &= cv2.blur(worst_channel(cv2.absdiff(sample(other, at), image)), (3, 3)) <= SAME_COLOR
        same = (mask > 0) & tracked & within(at, grey.shape)
        moved = same & ~flat & (length > MOVES)
        return Carried(same, moves + moved, since, moved)

    def with_mask(self, mask: Array, found: Array, now: float) -> "Carried":
        """The same of a frame's own mask; where this knows nothing it begins. found: h w, bool: seen to move now."""
        known = mask & self.mask
        return Carried(mask, self.moves * known, np.where(known & ~found, self.since, np.float32(now)), self.moved)


@attrs.define(eq=False)
class Background:
    """What stood at each place of a still camera's frames when last nothing was masked there."""

    grey: Array
    """The first frame: h w, uint8."""
    corners: Array
    """Its corners: n 1 2, float32, pixels."""
    image: Array
    """h w 3, uint8."""
    known: Array
    """h w, bool."""

    @classmethod
    def nothing(cls, image: Array) -> "Background":
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        return cls(grey, corners(grey), image, np.zeros(grey.shape, bool))

    def stands_still(self, image: Array) -> bool:
        """Whether the camera stands where it stood in the first frame: then and now, so that noise does not add up."""
        transform = registered(self.grey, cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), self.corners, 0.25)
        if transform is None:
            return False
        shift = cv2.perspectiveTransform(self.corners, transform) - self.corners
        return bool(np.median(np.linalg.norm(shift, axis=-1)) < SHIFTED)

    def other(self, image: Array, masked: Array) -> Array:
        """Where it is known and the image shows something else: h w, bool. masked: h w, bool, says no noise."""
        difference, compared = worst_channel(cv2.absdiff(image, self.image)), self.known & ~masked
        noise = max(NOISE, float(np.median(difference[compared]))) if compared.any() else NOISE
        distance = content_distance(image, self.image) / noise
        return hysteresis(self.known & (distance > LIKELY), distance > CHANGED)

    def learn(self, image: Array, masked: Array) -> None:
        """Take what is not masked."""
        free = ~grow_mask(masked, MARGIN)
        self.image = np.where(free[..., None], image, self.image)
        self.known = self.known | free


def fill_solid(mask: Array, image: Array, matches: Array) -> Array:
    """The mask with the holes filled that do not show the background: h w, bool. A ring stays a ring.

    A pixel of a hole is background where its color occurs in the background nearby, and there more than in what is
    masked; where texture `matches` the background, h w, bool, a third as much is enough.
    """
    holes = _enclosed(mask)
    if not holes.any():
        return mask
    nearby = grow_mask(mask, round(NEARBY * float(np.count_nonzero(mask) ** 0.5))) & ~mask & ~holes
    inside, outside = (_frequency(image, where) for where in (mask, nearby))
    background = (outside > RARE) & (np.where(matches, 3 * outside, outside) > inside)
    return mask | (holes & ~open_close(holes & background, closed=0))


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
