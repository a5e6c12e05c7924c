"""Temporal filtering: content that agrees stays, noise is averaged out, what differs is kept apart."""

import numpy as np
from clips import texture

from peanut.vision.optical_flow import grid
from peanut.vision.temporal_filter import temporal_filter

TRUTH = texture(48, 64).astype(np.float32)
HOLE = np.zeros((48, 64), bool)
HOLE[16:32, 20:44] = True
STILL = grid(slice(0, 48), slice(0, 64))


def noisy(amount: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(0, amount, TRUTH.shape)
    return np.where(HOLE[..., None], TRUTH + noise, TRUTH).astype(np.float32)


def error(inside: np.ndarray) -> float:
    return float(np.abs(inside - TRUTH[HOLE]).mean())


def test_what_agrees_stays_as_it_is():
    np.testing.assert_allclose(temporal_filter(TRUTH, HOLE, TRUTH, [STILL]), TRUTH[HOLE], atol=1e-3)


def test_noise_is_averaged_out():
    image = noisy(8)
    assert error(temporal_filter(image, HOLE, TRUTH, [STILL])) < 0.3 * error(image[HOLE])


def test_of_two_motions_the_one_that_fits_is_taken():
    moved = np.roll(TRUTH, 6, axis=1)
    image = noisy(8)
    both = temporal_filter(image, HOLE, moved, [STILL, STILL + np.float32([6, 0])])
    alone = temporal_filter(image, HOLE, moved, [STILL + np.float32([6, 0])])
    np.testing.assert_allclose(both, alone, atol=1.0)
    assert error(both) < 0.3 * error(image[HOLE])


def test_other_content_is_kept_apart():
    other = 255 - TRUTH
    other[:, :32] = 0
    image = noisy(0)
    pulled = np.abs(temporal_filter(image, HOLE, other, [STILL]) - TRUTH[HOLE]).mean()
    assert pulled < 0.25 * np.abs(other - TRUTH)[HOLE].mean()
