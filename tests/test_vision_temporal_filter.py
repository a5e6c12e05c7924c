"""Settling: content that agrees stays, what wavers comes to rest, what differs is let be."""

import numpy as np

from peanut.vision.optical_flow import grid
from peanut.vision.temporal_filter import settle
from tests.test_flow_eraser import texture

TRUTH = texture(48, 64).astype(np.float32)
HOLE = np.zeros((48, 64), bool)
HOLE[16:32, 20:44] = True
STILL = grid(slice(0, 48), slice(0, 64))


def wavering(amount: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, amount, TRUTH.shape)
    return np.where(HOLE[..., None], TRUTH + noise, TRUTH).astype(np.float32)


def error(inside: np.ndarray) -> float:
    return float(np.abs(inside - TRUTH[HOLE]).mean())


def test_what_agrees_stays_as_it_is():
    np.testing.assert_allclose(settle(TRUTH, HOLE, TRUTH, [STILL]), TRUTH[HOLE], atol=1e-3)


def test_what_wavers_comes_to_rest():
    picture = wavering(8)
    assert error(settle(picture, HOLE, TRUTH, [STILL])) < 0.3 * error(picture[HOLE])


def test_of_two_motions_the_one_that_fits_is_taken():
    moved = np.roll(TRUTH, 6, axis=1)
    picture = wavering(8)
    both = settle(picture, HOLE, moved, [STILL, STILL + np.float32([6, 0])])
    alone = settle(picture, HOLE, moved, [STILL + np.float32([6, 0])])
    np.testing.assert_allclose(both, alone, atol=1.0)
    assert error(both) < 0.3 * error(picture[HOLE])


def test_other_content_is_let_be():
    other = 255 - TRUTH
    other[:, :32] = 0
    picture = wavering(0)
    drawn = np.abs(settle(picture, HOLE, other, [STILL]) - TRUTH[HOLE]).mean()
    assert drawn < 0.25 * np.abs(other - TRUTH)[HOLE].mean()
