"""How one object lies to another, from their boxes alone, as degrees from 0 to 1."""

from collections.abc import Callable

import attrs

from peanut.vision.detection import Box, area, intersection
from peanut.words.candidate import Candidate
from peanut.words.measures import across, down, foot, ramp


@attrs.frozen
class Tie:
    """A relation: its degree for a subject and an object, how it is said, and how it is measured."""

    degree: Callable[[Candidate, Candidate], float]
    says: str
    how: str
    compares: bool = False
    """Whether its degree orders the subjects, so that the first is no tie with the next."""


def gap(a: Box, b: Box) -> float:
    """The distance between two boxes in units of their size (the mean of the roots of their areas); 0 if they meet."""
    x = max(0.0, a[0] - b[2], b[0] - a[2])
    y = max(0.0, a[1] - b[3], b[1] - a[3])
    return float((x * x + y * y) ** 0.5 * 2 / max(1.0, area(a) ** 0.5 + area(b) ** 0.5))


def inside(a: Box, b: Box) -> float:
    """The share of box a that lies in box b."""
    return intersection(a, b) / max(1e-6, area(a))


def beside(one: Candidate, other: Candidate) -> float:
    """They meet, or lie within about a size of each other, and neither is on the other."""
    rides = max(on(one, other), on(other, one))
    return ramp(gap(one.box, other.box), 1.0, 0.3) * (1 - rides)


def shared_width(one: Candidate, other: Candidate) -> float:
    """How much of the narrower box lies over or under the other, 0 to 1."""
    (left, _, right, _), (start, _, end, _) = one.box, other.box
    return max(0.0, min(right, end) - max(left, start)) / max(1.0, min(right - left, end - start))


def on(one: Candidate, other: Candidate) -> float:
    """Its middle is the higher, they share their width, and it reaches down into the other or onto it."""
    tall = max(1.0, (one.box[3] - one.box[1] + other.box[3] - other.box[1]) / 2)
    higher = (down(other) - down(one)) * one.size[0] / tall
    reach = (other.box[1] - one.box[3]) / tall
    sunk = (one.box[3] - other.box[3]) / tall
    return ramp(higher, 0, 0.15) * ramp(shared_width(one, other), 0.2, 0.6) * ramp(reach, 0.2, 0) * ramp(sunk, 0.4, 0.2)


def within(one: Candidate, other: Candidate) -> float:
    """Most of it lies in the other, which is not the smaller."""
    return ramp(inside(one.box, other.box), 0.2, 0.6) * ramp(_size(other, one), 0.6, 1.0)


def holds(one: Candidate, other: Candidate) -> float:
    """The other is smaller, and part of it lies in its box."""
    return ramp(inside(other.box, one.box), 0.1, 0.4) * ramp(_size(other, one), 1.2, 0.8)


def behind(one: Candidate, other: Candidate) -> float:
    """It ends higher in the image, and they share some of their width."""
    return ramp(foot(other) - foot(one), 0, 0.05) * ramp(shared_width(one, other), 0, 0.3)


def _size(one: Candidate, other: Candidate) -> float:
    return area(one.box) / max(1e-6, area(other.box))


def _left(one: Candidate, other: Candidate) -> float:
    return ramp(across(other) - across(one), 0, 0.08)


def _above(one: Candidate, other: Candidate) -> float:
    return ramp(down(other) - down(one), 0, 0.08) * ramp(shared_width(one, other), 0, 0.3)


RELATIONS = {
    "on": Tie(on, "on", "higher middle, shared width, and its lower edge reaches the other's box"),
    "in": Tie(
        lambda one, other: max(within(one, other), on(one, other)), "in", "most of its box in the other's, or on it"
    ),
    "beside": Tie(
        beside, "next to", "distance of the boxes: 1 up to 0.3 of their mean size, 0 from 1.0 on, or if one is on "
        "the other"
    ),
    "far from": Tie(
        lambda one, other: ramp(gap(one.box, other.box), 0.5, 2), "far from", "distance of the boxes: 1 from twice "
        "their mean size on",
    ),
    "closest to": Tie(
        lambda one, other: 1 / (1 + gap(one.box, other.box)), "closest to", "distance of the boxes, compared", True
    ),
    "holding": Tie(holds, "holding", "the other's box partly in its own, and smaller"),
    "with": Tie(
        lambda one, other: max(holds(one, other), beside(one, other)), "with", "as holding, or as next to"
    ),
    "behind": Tie(behind, "behind", "its box ends higher in the image, and they share some of their width"),
    "in front of": Tie(
        lambda one, other: behind(other, one), "in front of", "its box ends lower in the image, and they share some of "
        "their width",
    ),
    "left of": Tie(_left, "left of", "the middles of the boxes, across"),
    "right of": Tie(lambda one, other: _left(other, one), "right of", "the middles of the boxes, across"),
    "above": Tie(_above, "above", "the middles of the boxes, from the top, and some shared width"),
    "below": Tie(
        lambda one, other: _above(other, one), "below", "the middles of the boxes, from the top, and some shared width"
    ),
}  # fmt: skip
"""Every relation that a phrase can name."""
