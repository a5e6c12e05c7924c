"""Names of colors, by regions of Oklab.

The names are the eleven basic color terms of Berlin and Kay (Basic Color Terms, 1969). A pixel is looked at in Oklab
(Ottosson, 2020; also in CSS Color 4): lightness L, hue h, and saturation s = chroma / L. Light falls on a thing by a
factor, Oklab takes cube roots of what is linear in light, so that a factor cancels out of h and s: shade changes L
alone. The limits of the regions are ours: drawn by hand so that the sRGB values that CSS gives its color keywords,
and those commonly given for the 22 colors of Kelly (1965), centroids of ISCC-NBS, lie where their names say; the few
that do not are in `tests/test_words_colors.py`. No survey of people stands behind them.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]

LINEAR = np.where(
    np.arange(256) / 255 <= 0.04045, np.arange(256) / 255 / 12.92, ((np.arange(256) / 255 + 0.055) / 1.055) ** 2.4
)
"""The light of each value of sRGB, 0 to 1 (IEC 61966-2-1)."""
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
"""The two matrices of Oklab."""

REGIONS = (
    ("black", 8, 368, 0.00, 0.20, 0.00, 9.00),
    ("black", 8, 368, 0.00, 0.38, 0.00, 0.12),
    ("white", 8, 368, 0.87, 9.00, 0.00, 0.05),
    ("gray", 8, 368, 0.00, 9.00, 0.00, 0.05),
    ("pink", 8, 33, 0.70, 9.00, 0.00, 9.00),
    ("brown", 8, 33, 0.00, 0.60, 0.00, 0.17),
    ("pink", 8, 33, 0.00, 9.00, 0.00, 0.17),
    ("red", 8, 33, 0.00, 9.00, 0.00, 9.00),
    ("pink", 33, 42, 0.70, 9.00, 0.00, 0.20),
    ("orange", 33, 42, 0.70, 9.00, 0.00, 9.00),
    ("brown", 33, 42, 0.00, 0.46, 0.00, 9.00),
    ("brown", 33, 42, 0.00, 9.00, 0.00, 0.20),
    ("red", 33, 42, 0.00, 9.00, 0.00, 9.00),
    ("orange", 42, 80, 0.64, 9.00, 0.19, 9.00),
    ("brown", 42, 80, 0.00, 9.00, 0.00, 9.00),
    ("yellow", 80, 115, 0.62, 9.00, 0.00, 9.00),
    ("brown", 80, 95, 0.00, 9.00, 0.00, 9.00),
    ("green", 95, 188, 0.00, 9.00, 0.00, 9.00),
    ("blue", 188, 283, 0.00, 9.00, 0.00, 9.00),
    ("purple", 283, 338, 0.00, 9.00, 0.00, 9.00),
    ("red", 355, 368, 0.00, 0.60, 0.24, 9.00),
    ("pink", 338, 368, 0.52, 9.00, 0.00, 9.00),
    ("purple", 338, 352, 0.00, 9.00, 0.00, 9.00),
    ("red", 352, 368, 0.00, 9.00, 0.00, 9.00),
)
"""Name, hue from and to in degrees, L from and to, s from and to; a pixel belongs to the first that it lies in."""
NAMES = ("black", "white", "gray", "red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
SHADES = {
    "gray": (0.52, 0.75), "red": (0.44, 0.62), "orange": (0.66, 0.80), "yellow": (0.75, 0.93), "green": (0.46, 0.75),
    "blue": (0.42, 0.70), "purple": (0.42, 0.68), "pink": (0.62, 0.82), "brown": (0.42, 0.65),
}  # fmt: skip
"""Name -> below which L it is dark, and above which it is light."""
LEVELS = 32
"""Values a channel of the grid on which colors are named."""
BRIGHT = 0.95
"""The quantile of an image's brightness that is taken for white."""
DARKEST = 48
"""As dark as white is ever taken to be, 0 to 255: an image of the night is not made into one of the day."""


