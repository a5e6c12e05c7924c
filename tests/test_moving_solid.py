"""MovingObjects keeps what stops, before a still camera; what is solid has no holes, and a ring stays a ring."""

from fractions import Fraction

import cv2
import numpy as np
import pytest
from clips import texture

import peanut
from peanut.errors import UsageError
from peanut.vision.solidity import Background, fill_solid

H, W = 88, 112
RESTS = range(20, 60)
GONE = 73
FPS = 25


def noisy(image: np.ndarray, seed: int) -> np.ndarray:
    """As a sensor and a codec leave it."""
    noise = np.random.default_rng(seed).normal(0, 3, image.shape)
    image = np.clip(image + noise, 0, 255).round().astype(np.uint8)
    return cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 80])[1], cv2.IMREAD_COLOR)


def stop_and_go() -> tuple[list[peanut.Frame], np.ndarray]:
    """A textured block walks in, stops, walks on and leaves, before a still camera; and where it is."""
    behind, block = texture(H, W), texture(44, 18, seed=1) // 2
    frames, truth = [], np.zeros((GONE + 3, H, W), bool)
    for number in range(len(truth)):
        image = behind.copy()
        x = 4 * (number - max(0, min(number, RESTS.stop) - RESTS.start)) - 18
        left, right = max(0, x), min(W, x + 18)
        if left < right:
            image[30:74, left:right] = block[:, left - x : right - x]
            truth[number, 30:74, left:right] = True
        frames.append(peanut.Frame.from_numpy(noisy(image, number), index=number, time=Fraction(number, FPS)))
    return frames, truth


def found(remember: float) -> tuple[np.ndarray, np.ndarray]:
    """The masks, and the share of what moves that is masked in every frame in which it rests."""
    frames, truth = stop_and_go()
    stage = peanut.MovingObjects(grow=0, preset="fast", remember=remember)
    masks = np.stack([frame.mask.numpy() for frame in stage(iter(frames))])
    return masks, np.array([(masks[n] & truth[n]).sum() / truth[n].sum() for n in RESTS])


@pytest.fixture(scope="module")
def forgotten():
    return found(remember=0)


def test_without_a_memory_what_stops_becomes_background(forgotten):
    assert forgotten[1][15:-16].max() < 0.1


def test_what_stops_stays_masked_before_a_noisy_still_camera_and_nothing_after_it_left(forgotten):
    masks, rests = found(remember=5.0)
    assert np.mean(rests >= 0.9) >= 0.9
    assert (masks & ~forgotten[0])[GONE:].mean(axis=(1, 2)).max() < 0.005


def test_what_stops_is_released_after_so_many_seconds(forgotten):
    masks, rests = found(remember=0.4)
    assert rests[: round(0.4 * FPS)].min() > 0.8
    assert rests[18:-16].max() < 0.1  # from then on the look-ahead sees it walk on
    assert (masks & ~forgotten[0])[GONE:].mean(axis=(1, 2)).max() < 0.005


@pytest.mark.parametrize(("shift", "still"), [(0, True), (1, False)])
def test_noise_does_not_move_a_camera_that_stands_still(shift, still):
    scene = texture(H, W + 1)
    background = Background.nothing(noisy(scene[:, :W], 1))
    assert background.stands_still(noisy(scene[:, shift : shift + W], 2)) is still


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
    filled = fill_solid(mask, image, np.zeros_like(mask))
    assert (filled & ~mask).sum() <= 4  # its corners are rounded


@pytest.mark.parametrize("wrong", [-1, 4000, "long", float("nan")])
def test_a_mistake_in_remember_is_one_sentence(wrong):
    with pytest.raises(UsageError, match=r"^MovingObjects: remember must be .*0 to 3600, got [^.]*\.$"):
        peanut.MovingObjects(remember=wrong)
