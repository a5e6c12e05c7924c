"""Consistency in time: nothing for what moves as the truth does, and what the formulas say for the rest."""

import math
import weakref

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from peanut import UsageError
from peanut.flow.dis import DIS
from peanut.metrics import Flicker, Flows, NeighborFlows, Stc, WarpingError, flicker, flows_between, stc, warping_error
from peanut.ops.flow_consistency import visible
from peanut.ops.warp import warp
from peanut.vision.optical_flow import dense_flow, grid, sample

H, W = 40, 56
STEPS = st.integers(-4, 4)
pytestmark = pytest.mark.usefixtures("one_thread")


def texture(seed, h=H + 40, w=W + 40):
    noise = np.random.default_rng(seed).random((h, w, 3), np.float32)
    soft = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 1.5), None, 0, 255, cv2.NORM_MINMAX)
    return torch.from_numpy(soft).round().byte().permute(2, 0, 1)


def sliding(seed, length, right=2, down=1):
    """A clip in which all moves by whole pixels: frame t shows what lies t steps further."""
    image, middle = texture(seed), 20
    places = [(middle - t * down, middle - t * right) for t in range(length)]
    return torch.stack([image[:, y : y + H, x : x + W] for y, x in places])


def shift(right, down):
    flow = torch.tensor([right, down], dtype=torch.float32).view(2, 1, 1).expand(2, H, W)
    return Flows(flow, -flow)


def drawn(seed, *shape):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, shape, np.uint8))


def masks_of(seed, length):
    masks = torch.zeros(length, H, W, dtype=torch.bool)
    for t in range(length):
        masks[t, 10 : 24 - t, 8 + t : 30] = (seed + t) % 3 > 0
    return masks


@given(seed=st.integers(0, 1000), right=STEPS, down=STEPS)
@settings(max_examples=20)
def test_a_true_shift_by_whole_pixels_has_no_error(seed, right, down):
    clip = sliding(seed, 4, right, down)
    moved = [None, *[shift(right, down)] * 3]
    for measure in (WarpingError(), WarpingError("absolute"), Stc()):
        for frame in zip(clip, moved, strict=True):
            measure.add(*frame)
        assert next(iter(measure.value.values())) == pytest.approx(0, abs=1e-5)


def test_what_goes_out_of_sight_does_not_count():
    """The last columns leave: whatever stands there in the first frame, the error is none."""
    clip = sliding(0, 2, right=3, down=0)
    clip[0, :, :, -3:] = 0
    measure = WarpingError()
    measure.add(clip[0], None)
    measure.add(clip[1], shift(3, 0))
    assert measure.value["e_warp"] == pytest.approx(0, abs=1e-5)


def test_both_norms_of_a_flash_are_known():
    clip = torch.full((3, 3, H, W), 0.25)
    clip[1] += 0.5
    still = [None, shift(0, 0), shift(0, 0)]
    for measure, error in ((WarpingError(), 0.25), (WarpingError("absolute"), 0.5), (Stc(), 0.5), (Stc(2), 0)):
        for frame in zip(clip, still, strict=True):
            measure.add(*frame)
        assert next(iter(measure.value.values())) == pytest.approx(error, abs=1e-6)


@given(seed=st.integers(0, 1000), distance=st.integers(1, 3))
@settings(max_examples=10)
def test_clips_are_measured_as_the_formulas_say(seed, distance):
    truth, result = sliding(seed, 5), drawn(seed, 5, 3, H, W)
    squared, absolute = [], []
    for t in range(distance, 5):
        moved = flows_between(truth[t - distance], truth[t])
        a, b = result[t - distance].float() / 255, result[t].float() / 255
        seen = visible(moved.to_previous[None], moved.to_next[None])[0, 0]
        absolute.append((b - warp(a[None], moved.to_previous[None])[0]).abs()[:, seen].mean())
        seen = visible(moved.to_next[None], moved.to_previous[None])[0, 0]
        squared.append((a - warp(b[None], moved.to_next[None])[0]).square()[:, seen].mean())
    assert float(stc(result, truth, distance)) == pytest.approx(float(np.mean(absolute)), abs=1e-6)
    if distance == 1:
        assert float(warping_error(result, truth)) == pytest.approx(float(np.mean(squared)), abs=1e-6)
        assert float(warping_error(result / 255, truth / 255)) == pytest.approx(float(np.mean(squared)), abs=1e-6)


