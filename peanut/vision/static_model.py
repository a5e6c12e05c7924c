"""What two images have in common if they show one scene that stands still: its light, and its content. On arrays."""

import numpy as np

from peanut.vision.array import Array
from peanut.vision.light import fit_light
from peanut.vision.optical_flow import grid, sample, within
from peanut.vision.registration import move

SPARSE = 12
"""Pixels between the samples that light is fitted to."""
LEFT = 0.75
"""Share of the difference that light must leave at most: without a change of light it left over 0.8 on seven clips."""
UNRELATED, FEW_LEVELS = 0.5, 8.0
"""Share of the difference of unrelated images, and grey levels, above which two images do not show one scene."""


def in_one_light(image: Array, other: Array, transform: Array) -> tuple[Array, Array]:
    """Two images in the light of the brighter one, which comes back as it is: what is burnt out there is so in both.

    Both come back as they are where light explains less than a quarter of the difference.
    image, other: h w 3, uint8. transform: 3 3, from `image` to `other`, about right.
    """
    ours, theirs, known = _samples(image, other, transform)
    light = fit_light(ours, theirs, known)
    if light.same or _difference(ours, light.apply(theirs), known) > LEFT * _difference(ours, theirs, known):
        return image, other
    if light.gain.mean() >= 1:
        return image, _levels(light.apply(other))
    return _levels(light.inverse.apply(image)), other


def one_scene(image: Array, other: Array, transform: Array) -> bool:
    """Whether two images, registered, are nearer to each other than images that have nothing to do with each other.

    That is the difference, in the median, to the other one upside down. Where a cut was missed, or the registration
    failed, half of it is left and more.
    """
    ours, theirs, known = _samples(image, other, transform)
    left = _difference(ours, theirs, known)
    return left <= max(FEW_LEVELS, UNRELATED * _difference(ours, theirs[::-1], known & known[::-1]))


def _samples(image: Array, other: Array, transform: Array) -> tuple[Array, Array, Array]:
    """Sparse pixels of `image`, what `other` shows there, and where it shows anything."""
    h, w = image.shape[:2]
    at = np.ascontiguousarray(move(grid(slice(0, h), slice(0, w))[::SPARSE, ::SPARSE], transform))
    return image[::SPARSE, ::SPARSE], sample(other, at), within(at, (h, w))


def _difference(image: Array, other: Array, known: Array) -> float:
    """The median difference: grey levels; 0 where nothing is known."""
    return float(np.median(np.abs(image[known] - other[known].astype(np.float32)).max(axis=-1))) if known.any() else 0.0


def _levels(image: Array) -> Array:
    return np.clip(image + 0.5, 0, 255).astype(np.uint8)
