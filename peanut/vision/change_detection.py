"""Change detection: does another image of the scene, from a moving camera, show the same here? On NumPy arrays."""

from itertools import chain

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.epipolar import Parallax, ParallaxHistory, find_parallax
from peanut.vision.flat_parts import FlatParts
from peanut.vision.optical_flow import dense_flow, grid, sample, within
from peanut.vision.registration import move

UNIT = 8
"""Steps of a distance map per sigma, the noise that the registration leaves."""
INVALID = 255
"""The value of a distance map where there is nothing to compare with; valid ones saturate one below."""
MATCHED = 10.0
"""Grey levels of mean difference up to which a flow vector matches; chosen on the demo clip and composites."""
DARKEST_MATCH = 0.7
"""g_min of `match_illumination`, a factor of brightness; chosen on the demo clip and composites."""
CORRELATED = 0.6
"""rho_min of `match_illumination`; chosen on the demo clip and composites."""
TEXTURED = 1.5
"""tau of `match_illumination`, in sigma; chosen on the demo clip and composites."""
SHADOW = (0.4, 0.91)
"""The factors of brightness between which `darkened` finds a shadow; chosen on the demo clip and composites."""
SAME_HUE = 0.12
"""How far these factors may lie apart between the channels; chosen on the demo clip and composites."""

SPARSE = 60
"""Positions per side, about, that parallax is found by."""
MOVES = 1.0
"""Pixels by which the registration shifts an image, in the mean, if the camera moves: only then there is parallax."""
NEAREST, UNREGISTERED = 2.0, 1.5
"""Where the registration shifts an image so far parallax may shift it so many times as far, and by so many pixels
besides: before a camera that stands still there is none."""

_STEPS = ((8, 0), (-8, 0), (0, 8), (0, -8), (16, 0), (-16, 0))
_NEIGHBORS = np.ones((3, 3), np.uint8)


@attrs.frozen(eq=False)
class StillFlow:
    """Flow between two registered images, and the pixels whose dense flow matches: those of the scene, and others."""

    flow: Array
    """h w 2, float32, pixels: of the scene that stands still."""
    parallax: Parallax | None
    """Where it is strong."""
    rests: Array
    """h w, bool."""
    moves: Array
    """h w, bool: farther than parallax may shift."""


def parallax_flow(grey: Array, other: Array, reach: float, history: ParallaxHistory | None = None) -> "StillFlow":
    """Flow between two registered images of a still scene, and what does not follow it.

    Of dense flow, no flow, the local mean and the flow of pixels nearby (beside an edge of parallax theirs may be
    right), the best match per pixel. Where it is longer than `reach` pixels, and not parallax that `history` confirms,
    or matches nothing (something moved or is hidden), the local mean of valid flow stands in. grey, other: h w, uint8.
    """
    start = grid(*(slice(0, n) for n in grey.shape))
    flow = dense_flow(grey, other, "fast")
    error = _matching_error(grey, other, start + flow)
    parallax = history.confirmed(_parallax(start, flow, error, reach)) if history else None

    def mean_valid() -> tuple[Array, Array]:
        """Where flow is valid, and its mean over 41x41 pixels: h w, h w 2."""
        still = np.hypot(flow[..., 0], flow[..., 1]) <= reach
        if parallax is not None:
            still |= parallax.explains(start, flow)
        valid = (error < MATCHED) & still
        around = cv2.blur(np.dstack([flow * valid[..., None], valid.astype(np.float32)]), (41, 41))
        return valid, np.asarray(around[..., :2] / (around[..., 2:] + 1e-3))

    rests, mean = mean_valid()
    moves = (error < MATCHED) & ~rests
    candidates = [np.zeros_like(flow), mean, *[_shifted(flow, dx, dy) for dx, dy in _STEPS]]
    for candidate in chain(candidates, parallax.flows(start) if parallax else ()):
        also = _matching_error(grey, other, start + candidate)
        better = also < error
        flow, error = np.where(better[..., None], candidate, flow), np.where(better, also, error)
    valid, mean = mean_valid()
    return StillFlow(np.asarray(np.where(valid[..., None], flow, mean), np.float32), parallax, rests, moves)


def _parallax(at: Array, flow: Array, error: Array, reach: float) -> Parallax | None:
    """The parallax that sparse positions show where flow matches."""
    step = max(1, round(error.size**0.5 / SPARSE))
    matched = error[::step, ::step] < MATCHED
    at, flow = (x[::step, ::step][matched].astype(np.float64) for x in (at, flow))
    return find_parallax(at, flow, error.shape, reach)


def _matching_error(grey: Array, other: Array, at: Array) -> Array:
    """Mean difference over 5x5 pixels: h w, float32, grey levels."""
    return np.asarray(cv2.blur(cv2.absdiff(sample(other, at), grey).astype(np.float32), (5, 5)))


def _shifted(flow: Array, dx: int, dy: int) -> Array:
    shift = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
    return np.asarray(cv2.warpAffine(flow, shift, flow.shape[1::-1], borderMode=cv2.BORDER_REPLICATE))


def content_distance(image: Array, other: Array) -> Array:
    """How far two aligned images differ, a shift of one pixel forgiven: h w, float32, grey levels.

    With I_min and I_max of an image over 3x3 pixels, d(I, J) = max(J_min - I, I - J_max, 0); the distance is the mean
    over 5x5 pixels of the largest d(I, J) or d(J, I) of the three channels: both ways, so that something smooth before
    something textured counts as well. image, other: h w 3, uint8.
    """
    outside = worst_channel(cv2.max(_outside(image, other), _outside(other, image)))
    return np.asarray(cv2.blur(outside.astype(np.float32), (5, 5)))


