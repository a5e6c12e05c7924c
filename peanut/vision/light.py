"""Light: the gain and offset between two images of a scene (fades, flashes, exposure), on NumPy arrays."""

from collections.abc import Callable

import attrs
import numpy as np

from peanut.vision.array import Array

ROUNDS = 3
"""Iterations of the robust fit."""
LEAST = 16
"""Samples below which nothing is fitted."""
NOISE = 2.0
"""Grey levels of deviation that say nothing about a gain: sensor, codec and rounding."""
OFFSET = 0.8
"""Share of the residual that must be left, at most, for a gain to need an offset: most light has none."""
VISIBLE = 0.5
"""Mean grey levels below which a change of light is none: half a step of 8 bits."""
DARKEST = 0.01
"""The least gain that is inverted: below it nothing is left of 8 bits."""
BURNT = 253
"""From here on a sample may be burnt out, and says nothing."""


@attrs.frozen(eq=False)
class Light:
    """image = gain * other + offset, per channel."""

    gain: Array
    """3, float32."""
    offset: Array
    """3, float32, grey levels."""

    @property
    def same(self) -> bool:
        return bool((self.gain == 1).all() and (self.offset == 0).all())

    def apply(self, colors: Array) -> Array:
        """Colors of the other image (... 3, 0 to 255) in the light of the first: ... 3, float32, not clipped."""
        return np.asarray(colors * self.gain + self.offset, np.float32)

    @property
    def inverse(self) -> "Light":
        """From the first image to the other."""
        gain = np.maximum(self.gain, DARKEST)
        return Light(1 / gain, -self.offset / gain)


SAME = Light(np.ones(3, np.float32), np.zeros(3, np.float32))


def fit_light(image: Array, other: Array, known: Array) -> Light:
    """The light of `image` against that of `other`, where both show the same scene; SAME if no change can be seen.

    Per channel, with weighted means m and deviations s, either gain = m_image / m_other without an offset, or, where
    that leaves clearly less, gain = sqrt((s_image^2 + s_0^2) / (s_other^2 + s_0^2)), offset = m_image - gain m_other
    (reduced major axis: other than least squares it keeps contrast when both are noisy). The weights are Cauchy's of
    the residuals, so that what moves, or is not registered, counts little.
    image, other: ... 3, 0 to 255, aligned; a sparse sample will do. known: ..., bool, what both show.
    """
    known = known & (image.max(axis=-1) < BURNT) & (other.max(axis=-1) < BURNT)
    if np.count_nonzero(known) < LEAST:
        return SAME
    x, y = other[known].astype(np.float32), image[known].astype(np.float32)
    if np.median(np.abs(y - x)) < VISIBLE:
        return SAME
    light, weights = _fitted(x, y, _gain)
    left = _left(x, y, light)
    if left > VISIBLE:
        both, its_weights = _fitted(x, y, _gain_and_offset)
        if _left(x, y, both) + 1 < OFFSET * (left + 1):
            light, weights = both, its_weights
    change = (weights * np.abs(light.apply(x) - x)).sum(axis=0) / weights.sum()
    return light if change.max() > VISIBLE else SAME


def _fitted(x: Array, y: Array, model: Callable[[Array, Array, Array], Light]) -> tuple[Light, Array]:
    """A model fitted robustly to n samples, from their medians on, and its weights: n 1."""
    light = Light(np.ones(3, np.float32), np.median(y, axis=0) - np.median(x, axis=0))
    weights = _weights(x, y, light)
    for _ in range(ROUNDS):
        light = model(x, y, weights)
        weights = _weights(x, y, light)
    return light, weights


def _weights(x: Array, y: Array, light: Light) -> Array:
    residual = np.abs(y - light.apply(x)).mean(axis=1, keepdims=True)
    return np.asarray(1 / (1 + (residual / (np.median(residual) + 1)) ** 2))


def _gain(x: Array, y: Array, weights: Array) -> Light:
    gain = ((weights * y).sum(axis=0) + 1e-3) / ((weights * x).sum(axis=0) + 1e-3)
    return Light(gain, np.zeros(3, np.float32))


def _gain_and_offset(x: Array, y: Array, weights: Array) -> Light:
    weights = weights / weights.sum()
    mean_x, mean_y = (weights * x).sum(axis=0), (weights * y).sum(axis=0)
    var_x, var_y = ((weights * (v - m) ** 2).sum(axis=0) for v, m in ((x, mean_x), (y, mean_y)))
    gain = np.sqrt((var_y + NOISE**2) / (var_x + NOISE**2))
    return Light(gain, mean_y - gain * mean_x)


def _left(x: Array, y: Array, light: Light) -> float:
    """The median residual of a light: grey levels."""
    return float(np.median(np.abs(y - light.apply(x))))
