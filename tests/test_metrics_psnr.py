"""PSNR is the mean over pixels and channels of the squared error, in decibels, wherever it is measured."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peanut import UsageError
from peanut.metrics import EXACT, Psnr, luma, psnr, regions

SEEDS = st.integers(0, 10_000)


def drawn(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def plainly(result, truth, where):
    """dB of h w 3 arrays over a mask, by the formula."""
    error = result[where].astype(np.float64) - truth[where]
    mean_square = np.mean(error * error)
    return 100.0 if mean_square == 0 else min(100.0, 10 * np.log10(255.0**2 / mean_square))


def arrays(*images):
    return (image.permute(1, 2, 0).numpy() for image in images)


@given(seed=SEEDS, h=st.integers(1, 9), w=st.integers(1, 9))
def test_it_is_the_formula_over_the_masked_pixels(seed, h, w):
    result, truth, where = drawn(seed, 3, h, w), drawn(seed + 1, 3, h, w), drawn(seed + 2, h, w) > 127
    if where.any():
        assert float(psnr(result, truth, where)) == pytest.approx(plainly(*arrays(result, truth), where.numpy()), 1e-12)
    else:
        assert math.isnan(psnr(result, truth, where))


@given(seed=SEEDS)
def test_a_stack_is_measured_image_by_image_and_floats_as_levels(seed):
    result, truth, where = drawn(seed, 2, 3, 3, 5, 4), drawn(seed + 1, 2, 3, 3, 5, 4), drawn(seed + 2, 2, 3, 5, 4) > 99
    found = psnr(result, truth, where)
    assert (found.shape, found.dtype) == ((2, 3), torch.float64)
    assert float(found[1, 2]) == pytest.approx(float(psnr(result[1, 2], truth[1, 2], where[1, 2])), nan_ok=True)
    torch.testing.assert_close(psnr(result.double() / 255, truth.double() / 255, where), found, equal_nan=True)


def test_no_error_is_exact_and_one_level_everywhere_is_48_dB():
    image = drawn(0, 3, 4, 4) // 2
    assert float(psnr(image, image)) == EXACT
    assert float(psnr(image + 1, image)) == pytest.approx(20 * math.log10(255))


def test_a_gray_image_has_any_number_of_channels():
    assert float(psnr(torch.zeros(1, 2, 2), torch.full((1, 2, 2), 0.1))) == pytest.approx(20)


def test_luma_is_that_of_video():
    image = torch.tensor([[0, 255, 255], [0, 255, 0], [0, 255, 0]], dtype=torch.uint8).view(3, 1, 3)
    assert (luma(image) * 255).flatten().tolist() == pytest.approx([16, 235, 16 + 65.481])
    torch.testing.assert_close(luma(image.float() / 255), luma(image), rtol=0, atol=1e-7)


@given(seed=SEEDS, ring=st.integers(1, 5))
def test_the_ring_is_what_lies_outside_the_hole_within_its_width(seed, ring):
    mask = drawn(seed, 2, 9, 11) > 235
    found = regions(mask, ring)
    assert list(found) == ["whole", "hole", "ring", "outside"]
    assert found["whole"].all()
    assert torch.equal(found["hole"] ^ found["outside"], found["whole"])
    for hole, around in zip(mask, found["ring"], strict=True):
        at, places = hole.nonzero().double(), torch.ones_like(hole).nonzero().double()
        near = torch.cdist(places, at).min(dim=1).values if len(at) else torch.full((len(places),), math.inf)
        assert torch.equal(around.flatten(), (near > 0) & (near <= ring))


def test_the_clip_is_the_mean_over_the_frames_that_have_a_hole():
    result, truth, masks = drawn(0, 4, 3, 12, 10), drawn(1, 4, 3, 12, 10), torch.zeros(4, 12, 10, dtype=torch.bool)
    masks[1, 3:5, 4:6] = masks[3, 8:, :2] = True
    clip = Psnr(ring=2)
    for frame in zip(result, truth, masks, strict=True):
        clip.add(*frame)
    of = {name: float(psnr(result, truth, where).nanmean()) for name, where in regions(masks, 2).items()}
    assert clip.value == pytest.approx(
        {"psnr": of["whole"], "psnr_hole": of["hole"], "psnr_ring": of["ring"], "psnr_outside": of["outside"]}
    )


def test_without_masks_only_the_whole_is_measured():
    clip = Psnr()
    assert clip.value == {}
    clip.add(drawn(0, 3, 4, 4), drawn(0, 3, 4, 4))
    assert clip.value == {"psnr": EXACT}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (
            lambda: psnr(drawn(0, 3, 4, 4), drawn(0, 3, 4, 5)),
            "psnr: both images must have one shape, got (3, 4, 4) and (3, 4, 5).",
        ),
        (lambda: psnr(drawn(0, 4, 4), drawn(0, 4, 4)), "psnr: images must be ... c h w, got (4, 4)."),
        (
            lambda: psnr(torch.zeros(3, 2, 2, dtype=torch.int64), torch.zeros(3, 2, 2, dtype=torch.int64)),
            "psnr: images must be uint8 (0 to 255) or floating (0 to 1), got int64.",
        ),
        (lambda: psnr(None, None), "psnr: images must be tensors ... c h w, got a NoneType."),
        (
            lambda: psnr(drawn(0, 3, 4, 4), drawn(0, 3, 4, 4), torch.ones(4, 5, dtype=torch.bool)),
            "psnr: where must be (4, 4) to fit the images, got (4, 5).",
        ),
        (lambda: regions(torch.ones(4, 5)), "regions: masks must be ... h w, bool, got float32 (4, 5)."),
        (lambda: luma(drawn(0, 1, 4, 4)), "luma: images must be ... 3 h w, got (1, 4, 4)."),
        (
            lambda: regions(torch.ones(4, 5, dtype=torch.bool), 0),
            "regions: ring must be a whole number, at least 1, got 0.",
        ),
    ],
)
def test_what_does_not_fit_is_said(wrong, said):
    with pytest.raises(UsageError) as error:
        wrong()
    assert str(error.value) == said


@pytest.mark.parametrize("wrong", [float("nan"), float("inf")])
def test_images_that_are_no_numbers_are_refused(wrong):
    image = torch.zeros(3, 8, 8)
    image[0, 1, 1] = wrong
    with pytest.raises(UsageError, match="images must be of numbers, got nan or infinity"):
        Psnr().add(image, torch.zeros(3, 8, 8))
