"""Is what stands here also there? Comparing two pictures of a scene that a moving camera took, on NumPy arrays."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from peanut.vision.optical_flow import dense_flow, grid, sample, within
from peanut.vision.registration import move

Array = npt.NDArray[Any]

UNIT = 8
"""Distances are counted in eighths of the registration's noise."""
BLIND = 255
"""The distance where there is nothing to compare with."""

_STEPS = ((8, 0), (-8, 0), (0, 8), (0, -8), (16, 0), (-16, 0))
LIKE = 10.0
"""Grey levels of mean difference up to which a flow leads to the same content."""
SHADE = 0.7
"""The deepest shadow that is forgiven, as a factor of brightness."""
ALIKE = 0.6
"""Correlation above which two textures are one."""
TEXTURE = 1.5
"""Deviation, in units of the noise, above which there is a texture."""
DARKER, DARKEST = 0.91, 0.4
"""Between which factors of brightness something lies in a shadow."""
HUE = 0.12
"""How far these factors may lie apart from color to color."""

_NEIGHBORS = np.ones((3, 3), np.uint8)


def parallax_flow(grey: Array, other: Array, reach: float) -> Array:
    """Flow between two registered pictures of a still scene: h w 2, pixels.

    Flow is kept where it is at most `reach` pixels long and leads to what looks the same; elsewhere (something moved,
    or nothing is there to match) it is the mean of the flow kept around. grey, other: h w, uint8.
    """
    start = grid(*(slice(0, n) for n in grey.shape))
    flow = dense_flow(grey, other, "fast")
    unlike = _unlike(grey, other, start + flow)
    mean = _kept_mean(flow, unlike, reach)
    others = [np.zeros_like(flow), mean]
    others += [_shifted(flow, dx, dy) for dx, dy in _STEPS]  # beside an edge of parallax a neighbor's may be right
    for candidate in others:
        also = _unlike(grey, other, start + candidate)
        better = also < unlike
        flow, unlike = np.where(better[..., None], candidate, flow), np.where(better, also, unlike)
    kept = (unlike < LIKE) & (np.hypot(flow[..., 0], flow[..., 1]) <= reach)
    return np.asarray(np.where(kept[..., None], flow, _kept_mean(flow, unlike, reach)), np.float32)


def _unlike(grey: Array, other: Array, at: Array) -> Array:
    """Mean difference over 5x5 pixels: h w, float32, grey levels."""
    return np.asarray(cv2.blur(cv2.absdiff(sample(other, at), grey).astype(np.float32), (5, 5)))


def _kept_mean(flow: Array, unlike: Array, reach: float) -> Array:
    """The mean over 41x41 pixels of the flow that leads to the same content: h w 2."""
    kept = ((unlike < LIKE) & (np.hypot(flow[..., 0], flow[..., 1]) <= reach)).astype(np.float32)
    around = cv2.blur(np.dstack([flow * kept[..., None], kept]), (41, 41))
    return np.asarray(around[..., :2] / (around[..., 2:] + 1e-3))


def _shifted(flow: Array, dx: int, dy: int) -> Array:
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(flow, shift, flow.shape[1::-1], borderMode=cv2.BORDER_REPLICATE))


def content_distance(picture: Array, other: Array) -> Array:
    """How far two aligned pictures differ, a shift of one pixel forgiven: h w, float32, grey levels.

    picture, other: h w 3, uint8. A color outside the interval of the other's 3x3 pixels counts by how far it is
    outside, in both directions, so that something smooth on something rough counts as well; the worst channel, averaged
    over 5x5 pixels.
    """
    outside = worst_channel(cv2.max(_outside(picture, other), _outside(other, picture)))
    return np.asarray(cv2.blur(outside.astype(np.float32), (5, 5)))


