"""Motion segmentation: from distance maps of a frame to a mask of what moves, step by step, on NumPy arrays.

Distance maps are as `peanut.vision.change_detection.compare` gives them, a change map is their combination: h w, uint8,
in UNITs per sigma, the noise of the registration; the thresholds here are in sigma.
"""

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.change_detection import INVALID, UNIT, median, ranked
from peanut.vision.guided_filter import guided_filter
from peanut.vision.morphology import boxes, components, fill_holes, grow_mask, hysteresis, large_components, open_close

CHANGED, LIKELY = 4.0, 2.0
"""t_high of all hysteresis, and above which a change is likely, in sigma; chosen on the demo clip and composites."""
TEXTURED_LOW, FLAT_LOW = 1.0, 0.9
"""t_low of the mask, in sigma, of textured and of flat content; chosen on the demo clip and composites."""
SATURATED = 10
"""Distance from which on more makes no difference, in sigma; chosen on the demo clip and composites."""
FLAT = 5.0
"""Deviation over 7x7 pixels below which an image is flat, grey levels; chosen on the demo clip and composites."""
VOTES = 4
"""Reference views of a side that must agree to end a tracked mask; chosen on the demo clip and composites."""
INTERIOR = 5
"""Pixels between the rim of what lasts and its saturated interior; chosen on the demo clip and composites."""
OUTLINE = 0.1
"""Radius of the guided filter, as a share of the root of a component's area; chosen on the demo clip and composites."""
NEAR = 0.05
"""Share of the longer side that is near to a large component; chosen on the demo clip and composites."""
HOLES, SMALL = 0.002, 0.25
"""Largest hole, of the image, and least area near a large component; chosen on the demo clip and composites."""


def is_flat(grey: Array) -> Array:
    """Where an image, h w, uint8, has no texture, so that a match means little: h w, bool."""
    mean = cv2.blur(grey.astype(np.float32), (7, 7))
    square = cv2.blur(grey.astype(np.float32) ** 2, (7, 7))
    return np.asarray(square - mean**2 < FLAT**2)


def background_distance(sides: list[list[Array]]) -> Array:
    """min over past and future of the median map: what was there before or will be there later is background."""
    return np.asarray(np.minimum.reduce([median(maps) for maps in sides]))


def provisional_mask(sides: list[list[Array]]) -> Array:
    """A first mask from the distance maps of one side or both, before any mask is known: h w, bool.

    One side cannot tell what left from what came: of one, only what none of its views shows.
    """
    change = background_distance(sides) if len(sides) > 1 else np.minimum.reduce(sides[0])
    return open_close((change > CHANGED * UNIT) & (change != INVALID))


def keep_connected(change: Array, nearest: Array) -> Array:
    """Lower a change map to the nearest of all distances, unless what is likely changed is connected to what surely is.

    For a frame near a cut, with reference views on one side: what no view shows at all belongs to a moving object.
    """
    valid = change != INVALID
    connected = hysteresis(valid & (change > LIKELY * UNIT), (nearest > CHANGED * UNIT) & (nearest != INVALID))
    return np.where(connected | ~valid, change, np.minimum(change, nearest))


def keep_tracked(change: Array, tracked: Array, sides: list[list[Array]]) -> Array:
    """Raise a change map inside a tracked mask to the larger of both sides' medians, unless VOTES views end the mask.

    Of a single side, to the largest of its maps. A mask ends where at least VOTES views of one side (all, if it has
    fewer) show the background.
    """
    votes = np.minimum.reduce([ranked(maps)[min(VOTES, len(maps)) - 1] for maps in sides])
    opposing = [median(maps) for maps in sides] if len(sides) > 1 else sides[0]
    largest = np.maximum.reduce([np.where(each == INVALID, 0, each) for each in opposing])
    return np.where(tracked & (change != INVALID) & (votes > LIKELY * UNIT), largest, change)


def saturate_interior(change: Array, lasting: Array) -> Array:
    """Saturate a change map well inside what moves in the frames before and after: h w, bool."""
    inner = cv2.erode(lasting.view(np.uint8), np.ones((2 * INTERIOR + 1, 2 * INTERIOR + 1), np.uint8)) > 0
    return np.where(inner & (change != INVALID), np.maximum(change, np.uint8(SATURATED * UNIT)), change)


def replace_invalid(change: Array, fallback: Array) -> Array:
    """A change map without INVALID: the fallback instead, and 0 where that is invalid as well."""
    change = np.where(change == INVALID, fallback, change)
    return np.where(change == INVALID, 0, change).astype(np.uint8)


def assign_flat(change: Array, image: Array, flat: Array) -> Array:
    """Where the image is flat, the nearer mean color decides: that of what changed around, or of what did not.

    Over 41x41 pixels, with the means m_1 of changed and m_0 of unchanged textured pixels, a flat pixel of color x joins
    the changed ones, if these are a quarter, where |x - m_1|^2 < (1/2 + 6 change / t_likely) |x - m_0|^2.
    """
    sides = change > CHANGED * UNIT, (change <= LIKELY * UNIT) & ~flat
    colors = image.astype(np.float32)
    means = [cv2.blur(np.dstack([colors * side[..., None], side.astype(np.float32)]), (41, 41)) for side in sides]
    errors = [((colors - mean[..., :3] / (mean[..., 3:] + 1e-4)) ** 2).sum(axis=-1) for mean in means]
    factor = 0.5 + 6 * change.astype(np.float32) / (LIKELY * UNIT)
    joins = flat & (change <= LIKELY * UNIT) & (means[0][..., 3] > 0.25) & (errors[0] < factor * errors[1])
    return np.where(joins, np.uint8(CHANGED * UNIT), change)


def is_match(change: Array, flat: Array) -> Array:
    """Where texture matches the background: h w, bool."""
    return np.asarray(~flat & (change <= LIKELY * UNIT))


def segment(change: Array, flat: Array, edge: float, least_area: float, most: int | None) -> Array:
    """The mask of a change map: h w, bool.

    Hysteresis thresholds; at an edge, what is at least `edge` times the maximum over 5x5 pixels; opening, closing;
    components of at least `least_area` pixels and smaller ones near them, at most `most`; their holes filled.
    """
    low = np.where(flat, FLAT_LOW, TEXTURED_LOW) * UNIT
    strongest = cv2.dilate(np.minimum(change, np.uint8(SATURATED * UNIT)), np.ones((5, 5), np.uint8))
    mask = open_close(hysteresis((change > low) & (change >= edge * strongest), change > CHANGED * UNIT))
    near = grow_mask(large_components(mask, least_area), round(NEAR * max(mask.shape)))
    mask = large_components(hysteresis(mask, near), SMALL * least_area, most)
    return fill_holes(mask, HOLES * mask.size)


def refine_outline(mask: Array, image: Array) -> Array:
    """The mask with outlines that follow the colors, by a guided filter of each component: h w, bool."""
    out = np.zeros_like(mask)
    for component in components(mask):
        radius = max(1, round(OUTLINE * float(np.count_nonzero(component)) ** 0.5))
        for box in boxes(component, 2 * radius):
            out[box] |= guided_filter(component[box], image[box], radius) > 0.5
    return out