def oklab(pixels: Pixels) -> Floats:
    """RGB n 3 -> n 3: L of Oklab (0 to 1, white 1), hue in degrees (8 to 368), chroma / L."""
    lab = np.cbrt(LINEAR[pixels] @ TO_CONES.T) @ TO_LAB.T
    hue = np.degrees(np.arctan2(lab[:, 2], lab[:, 1])) % 360
    chroma = np.hypot(lab[:, 1], lab[:, 2])
    return np.stack([lab[:, 0], np.where(hue < 8, hue + 360, hue), chroma / np.maximum(lab[:, 0], 0.01)], axis=1)


def named(pixels: Pixels) -> npt.NDArray[np.int64]:
    """RGB n 3 -> n: three times the place in `NAMES`, and 1 more if it is dark, 2 more if it is light."""
    lightness, hue, saturation = oklab(pixels).T
    number = np.full(len(pixels), -1)
    for name, h0, h1, l0, l1, s0, s1 in REGIONS:
        here = (number < 0) & (hue >= h0) & (hue < h1)
        here &= (lightness >= l0) & (lightness < l1) & (saturation >= s0) & (saturation < s1)
        dark, bright = SHADES.get(name, (0, 9))
        number[here] = 3 * NAMES.index(name) + (lightness < dark)[here] + 2 * (lightness > bright)[here]
    return number


@cache
def _grid() -> npt.NDArray[np.int64]:
    """`named` on a grid of LEVELS values a channel: looked up, a pixel costs a hundredth."""
    values = np.round(np.arange(LEVELS) * 255 / (LEVELS - 1)).astype(np.uint8)
    return named(np.stack(np.meshgrid(values, values, values, indexing="ij"), axis=-1).reshape(-1, 3))


def color_shares(pixels: Pixels, light: tuple[float, float, float] = (255, 255, 255)) -> dict[str, float]:
    """Which share of the pixels has each color name: the eleven `NAMES`, which sum to 1, and of all but black and
    white "dark ..." and "light ...", parts of theirs.

    pixels: n 3, uint8, RGB; without any all shares are 0. light: what a white thing looks like there, RGB 0 to 255, see
    `light_of`; the pixels are divided by it in linear light (von Kries).

    >>> shares = color_shares(np.array([[200, 20, 30], [100, 10, 15], [120, 120, 120], [10, 10, 10]], np.uint8))
    >>> {name: share for name, share in shares.items() if share}
    {'black': 0.25, 'gray': 0.25, 'red': 0.5, 'dark red': 0.25}
    """
    place = np.zeros(len(pixels), np.int64)
    for channel, white in enumerate(light):
        seen = np.interp(LINEAR / np.interp(white, np.arange(256), LINEAR), LINEAR, np.arange(256))
        place = LEVELS * place + np.round(seen * (LEVELS - 1) / 255).astype(np.int64)[pixels[:, channel]]
    counts = np.bincount(_grid()[place], minlength=3 * len(NAMES)) / max(1, len(pixels))
    plain = {name: float(counts[3 * n : 3 * n + 3].sum()) for n, name in enumerate(NAMES)}
    shades = {
        f"{shade} {name}": float(counts[3 * NAMES.index(name) + more])
        for name in SHADES
        for more, shade in ((1, "dark"), (2, "light"))
    }
    return {**plain, **shades}


def light_of(pixels: Pixels, most: float = 1.3) -> tuple[float, float, float]:
    """What a white thing looks like in an image, RGB 0 to 255, for `color_shares`.

    pixels: n 3, uint8, RGB, of the whole image. The tint is that of shades of gray (Finlayson and Trezzi, CIC 2004: the
    6-norm of each channel is that of gray), by at most the factor `most` between channels in linear light, because
    a wall of one color is not a tint. The brightness is that of the lightest twentieth.

    >>> light_of(np.full((10, 3), 255, np.uint8))
    (255.0, 255.0, 255.0)
    """
    linear = LINEAR[pixels]
    norm = np.maximum((linear**6).mean(axis=0) ** (1 / 6), 1e-6)
    tint = np.clip(norm / np.exp(np.log(norm).mean()), most**-0.5, most**0.5)
    bright = float(np.quantile(linear.max(axis=1), BRIGHT))
    white = tint / tint.max() * max(bright, LINEAR[DARKEST])
    red, green, blue = np.round(np.interp(white, LINEAR, np.arange(256)), 3)
    return float(red), float(green), float(blue)
