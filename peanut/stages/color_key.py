"""Masking by color: green screens, blue screens, marker paint."""

import re
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np
import numpy.typing as npt
import torch

from peanut.errors import UsageError, pick
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import at_least
from peanut.vision.morphology import grow_mask, large_components

Array = npt.NDArray[Any]

NAMES = {"green": (0, 177, 64), "blue": (0, 71, 187)}
"""The colors that screens and paints for keying are sold in."""

LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ],
    np.float32,
)
LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ],
    np.float32,
)


def _color(color: tuple[int, int, int] | str) -> tuple[int, int, int]:
    """A color as (r, g, b), 0 to 255, from what a user may write. Raises UsageError for anything else."""
    if isinstance(color, str) and not color.startswith("#"):
        return pick("color", color, NAMES)
    if isinstance(color, str):
        if not re.fullmatch(r"#[0-9a-fA-F]{6}", color):
            raise UsageError(f"ColorKey: a color with # is written '#rrggbb', got {color!r}.")
        return int(color[1:3], 16), int(color[3:5], 16), int(color[5:7], 16)
    try:
        r, g, b = (value.__index__() for value in color)
    except (TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"ColorKey: color must be (r, g, b), '#rrggbb' or one of {', '.join(NAMES)}, got {color!r}."
        ) from error
    if not all(0 <= value <= 255 for value in (r, g, b)):
        raise UsageError(f"ColorKey: the parts of a color are 0 to 255, got {color!r}.")
    return r, g, b


@attrs.frozen(repr=False)
class ColorKey(Stage):
    """Mask the pixels near a color, in light and in shadow. Masks that frames bring along are replaced.

    A shadow dims the light of all three channels alike, which scales OKLab (Ottosson 2020) as a whole: every pixel is
    brought to the lightness of `color` first, then the distance in chroma decides. There 0.02 is about a visible step,
    and the green of a screen lies 0.2 from grey.

    color: (r, g, b), 0 to 255, "#rrggbb", or "green" and "blue", the usual screens (0, 177, 64) and (0, 71, 187).
    tolerance: largest distance in chroma, the plane (a, b) of OKLab.
    lightness: largest distance in lightness, which runs from 0 to 1. Make it small to key on white, black or grey.
    min_area: connected parts of fewer pixels are left out. grow: pixels added around what was found, a disc.
    Latency: 0. Holds: 1 frame. Raises UsageError for what is no color and settings that do not fit.
    """

    color: tuple[int, int, int] | str = attrs.field(converter=_color)
    tolerance: float = attrs.field(default=0.07, validator=at_least(0.0))
    grow: int = attrs.field(default=0, validator=at_least(0))
    lightness: float = attrs.field(default=0.35, validator=at_least(0.0), kw_only=True)
    min_area: int = attrs.field(default=0, validator=at_least(0), kw_only=True)
    latency, memory = 0, 1

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        key = oklab(np.array([[self.color]], np.uint8))[0, 0]
        for frame in frames:
            mask = self._near(oklab(frame.numpy()), key)
            if self.min_area > 1:
                mask = large_components(mask, self.min_area)
            yield frame.with_mask(torch.from_numpy(grow_mask(mask, self.grow)))
            del frame

    def _near(self, lab: Array, key: Array) -> Array:
        lightness = lab[..., 0]
        lit = key[0] / np.maximum(lightness, 1e-6)
        apart = np.hypot(lab[..., 1] * lit - key[1], lab[..., 2] * lit - key[2])
        return np.asarray((apart <= self.tolerance) & (np.abs(lightness - key[0]) <= self.lightness))


def oklab(picture: Array) -> Array:
    """h w 3, uint8, sRGB -> h w 3, float32: lightness (0 to 1), green to red, blue to yellow (about -0.3 to 0.3).

    Source: Björn Ottosson, A perceptual color space for image processing, 2020; sRGB's curve is IEC 61966-2-1.

    >>> oklab(np.array([[[0, 255, 0]]], np.uint8)).astype(float).round(3).tolist()
    [[[0.866, -0.234, 0.179]]]
    """
    return np.asarray(np.cbrt(_linear()[picture] @ LMS.T) @ LAB.T)


def _linear() -> Array:
    """The light of each of the 256 values, 0 to 1."""
    value = np.arange(256, dtype=np.float32) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)
