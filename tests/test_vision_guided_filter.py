"""Laws of the guided filter."""

import numpy as np
import pytest
from clips import texture
from hypothesis import given
from hypothesis import strategies as st

from peanut.vision.guided_filter import guided_filter

GUIDE = texture(40, 50)


@given(value=st.floats(-3, 3), radius=st.integers(1, 6))
def test_a_constant_stays_as_it_is(value, radius):
    out = guided_filter(np.full((40, 50), value, np.float32), GUIDE, radius)
    np.testing.assert_allclose(out, value, atol=1e-3)


@given(weights=st.tuples(*[st.floats(-1, 1)] * 3), offset=st.floats(-1, 1))
def test_what_is_linear_in_the_guide_comes_back_as_eps_vanishes(weights, offset):
    x = (GUIDE / np.float32(255) @ np.float32(weights) + np.float32(offset)).astype(np.float32)
    np.testing.assert_allclose(guided_filter(x, GUIDE, 4, eps=1e-6), x, atol=0.01)


def test_linear_in_its_input():
    x, y = np.random.default_rng(0).normal(size=(2, 40, 50)).astype(np.float32)
    both = guided_filter(2 * x - y, GUIDE, 3)
    np.testing.assert_allclose(both, 2 * guided_filter(x, GUIDE, 3) - guided_filter(y, GUIDE, 3), atol=1e-3)


def test_a_large_eps_is_two_box_filters():
    step = np.zeros((40, 50), np.float32)
    step[:, 25:] = 1
    profile = guided_filter(step, GUIDE, 2, eps=1e6)[20]
    np.testing.assert_allclose(
        profile[20:30], np.convolve(step[20], np.convolve([0.2] * 5, [0.2] * 5), "same")[20:30], atol=1e-3
    )


@pytest.mark.parametrize("shift", [-2, 1, 2])
def test_a_misplaced_edge_moves_to_that_of_the_guide(shift):
    guide = np.zeros((40, 50, 3), np.uint8)
    guide[:, 25:] = (200, 120, 40)
    mask = np.zeros((40, 50), bool)
    mask[:, 25 + shift :] = True
    truth = np.arange(50) >= 25
    assert np.array_equal(guided_filter(mask, guide, 8)[20] > 0.5, truth)
