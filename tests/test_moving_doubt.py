"""MovingObjects where motion is hard to tell: light, missed cuts, parallax, water; and what it says of it."""

import cv2
import numpy as np
import pytest
import torch
from clips import panning, texture

from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.stages.moving_objects import LOST_SCENE, UNSURE, MovingObjects
from peanut.vision.epipolar import ParallaxHistory, find_parallax
from peanut.vision.motion_confidence import given_up, view_agreement
from peanut.vision.static_model import in_one_light, one_scene

LENGTH = 26
IMAGE = texture(120, 160)


def clip(images: np.ndarray) -> list[Frame]:
    return [Frame.from_numpy(image, index=i) for i, image in enumerate(images)]


def walker() -> tuple[np.ndarray, np.ndarray]:
    """A textured block that walks over a panning background, half as bright as it may get; and where it is."""
    images, truth = panning(LENGTH, 120, 160) // 2, np.zeros((LENGTH, 120, 160), bool)
    block = 127 - texture(40, 18, seed=1) // 2
    for t in range(LENGTH):
        images[t, 40:80, 4 + 5 * t : 22 + 5 * t] = block
        truth[t, 40:80, 4 + 5 * t : 22 + 5 * t] = True
    return images, truth


def lit(images: np.ndarray, light: np.ndarray) -> np.ndarray:
    return np.clip(images * light[:, None, None, None], 0, 255).astype(np.uint8)


def layers(shift: float) -> np.ndarray:
    """A far plane, and before it blobs that move `shift` pixels per frame as the camera does, the far one half."""
    far, near = texture(180, 400, seed=2), texture(180, 400, seed=3)
    noise = np.random.default_rng(4).uniform(0, 1, (5, 14)).astype(np.float32)
    blobs = cv2.resize(noise, (400, 180), interpolation=cv2.INTER_CUBIC)
    blobs = (blobs > np.quantile(blobs, 0.75)).astype(np.float32)
    frames = []
    for t in range(LENGTH):
        a, b = (np.array([[1, 0, -s * t], [0, 1, 0]], np.float32) for s in (shift / 2, shift))
        image = cv2.warpAffine(far, a, (240, 180))
        alpha = cv2.warpAffine(blobs, b, (240, 180))[..., None]
        frames.append(image + alpha * (cv2.warpAffine(near, b, (240, 180)).astype(np.float32) - image))
    return np.stack(frames).astype(np.uint8)


FLASH = np.where(np.isin(np.arange(LENGTH), [11, 12, 13]), 1.8, 1.0)
LIGHTS = {"flash": FLASH, "fade out": np.linspace(1.6, 0.3, LENGTH), "fade in": np.linspace(0.3, 1.6, LENGTH)}


@pytest.mark.parametrize("light", LIGHTS)
def test_a_mover_is_found_in_changing_light_and_nothing_else(light):
    images, truth = walker()
    for frame, mask in zip(MovingObjects(grow=0)(iter(clip(lit(images, LIGHTS[light])))), truth, strict=True):
        found = frame.mask.numpy()
        assert (found & mask).sum() > 0.7 * mask.sum(), frame.index
        assert (found & ~mask).mean() < 0.05, frame.index


