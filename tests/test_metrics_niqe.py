"""NIQE describes blocks as its paper does, and tells distorted images from natural ones."""

import math

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from peanut import UsageError
from peanut.metrics import Natural, Niqe, niqe
from peanut.metrics.niqe import features, fitted, own_model

SHAPES = np.arange(0.2, 10.001, 0.001)
SHARES = np.array([math.gamma(2 / s) ** 2 / (math.gamma(1 / s) * math.gamma(3 / s)) for s in SHAPES])


@pytest.fixture(scope="module")
def cat():
    """A photograph that the model was not fitted to: 3 h w, uint8."""
    data = pytest.importorskip("skimage.data")
    return torch.tensor(data.chelsea()).permute(2, 0, 1)


def plain_fit(x):
    """Section 2 of the paper: the moments of the asymmetric generalized Gaussian."""
    left, right = (math.sqrt(np.mean(side**2)) for side in (x[x < 0], x[x > 0]))
    ratio, share = left / right, np.mean(np.abs(x)) ** 2 / np.mean(x**2)
    share *= (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = SHAPES[np.argmin((SHARES - share) ** 2)]
    scale = math.sqrt(math.gamma(1 / shape) / math.gamma(3 / shape))
    return shape, left * scale, right * scale


def plain_features(grey, size):
    """18 numbers of every block of an image of gray levels."""
    offsets = np.arange(-3, 4)
    window = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (7 / 6) ** 2))
    window /= window.sum()
    around = np.lib.stride_tricks.sliding_window_view(np.pad(grey, 3, mode="edge"), (7, 7))
    mean = (around * window).sum(axis=(2, 3))
    deviation = np.sqrt(((around - mean[..., None, None]) ** 2 * window).sum(axis=(2, 3)))
    normal = (grey - mean) / (deviation + 1)
    for top in range(0, grey.shape[0], size):
        for left_edge in range(0, grey.shape[1], size):
            block = normal[top : top + size, left_edge : left_edge + size]
            shape, left, right = plain_fit(block.ravel())
            row = [shape, (left + right) / 2]
            for step in ((0, 1), (1, 0), (1, 1), (1, -1)):
                shape, left, right = plain_fit((block * np.roll(block, step, axis=(0, 1))).ravel())
                row += [shape, (right - left) * math.gamma(2 / shape) / math.gamma(1 / shape), left, right]
            yield row


def test_the_features_are_the_papers(cat):
    image = cat[:, :200, :300]
    grey = (image[:, :192, :288].double() * torch.tensor([0.2989, 0.5870, 0.1140]).view(3, 1, 1)).sum(dim=0).round()
    half = torch.nn.functional.interpolate(grey[None, None], scale_factor=0.5, mode="bicubic", antialias=True)[0, 0]
    plain = np.hstack([[*plain_features(grey.numpy(), 96)], [*plain_features(half.numpy(), 48)]])
    found = features(image)
    assert found.shape == (6, 36)
    np.testing.assert_allclose(found, plain, atol=2e-3)


def test_the_distance_is_the_papers(cat):
    found, model = features(cat), own_model()
    apart = found.mean(axis=0) - model.mean
    pooled = (np.cov(found.T) + model.covariance) / 2
    assert float(niqe(cat)) == pytest.approx(math.sqrt(apart @ np.linalg.inv(pooled) @ apart))


@given(seed=st.integers(0, 1000), shape=st.sampled_from([1, 2]), right=st.floats(0.2, 5))
@settings(max_examples=20)
def test_shape_and_scales_of_drawn_numbers_are_found(seed, shape, right):
    """Both halves of Laplace's (shape 1) and Gauss's (2) distribution, drawn as wide as the fitted one has them."""
    random = np.random.default_rng(seed)
    whole = np.abs(random.laplace(size=20_000) if shape == 1 else random.normal(0, math.sqrt(0.5), 20_000))
    side = random.random(20_000) < right / (1 + right)
    drawn = np.where(side, right * whole, -whole).astype(np.float32)
    found = [float(x[0]) for x in fitted(drawn[None])]
    assert found == pytest.approx([shape, 1, right], rel=0.12)


def distorted(image):
    array = image.permute(1, 2, 0).numpy()
    h, w = array.shape[:2]
    noise = np.random.default_rng(0).normal(0, 15, array.shape)
    small = cv2.resize(array, (w // 4, h // 4), interpolation=cv2.INTER_AREA)
    made = {
        "blurred": cv2.GaussianBlur(array, (0, 0), 1.5),
        "noisy": np.clip(array + noise, 0, 255).astype(np.uint8),
        "compressed": cv2.imdecode(cv2.imencode(".jpg", array, [cv2.IMWRITE_JPEG_QUALITY, 10])[1], cv2.IMREAD_COLOR),
        "enlarged four times": cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC),
    }
    return {name: torch.from_numpy(one).permute(2, 0, 1) for name, one in made.items()}


@pytest.mark.parametrize("name", ["blurred", "noisy", "compressed", "enlarged four times"])
def test_a_distorted_photograph_is_less_natural(cat, name):
    assert float(niqe(distorted(cat)[name])) > 1.4 * float(niqe(cat))


def test_a_clip_is_the_mean_of_its_frames_and_floats_are_levels(cat):
    frames = torch.stack([cat[:, :192, :192], cat[:, 100:292, 200:392]])
    measure = Niqe()
    for frame in frames:
        measure.add(frame)
    assert measure.value == {"niqe": pytest.approx(float(niqe(frames).mean()))}
    torch.testing.assert_close(niqe(frames / 255), niqe(frames))


def test_a_flat_image_and_a_single_block_have_a_figure():
    assert math.isfinite(niqe(torch.zeros(3, 96, 96)))
    assert math.isfinite(niqe(torch.rand(3, 100, 180)))


def test_another_model_can_be_read_and_what_is_none_is_said(cat, tmp_path):
    path, model = tmp_path / "model.npz", own_model()
    np.savez(path, mu_pris_param=model.mean[None], cov_pris_param=model.covariance)
    assert float(niqe(cat, Natural.read(str(path)))) == float(niqe(cat))
    wrong = tmp_path / "wrong.npz"
    np.savez(wrong, mean=model.mean)
    small, torn, plain, empty = (tmp_path / name for name in ("small.npz", "torn.npz", "plain.npy", "empty.npz"))
    np.savez(small, mu_pris_param=model.mean[:18], cov_pris_param=model.covariance)
    torn.write_bytes(path.read_bytes()[:200])
    np.save(plain, model.mean)
    empty.touch()
    for name in (wrong, small, torn, plain, empty, tmp_path / "missing.npz"):
        with pytest.raises(UsageError, match=r"is no model of natural images: a \.npz with mu_pris_param"):
            Natural.read(name)
    with pytest.raises(UsageError, match=r"^niqe: images must be at least 96 x 96, got \(95, 100\)\.$"):
        niqe(torch.zeros(3, 95, 100))
