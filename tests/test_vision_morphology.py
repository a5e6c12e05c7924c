"""Laws of mask shapes, against brute force."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from peanut.vision.morphology import components, fill_holes, grow_mask, hysteresis, large_components, open_close

sizes = st.tuples(st.integers(1, 14), st.integers(1, 18))
masks = sizes.flatmap(lambda size: arrays.arrays(bool, size))
mask_pairs = sizes.flatmap(lambda size: st.tuples(*[arrays.arrays(bool, size)] * 2))


def flooded(weak: np.ndarray, strong: np.ndarray) -> np.ndarray:
    """All that is reached from pixels of both over 8 neighbors in `weak`."""
    reached, todo = np.zeros_like(weak), [tuple(spot) for spot in np.argwhere(weak & strong)]
    while todo:
        row, column = todo.pop()
        if 0 <= row < weak.shape[0] and 0 <= column < weak.shape[1] and weak[row, column] and not reached[row, column]:
            reached[row, column] = True
            todo += [(row + down, column + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return reached


@given(mask=masks, pixels=st.integers(0, 20))
def test_a_grown_mask_is_all_that_lies_within_the_distance(mask, pixels):
    rows, columns = np.indices(mask.shape)
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        expected |= (rows - row) ** 2 + (columns - column) ** 2 <= pixels**2
    assert np.array_equal(grow_mask(mask, pixels), expected)


@given(pair=mask_pairs)
def test_hysteresis_is_a_flood_from_the_strong_pixels(pair):
    assert np.array_equal(hysteresis(*pair), flooded(*pair))


@given(mask=masks)
def test_hysteresis_without_a_strong_pixel_is_empty_and_with_all_is_the_mask(mask):
    assert not hysteresis(mask, ~mask).any()
    assert np.array_equal(hysteresis(mask, np.ones_like(mask)), mask)


@given(mask=masks)
def test_components_are_the_floods_from_their_pixels(mask):
    found = list(components(mask))
    assert np.array_equal(np.sum(found, axis=0) if found else np.zeros(mask.shape, int), mask)
    for component in found:
        seed = np.zeros_like(mask)
        seed[tuple(np.argwhere(component)[0])] = True
        assert np.array_equal(component, flooded(mask, seed))


@given(mask=masks, least=st.integers(0, 12), most=st.none() | st.integers(1, 4))
def test_large_components_are_the_largest_of_at_least_that_area(mask, least, most):
    expected = sorted((int(one.sum()) for one in components(mask) if one.sum() >= least), reverse=True)[:most]
    kept = large_components(mask, least, most)
    assert sorted((int(one.sum()) for one in components(kept)), reverse=True) == expected
    assert not (kept & ~mask).any()


@given(mask=masks, largest=st.integers(0, 12))
def test_filled_holes_are_the_small_components_of_the_background(mask, largest):
    expected = mask.copy()
    for gap in components(~mask):
        expected |= gap & (gap.sum() < max(1, largest))
    assert np.array_equal(fill_holes(mask, largest), expected)


def disc(center: tuple[int, int], radius: int) -> np.ndarray:
    rows, columns = np.indices((60, 80))
    return (rows - center[0]) ** 2 + (columns - center[1]) ** 2 <= radius**2


@given(mask=masks, radius=st.integers(1, 3))
def test_opening_takes_away_and_once_is_enough(mask, radius):
    opened = open_close(mask, radius, 0)
    assert not (opened & ~mask).any()
    assert np.array_equal(open_close(opened, radius, 0), opened)


@given(mask=masks, radius=st.integers(1, 3))
def test_closing_adds_and_once_is_enough(mask, radius):
    closed = open_close(mask, 0, radius)
    assert not (mask & ~closed).any()
    assert np.array_equal(open_close(closed, 0, radius), closed)


@pytest.mark.parametrize(("gap", "bridged"), [(4, True), (9, False)])
def test_a_line_goes_and_a_narrow_gap_is_bridged(gap, bridged):
    mask = np.zeros((60, 80), bool)
    mask[20:40, 10:30] = mask[20:40, 30 + gap : 60] = True
    line = mask.copy()
    line[5:7, 10:60] = True
    assert np.array_equal(open_close(line), open_close(mask))
    assert open_close(mask)[25:35, 30 : 30 + gap].all() == bridged


def test_a_smooth_shape_stays_as_it_is():
    assert np.array_equal(open_close(disc((30, 40), 15)), disc((30, 40), 15))
