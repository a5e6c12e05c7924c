"""Which object a moving pixel belongs to, where the truth is drawn."""

import cv2
import numpy as np
import pytest
from clips import texture

from peanut.objects.ownership import BINS, Appearance, assign, color_bins

H, W, RADIUS = 100, 160, 24
RED, BLUE, GREEN = (200, 50, 40), (50, 60, 200), (40, 170, 60)
NOBODY = np.zeros((H, W), np.int32)


def disc(x, y, radius=RADIUS):
    return cv2.circle(np.zeros((H, W), np.uint8), (x, y), radius, 1, -1).astype(bool)


def around(x, y, radius=RADIUS):
    return float(x - radius), float(y - radius), float(x + radius), float(y + radius)


def drawn(*things, seed=0):
    """An image of discs before a wall, those in front last; and the flow: `things` are (owned, color, velocity)."""
    noise = texture(H, W, seed).astype(int) // 8
    image, flow = 90 + noise, np.zeros((H, W, 2), np.float32)
    for owned, color, velocity in things:
        image[owned], flow[owned] = np.add(color, noise[owned]), np.negative(velocity)
    return image.clip(0, 255).astype(np.uint8), flow


def learned(owned, image, flow):
    appearance = Appearance()
    appearance.learn(color_bins(image), flow, owned)
    return appearance


def right(labels, number, truth):
    """Intersection over union of the pixels that a number has and those that it should have."""
    return np.count_nonzero((labels == number) & truth) / np.count_nonzero((labels == number) | truth)


LEFT, RIGHT = disc(60, 50), disc(100, 50)
FRONT = RIGHT & ~LEFT
"""What is seen of the right disc: the left one is before it."""


@pytest.fixture
def touching():
    """Two discs that were seen apart and touch now: image, flow, what moves, boxes, appearances."""
    image, flow = drawn((RIGHT, BLUE, (-3, 0)), (LEFT, RED, (3, 0)))
    known = {}
    for number, x, color, velocity in ((1, 40, RED, (3, 0)), (2, 120, BLUE, (-3, 0))):
        owned = disc(x, 50)
        known[number] = learned(owned, *drawn((owned, color, velocity), seed=1))
    return image, flow, LEFT | RIGHT, {1: around(60, 50), 2: around(100, 50)}, known


def test_two_discs_that_touch_keep_their_pixels(touching):
    image, flow, moving, boxes, known = touching
    labels = assign(moving, NOBODY, boxes, known, color_bins(image), flow)
    assert right(labels, 1, LEFT) > 0.95
    assert right(labels, 2, FRONT) > 0.95
    assert labels.dtype == np.int32


def test_nothing_that_does_not_move_belongs_to_anyone(touching):
    image, flow, moving, boxes, known = touching
    moving = moving & (np.arange(H) < 60)[:, None]
    assert not assign(moving, NOBODY, boxes, known, color_bins(image), flow)[~moving].any()


def test_colors_alone_tell_them_apart(touching):
    image, _, moving, _, known = touching
    one_box = (36.0, 26.0, 124.0, 74.0)
    for one in known.values():
        one.flow = None
    labels = assign(moving, NOBODY, {1: one_box, 2: one_box}, known, color_bins(image), np.zeros((H, W, 2), np.float32))
    assert right(labels, 1, LEFT) > 0.9
    assert right(labels, 2, FRONT) > 0.9


def test_motion_alone_tells_them_apart(touching):
    _, flow, moving, _, known = touching
    grey = np.full((H, W, 3), 128, np.uint8)
    one_box = (36.0, 26.0, 124.0, 74.0)
    for one in known.values():
        one.colors[:] = 0
    labels = assign(moving, NOBODY, {1: one_box, 2: one_box}, known, color_bins(grey), flow)
    assert right(labels, 1, LEFT) > 0.9
    assert right(labels, 2, FRONT) > 0.9


def test_where_they_were_alone_tells_them_apart(touching):
    _, _, moving, _, _ = touching
    grey, still = np.full((H, W, 3), 128, np.uint8), np.zeros((H, W, 2), np.float32)
    before = NOBODY + LEFT + 2 * FRONT
    one_box = (36.0, 26.0, 124.0, 74.0)
    known = {1: Appearance(), 2: Appearance()}
    labels = assign(moving, before, {1: one_box, 2: one_box}, known, color_bins(grey), still)
    assert right(labels, 1, LEFT) > 0.9
    assert right(labels, 2, FRONT) > 0.9


