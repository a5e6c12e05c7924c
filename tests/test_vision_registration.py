"""Registration on drawn images: how the camera moved, and what moved otherwise."""

import cv2
import numpy as np
import pytest
from clips import texture
from hypothesis import given
from hypothesis import strategies as st

from peanut.vision.morphology import boxes
from peanut.vision.registration import corners, motion_layers, register


def pair(camera: tuple[int, int], thing: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A textured board before a textured wall, both moved: two grey images of 120x160."""
    wall, board = texture(200, 240), texture(60, 70, seed=1)
    greys = []
    for x, y, right, down in ((0, 0, 0, 0), (*camera, *thing)):
        image = wall[40 - y : 160 - y, 40 - x : 200 - x].copy()
        image[30 + down : 90 + down, 50 + right : 120 + right] = board
        greys.append(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))
    return greys[0], greys[1]


@pytest.mark.parametrize(("camera", "thing"), [((2, 1), (-5, 0)), ((-3, 0), (0, 6)), ((4, 0), (0, 0))])
def test_what_moves_otherwise_is_a_layer_of_its_own(camera, thing):
    first, second = pair(camera, thing)
    layers = motion_layers(first, second, corners(first), most=2)
    assert len(layers) >= 2
    for layer, shift in zip(layers, (camera, thing), strict=False):
        moved = cv2.perspectiveTransform(np.float64([[[80, 60]]]), layer)[0, 0] - (80, 60)
        np.testing.assert_allclose(moved, shift, atol=0.3)


def test_layers_keep_their_places_and_what_is_hidden_moves_on():
    first, second = pair((2, 1), (-5, 0))
    hidden, slower = np.float64([[1, 0, 20], [0, 1, 0], [0, 0, 1]]), np.float64([[1, 0, -4], [0, 1, 0], [0, 0, 1]])
    layers = motion_layers(first, second, corners(first), 2, [np.eye(3), hidden, slower])
    assert np.array_equal(layers[1], hidden)
    moved = cv2.perspectiveTransform(np.float64([[[80, 60]]]), layers[2])[0, 0] - (80, 60)
    np.testing.assert_allclose(moved, (-5, 0), atol=0.3)


def test_the_place_of_what_is_hidden_is_given_up_when_it_is_needed():
    first, second = pair((2, 1), (-5, 0))
    hidden = np.float64([[1, 0, 20], [0, 1, 0], [0, 0, 1]])
    layers = motion_layers(first, second, corners(first), 1, [np.eye(3), hidden])
    moved = cv2.perspectiveTransform(np.float64([[[80, 60]]]), layers[1])[0, 0] - (80, 60)
    np.testing.assert_allclose(moved, (-5, 0), atol=0.3)


def test_a_standing_camera_stands_whatever_moves_before_it():
    first, second = pair((0, 0), (5, 3))
    assert np.array_equal(motion_layers(first, second, corners(first), most=0)[0], np.eye(3))
    assert np.array_equal(register(first, second, corners(first), np.eye(3)), np.eye(3))


def test_nothing_to_track_is_no_motion():
    flat = np.full((40, 60), 128, np.uint8)
    assert [layer.tolist() for layer in motion_layers(flat, flat, corners(flat), most=2)] == [np.eye(3).tolist()]


@given(
    spots=st.lists(st.tuples(st.integers(0, 39), st.integers(0, 59)), max_size=8),
    margin=st.integers(0, 12),
)
def test_boxes_are_those_around_the_parts_of_the_grown_mask(spots, margin):
    mask = np.zeros((40, 60), bool)
    for row, column in spots:
        mask[row, column] = True
    near = np.zeros_like(mask)
    for row, column in spots:
        near[max(0, row - margin) : row + margin + 1, max(0, column - margin) : column + margin + 1] = True
    _, labels = cv2.connectedComponents(near.astype(np.uint8))
    expected = []
    for number in range(1, labels.max() + 1):
        rows, columns = np.nonzero(labels == number)
        expected.append((rows.min(), rows.max() + 1, columns.min(), columns.max() + 1))
    found = [(rows.start, rows.stop, columns.start, columns.stop) for rows, columns in boxes(mask, margin)]
    assert sorted(found) == sorted(expected)
