"""MovingObjects on drawn clips: what moves is found, what the camera moves is not."""

import numpy as np
import pytest
import torch
from clips import panning, texture

from peanut.frame import Frame
from peanut.stages.moving_objects import MovingObjects


def walker(length: int, rests: range = range(0)) -> tuple[list[Frame], np.ndarray]:
    """A textured block that walks over a panning background, standing still in the frames of `rests`."""
    images, masks, block = panning(length, 120, 160), np.zeros((length, 120, 160), bool), texture(40, 18, seed=1) // 2
    x = 4
    for t in range(length):
        x += 0 if t in rests else 4
        images[t, 40:80, x : x + 18] = block
        masks[t, 40:80, x : x + 18] = True
    return [Frame.from_numpy(p, index=i) for i, p in enumerate(images)], masks


def coverage(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & truth).sum() / truth.sum())


def false_share(found: np.ndarray, truth: np.ndarray) -> float:
    return float((found & ~truth).sum() / (~truth).sum())


@pytest.mark.parametrize("rests", [range(0), range(12, 18)], ids=["walks on", "rests for six frames"])
def test_a_walker_is_found_in_every_frame(rests):
    frames, truth = walker(32, rests)
    found = [f.mask.numpy() for f in MovingObjects(grow=0)(iter(frames))]
    assert min(coverage(a, b) for a, b in zip(found, truth, strict=True)) > 0.9
    assert np.mean([false_share(a, b) for a, b in zip(found, truth, strict=True)]) < 0.03


@pytest.mark.slow
def test_a_shadow_is_masked_on_demand():
    frames, truth = walker(32)
    shadow = np.zeros_like(truth)
    for dy in range(20):  # it falls to the side, from where the walker stands
        shadow |= np.roll(truth, (28 + dy, 10 + 2 * dy), axis=(1, 2)) & ~truth
    shadow[:, :72] = False
    images = [np.where(s[..., None], f.numpy() * 0.75, f.numpy()) for f, s in zip(frames, shadow, strict=True)]
    frames = [Frame.from_numpy(p.astype(np.uint8), index=i) for i, p in enumerate(images)]
    found, without = ([f.mask.numpy() for f in MovingObjects(grow=0, shadows=on)(iter(frames))] for on in (True, False))
    assert np.mean([coverage(a, b) for a, b in zip(found, shadow, strict=True)]) > 0.9
    assert np.mean([coverage(a, b) for a, b in zip(without, shadow, strict=True)]) < 0.5
    assert np.mean([false_share(a, b | c) for a, b, c in zip(found, truth, shadow, strict=True)]) < 0.06  # the rim


@pytest.mark.parametrize("fades", [0, 0.4])
@pytest.mark.parametrize("shadows", [False, True])
def test_a_moving_camera_alone_gives_empty_masks(shadows, fades):
    light = 1 - fades * np.linspace(0, 1, 20)[:, None, None, None]
    frames = [Frame.from_numpy(p, index=i) for i, p in enumerate((panning(20, 120, 160) * light).astype(np.uint8))]
    assert not any(f.mask.any() for f in MovingObjects(shadows=shadows)(iter(frames)))


@pytest.mark.parametrize("length", [1, 2, 3])
@pytest.mark.parametrize("size", [(120, 160), (1, 1), (5, 40)])
def test_short_shots_and_small_images_pass(length, size):
    frames = [Frame.from_numpy(p, index=i) for i, p in enumerate(panning(length, *size))]
    found = list(MovingObjects()(iter(frames)))
    assert [f.index for f in found] == list(range(length))
    assert all(f.mask.shape == size for f in found)


def test_the_same_frames_give_the_same_masks():
    frames, _ = walker(18)
    stage = MovingObjects(grow=2)
    assert all(torch.equal(a.mask, b.mask) for a, b in zip(stage(iter(frames)), stage(iter(frames)), strict=True))


@pytest.mark.parametrize("wrong", [{"most": 0}, {"min_area": 1.5}, {"grow": -1}, {"grow": 1.5}, {"shadows": 1}])
def test_wrong_settings_are_refused_when_built(wrong):
    with pytest.raises((ValueError, TypeError)):
        MovingObjects(**wrong)
