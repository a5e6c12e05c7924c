"""Boxes keep their identity: through a crossing, behind another, for a second unseen; and the camera's own motion."""

from itertools import count, product

import numpy as np
import pytest
from clips import texture
from hypothesis import given
from hypothesis import strategies as st

from peanut.objects.tracks import (
    CARRIED,
    PATIENCE,
    BoxTracker,
    camera_flow,
    histogram,
    likeness,
    merged,
    motion_in,
)
from peanut.vision.detection import Detection, cropped, overlap
from peanut.words.vocabulary import CLASSES

H, W = 90, 200
RED, BLUE, GREEN = (200, 40, 40), (40, 60, 210), (30, 170, 60)
STILL = np.zeros((H, W, 2), np.float32)


def person(box, score=0.7, label="person"):
    return Detection(tuple(map(float, box)), score, label)


def drawn(*things):
    """An image and its flow: things (box, color, velocity) before a still wall, those in front last."""
    image, flow = texture(H, W) // 4 + 90, STILL.copy()
    for box, color, velocity in things:
        part = cropped(box, (H, W))
        image[part], flow[part] = color, np.negative(velocity)
    return image, flow


def tracker(*detections, image=None, asked_for=()):
    made = BoxTracker(count(1), asked_for)
    made.match(detections, drawn()[0] if image is None else image, 0)
    return made


def ramp(h, w, offset, slopes):
    """An affine flow: `offset` (x, y) at the left top, and what it gains across the image, to the right and down."""
    y, x = np.mgrid[:h, :w][..., None] / np.array([h, w]).reshape(2, 1, 1, 1)
    return (np.array(offset) + x * slopes[0] + y * slopes[1]).astype(np.float32)


amounts = st.floats(-6, 6, allow_nan=False)
pairs = st.tuples(amounts, amounts)


@given(pairs, pairs, pairs)
def test_an_affine_flow_is_all_the_cameras(offset, right, down):
    flow = ramp(64, 96, offset, (right, down))
    np.testing.assert_allclose(camera_flow(flow), flow, atol=0.01)


@given(pairs, pairs, pairs, st.integers(0, 99))
def test_the_cameras_motion_is_found_among_30_percent_outliers(offset, right, down, seed):
    camera = ramp(96, 128, offset, (right, down)) / 2
    rng = np.random.default_rng(seed)
    outliers = rng.random((96, 128)) < 0.3
    flow = camera + 0.05 * rng.standard_normal(camera.shape).astype(np.float32)
    flow[outliers] += rng.uniform(-12, 12, (np.count_nonzero(outliers), 2))
    assert np.abs(camera_flow(flow) - camera).max() < 0.3
    assert np.abs(camera_flow(flow) - camera).mean() < 0.1


@given(pairs, st.sampled_from([(0, 0), (40, 60), (20, 30)]))
def test_a_thing_that_moves_across_a_third_of_the_image_does_not_move_the_camera(offset, at):
    camera = ramp(96, 128, offset, ((0.5, 0), (0, 0.5)))
    flow = camera.copy()
    flow[at[0] : at[0] + 54, at[1] : at[1] + 68] += (9, -4)
    assert np.abs(camera_flow(flow) - camera).max() < 0.3


@pytest.mark.parametrize("size", [(16, 16), (16, 200), (300, 17)])
def test_the_camera_in_small_images(size):
    flow = np.full((*size, 2), (3, -2), np.float32)
    np.testing.assert_allclose(camera_flow(flow), flow, atol=0.05)


def test_a_box_moves_as_most_of_what_moves_in_it():
    box = (60, 20, 90, 70)
    _, flow = drawn(((60, 20, 90, 70), RED, (4, -1)))
    assert motion_in(box, flow, STILL) == (4, -1)
    assert motion_in((40, 10, 110, 80), flow, STILL) == (4, -1)  # much of the wall is in it, too


def test_a_box_in_which_little_moves_goes_with_the_camera():
    camera = STILL + np.float32([-2, 0])
    flow = camera.copy()
    flow[20:24, 60:70] = 9
    assert motion_in((50, 10, 110, 80), flow, camera) == (2, 0)
    assert motion_in((W + 5, 0, W + 30, 40), flow, camera) == (0, 0)  # outside, nothing tells


def crossing(speed, every, hidden):
    """Two people walk through each other: whose box each track has, before they meet and after, by its number.

    speed: pixels per frame of each. every: frames from one detection to the next. hidden: who is covered is not found.
    """
    tracks, last, seen = BoxTracker(count(1)), round(160 / speed), []
    for number in range(last + 1):
        x = round(speed * number)
        back, front = (10 + x, 20, 34 + x, 80), (170 - x, 22, 194 - x, 84)
        image, flow = drawn((back, RED, (speed, 0)), (front, BLUE, (-speed, 0)))
        tracks.move(flow, STILL)
        if number % every == 0:
            covered = hidden and overlap(back, front) > 0.2
            tracks.match([person(front, 0.8)] + [person(back, 0.6)] * (not covered), image, number)
        if number in (2 * every, last):
            boxes = {track.number: track.box for track in tracks.tracks if track.missed <= every}
            seen.append({number: overlap(box, back) > overlap(box, front) for number, box in boxes.items()})
    return seen


