"""The robust penalty against the plain one, and the homography, on drawn pairs whose flow is known."""

import numpy as np
import pytest
import torch
from flow_pairs import H, W, error, pair, shifted, texture

from peanut import HomographyFlow, HornSchunck, LucasKanade
from peanut.flow.penalty import charbonnier, weight

by_kind = pytest.mark.parametrize("kind", [LucasKanade, HornSchunck])
BLOCK = slice(30, 70), slice(40, 90)


def picture(image):
    return torch.from_numpy(np.clip(np.rint(image), 0, 255).astype(np.uint8).transpose(2, 0, 1).copy())


def occluded_pair(right):
    """A block that moves to the right before a background that moves to the left: two images and the flow."""
    whole = texture()
    rows, columns = BLOCK
    first, second = whole[64 : 64 + H, 64 : 64 + W].copy(), whole[64 : 64 + H, 64 + right : 64 + right + W].copy()
    block = whole[: rows.stop - rows.start, : columns.stop - columns.start]
    first[rows, columns] = second[rows, columns.start + right : columns.stop + right] = block
    truth = torch.zeros(2, H, W)
    truth[0] = -right
    truth[0][rows, columns] = right
    return picture(first), picture(second), truth


def noisy_pair(sigma):
    """The same, slower and with noise of so many grey levels."""
    image, other, truth = occluded_pair(2)
    random = np.random.default_rng(5)
    return *(picture(x.permute(1, 2, 0).numpy() + random.normal(0, sigma, (H, W, 3))) for x in (image, other)), truth


@by_kind
@pytest.mark.parametrize("scene", [noisy_pair(15), occluded_pair(4)], ids=["noise", "occlusion"])
def test_the_robust_penalty_errs_a_fifth_less_than_the_plain_one(kind, scene):
    image, other, truth = scene
    robust, plain = (error(kind(penalty=penalty)(image, other), truth) for penalty in ("charbonnier", "quadratic"))
    assert robust < 0.8 * plain


@by_kind
def test_pixels_of_another_color_are_left_aside(kind):
    image, other, truth = pair(shifted(3, -1.5))
    random = np.random.default_rng(1)
    for x in (image, other):
        x[:, torch.from_numpy(random.uniform(size=(H, W)) < 0.05)] = 255
    assert error(kind()(image, other), truth) < 0.5 * error(kind(penalty="quadratic")(image, other), truth)


@by_kind
@pytest.mark.parametrize("penalty", ["charbonnier", "quadratic"])
@pytest.mark.parametrize("light", [(0.6, 10), (0.8, 40), (0.15, 0)], ids=["dimmed", "brighter", "a fade"])
def test_a_change_of_light_is_no_motion(kind, penalty, light):
    image, other, truth = pair(shifted(3, -1.5))
    gain, offset = light
    dimmed = (other * gain + offset).round().clamp(0, 255).to(torch.uint8)
    assert error(kind(penalty=penalty)(image, dimmed), truth) < 0.2


def test_the_weight_is_the_slope_of_the_penalty_over_the_residual():
    residual = torch.linspace(-30, 30, 61, dtype=torch.float64, requires_grad=True)
    for epsilon in (0.5, 4.0):
        (slope,) = torch.autograd.grad(torch.sqrt(1 + (residual / epsilon) ** 2).sum(), residual)
        at = residual.detach().numpy()
        np.testing.assert_allclose(weight(at, epsilon) * at / epsilon**2, slope.numpy(), atol=1e-12)
        np.testing.assert_allclose(charbonnier(at, epsilon), np.sqrt(1 + (at / epsilon) ** 2), atol=1e-12)


TILTED = np.array([[1.02, 0.03, -3.0], [-0.02, 0.98, 4.0], [2e-4, -1e-4, 1.0]])


def test_a_homography_is_found_to_the_last_pixel():
    image, other, truth = pair(TILTED)
    found = HomographyFlow()(image, other)
    assert truth.norm(dim=0).max() > 4
    assert (found - truth).norm(dim=0).max() < 0.3
    assert torch.equal(found, HomographyFlow()(image, other))


def test_what_moves_otherwise_does_not_move_the_homography():
    image, other, truth = occluded_pair(4)
    assert (HomographyFlow()(image, other)[0] + 4).abs().max() < 0.3
    assert truth[0].max() == 4


def test_where_no_homography_can_be_fitted_nothing_moves():
    image, *_ = pair(shifted(0, 0))
    unrelated = torch.randint(0, 256, image.shape, dtype=torch.uint8, generator=torch.manual_seed(0))
    for other in (torch.full_like(image, 90), unrelated):
        assert not HomographyFlow()(image, other).any()
        assert not HomographyFlow()(other, image).any()
