"""Laws of smooth interpolation into holes."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from peanut.vision.inpainting import fill_smooth

sizes = st.tuples(st.integers(1, 21), st.integers(1, 21))
floats = st.floats(-300, 300, width=16)


@st.composite
def holed(draw, most=4):
    """An image, h w c, float32, and what of it is known: at least one pixel."""
    size = draw(sizes)
    x = draw(arrays.arrays(np.float32, (*size, draw(st.integers(1, most))), elements=floats))
    known = draw(arrays.arrays(bool, size))
    known[draw(st.integers(0, size[0] - 1)), draw(st.integers(0, size[1] - 1))] = True
    return x, known


@given(holed())
def test_known_values_stay_and_the_rest_lies_in_their_range(both):
    x, known = both
    out = fill_smooth(x, known)
    assert (out.dtype, out.shape) == (np.float32, x.shape)
    assert np.array_equal(out[known], x[known])
    low, high = x[known].min(axis=0), x[known].max(axis=0)
    slack = 1e-4 * np.abs(x).max() + 1e-6
    assert (out >= low - slack).all()
    assert (out <= high + slack).all()


@given(holed(), st.floats(-200, 200, width=16))
def test_a_constant_is_continued(both, value):
    x, known = both
    x = np.where(known[..., None], np.float32(value), x)
    np.testing.assert_allclose(fill_smooth(x, known), value, rtol=1e-5, atol=1e-5)


@given(holed())
def test_what_is_unknown_has_no_influence(both):
    x, known = both
    other = np.where(known[..., None], x, np.float32(7))
    assert np.array_equal(fill_smooth(x, known), fill_smooth(other, known))


@given(holed(most=1))
def test_channels_are_filled_alike(both):
    x, known = both
    out = fill_smooth(np.dstack([x, 2 * x]), known)
    np.testing.assert_allclose(out[..., :1], fill_smooth(x, known), atol=1e-3)
    np.testing.assert_allclose(out[..., 1], 2 * out[..., 0], atol=1e-3)


def test_a_ramp_goes_on_over_a_hole():
    ramp = np.repeat(np.arange(64, dtype=np.float32)[None], 64, axis=0)[..., None]
    known = np.ones((64, 64), bool)
    known[20:44, 20:44] = False
    assert np.abs(fill_smooth(ramp, known) - ramp).max() < 4


def test_nothing_known_gives_zeros():
    assert not fill_smooth(np.full((5, 7, 2), 9, np.float32), np.zeros((5, 7), bool)).any()


def test_beside_a_known_pixel_its_value_counts_in_full():
    x, known = np.zeros((8, 8, 1), np.float32), np.zeros((8, 8), bool)
    x[6, 6], known[1, 1], known[6, 6] = 8, True, True
    out = fill_smooth(x, known)[..., 0]
    assert (out[0, 0], out[7, 7]) == (0, 8)
    assert 2 < out[3:5, 3:5].mean() < 6
