"""Completion: what repeats goes on in a hole, what is smooth stays smooth, and nothing else changes."""

import numpy as np
import pytest

from peanut.completion.choice import places, texture_distance
from peanut.completion.complete import METHODS, complete
from peanut.completion.gradients import copied
from peanut.completion.offsets import offsets
from peanut.vision.optical_flow import grid

HEIGHT, WIDTH = 120, 216


def stripes():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    grey = np.where(np.sin(2 * np.pi * (x + 0.1 * y) / 18) > 0, 200, 140) + y / 10
    return noisy(grey)


def tiles():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return noisy(np.where((x % 18 < 2) | (y % 14 < 2), 90, 190))


def gradient():
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return np.rint(np.dstack([80 + x / 4, 90 + y / 2, 100 + x / 8 + y / 8])).astype(np.uint8)


def noisy(grey):
    noise = np.random.default_rng(0).normal(0, 3, (HEIGHT, WIDTH, 3))
    return np.clip(grey[..., None] + noise, 0, 255).astype(np.uint8)


def figure(centre=(58, 110), radii=(40, 24)):
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    return ((y - centre[0]) / radii[0]) ** 2 + ((x - centre[1]) / radii[1]) ** 2 < 1


def holed(image, hole):
    return np.where(hole[..., None], np.uint8(0), image)


def psnr(result, truth, hole):
    return 10 * np.log10(255**2 / max(((result[hole].astype(float) - truth[hole]) ** 2).mean(), 1e-9))


@pytest.mark.parametrize("drawn", [stripes, tiles])
def test_what_repeats_goes_on(drawn):
    truth, hole = drawn(), figure()
    completed = complete(holed(truth, hole), hole)
    assert completed.method != "smooth"
    assert psnr(completed.image, truth, hole) >= 28


def test_a_gradient_is_filled_smoothly():
    truth, hole = gradient(), figure()
    completed = complete(holed(truth, hole), hole)
    assert completed.method == "smooth"
    assert psnr(completed.image, truth, hole) > 30


def test_a_second_run_and_the_chosen_method_give_the_same_and_nothing_else_changes():
    given, hole = holed(stripes(), figure()), figure()
    before = given.copy()
    first, second = complete(given, hole), complete(given, hole)
    assert np.array_equal(first.image, second.image)
    assert np.array_equal(complete(given, hole, method=first.method).image, first.image)
    assert np.array_equal(first.image[~hole], given[~hole])
    assert np.array_equal(given, before)


@pytest.mark.parametrize("method", METHODS)
def test_what_the_hole_hides_has_no_influence(method):
    truth, hole = stripes(), figure()
    assert np.array_equal(
        complete(truth, hole, method=method).image, complete(holed(truth, hole), hole, method=method).image
    )


@pytest.mark.parametrize("method", METHODS)
def test_what_must_not_be_looked_at_has_no_influence(method):
    truth, hole = stripes(), figure()
    hidden = np.zeros_like(hole)
    hidden[:, :40] = True
    other = truth.copy()
    other[hidden] = 7
    filled = [complete(x, hole, ~hole & ~hidden, method).image[hole] for x in (truth, other)]
    assert np.array_equal(*filled)


@pytest.mark.parametrize("method", [None, *METHODS])
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 2), (17, 23), (40, 9)])
def test_tiny_images(size, method):
    image = np.full((*size, 3), 90, np.uint8)
    for hole in (np.ones(size, bool), np.zeros(size, bool), np.arange(size[0] * size[1]).reshape(size) % 3 == 0):
        completed = complete(image, hole, method=method)
        assert completed.image.shape == image.shape
        assert np.array_equal(completed.image[~hole], image[~hole])
        if not hole.all():
            assert (abs(completed.image.astype(int) - 90) <= 1).all()


@pytest.mark.parametrize("hole", ["border", "all but a frame", "all but a few", "several"])
def test_holes_of_every_kind(hole):
    mask = np.zeros((HEIGHT, WIDTH), bool)
    if hole == "border":
        mask[30:, :60] = True
    elif hole == "all but a frame":
        mask[4:-4, 4:-4] = True
    elif hole == "all but a few":
        mask[:] = True
        mask[10, 10] = mask[100, 200] = False
    else:
        mask = figure((30, 30), (12, 12)) | figure((80, 110), (20, 12)) | figure((20, 200), (15, 30))
    truth = stripes()
    completed = complete(holed(truth, mask), mask)
    assert np.array_equal(completed.image[~mask], truth[~mask])
    low, high = truth[~mask].min(), truth[~mask].max()
    assert completed.image[mask].min() >= low - 30
    assert completed.image[mask].max() <= high + 30


def test_nothing_known_leaves_zeros():
    hole = np.ones((20, 30), bool)
    assert not complete(np.full((20, 30, 3), 9, np.uint8), hole).image.any()


def test_a_large_image_is_filled_at_full_resolution():
    y, x = np.mgrid[:400, :720]
    grey = np.where((x % 60 < 6) | (y % 40 < 6), 90, 190)
    truth = np.repeat(grey[..., None], 3, 2).astype(np.uint8)
    hole = ((y - 200) / 120) ** 2 + ((x - 360) / 70) ** 2 < 1
    filled = complete(holed(truth, hole), hole, method="shifts").image
    assert psnr(filled, truth, hole) >= 28


def test_the_offsets_of_tiles_are_their_lattice():
    found = offsets(tiles(), ~figure(), figure())
    assert len(found)
    remainder = np.abs(found / [18, 14] - np.rint(found / [18, 14])) * [18, 14]
    assert (remainder.max(axis=1) <= 1).mean() > 0.8


def test_pretended_holes_have_the_shape_and_lie_in_what_is_known():
    hole = figure()
    found = places(~hole, hole)
    assert len(found) == 2
    for place in found:
        assert place.sum() == hole.sum()
        assert not (place & hole).any()


def test_where_there_is_no_room_a_pretended_hole_is_smaller():
    hole = np.zeros((HEIGHT, WIDTH), bool)
    hole[:, 60:180] = True
    assert 0 < places(~hole, hole)[0].sum() < hole.sum()


def test_a_copy_takes_on_the_brightness_around_the_hole():
    x = np.broadcast_to(np.arange(WIDTH), (HEIGHT, WIDTH))
    truth = np.repeat((100 + x / 4 + 20 * (x // 6 % 2))[..., None], 3, 2).astype(np.uint8)
    hole, at = figure(), grid(slice(0, HEIGHT), slice(0, WIDTH)) + np.array([60, 0], np.float32)
    plain = np.where(hole[..., None], np.roll(truth, -60, axis=1), truth)
    blended = copied(holed(truth, hole), ~hole, hole, at.astype(np.float32))
    assert psnr(blended, truth, hole) > psnr(plain, truth, hole) + 6


def test_texture_in_the_wrong_place_is_nearer_than_fog():
    random = np.random.default_rng(0)
    truth, other = (random.normal(128, 30, (HEIGHT, WIDTH, 3)).astype(np.float32) for _ in range(2))
    hole = figure()
    fog, texture = (np.where(hole[..., None], x, truth) for x in (np.float32(128), other))
    assert texture_distance(texture, truth, hole) < texture_distance(fog, truth, hole)
    assert texture_distance(truth, truth, hole) == 0