@pytest.mark.parametrize(
    ("speed", "every", "hidden"),
    [*product((1, 1.5, 2), (1, 2, 4), (False, True)), (3, 1, False), (3, 2, False), (4, 1, False)],
)
def test_two_who_cross_keep_their_identities(speed, every, hidden):
    """People 24 pixels wide: at 2 pixels per frame each takes half a second for its own width."""
    before, after = crossing(speed, every, hidden)
    assert sorted(before.values()) == [False, True]
    assert after == before


def test_numbers_are_given_in_order_and_the_expected_box_is_told():
    image, flow = drawn(((20, 20, 44, 80), RED, (3, 0)))
    tracks = BoxTracker(count(7))
    (new, expected), *_ = tracks.match([person((20, 20, 44, 80))], image, 0)
    assert (new.number, expected) == (7, None)
    tracks.move(flow, STILL)
    (same, expected), *_ = tracks.match([person((24, 20, 48, 80))], image, 1)
    assert (same, expected, same.box) == (new, (23, 20, 47, 80), (24, 20, 48, 80))
    assert (same.hits, same.missed, list(same.at)) == (2, 0, [0, 1])


def test_a_track_lives_for_its_patience_and_no_longer():
    tracks = tracker(person((20, 20, 44, 80)))
    for _ in range(PATIENCE):
        tracks.move(STILL, STILL)
    assert [track.missed for track in tracks.tracks] == [PATIENCE]
    tracks.match([person((22, 20, 46, 80))], drawn()[0], PATIENCE)
    assert [(track.number, track.missed) for track in tracks.tracks] == [(1, 0)]
    for _ in range(PATIENCE + 1):
        tracks.move(STILL, STILL)
    assert not tracks.tracks
    tracks.match([person((22, 20, 46, 80))], drawn()[0], 99)
    assert [track.number for track in tracks.tracks] == [2]


def test_a_track_ends_where_it_leaves_the_image():
    tracks = tracker(person((W - 30, 20, W, 80)))
    flow = STILL + np.float32([-10, 0])
    for _ in range(2):
        tracks.move(flow, flow)
        assert len(tracks.tracks) == 1
    tracks.move(flow, flow)
    assert not tracks.tracks


def test_a_detection_within_a_track_of_its_class_begins_no_track():
    tracks = tracker(person((20, 10, 80, 85)))
    image = drawn()[0]
    tracks.match([person((20, 10, 80, 85)), person((40, 50, 60, 80), 0.5)], image, 1)
    assert len(tracks.tracks) == 1
    tracks.match([person((20, 10, 80, 85)), person((40, 50, 60, 80), 0.5, "dog")], image, 2)
    assert sorted(track.label for track in tracks.tracks) == ["dog", "person"]


def test_of_two_tracks_close_together_a_detection_goes_to_that_of_its_class():
    dog, cat = person((20, 20, 60, 50), label="dog"), person((26, 20, 66, 50), label="cat")
    image = np.full((H, W, 3), 90, np.uint8)
    tracks = tracker(dog, cat, image=image)
    ((track, _),) = tracks.match([person((22, 20, 62, 50), label="cat")], image, 1)
    assert track.label == "cat"


def test_a_track_is_called_what_it_was_detected_as_most():
    tracks, image, box = tracker(person((20, 20, 60, 50), 0.6, "dog")), drawn()[0], (20, 20, 60, 50)
    for number, label in enumerate(("cat", "dog", "cat", "cat"), start=1):
        tracks.match([person(box, 0.5, label)], image, number)
    (track,) = tracks.tracks
    assert track.label == "cat"
    assert track.scores == pytest.approx({"dog": 1.1, "cat": 1.5})
    assert track.best == 0.6


def test_one_box_of_two_classes_is_the_better_one():
    truck, car = person((0, 0, 40, 30), 0.5, "truck"), person((1, 0, 40, 31), 0.6, "car")
    apart = person((60, 0, 90, 30), 0.4, "truck")
    assert merged([truck, car, apart]) == [car, apart]


@pytest.mark.parametrize("label", sorted(CARRIED))
def test_what_a_person_carries_is_a_part_of_that_person_unless_it_is_asked_for(label):
    walker, thing = person((20, 10, 60, 85), 0.5), person((50, 40, 66, 60), 0.9, label)
    assert merged([walker, thing]) == [walker]
    assert merged([walker, thing], {label}) == [thing, walker]
    assert merged([person((100, 10, 140, 85)), thing]) == [thing, person((100, 10, 140, 85))]
    assert merged([thing]) == [thing]


def test_what_is_no_burden_stays_beside_a_person():
    walker, dog = person((20, 10, 60, 85), 0.5), person((30, 50, 58, 80), 0.4, "dog")
    assert merged([walker, dog]) == [walker, dog]
    assert {"dog", "person", "bicycle", "car", "cat"}.isdisjoint(CARRIED)
    assert set(CLASSES) > CARRIED


def test_a_histogram_has_shares_of_the_inside_of_a_box_alone():
    box = (40, 10, 80, 80)
    image, _ = drawn((box, RED, (0, 0)))
    seen = histogram(image, box)
    assert seen.max() == 1 == seen.sum()
    other = histogram(drawn((box, GREEN, (0, 0)))[0], box)
    assert likeness(seen, seen) == 1
    assert likeness(seen, other) == 0
    assert not histogram(image, (W, H, W + 9, H + 9)).any()
