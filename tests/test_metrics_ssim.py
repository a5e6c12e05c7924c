"""SSIM is what scikit-image computes, in both windows."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from peanut import UsageError
from peanut.metrics import Ssim, ssim


def pair(seed, c=3, h=70, w=81):
    """A smooth image and one that differs from it, c h w, uint8."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.random((1, c, 9, 10)))
    image = torch.nn.functional.interpolate(coarse, (h, w), mode="bicubic").clamp(0, 1)[0]
    noise = torch.from_numpy(random.normal(0, random.random() / 5, (c, h, w)))
    return (image * 255).byte(), ((image + noise).clamp(0, 1) * 255).byte()


def by_scikit_image(x, y, **settings):
    measure = pytest.importorskip("skimage.metrics").structural_similarity
    return measure(x.numpy(), y.numpy(), data_range=255, channel_axis=0, **settings)


@given(seed=st.integers(0, 10_000), c=st.sampled_from([1, 3]))
@settings(max_examples=25)
def test_both_windows_are_those_of_scikit_image(seed, c):
    x, y = pair(seed, c)
    theirs = by_scikit_image(x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    assert float(ssim(x, y)) == pytest.approx(theirs, abs=1e-5)
    assert float(ssim(x, y, "uniform-65")) == pytest.approx(by_scikit_image(x, y, win_size=65), abs=1e-5)


def test_dark_and_flat_images_lose_nothing_to_rounding():
    """Where c1 and c2 decide, and near white, where squares are largest."""
    for level in (0, 1, 254):
        x = torch.full((3, 70, 80), level, dtype=torch.uint8)
        y = x.clone()
        y[:, ::2] += 1
        theirs = by_scikit_image(x, y, gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
        assert float(ssim(x, y)) == pytest.approx(theirs, abs=1e-5)
        assert float(ssim(x, y, "uniform-65")) == pytest.approx(by_scikit_image(x, y, win_size=65), abs=1e-5)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=10)
def test_it_is_symmetric_one_for_equal_images_and_the_same_for_floats(seed):
    x, y = pair(seed)
    assert float(ssim(x, x)) == pytest.approx(1)
    assert float(ssim(x, y)) == pytest.approx(float(ssim(y, x)))
    assert float(ssim(x / 255, y / 255)) == pytest.approx(float(ssim(x, y)), abs=1e-5)


def test_a_clip_is_the_mean_of_its_frames():
    x, y = (torch.stack(images) for images in zip(*map(pair, range(4)), strict=True))
    clip = Ssim("uniform-65")
    for frame in zip(x, y, strict=True):
        clip.add(*frame)
    assert clip.value == {"ssim": pytest.approx(float(ssim(x, y, "uniform-65").mean()))}


def test_what_does_not_fit_is_said():
    with pytest.raises(UsageError, match=r"^ssim: images must be at least 65 x 65 for 'uniform-65', got \(64, 80\)\.$"):
        ssim(*(torch.zeros(3, 64, 80),) * 2, "uniform-65")
    with pytest.raises(UsageError, match=r"^no window of ssim called 'gaussian', did you mean 'gaussian-11'\?"):
        ssim(*(torch.zeros(3, 64, 80),) * 2, "gaussian")
