"""Laws of comparing two images of a scene."""

import numpy as np
import pytest
from clips import texture
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from peanut.vision.change_detection import (
    INVALID,
    UNIT,
    compare,
    content_distance,
    darkened,
    match_illumination,
    median,
    parallax_flow,
    ranked,
)

IMAGE = texture(72, 96)
INSIDE = np.s_[4:-4, 4:-4]
images = arrays.arrays(np.uint8, (9, 11, 3))
maps = st.lists(
    arrays.arrays(np.uint8, (3, 4), elements=st.sampled_from([0, 3, 7, 254, INVALID])), min_size=1, max_size=6
)


@given(x=images, y=images)
def test_distance_is_symmetric_never_more_than_the_difference_and_none_to_oneself(x, y):
    assert np.array_equal(content_distance(x, y), content_distance(y, x))
    assert content_distance(x, y).max() <= np.abs(x.astype(int) - y).max() + 1e-3
    assert not content_distance(x, x).any()


@pytest.mark.parametrize("shift", [(0, 1), (1, 0), (-1, 1), (-1, -1)])
def test_a_shift_of_one_pixel_is_forgiven_one_of_three_is_not(shift):
    assert not content_distance(IMAGE, np.roll(IMAGE, shift, axis=(0, 1)))[INSIDE].any()
    assert content_distance(IMAGE, np.roll(IMAGE, 3 * np.array(shift), axis=(0, 1)))[INSIDE].mean() > 2


@pytest.mark.parametrize("on_texture", [True, False])
def test_something_smooth_before_texture_counts_as_much_as_texture_before_something_smooth(on_texture):
    flat = np.full_like(IMAGE, IMAGE.mean())
    pair = (IMAGE, flat) if on_texture else (flat, IMAGE)
    assert content_distance(*pair)[INSIDE].mean() > 10


@pytest.mark.parametrize("factor", [0.75, 0.9, 1.2])
def test_texture_in_a_moderate_shadow_gets_its_brightness_back(factor):
    other = np.clip(IMAGE * factor, 0, 255).astype(np.uint8)
    matched = match_illumination(other, IMAGE, 1.0)
    error, before = (np.abs(x.astype(float) - IMAGE)[12:-12, 12:-12].mean() for x in (matched, other))
    assert error < 0.25 * before


def test_brightness_of_flat_and_of_other_content_is_left_alone():
    bright, dark = np.full_like(IMAGE, 120), np.full_like(IMAGE, 100)
    assert np.array_equal(match_illumination(dark, bright, 1.0), dark)
    other = texture(72, 96, seed=5) // 2
    changed = (match_illumination(other, IMAGE, 1.0) != other).any(axis=-1)
    assert changed.mean() < 0.15


def test_the_gain_is_bounded():
    dark = (IMAGE * 0.4).astype(np.uint8)
    assert (match_illumination(dark, IMAGE, 1.0) <= np.ceil(dark / 0.7 + 0.5)).all()


KNOWN = np.ones(IMAGE.shape[:2], bool)


@pytest.mark.parametrize("exposure", [1.0, 0.7])
def test_a_shadow_is_found_and_a_change_of_exposure_is_not(exposure):
    image = IMAGE * exposure
    shadow = np.zeros_like(KNOWN)
    shadow[20:50, 20:50] = True
    found = darkened(np.where(shadow[..., None], image * 0.6, image).astype(np.uint8), IMAGE, KNOWN)
    assert found[24:46, 24:46].mean() > 0.98
    assert not found[:, 60:].any()


def test_what_is_darker_in_one_color_is_no_shadow():
    image = IMAGE.astype(float)
    image[20:50, 20:50, 0] *= 0.4
    assert darkened(image.astype(np.uint8), IMAGE, KNOWN)[24:46, 24:46].mean() < 0.05


def test_where_nothing_is_known_there_is_no_shadow():
    assert not darkened(IMAGE // 2, IMAGE, ~KNOWN).any()


def shift(right: float) -> np.ndarray:
    return np.float64([[1, 0, right], [0, 1, 0], [0, 0, 1]])


@pytest.mark.parametrize("right", [0, 7, -12])
def test_the_same_scene_has_no_distance_and_what_lies_outside_is_invalid(right):
    wide = texture(72, 140)
    image, other = wide[:, 20:116], wide[:, 20 - right : 116 - right]
    distance, at, _ = compare(image, other, shift(right), reach=2.5)
    beyond = np.arange(96) + right
    outside, far_inside = (beyond < 0) | (beyond > 95), (beyond >= 8) & (beyond <= 87)
    assert (distance[:, outside] == INVALID).all()
    assert (distance[6:-6, far_inside] < UNIT).all()  # at the rim flow of no length may lead outside
    np.testing.assert_allclose(np.median(at[..., 0] - np.arange(96)), right, atol=0.1)


def test_an_image_that_reaches_nowhere_is_invalid():
    distance, *_ = compare(IMAGE, IMAGE, shift(500), reach=2.5)
    assert (distance == INVALID).all()


def test_an_object_is_far_from_the_background_but_valid():
    image = IMAGE.copy()
    image[30:50, 40:60] = texture(20, 20, seed=3)
    distance, *_ = compare(image, IMAGE, np.eye(3), reach=2.5)
    assert np.median(distance[33:47, 43:57]) > 4 * UNIT
    assert distance[6:-6, 6:-6].max() < INVALID


@pytest.mark.parametrize("reach", [1.5, 4.0])
def test_parallax_is_bounded_by_its_reach(reach):
    wide = texture(144, 200).mean(axis=-1).astype(np.uint8)
    grey, other = wide[:, 3:195], wide[:, :192]  # 3 pixels farther right
    flow = parallax_flow(grey, other, reach).flow
    assert np.hypot(flow[..., 0], flow[..., 1]).max() <= reach + 1e-3
    assert (np.abs(flow[10:-10, 10:-10] - (3, 0)).max(axis=-1) < 0.5).mean() > 0.95 or reach < 3


@given(maps=maps)
def test_ranked_is_sorted(maps):
    assert np.array_equal(ranked(maps), np.sort(maps, axis=0))


@given(maps=maps)
def test_the_median_is_that_of_valid_values_the_lower_of_two(maps):
    found = median(maps)
    for spot in np.ndindex(3, 4):
        valid = sorted(each[spot] for each in maps if each[spot] != INVALID)
        assert found[spot] == (valid[(len(valid) - 1) // 2] if valid else INVALID)
