"""MovingObjects keeps what stops, before a still camera; what is solid has no holes, and a ring stays a ring."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from clips import texture

import peanut
from peanut.errors import UsageError
from peanut.vision.solidity import fill_solid

H, W = 96, 128
RESTS = range(20, 66)
GONE = 84
FPS = 25


def stop_and_go(compressed: bool = False, drift: float = 0.0) -> tuple[list[peanut.Frame], np.ndarray]:
    """A textured block walks in, stops, walks on and leaves; the sensor is noisy, the camera drifts sideways."""
    random, wide = np.random.default_rng(3), texture(H, W + 60)
    block, frames, truth = texture(44, 18, seed=1) // 2, [], np.zeros((GONE + 6, H, W), bool)
    for number in range(len(truth)):
        shift = np.array([[1, 0, -drift * number], [0, 1, 0]], np.float32)
        image = cv2.warpAffine(wide, shift, (W, H), flags=cv2.INTER_LINEAR)
        x = 4 * (number - max(0, min(number, RESTS.stop) - RESTS.start)) - 18
        x += 10 * (number >= RESTS.stop)
        left, right = max(0, x), min(W, x + 18)
        if left < right:
            image[30:74, left:right] = block[:, left - x : right - x]
            truth[number, 30:74, left:right] = True
        noisy = np.clip(image + random.normal(0, 3, image.shape), 0, 255).round().astype(np.uint8)
        if compressed:
            noisy = cv2.imdecode(cv2.imencode(".jpg", noisy, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)
        frames.append(peanut.Frame.from_numpy(noisy, index=number, time=Fraction(number, FPS)))
    return frames, truth


def covered(frames: list[peanut.Frame], truth: np.ndarray, remember: float) -> tuple[np.ndarray, float]:
    """The share of what moves that is masked, per frame while it rests, and the largest mask after it left."""
    stage = peanut.MovingObjects(grow=0, preset="fast", remember=remember)
    found = np.stack([frame.mask.numpy() for frame in stage(iter(frames))])
    shares = [(found[n] & truth[n]).sum() / truth[n].sum() for n in RESTS]
    return np.array(shares), max(mask.mean() for mask in found[GONE:])


@pytest.mark.parametrize("compressed", [False, True], ids=["noise", "noise and codec"])
def test_what_stops_stays_masked_before_a_noisy_still_camera_and_nothing_after_it_left(compressed):
    rests, ghosts = covered(*stop_and_go(compressed), remember=5.0)
    assert np.mean(rests >= 0.9) >= 0.9
    assert ghosts <= 0.005


def test_what_stops_is_released_after_so_many_seconds():
    rests, ghosts = covered(*stop_and_go(), remember=0.6)
    still_moving, kept = 12, round(0.6 * FPS)
    assert rests[:kept].min() > 0.8
    assert rests[kept + still_moving : -16].max() < 0.2  # the look-ahead sees it walk on
    assert ghosts <= 0.005


def test_without_a_memory_what_stops_becomes_background():
    rests, ghosts = covered(*stop_and_go(), remember=0)
    assert rests[15:-16].max() < 0.2
    assert ghosts <= 0.005


def test_before_a_camera_that_moves_nothing_is_remembered():
    rests, _ = covered(*stop_and_go(drift=0.5), remember=5.0)
    assert rests[20:-16].max() < 0.2


def solid(inside: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A mask of a red shape with a hole, before a blue wall, and the image; `inside`: the color in the hole."""
    image = np.zeros((60, 80, 3), np.uint8)
    image[:] = (40, 60, 160)
    mask = np.zeros((60, 80), bool)
    mask[10:50, 20:60] = True
    image[mask] = (180, 40, 40)
    image[22:38, 32:48] = inside
    mask[22:38, 32:48] = False
    return mask, image


@pytest.mark.parametrize("inside", [(180, 40, 40), (230, 220, 90)], ids=["its own color", "a color of no background"])
def test_a_hole_that_shows_no_background_is_filled(inside):
    mask, image = solid(inside)
    filled = fill_solid(mask, image, np.zeros_like(mask))
    assert filled[10:50, 20:60].all()
    assert filled.sum() == 40 * 40


def test_a_ring_that_shows_the_background_stays_a_ring():
    mask, image = solid((40, 60, 160))
    assert np.array_equal(fill_solid(mask, image, np.zeros_like(mask)), mask)


@pytest.mark.parametrize("wrong", [-1, 4000, "long", float("nan")])
def test_a_mistake_in_remember_is_one_sentence(wrong):
    with pytest.raises(UsageError, match=r"^MovingObjects: remember must be a number from 0 to 3600, got .*\.$"):
        peanut.MovingObjects(remember=wrong)
