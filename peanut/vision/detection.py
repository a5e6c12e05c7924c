"""What a detector finds in an image: boxes with a name and a score."""

from collections.abc import Iterable

import attrs

Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels of the image; right and bottom lie just outside."""


@attrs.frozen
class Detection:
    """One object that a detector found in one image."""

    box: Box
    score: float
    """0 to 1, as the network says."""
    label: str
    """What it is: the name of a class of COCO, or "face"."""

    def scaled(self, x: float, y: float) -> "Detection":
        """The same in an image that is `x` times as wide and `y` times as high."""
        left, top, right, bottom = self.box
        return attrs.evolve(self, box=(left * x, top * y, right * x, bottom * y))


def area(box: Box) -> float:
    """The area of a box in square pixels; 0 where it is empty."""
    left, top, right, bottom = box
    return max(0.0, right - left) * max(0.0, bottom - top)


def intersection(a: Box, b: Box) -> float:
    """The area that two boxes share, in square pixels."""
    return area((max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])))


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    shared = intersection(a, b)
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def centre(box: Box) -> tuple[float, float]:
    """The centre of a box: x and y, in pixels."""
    left, top, right, bottom = box
    return (left + right) / 2, (top + bottom) / 2


def distance(a: Box, b: Box) -> float:
    """How far the centres of two boxes are apart, in mean sides of both."""
    (x, y), (x1, y1) = centre(a), centre(b)
    sides = (a[2] - a[0] + b[2] - b[0] + a[3] - a[1] + b[3] - b[1]) / 4
    return float(((x - x1) ** 2 + (y - y1) ** 2) ** 0.5 / max(1.0, sides))


def cropped(box: Box, size: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of a box within an image of `size` (h, w)."""
    h, w = size[:2]
    left, top, right, bottom = (round(edge) for edge in box)
    return slice(min(h, max(0, top)), min(h, max(0, bottom))), slice(min(w, max(0, left)), min(w, max(0, right)))


def wider(box: Box, share: float) -> Box:
    """A box with `share` of its sides more on each side."""
    left, top, right, bottom = box
    dx, dy = share * (right - left), share * (bottom - top)
    return left - dx, top - dy, right + dx, bottom + dy


def inner_part(box: Box, size: tuple[int, ...]) -> tuple[slice, slice]:
    """The rows and columns of the middle of a box, where an object is and its surroundings are not."""
    left, top, right, bottom = box
    dx, dy = (right - left) / 5, (bottom - top) / 6
    return cropped((left + dx, top + dy, right - dx, bottom - dy), size)


def suppress(found: Iterable[Detection], most: float = 0.5) -> list[Detection]:
    """Non-maximum suppression: of detections of one label that overlap by more than `most`, the best; best first.

    >>> boxes = (0, 0, 10, 10), (0, 0, 10, 9), (20, 0, 30, 10)
    >>> kept = suppress(Detection(box, score, "cat") for box, score in zip(boxes, (0.5, 0.9, 0.6)))
    >>> [one.score for one in kept]
    [0.9, 0.6]
    """
    kept: list[Detection] = []
    for one in sorted(found, key=lambda one: -one.score):
        if all(one.label != other.label or overlap(one.box, other.box) <= most for other in kept):
            kept.append(one)
    return kept
