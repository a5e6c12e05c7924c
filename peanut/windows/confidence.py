"""How sure it is, in each place of a frame, that the scene stands still but for what was found."""

from collections.abc import Mapping
from itertools import chain

import numpy as np

from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask
from peanut.vision.motion_confidence import lasting, own_motion, registered_share, view_agreement
from peanut.vision.optical_flow import sample
from peanut.vision.registration import move
from peanut.windows.reference_views import Window, sides_of, warped

MUCH = 0.15
"""Share of the image that is not masked on the word of one side: a mover and what may be masked for nothing."""
NEARBY = 0.01
"""Share of the longer side that may be new around a mask from one frame to the next."""


def confidence_of(window: Window, number: int, mask: Array, maps: Mapping[int, Array]) -> Array:
    """How well the scene explains a frame and, in its mask, that something moves: h w, float32, 0 to 1.

    The least of: the share of the reference views that show the scene; how far they agree about what is behind, or,
    where they do not see that, how far the content of the component lasts; in strong parallax the share that does not
    move like that. Near a cut, strong parallax lays open what no reference view shows: where much is masked, only what
    moved before is sure.
    mask: h w, bool. maps: as `masked_maps` gives them.
    """
    frame = window[number]
    confidence = np.full(mask.shape, registered_share(frame.frame.index, frame.views, frame.lost), np.float32)
    others = [*chain(*sides_of(window, frame))]
    if not mask.any() or not others:
        return confidence
    views = [(each.grey, frame.views[each.frame.index].at, maps[each.frame.index]) for each in others]
    agreement = view_agreement(mask, frame.grey, views)
    if np.isnan(agreement).any():
        neighbors = [window[i] for i in (number - 1, number + 1) if 0 <= i < len(window)]
        near = [(each.grey, frame.found_in(each)) for each in neighbors]
        agreement = np.where(np.isnan(agreement), lasting(mask, frame.grey, near), agreement)
    confidence = np.minimum(confidence, agreement)
    if frame.parallax:
        confidence = np.minimum(confidence, _own_motion(window, number, mask))
    if len(sides_of(window, frame)) == 1 and 3 * sum(each.parallax for each in window) >= len(window):
        unexplained = mask & ~_moved(window, number)
        confidence = np.where(unexplained & (unexplained.mean() > MUCH), np.float32(0), confidence)
    return confidence


def _moved(window: Window, number: int) -> Array:
    """What was sure to move in the frame before, and what is near to it: h w, bool."""
    before = window[number - 1].whole if number else None
    if before is None:
        return np.zeros(window[number].grey.shape, bool)
    return grow_mask(warped(before, window[number], window[number - 1]), round(NEARBY * max(before.shape)))


def _own_motion(window: Window, number: int, mask: Array) -> Array:
    """The share of a mask that does not move like parallax to the neighboring frames, the smaller of both."""
    frame, shares = window[number], [np.ones(mask.shape, np.float32)]
    matched = len(sides_of(window, frame)) == 1
    for side in (-1, 1):
        views = [(side * (i - frame.frame.index), view.parallax) for i, view in frame.views.items()]
        near = min(((n, one) for n, one in views if n > 0 and one is not None), default=None, key=lambda each: each[0])
        if near is None:  # the parallax goes back as it came
            near = min(((n, one) for n, one in views if one is not None), key=lambda each: abs(each[0]))
        if 0 <= number + side < len(window):
            to = frame.to_next if side > 0 else np.linalg.inv(np.asarray(window[number - 1].to_next))
            other = window[number + side]
            there = frame.found_in(other)
            back = move(there, np.linalg.inv(np.asarray(to)))
            moves = own_motion(mask, frame.grey, sample(other.grey, there), back, near[1], near[0], matched)
            shares.append(moves)
    return np.asarray(np.minimum.reduce(shares))
