"""Things are solid: what was masked and moves along stays masked, and gaps inside an outline close. On NumPy arrays."""

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.change_detection import content_distance, worst_channel
from peanut.vision.morphology import components, grow_mask
from peanut.vision.motion_segmentation import LIKELY
from peanut.vision.optical_flow import grid, sample, within
from peanut.vision.registration import move

SAME_COLOR = 12
"""Grey levels, mean of 3x3 pixels, up to which flow leads to the same content; as the noise of videos is."""
CONSISTENT = 1.0
"""Pixels that flow there and back may differ, besides a tenth of its length."""
TRAVELLED = 2.0
"""Pixels, relative to the camera, from which on something has moved and not only been taken for moving."""
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
    moved: Array
    """h w 2, float32: pixels from where it was first masked, relative to the camera."""
    travelled: Array
    """h w, float32: the largest length that `moved` had."""
    since: Array
    """h w, float32: seconds; when it was last found to move."""

    @classmethod
    def nothing(cls, size: tuple[int, ...]) -> "Carried":
        zeros = np.zeros(size, np.float32)
        return cls(np.zeros(size, bool), np.zeros((*size, 2), np.float32), zeros, zeros)

    def along(self, image: Array, other: Array, flow: Array, back: Array, camera: Array) -> "Carried":
        """To `image` from its neighbor `other`, whose these are; only what is the same content there.

        image, other: h w 3, uint8. flow: from `image` to `other`, and `back`: h w 2, pixels. camera: 3 3, from `image`
        to `other`.
        """
        if not self.mask.any():
            return Carried.nothing(self.mask.shape)
        start = grid(*(slice(0, n) for n in self.mask.shape))
        at = start + flow
        packed = sample(np.dstack([self.moved, self.travelled, self.since]), at, nearest=True)
        mask = sample(self.mask.astype(np.uint8), at, nearest=True) > 0
        gap = flow + sample(back, at)
        mask &= np.hypot(gap[..., 0], gap[..., 1]) <= CONSISTENT + 0.1 * np.hypot(flow[..., 0], flow[..., 1])
        difference = cv2.blur(worst_channel(cv2.absdiff(sample(other, at), image)), (3, 3))
        mask &= (difference <= SAME_COLOR) & within(at, mask.shape)
        moved = packed[..., :2] + (move(start, camera) - at)
        travelled = np.maximum(packed[..., 2], np.hypot(moved[..., 0], moved[..., 1]))
        return Carried(mask, moved, travelled, packed[..., 3])

    def with_mask(self, mask: Array, found: Array, now: float) -> "Carried":
        """The same of a frame's own mask; where this knows nothing it begins. found: h w, bool: seen to move now."""
        known = mask & self.mask
        since = np.where(known & ~found, self.since, np.float32(now))
        return Carried(mask, self.moved * known[..., None], self.travelled * known, since)


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

    def shown(self, image: Array, masked: Array) -> Array:
        """Where it is known, and the image shows it: h w, bool."""
        compared = self.known & ~masked
        if not self.known.any():
            return self.known
        difference = worst_channel(cv2.absdiff(image, self.image))
        noise = max(1.0, float(np.median(difference[compared]))) if compared.any() else 1.0
        return np.asarray(self.known & (content_distance(image, self.image) <= LIKELY * noise))

    def learn(self, image: Array, masked: Array) -> None:
        """Take what is not masked."""
        free = ~grow_mask(masked, 3)
        self.image = np.where(free[..., None], image, self.image)
        self.known = self.known | free


def close_gaps(mask: Array, image: Array, matches: Array, shown: Array) -> Array:
    """The mask with holes and notches closed, but for those that show the background: h w, bool.

    Gaps lie inside the closing of the mask by REACH or are enclosed by it. A gap's pixel is background where it is
    `shown`, or where its color occurs in the background nearby, and there more than in what is masked; where texture
    `matches` it, a third as much is enough. A hole whose rim goes on inside without an edge is none.
    """
    if not mask.any():
        return mask
    _, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    reach = max(2, round(REACH * float(stats[1:, cv2.CC_STAT_AREA].max()) ** 0.5))
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
    """How often each pixel's color occurs in a part of the image, similar ones too: h w, float32, shares of the part."""
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