def _outside(x: Array, other: Array) -> Array:
    low, high = cv2.erode(other, _NEIGHBORS), cv2.dilate(other, _NEIGHBORS)
    return np.asarray(cv2.max(cv2.subtract(low, x), cv2.subtract(x, high)))


def match_illumination(other: Array, image: Array, noise: float) -> Array:
    """`other` as bright as `image` where both show the same texture, so that a moderate shadow is no change.

    Over 21x21 pixels: gain g = (mean I + 1) / (mean J + 1), clipped to [g_min, 1 / g_min], where the correlation of I
    and J exceeds rho_min and both deviate by more than tau sigma; elsewhere 1.
    image, other: h w 3, uint8, aligned; I and J their grey levels. noise: sigma, grey levels.
    """
    x, y = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(np.float32) for p in (image, other))
    means = cv2.blur(np.dstack([x, y, x * x]), (21, 21))
    more = cv2.blur(np.dstack([y * y, x * y]), (21, 21))
    mean_x, mean_y = means[..., 0], means[..., 1]
    var_x, var_y = means[..., 2] - mean_x**2, more[..., 0] - mean_y**2
    correlated = (more[..., 1] - mean_x * mean_y) > CORRELATED * np.sqrt(np.maximum(var_x * var_y, 0) + 1e-6)
    textured = np.minimum(var_x, var_y) > (TEXTURED * noise) ** 2
    gain = np.clip((mean_x + 1) / (mean_y + 1), DARKEST_MATCH, 1 / DARKEST_MATCH)
    gain = np.where(correlated & textured, gain, np.float32(1))
    return np.asarray(np.clip(other * gain[..., None] + 0.5, 0, 255).astype(np.uint8))


def darkened(image: Array, other: Array, known: Array) -> Array:
    """Where `image` shows what `other` shows, only darker, as in a shadow: h w, bool.

    Per channel, the ratio of the means over 5x5 pixels, divided by the median ratio of all that is known (the change
    of exposure); a shadow where their mean lies within SHADOW and their range is below SAME_HUE.
    image, other: h w 3, uint8, aligned. known: h w, bool: where there is something to compare.
    """
    if not known.any():
        return np.zeros(known.shape, bool)
    here, there = (cv2.blur(x, (5, 5)).astype(np.float32) + 1 for x in (image, other))
    ratios = here / there
    ratios /= np.median(ratios[known])
    red, green, blue = cv2.split(ratios)
    spread = worst_channel(ratios) - cv2.min(cv2.min(red, green), blue)
    ratio = (red + green + blue) / 3
    return np.asarray((ratio > SHADOW[0]) & (ratio < SHADOW[1]) & (spread < SAME_HUE))


def worst_channel(difference: Array) -> Array:
    """The largest of three channels: h w 3 -> h w."""
    red, green, blue = cv2.split(difference)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def compare(
    image: Array,
    other: Array,
    transform: Array,
    reach: float,
    history: ParallaxHistory | None = None,
    flat: FlatParts | None = None,
) -> tuple[Array, Array, Parallax | None]:
    """The distance map of `image` to a reference view of the same scene, and the positions that were compared.

    The third is the parallax where it is so strong that edges of what is near hide what is far.

    The map is the content distance, after registration, parallax flow and matched illumination, in UNITs per sigma
    (the median difference, at least one grey level): h w, uint8, INVALID where `other` does not reach. The positions
    lie in `other`: h w 2, float32, pixels.
    image, other: h w 3, uint8. transform: 3 3, from `image` to `other`. reach: how many pixels parallax may shift.
    history: of the shot, if parallax may shift farther where the camera moves. flat: of `image`, if what moves of them
    is to differ.
    """
    h, w = image.shape[:2]
    start = grid(slice(0, h), slice(0, w))
    grey, other_grey = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (image, other))
    there = move(start, transform)
    moved = float(np.linalg.norm((there - start)[::SPARSE, ::SPARSE], axis=-1).mean())
    reach = min(reach, NEAREST * moved + UNREGISTERED)
    scene = parallax_flow(grey, sample(other_grey, there), reach, history if moved > MOVES else None)
    at = move(start + scene.flow, transform)
    view, inside = sample(other, at), within(at, (h, w))
    if not inside.any():
        return np.full((h, w), INVALID, np.uint8), at, scene.parallax
    noise = max(1.0, float(np.median(worst_channel(cv2.absdiff(image, view))[inside])))
    distance = content_distance(image, match_illumination(view, image, noise)) * (UNIT / noise)
    if flat is not None:
        distance = np.where(flat.moving(scene.moves, scene.rests), np.float32(INVALID), distance)
    near_edge = cv2.erode(inside.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0  # the filters reach beyond it
    return (
        np.where(near_edge, np.uint8(INVALID), np.minimum(distance, INVALID - 1).astype(np.uint8)),
        at,
        scene.parallax,
    )


def ranked(maps: list[Array]) -> Array:
    """Several distance maps sorted per pixel, the lowest first: n h w, uint8."""
    rows = list(maps)
    for last in range(len(rows) - 1, 0, -1):  # bubble sort, whole images at a time
        for i in range(last):
            rows[i], rows[i + 1] = cv2.min(rows[i], rows[i + 1]), cv2.max(rows[i], rows[i + 1])
    return np.stack(rows)


def median(maps: list[Array]) -> Array:
    """The median per pixel (the lower one of two) of the valid values of distance maps: h w, uint8."""
    rows = ranked(maps)
    count = (rows != INVALID).sum(axis=0, dtype=np.uint8)
    out = rows[0]
    for rank in range(1, (len(rows) - 1) // 2 + 1):
        out = np.where((count - 1) // 2 == rank, rows[rank], out)
    return np.where(count > 0, out, np.uint8(INVALID))