def test_what_is_far_from_every_box_and_of_other_colors_belongs_to_nobody(touching):
    _, _, moving, boxes, known = touching
    third = disc(140, 88, 10)
    image, flow = drawn((RIGHT, BLUE, (-3, 0)), (LEFT, RED, (3, 0)), (third, GREEN, (0, -6)))
    labels = assign(moving | third, NOBODY, boxes, known, color_bins(image), flow)
    assert (labels[third] == 0).mean() > 0.95
    assert right(labels, 1, LEFT) > 0.95
    assert right(labels, 2, FRONT) > 0.95


def test_the_numbers_are_those_of_the_objects_in_any_order(touching):
    image, flow, moving, boxes, known = touching
    bins = color_bins(image)
    labels = assign(moving, NOBODY, boxes, known, bins, flow)
    renamed = {7: boxes[2], 3: boxes[1]}
    again = assign(moving, NOBODY, renamed, {3: known[1], 7: known[2]}, bins, flow)
    assert np.array_equal(again, np.select([labels == 1, labels == 2], [3, 7]))


def test_what_stands_does_not_take_what_moves_before_it(touching):
    """A box in which nothing moved so far: a disc of its colors that moves across it is another's."""
    image, flow, *_ = touching
    standing = learned(LEFT, *drawn((LEFT, RED, (0, 0))))
    standing.see(np.zeros((H, W), bool), around(60, 50))
    other = Appearance()
    boxes = {1: around(60, 50), 2: around(64, 50)}
    bins, before = color_bins(image), NOBODY
    labels = assign(LEFT, before, boxes, {1: standing, 2: other}, bins, flow)
    assert (labels[LEFT] == 2).mean() > 0.9
    standing.fill = None
    labels = assign(LEFT, before, boxes, {1: standing, 2: other}, bins, flow)
    assert (labels[LEFT] == 1).mean() > 0.9


def test_without_moving_pixels_or_objects_there_are_no_labels(touching):
    image, flow, moving, boxes, known = touching
    bins = color_bins(image)
    assert not assign(np.zeros_like(moving), NOBODY, boxes, known, bins, flow).any()
    assert not assign(moving, NOBODY, {}, {}, bins, flow).any()


@pytest.mark.parametrize("box", [(-90.0, -90.0, -50.0, -50.0), (500.0, 0.0, 540.0, 40.0), (60.0, 50.0, 60.0, 50.0)])
def test_a_box_beside_the_image_or_without_area_takes_nothing_from_the_other(box, touching):
    image, flow, _, boxes, known = touching
    labels = assign(LEFT, NOBODY, {1: boxes[1], 2: box}, known, color_bins(image), flow)
    assert right(labels, 1, LEFT) > 0.95


def test_a_whole_image_that_moves_is_one_objects():
    image, flow = drawn((np.ones((H, W), bool), RED, (2, 0)))
    whole, box = np.ones((H, W), bool), (0.0, 0.0, float(W), float(H))
    labels = assign(whole, NOBODY, {5: box}, {5: learned(whole, image, flow)}, color_bins(image), flow)
    assert (labels == 5).all()


def test_an_appearance_remembers_its_colors_and_takes_its_newest_motion():
    red, blue = (drawn((LEFT, color, velocity)) for color, velocity in ((RED, (3, 0)), (BLUE, (0, 1))))
    one = learned(LEFT, *red)
    first = one.colors.copy()
    assert first.sum() == pytest.approx(1)
    one.learn(color_bins(blue[0]), blue[1], LEFT)
    assert one.colors @ first > 0.8 * (first @ first)
    assert one.colors.sum() == pytest.approx(1)
    assert one.flow.tolist() == [0, -1]
    one.learn(color_bins(blue[0]), blue[1], np.zeros((H, W), bool))
    assert one.flow.tolist() == [0, -1]


def test_how_much_of_its_box_moves():
    one, box = Appearance(), around(60, 50)
    one.see(LEFT, box)
    assert one.fill == 1
    for _ in range(60):
        one.see(np.zeros((H, W), bool), box)
    assert one.fill < 0.01
    one.see(LEFT, (W + 1.0, 0.0, W + 40.0, 40.0))
    assert one.fill < 0.01


def test_bins_are_those_of_the_colors():
    image = np.zeros((6, 6, 3), np.uint8)
    assert (color_bins(image) == 0).all()
    assert (color_bins(image + 255) == BINS**3 - 1).all()
    image[:] = (255, 0, 0)
    assert (color_bins(image) == (BINS - 1) * BINS**2).all()