@given(seed=st.integers(0, 1000))
@settings(max_examples=10)
def test_flicker_is_the_change_along_the_truths_flow_over_the_truths_own(seed):
    noise = drawn(seed + 1, 4, 3, H, W) // 32  # or the truth moves exactly by its flow, and changes by nothing
    truth, result, masks = sliding(seed, 4) // 2 + noise, drawn(seed, 4, 3, H, W), masks_of(seed, 4)
    clips = [clip.permute(0, 2, 3, 1).numpy() for clip in (result, truth)]
    changes = []
    for t in range(3):
        if masks[t].any():
            greys = [cv2.cvtColor(np.ascontiguousarray(clips[1][n]), cv2.COLOR_RGB2GRAY) for n in (t, t + 1)]
            at = grid(slice(0, H), slice(0, W)) + dense_flow(*greys)
            found = [sample(np.ascontiguousarray(clip[t + 1]), at).astype(int) - clip[t] for clip in clips]
            changes.append([np.abs(one)[masks[t].numpy()].mean() for one in found])
    ours, own = np.mean(changes, axis=0)
    assert float(flicker(result, truth, masks, DIS())) == pytest.approx(ours / own)
    assert float(flicker(truth, truth, masks, DIS())) == 1


def test_frame_by_frame_is_the_whole_and_holds_a_frame():
    truth, result, masks = sliding(1, 6), drawn(1, 6, 3, H, W), masks_of(1, 6)
    flows, measures = NeighborFlows(), (WarpingError(), Stc(), Flicker())
    alive = weakref.WeakSet()
    for t in range(6):
        frame, true = result[t].clone(), truth[t].clone()
        alive.update((frame, true))
        moved = flows.add(true)
        for measure in measures[:2]:
            measure.add(frame, moved)
        measures[2].add(frame, true, masks[t], moved)
        del frame, true, moved
        assert len(alive) <= 2
    assert measures[0].value["e_warp"] == pytest.approx(float(warping_error(result, truth)), abs=1e-6)
    assert measures[1].value["stc"] == pytest.approx(float(stc(result, truth)), abs=1e-6)
    assert measures[2].value["flicker"] == float(flicker(result, truth, masks)) > 1


def test_no_pair_spans_a_cut():
    first, second = sliding(0, 3), sliding(1, 3)
    flows, measure, both = NeighborFlows(), WarpingError(), []
    for t, frame in enumerate(torch.cat([first, second])):
        measure.add(frame, flows.add(frame, cut=t == 3))
    both = [float(warping_error(clip, clip)) for clip in (first, second)]
    assert measure.value["e_warp"] == pytest.approx(np.mean(both))


def test_a_single_frame_and_a_clip_without_holes_have_no_figure():
    clip = sliding(0, 1)
    assert math.isnan(warping_error(clip, clip))
    assert math.isnan(stc(clip, clip))
    assert math.isnan(flicker(*(sliding(0, 3),) * 2, torch.zeros(3, H, W, dtype=torch.bool)))


def test_what_does_not_fit_is_said():
    clip = sliding(0, 2)
    with pytest.raises(UsageError, match=r"^warping_error: clips must be t 3 h w, got \(3, 40, 56\)\.$"):
        warping_error(clip[0], clip[0])
    with pytest.raises(UsageError, match=r"^a flow must be \(2, 8, 9\) to fit the images, got \(2, 40, 56\)\.$"):
        measure = WarpingError()
        measure.add(clip[0, :, :8, :9], None)
        measure.add(clip[1, :, :8, :9], shift(0, 0))
    with pytest.raises(UsageError, match=r"^flicker: where must be \(2, 40, 56\) to fit the images"):
        flicker(clip, clip, torch.zeros(3, H, W, dtype=torch.bool))
    with pytest.raises(UsageError, match=r"^Stc: distance must be a whole number, at least 1"):
        Stc(0.5)
