"""Laws of ranking and averaging candidates."""

import numpy as np
import pytest
from clips import texture
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from peanut.vision.blending import MOST_AVERAGED, PRIOR_ERROR, Blend, blend, confidence, surrounding_error

counts, pixels = st.integers(1, 40), st.integers(1, 6)
GREY = texture(60, 80).mean(axis=-1).astype(np.uint8)
ALL = np.ones(GREY.shape, np.float32)


@st.composite
def candidates(draw):
    """Colors, k n 3, and costs, k n, of which some are inf."""
    k, n = draw(counts), draw(pixels)
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    costs = random.permuted(np.linspace(0, 30, k * n).reshape(k, n), axis=0).astype(np.float32)
    costs[random.random((k, n)) < draw(st.sampled_from([0, 0.3]))] = np.inf
    return random.integers(0, 256, (k, n, 3)).astype(np.uint8), costs


@given(both=candidates(), color=st.tuples(*[st.integers(0, 255)] * 3))
def test_of_equal_candidates_the_blend_is_that_candidate(both, color):
    colors, costs = both
    out = blend(np.broadcast_to(np.uint8(color), colors.shape), costs)
    shown = np.isfinite(costs).any(axis=0)
    np.testing.assert_allclose(out.color[shown], np.broadcast_to(color, out.color.shape)[shown], rtol=1e-5)
    np.testing.assert_allclose(out.variance[shown], 0, atol=1e-3)


@given(both=candidates(), seed=st.integers(0, 99))
def test_the_order_of_candidates_means_nothing(both, seed):
    colors, costs = both
    order = np.random.default_rng(seed).permutation(len(costs))
    out, other = blend(colors, costs), blend(colors[order], costs[order])
    assert np.array_equal(out.cost, other.cost)
    np.testing.assert_allclose(out.color, other.color, rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(out.variance, other.variance, rtol=1e-4, atol=1e-2)
    shown = np.isfinite(out.cost)
    assert np.array_equal(out.best[shown], order[other.best][shown])


@given(both=candidates())
def test_what_shows_nothing_has_no_influence(both):
    colors, costs = both
    out = blend(colors, costs)
    other = blend(np.where(np.isfinite(costs)[..., None], colors, 255 - colors), costs)
    assert np.array_equal(out.color, other.color)
    assert np.array_equal(np.isfinite(out.cost), np.isfinite(costs).any(axis=0))
    assert (costs.min(axis=0) == out.cost).all()


@given(both=candidates())
def test_a_blend_lies_between_its_candidates(both):
    colors, costs = both
    out = blend(colors, costs)
    for pixel in np.flatnonzero(np.isfinite(costs).any(axis=0)):
        shown = colors[np.isfinite(costs[:, pixel]), pixel].astype(float)
        assert (out.color[pixel] >= shown.min(axis=0) - 1e-2).all()
        assert (out.color[pixel] <= shown.max(axis=0) + 1e-2).all()


def test_more_than_the_best_candidates_change_nothing():
    """From 25 on, where choosing pays, the best 16 are averaged."""
    random = np.random.default_rng(0)
    colors, costs = random.integers(0, 256, (30, 5, 3)).astype(np.uint8), np.full((30, 5), 9, np.float32)
    costs[:MOST_AVERAGED] = 1
    few = blend(colors[:MOST_AVERAGED], costs[:MOST_AVERAGED])
    np.testing.assert_allclose(blend(colors, costs).color, few.color, rtol=1e-4)


def test_what_one_frame_alone_shows_counts_little():
    colors = np.full((6, 1, 3), 100, np.uint8)
    colors[2] = 220
    assert abs(blend(colors, np.ones((6, 1), np.float32)).color - 100).max() < 2  # the mean is 120


def test_the_error_of_the_target_itself_is_nothing_and_a_difference_counts_as_it_is():
    np.testing.assert_allclose(surrounding_error(GREY, GREY, ALL), 0, atol=1e-3)
    np.testing.assert_allclose(surrounding_error(np.full_like(GREY, 90), np.full_like(GREY, 83), ALL), 7, atol=1e-3)


def test_where_nothing_is_known_the_error_is_assumed():
    np.testing.assert_allclose(surrounding_error(GREY, 255 - GREY, 0 * ALL), PRIOR_ERROR, rtol=1e-5)


def test_the_nearest_known_pixels_count_most():
    known = ALL.copy()
    known[:, 20:60] = 0
    candidate = GREY.copy()
    candidate[:, :20] ^= 8  # 8 grey levels off on the left alone
    error = surrounding_error(candidate, GREY, known)[30]
    assert error[22] > 7.5
    assert error[57] < 0.5
    assert (np.diff(error[20:60]) <= 1e-4).all()


@given(spots=arrays.arrays(bool, (12, 16)))
def test_unknown_pixels_have_no_influence_on_the_error(spots):
    known = np.kron(spots, np.ones((5, 5))).astype(np.float32)
    other = np.where(known > 0, GREY, 255 - GREY)
    candidate = np.roll(GREY, 3, axis=1)
    assert np.array_equal(surrounding_error(candidate, GREY, known), surrounding_error(candidate, other, known))


def blended(cost, variance, n=48):
    return Blend(
        color=np.full((n, 3), 120, np.float32),
        cost=np.broadcast_to(np.float32(cost), n).copy(),
        variance=np.full(n, variance, np.float32),
        best=np.zeros(n, int),
    )


WHERE = np.nonzero(np.ones((6, 8), bool))


@given(
    costs=arrays.arrays(np.float32, 48, elements=st.sampled_from([0, 1, 5, 40, np.inf])),
    variance=st.floats(0, 5000, width=32),
    smooth=st.floats(0, 255, width=32),
)
def test_confidence_is_a_share_and_none_where_nothing_is_shown(costs, variance, smooth):
    share = confidence(blended(costs, variance), np.full((48, 3), smooth, np.float32), WHERE, (6, 8))
    assert share.dtype == np.float32
    assert ((share >= 0) & (share <= 1)).all()
    assert (share[np.isinf(costs)] == 0).all()


@pytest.mark.parametrize("smooth", [40, 200])
def test_confidence_falls_with_cost_and_with_variance(smooth):
    filling = np.full((48, 3), smooth, np.float32)
    by_cost = [confidence(blended(cost, 0), filling, WHERE, (6, 8))[20] for cost in (0, 30, 60, 120)]
    by_variance = [confidence(blended(0, each), filling, WHERE, (6, 8))[20] for each in (0, 3000, 6000, 20000)]
    for falling in (by_cost, by_variance):
        assert falling[0] == 1
        assert falling[1] > falling[2] > falling[3] == 0