def shaded(other: Array, picture: Array, noise: float) -> Array:
    """`other` as dark or bright as `picture` where both show the same texture: what differs there is a shadow.

    picture, other: h w 3, uint8, aligned. noise: grey levels; what varies less has no texture. Brightness is matched
    over 21x21 pixels, by a factor of at most SHADE or its inverse.
    """
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (picture, other))
    means = cv2.blur(np.dstack([x, y, x * x]), (21, 21))
    more = cv2.blur(np.dstack([y * y, x * y]), (21, 21))
    mean_x, mean_y = means[..., 0], means[..., 1]
    var_x, var_y = means[..., 2] - mean_x**2, more[..., 0] - mean_y**2
    same = (more[..., 1] - mean_x * mean_y) > ALIKE * np.sqrt(np.maximum(var_x * var_y, 0) + 1e-6)
    rough = np.minimum(var_x, var_y) > (TEXTURE * noise) ** 2
    gain = np.clip((mean_x + 1) / (mean_y + 1), SHADE, 1 / SHADE)
    gain = np.where(same & rough, gain, np.float32(1))
    return np.asarray(np.clip(other * gain[..., None] + 0.5, 0, 255).astype(np.uint8))


def darkened(picture: Array, other: Array, known: Array) -> Array:
    """Where `picture` shows what `other` shows, only darker, as in a shadow: h w, bool.

    picture, other: h w 3, uint8, aligned. known: h w, bool: where there is something to compare; the median of what is
    known is the change of exposure, which is no shadow. Brightness is the mean over 5x5 pixels.
    """
    if not known.any():
        return np.zeros(known.shape, bool)
    here, there = (cv2.blur(x, (5, 5)).astype(np.float32) + 1 for x in (picture, other))
    factors = here / there
    factors /= np.median(factors[known])
    red, green, blue = cv2.split(factors)
    apart = worst_channel(factors) - cv2.min(cv2.min(red, green), blue)
    factor = (red + green + blue) / 3
    return np.asarray((factor > DARKEST) & (factor < DARKER) & (apart < HUE))


def worst_channel(difference: Array) -> Array:
    """The largest of three channels: h w 3 -> h w."""
    red, green, blue = cv2.split(difference)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def _outside(x: Array, other: Array) -> Array:
    low, high = cv2.erode(other, _NEIGHBORS), cv2.dilate(other, _NEIGHBORS)
    return np.asarray(cv2.max(cv2.subtract(low, x), cv2.subtract(x, high)))


def compare(picture: Array, other: Array, transform: Array, reach: float) -> tuple[Array, Array]:
    """Compare the content of `picture` with the same places of the scene in `other`.

    picture, other: h w 3, uint8. transform: 3 3, from `picture` to `other`. reach: how many pixels parallax may shift.
    Returns the distance, in eighths of the noise that the registration leaves (h w, uint8, 254 being 254 and more,
    BLIND where `other` does not reach), and the positions in `other` that were compared (h w 2, float32, pixels).
    """
    h, w = picture.shape[:2]
    start = grid(slice(0, h), slice(0, w))
    grey, other_grey = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (picture, other))
    registered = sample(other_grey, move(start, transform))
    at = move(start + parallax_flow(grey, registered, reach), transform)
    seen, inside = sample(other, at), within(at, (h, w))
    if not inside.any():
        return np.full((h, w), BLIND, np.uint8), at
    noise = max(1.0, float(np.median(worst_channel(cv2.absdiff(picture, seen))[inside])))
    distance = np.minimum(content_distance(picture, shaded(seen, picture, noise)) * (UNIT / noise), BLIND - 1).astype(
        np.uint8
    )
    near_edge = cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0  # the filters reach beyond it
    return np.where(near_edge, np.uint8(BLIND), distance), at


def ranked(reports: list[Array]) -> Array:
    """Several witnesses' distances sorted per pixel, the lowest first: n h w, uint8."""
    rows = list(reports)
    for last in range(len(rows) - 1, 0, -1):  # bubble sort, whole pictures at a time
        for i in range(last):
            rows[i], rows[i + 1] = cv2.min(rows[i], rows[i + 1]), cv2.max(rows[i], rows[i + 1])
    return np.stack(rows)


def median(reports: list[Array]) -> Array:
    """The median (the lower one of two) of what the witnesses report that are not BLIND: h w, uint8."""
    rows = ranked(reports)
    count = (rows != BLIND).sum(axis=0, dtype=np.uint8)
    out = rows[0]
    for rank in range(1, (len(rows) - 1) // 2 + 1):
        out = np.where((count - 1) // 2 == rank, rows[rank], out)
    return np.where(count > 0, out, np.uint8(BLIND))
