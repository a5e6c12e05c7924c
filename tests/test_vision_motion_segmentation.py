"""Laws of the steps from distance maps to a mask."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from peanut.vision import motion_segmentation as steps
from peanut.vision.change_detection import INVALID, UNIT

SIZE = (12, 16)
BACKGROUND, LIKELY, SURE = (np.full(SIZE, value * UNIT, np.uint8) for value in (0, 3, 6))
maps = arrays.arrays(np.uint8, SIZE, elements=st.sampled_from([0, 8, 20, 40, 254, INVALID]))
masks = arrays.arrays(bool, SIZE)


@given(past=st.lists(maps, min_size=1, max_size=5), future=st.lists(maps, min_size=1, max_size=5))
def test_what_one_side_shows_is_background(past, future):
    both = steps.background_distance([past, future])
    alone = [steps.background_distance([side]) for side in (past, future)]
    assert np.array_equal(both, np.minimum(*alone))


def test_of_one_side_a_first_mask_is_what_no_view_shows():
    assert steps.provisional_mask([[SURE, SURE]]).all()
    assert not steps.provisional_mask([[SURE, SURE, BACKGROUND]]).any()
    assert steps.provisional_mask([[SURE, SURE, BACKGROUND], [SURE]]).all()


@given(change=maps, nearest=maps)
def test_what_is_not_connected_to_sure_change_is_lowered(change, nearest):
    kept = steps.keep_connected(change, nearest)
    assert (kept <= change).all()
    assert np.array_equal(kept == INVALID, change == INVALID)
    assert np.array_equal(steps.keep_connected(SURE, SURE), SURE)
    assert np.array_equal(steps.keep_connected(LIKELY, BACKGROUND), BACKGROUND)


@pytest.mark.parametrize(("voters", "kept"), [(3, True), (4, False)])
def test_a_tracked_mask_ends_when_four_views_of_a_side_agree(voters, kept):
    tracked = np.zeros(SIZE, bool)
    tracked[3:9, 4:12] = True
    past, future = [BACKGROUND] * voters + [SURE] * (5 - voters), [SURE] * 5
    change = steps.keep_tracked(steps.background_distance([past, future]), tracked, [past, future])
    assert np.array_equal(change > 0, tracked & kept)


@given(change=maps, lasting=masks)
def test_only_the_interior_is_saturated(change, lasting):
    out = steps.saturate_interior(change, lasting)
    assert (out >= change).all()
    assert ((out == change) | lasting).all()
    assert (out[change == INVALID] == INVALID).all()


def test_the_interior_begins_after_five_pixels():
    lasting = np.zeros((40, 40), bool)
    lasting[10:30, 10:30] = True
    expected = np.zeros((40, 40), bool)
    expected[15:25, 15:25] = True
    assert np.array_equal(steps.saturate_interior(np.zeros((40, 40), np.uint8), lasting) > 0, expected)


@given(change=maps, fallback=maps)
def test_nothing_stays_invalid(change, fallback):
    out = steps.replace_invalid(change, fallback)
    assert not (out == INVALID).any()
    assert np.array_equal(out[change != INVALID], change[change != INVALID])
    other = (change == INVALID) & (fallback != INVALID)
    assert np.array_equal(out[other], fallback[other])


@pytest.mark.parametrize(("color", "joins"), [(200, True), (60, False)])
def test_flat_content_goes_with_the_color_that_it_has(color, joins):
    image, change, flat = np.full((60, 60, 3), 60, np.uint8), np.zeros((60, 60), np.uint8), np.zeros((60, 60), bool)
    image[10:50, 10:50] = 200
    change[10:50, 10:50] = 60
    image[27:33, 27:33], change[27:33, 27:33], flat[27:33, 27:33] = color, 0, True
    out = steps.assign_flat(change, image, flat)
    assert np.array_equal(out > 0, (change > 0) | (flat & joins))


def test_a_mask_takes_weak_change_beside_strong_and_small_components_beside_large():
    change = np.zeros((100, 240), np.uint8)
    change[20:60, 20:60] = 6 * UNIT
    change[40:60, 60:64] = 4 * UNIT  # weak, and joined
    change[40:46, 72:78] = 6 * UNIT  # small, and near
    change[80:86, 200:206] = 6 * UNIT  # small, and alone
    change[80:95, 20:40] = 3 * UNIT  # nowhere strong
    mask = steps.segment(change, np.zeros(change.shape, bool), 0.4, 100, None)
    assert mask[22:58, 22:58].all()
    assert mask[42:58, 22:63].all()
    assert mask[41:45, 73:77].all()
    assert not mask[75:].any()
    assert not steps.segment(change, np.zeros(change.shape, bool), 0.4, 10_000, None).any()


@given(mask=masks)
def test_an_outline_moves_by_no_more_than_the_filter_reaches(mask):
    image = np.random.default_rng(0).integers(0, 256, (*SIZE, 3)).astype(np.uint8)
    out = steps.refine_outline(mask, image)
    assert out.any() <= mask.any()
    assert steps.refine_outline(np.ones(SIZE, bool), image).all()