@pytest.mark.parametrize("light", LIGHTS)
def test_light_alone_masks_nothing(light):
    frames = clip(lit(panning(LENGTH, 120, 160) // 2, LIGHTS[light]))
    assert not any(frame.mask.any() for frame in MovingObjects()(iter(frames)))


def test_a_missed_cut_masks_nothing_and_hides_no_mover():
    images, truth = walker()
    images[13:] = 255 - images[13:, ::-1, ::-1]
    truth[13:] = truth[13:, ::-1, ::-1]
    for frame, mask in zip(MovingObjects(grow=0)(iter(clip(images))), truth, strict=True):
        assert (frame.mask.numpy() & mask).sum() > 0.7 * mask.sum(), frame.index
        assert (frame.mask.numpy() & ~mask).mean() < 0.05, frame.index


def test_images_without_a_common_scene_are_not_masked_and_told():
    frames = clip(np.stack([texture(72, 96, seed=seed) for seed in range(16)]))
    stream = FrameStream.of(iter(frames))
    out = list(MovingObjects()(stream))
    assert not any(frame.mask.any() for frame in out)
    assert LOST_SCENE in {doubt.reason for doubt in stream.doubts}
    assert all((frame.layers["motion_confidence"] == 0).all() for frame in out)


def test_what_stands_before_a_moving_camera_is_not_masked():
    stream = FrameStream.of(iter(clip(layers(2.0))))
    false = [float(frame.mask.float().mean()) for frame in MovingObjects(grow=0)(stream)]
    assert np.mean(false) < 0.03


def water() -> np.ndarray:
    images = np.repeat(IMAGE[None], LENGTH, axis=0)
    y, x = np.mgrid[60:120, :160]
    for t in range(LENGTH):
        waves = np.sin(0.3 * x + 0.5 * y + 1.1 * t) + np.sin(0.7 * y - 0.4 * x + 1.7 * t) + np.sin(1.1 * y + 2.3 * t)
        images[t, 60:] = (110 + 25 * waves)[..., None].astype(np.uint8)
    return images


def test_water_is_given_up_and_told_unless_all_is_wanted():
    given = {}
    for least in (0.0, 0.2):
        stream = FrameStream.of(iter(clip(water())))
        given[least] = list(MovingObjects(grow=0, min_confidence=least)(stream))
        assert (UNSURE in {doubt.reason for doubt in stream.doubts}) == (least > 0)
    masked = {least: np.mean([f.mask.float().mean() for f in out]) for least, out in given.items()}
    assert masked[0.2] < 0.03 < masked[0.0]


def test_the_layer_fits_the_image_and_is_sure_of_a_plain_mover():
    images, truth = walker()
    for frame, mask in zip(MovingObjects(grow=0, width=100)(iter(clip(images))), truth, strict=True):
        layer = frame.layers["motion_confidence"]
        assert (layer.shape, layer.dtype) == (frame.size, torch.float32)
        assert layer.min() >= 0
        assert layer.max() <= 1
        assert layer.numpy()[mask].mean() > 0.6


def test_one_light_is_that_of_the_brighter_image():
    dark = (IMAGE * 0.5).astype(np.uint8)
    for image, other in ((IMAGE, dark), (dark, IMAGE)):
        a, b = in_one_light(image, other, np.eye(3))
        assert np.abs(a.astype(int) - b).mean() < 2
        assert max(a.mean(), b.mean()) == pytest.approx(IMAGE.mean(), abs=1)
    assert all(a is b for a, b in zip(in_one_light(IMAGE, IMAGE, np.eye(3)), (IMAGE, IMAGE), strict=True))


def test_only_images_that_share_content_show_one_scene():
    noisy = np.clip(IMAGE + np.random.default_rng(0).normal(0, 12, IMAGE.shape), 0, 255).astype(np.uint8)
    assert one_scene(IMAGE, noisy, np.eye(3))
    assert not one_scene(IMAGE, texture(120, 160, seed=9), np.eye(3))


def positions() -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(4, 160, 6.0), np.arange(4, 120, 6.0)), axis=-1).reshape(-1, 2)


def test_parallax_is_spread_along_epipolar_lines_and_a_mover_is_in_one_place():
    at = positions()
    posts = (at[:, 0] // 30 % 2)[:, None]
    parallax = find_parallax(at, posts * [9.0, 0.0], (120, 160), reach=7)
    assert parallax is not None
    right, left, down = (np.tile(np.float64(flow), (len(at), 1)) for flow in ([8, 0], [-8, 0], [0, 8]))
    assert parallax.explains(at, right).all()
    assert not parallax.explains(at, left).any()
    assert not parallax.explains(at, down).any()
    one_place = ((np.abs(at - [80, 60]) < [30, 40]).all(axis=1))[:, None]
    assert find_parallax(at, one_place * [9.0, 0.0], (120, 160), reach=7) is None
    assert find_parallax(at, np.random.default_rng(0).normal(0, 9, at.shape), (120, 160), reach=7) is None


def test_parallax_of_one_pair_among_many_is_not_believed():
    parallax = find_parallax(positions(), (positions()[:, :1] // 30 % 2) * [9.0, 0.0], (120, 160), reach=7)
    history = ParallaxHistory()
    assert history.confirmed(parallax) is parallax
    for _ in range(10):
        assert history.confirmed(None) is None
    assert history.confirmed(parallax) is None


def test_views_agree_behind_a_mover_and_not_on_noise():
    random = np.random.default_rng(0)
    mask = np.zeros((60, 80), bool)
    mask[10:30, 10:30] = mask[40:55, 50:70] = True
    behind = random.integers(0, 255, mask.shape, dtype=np.uint8)
    at = np.dstack(np.meshgrid(np.arange(80), np.arange(60))).astype(np.float32)
    views = []
    for _ in range(6):
        image = behind.copy()
        image[40:55, 50:70] = random.integers(0, 255, (15, 20))
        views.append((image, at, np.zeros(mask.shape, np.uint8)))
    agreement = view_agreement(mask, random.integers(0, 255, mask.shape, dtype=np.uint8), views)
    assert agreement[15, 15] == 1
    assert agreement[45, 60] < 0.5
    assert (agreement[~mask] == 1).all()


def test_what_is_unsure_of_a_thing_goes_with_it_unless_that_is_most():
    mask = np.zeros((20, 40), bool)
    mask[4:14, 2:12] = mask[4:14, 20:30] = True
    confidence = np.ones(mask.shape, np.float32)
    confidence[4:7, 2:12] = confidence[4:10, 20:30] = 0.1
    expected = np.zeros_like(mask)
    expected[4:10, 20:30] = True
    assert (given_up(mask, confidence, 0.2) == expected).all()
    assert not given_up(mask, confidence, 0.0).any()
