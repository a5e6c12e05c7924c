"""What stands still is cut out of its box by its colors."""

import cv2
import numpy as np
import pytest
from clips import texture
from hypothesis import given, settings
from hypothesis import strategies as st

from peanut.objects.standing import cut_out

H, W = 150, 220


def scene(centre=(110, 75), axes=(30, 45), color=(200, 50, 40), size=(H, W)):
    """An ellipse of one color before a textured wall: image, truth, its box."""
    truth = cv2.ellipse(np.zeros(size, np.uint8), (centre, (2 * axes[0], 2 * axes[1]), 0), 1, -1).astype(bool)
    noise = texture(*size).astype(int) // 8
    image = np.where(truth[..., None], np.add(color, noise), 90 + noise)
    x, y, w, h = cv2.boundingRect(truth.view(np.uint8))
    return image.clip(0, 255).astype(np.uint8), truth, (float(x), float(y), float(x + w), float(y + h))


def j(found, truth):
    return np.count_nonzero(found & truth) / np.count_nonzero(found | truth)


@pytest.mark.parametrize(
    ("centre", "axes", "color"),
    [
        ((110, 75), (40, 40), (200, 50, 40)),
        ((110, 75), (30, 45), (40, 60, 200)),
        ((60, 60), (15, 25), (40, 170, 60)),
        ((110, 75), (12, 12), (230, 220, 60)),
        ((20, 75), (40, 40), (200, 50, 40)),  # half of it is outside
        ((110, 140), (50, 40), (60, 180, 200)),
    ],
)
def test_a_disc_of_one_color_is_cut_out_of_its_box(centre, axes, color):
    image, truth, box = scene(centre, axes, color)
    assert j(cut_out(image, box), truth) > 0.9


@pytest.mark.parametrize("off", [(-0.1, -0.1, 0.1, 0.1), (0.1, 0, 0.1, 0), (0, -0.1, 0, 0.1)])
def test_a_box_that_is_not_exact_does(off):
    image, truth, box = scene()
    sides = np.array([box[2] - box[0], box[3] - box[1]] * 2)
    assert j(cut_out(image, tuple(np.add(box, off * sides))), truth) > 0.9


def test_a_large_object_is_cut_out_at_a_reduced_size():
    image, truth, box = scene((400, 300), (220, 260), size=(600, 800))
    assert j(cut_out(image, box), truth) > 0.95


def test_nothing_is_cut_out_far_from_the_box():
    image, _, box = scene()
    left, top, right, bottom = (int(edge) for edge in box)
    outside = cut_out(image, box)
    outside[top - 2 : bottom + 2, left - 2 : right + 2] = False
    assert not outside.any()


@pytest.mark.parametrize(
    "box",
    [
        (300.0, 20.0, 360.0, 90.0),
        (-90.0, -90.0, -20.0, -20.0),
        (50.0, 50.0, 50.0, 50.0),
        (80.0, 80.0, 40.0, 40.0),
        (50.0, 50.0, 53.0, 120.0),
        (0.0, 0.0, float(W), float(H)),
        (-500.0, -500.0, 900.0, 900.0),
    ],
)
def test_a_box_that_tells_nothing_cuts_out_nothing(box):
    """Beside the image, empty, thin, or all of it: there is no surrounding to compare with."""
    image, _, _ = scene()
    found = cut_out(image, box)
    assert found.shape == (H, W)
    assert found.dtype == bool
    assert not found.any()


edges = st.floats(-60, 120, allow_nan=False)


@settings(max_examples=60)
@given(box=st.tuples(edges, edges, edges, edges), seed=st.integers(0, 3))
def test_any_box_gives_pixels_of_the_image(box, seed):
    image = texture(48, 64, seed)
    before = image.copy()
    found = cut_out(image, box)
    assert found.shape == (48, 64)
    assert np.array_equal(image, before)


def test_an_image_of_one_color_is_no_error():
    found = cut_out(np.full((H, W, 3), 77, np.uint8), (60.0, 40.0, 120.0, 100.0))
    assert found.shape == (H, W)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (300, 7)])
def test_small_images_give_nothing(size):
    assert not cut_out(np.full((*size, 3), 77, np.uint8), (0.0, 0.0, 5.0, 5.0)).any()


def test_the_same_is_cut_out_again_whatever_else_was_drawn_by_lot():
    image = np.random.default_rng(0).integers(0, 256, (H, W, 3), dtype=np.uint8)
    box = 60.0, 30.0, 150.0, 110.0
    first = cut_out(image, box)
    for seed in range(1, 6):
        cv2.setRNGSeed(seed)
        assert np.array_equal(cut_out(image, box), first)
