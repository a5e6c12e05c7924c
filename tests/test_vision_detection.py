"""Boxes: what they share, which of them remain, and which pixels they cover."""

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from peanut.vision.detection import (
    Detection,
    area,
    centre,
    cropped,
    distance,
    inner_part,
    intersection,
    overlap,
    suppress,
    wider,
)

EDGES = st.integers(-40, 60)
boxes = st.tuples(EDGES, EDGES, st.integers(1, 50), st.integers(1, 50)).map(
    lambda box: (float(box[0]), float(box[1]), float(box[0] + box[2]), float(box[1] + box[3]))
)
"""Boxes of whole pixels, some of them beside the image."""
any_boxes = st.tuples(EDGES, EDGES, EDGES, EDGES).map(lambda box: tuple(map(float, box)))
"""The same, and those whose right is left of their left."""
detections = st.lists(
    st.builds(
        Detection, boxes, st.integers(0, 100).map(lambda percent: percent / 100), st.sampled_from(["cat", "dog"])
    ),
    max_size=12,
)


def painted(box, size=(170, 170), shift=50):
    """The pixels of a box, counted instead of computed; the image begins at (-shift, -shift)."""
    canvas = np.zeros(size, bool)
    left, top, right, bottom = (int(edge) + shift for edge in box)
    canvas[top:bottom, left:right] = True
    return canvas


@given(boxes, boxes)
def test_areas_and_overlap_are_those_of_painted_boxes(a, b):
    first, second = painted(a), painted(b)
    assert area(a) == first.sum()
    assert intersection(a, b) == (first & second).sum()
    assert overlap(a, b) == pytest.approx((first & second).sum() / (first | second).sum())


@given(any_boxes, any_boxes)
@example((0.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 0.0))
@example((5.0, 5.0, 1.0, 1.0), (0.0, 0.0, 9.0, 9.0))
def test_overlap_is_a_symmetrical_share_also_of_empty_boxes(a, b):
    assert overlap(a, b) == overlap(b, a)
    assert 0 <= overlap(a, b) <= 1
    assert overlap(a, a) == (1 if area(a) else 0)


@given(boxes, st.integers(1, 5), st.integers(1, 5))
def test_a_scaled_box_overlaps_a_scaled_box_as_before(box, x, y):
    other = wider(box, 0.5)
    first, second = (Detection(one, 0.5, "cat").scaled(x, y) for one in (box, other))
    assert overlap(first.box, second.box) == pytest.approx(overlap(box, other))
    assert area(first.box) == pytest.approx(area(box) * x * y)
    assert (first.score, first.label) == (0.5, "cat")


@given(detections, st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_of_detections_that_overlap_the_best_remains(found, most):
    kept = suppress(found, most)
    assert [one.score for one in kept] == sorted((one.score for one in kept), reverse=True)
    for number, one in enumerate(kept):
        assert one in found
        assert all(one.label != other.label or overlap(one.box, other.box) <= most for other in kept[:number])
    for one in found:
        beside = [other for other in kept if other.label == one.label and overlap(other.box, one.box) > most]
        assert one in kept or max(other.score for other in beside) >= one.score


@given(detections)
def test_what_remains_remains(found):
    kept = suppress(found)
    assert suppress(kept) == kept


def test_two_labels_do_not_suppress_each_other():
    cat, dog = (Detection((0.0, 0.0, 10.0, 10.0), score, label) for label, score in (("cat", 0.4), ("dog", 0.9)))
    assert suppress([cat, dog]) == [dog, cat]


@given(any_boxes, st.integers(0, 30), st.integers(0, 30))
def test_cropped_are_the_pixels_of_a_box_within_the_image(box, h, w):
    image = np.zeros((h, w), bool)
    image[cropped(box, image.shape)] = True
    y, x = np.mgrid[:h, :w]
    left, top, right, bottom = box
    assert np.array_equal(image, (x >= left) & (x < right) & (y >= top) & (y < bottom))


@given(st.tuples(*[st.floats(-1e6, 1e6)] * 4), st.integers(1, 30), st.integers(1, 30))
def test_cropped_never_leaves_the_image(box, h, w):
    rows, columns = cropped(box, (h, w, 3))
    assert 0 <= rows.start <= h
    assert 0 <= rows.stop <= h
    assert 0 <= columns.start <= w
    assert 0 <= columns.stop <= w


@given(boxes, boxes, st.integers(-20, 20), st.integers(-20, 20))
def test_distance_is_symmetrical_and_the_same_anywhere(a, b, x, y):
    def shifted(box):
        return box[0] + x, box[1] + y, box[2] + x, box[3] + y

    assert distance(a, b) == pytest.approx(distance(b, a))
    assert distance(a, b) == pytest.approx(distance(shifted(a), shifted(b)))
    assert distance(a, a) == 0


@given(boxes, boxes, st.integers(2, 8))
def test_distance_is_counted_in_sides_whatever_their_size(a, b, times):
    assume(min(a[2] - a[0], b[2] - b[0]) + min(a[3] - a[1], b[3] - b[1]) >= 2)
    larger = (Detection(box, 1.0, "cat").scaled(times, times).box for box in (a, b))
    assert distance(*larger) == pytest.approx(distance(a, b))


def test_distance_of_neighbors():
    assert distance((0, 0, 10, 10), (10, 0, 20, 10)) == 1
    assert distance((0, 0, 10, 10), (30, 40, 40, 50)) == 5
    assert distance((3, 3, 3, 3), (5, 3, 5, 3)) == 2  # of points: pixels


@given(boxes, st.sampled_from([0.0, 0.1, 0.5, 2.0]))
def test_a_wider_box_has_the_same_centre(box, share):
    grown = wider(box, share)
    assert centre(grown) == pytest.approx(centre(box))
    assert grown[2] - grown[0] == pytest.approx((1 + 2 * share) * (box[2] - box[0]))
    assert grown[3] - grown[1] == pytest.approx((1 + 2 * share) * (box[3] - box[1]))


@given(boxes)
def test_the_inner_part_is_within_the_box(box):
    size = 120, 120
    rows, columns = inner_part(box, size)
    outer_rows, outer_columns = cropped(box, size)
    assert outer_rows.start <= rows.start <= rows.stop <= outer_rows.stop
    assert outer_columns.start <= columns.start <= columns.stop <= outer_columns.stop
