"""Stages that change masks, sizes, and what is seen of them."""

from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import drain, make_frames

import peanut
from peanut import Frame, Source, UsageError

SIZES = st.tuples(st.integers(1, 14), st.integers(1, 14))


@st.composite
def masked_frames(draw) -> Frame:
    """A frame with a few masked pixels (often none, or one at the edge) and a layer."""
    size = draw(SIZES)
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    mask = torch.from_numpy(random.random(size) < draw(st.sampled_from([0.0, 0.03, 0.3, 1.0])))
    image = torch.from_numpy(random.integers(0, 256, (3, *size), dtype=np.uint8))
    return Frame(index=7, time=Fraction(7, 25), image=image, mask=mask, shot=2, layers={"sure": torch.rand(size)})


def one(frame: Frame, stage) -> Frame:
    (out,) = [frame] | stage
    return out


def dilated(mask: torch.Tensor, pixels: int) -> torch.Tensor:
    """By the definition: within `pixels` of some masked pixel."""
    y, x = torch.meshgrid(torch.arange(mask.shape[0]), torch.arange(mask.shape[1]), indexing="ij")
    out = torch.zeros_like(mask)
    for at_y, at_x in mask.nonzero().tolist():
        out |= (y - at_y) ** 2 + (x - at_x) ** 2 <= pixels**2
    return out


@given(frame=masked_frames(), pixels=st.integers(0, 9))
def test_grow_is_a_dilation_by_a_disc(frame, pixels):
    before = frame.mask.clone()
    out = one(frame, peanut.grow(pixels))
    assert torch.equal(out.mask, dilated(frame.mask, pixels))
    assert torch.equal(frame.mask, before)
    assert out.image is frame.image
    assert out.layers == frame.layers


@pytest.mark.parametrize("pixels", [3, 50, 400])
def test_grow_is_exact_far_away_too(pixels):
    mask = torch.zeros(300, 500, dtype=torch.bool)
    mask[40, 70] = mask[299, 499] = True
    frame = Frame(index=0, time=Fraction(0), image=torch.zeros(3, 300, 500, dtype=torch.uint8), mask=mask)
    assert torch.equal(one(frame, peanut.grow(pixels)).mask, dilated(mask, pixels))


@given(frame=masked_frames())
def test_invert_masks_the_rest_and_twice_is_nothing(frame):
    inverted = one(frame, peanut.invert())
    assert torch.equal(inverted.mask, ~frame.mask)
    assert torch.equal(one(inverted, peanut.invert()).mask, frame.mask)


@given(frame=masked_frames(), size=SIZES)
def test_resize_brings_everything_to_the_size(frame, size):
    out = one(frame, peanut.resize(size))
    assert (out.size, out.mask.shape, out.layers["sure"].shape) == (size, size, size)
    assert (out.index, out.time, out.shot) == (7, Fraction(7, 25), 2)


@given(frame=masked_frames(), max_size=st.integers(1, 20))
@example(frame=make_frames([1], (2, 14))[0], max_size=3)
def test_resize_to_a_longest_side_keeps_the_shape_and_never_enlarges(frame, max_size):
    h, w = one(frame, peanut.resize(max_size=max_size)).size
    if max(frame.size) <= max_size:
        assert (h, w) == frame.size
    else:
        assert max(h, w) == max_size
        scale = max_size / max(frame.size)
        assert all(abs(now - max(1, was * scale)) <= 0.5 for now, was in zip((h, w), frame.size, strict=True))


@given(
    frame=masked_frames(),
    color=st.tuples(*[st.integers(0, 255)] * 3),
    alpha=st.floats(0, 1),
)
@example(frame=make_frames([1])[0], color=(255, 0, 0), alpha=1.0)
def test_overlay_tints_the_mask_and_nothing_else(frame, color, alpha):
    before = frame.image.clone()
    out = one(frame, peanut.overlay(color, alpha)).image
    blend = (1 - alpha) * before.double() + alpha * torch.tensor(color, dtype=torch.float64).reshape(3, 1, 1)
    assert torch.equal(out[:, ~frame.mask], before[:, ~frame.mask])
    assert ((out.double() - blend).abs()[:, frame.mask] <= 0.501).all()  # rounded, not cut
    assert torch.equal(frame.image, before)


@given(frame=masked_frames())
def test_mask_images_are_white_where_masked_and_black_elsewhere(frame):
    out = one(frame, peanut.mask_images())
    assert out.image.dtype == torch.uint8
    assert all(torch.equal(channel, 255 * frame.mask.to(torch.uint8)) for channel in out.image)
    assert torch.equal(out.mask, frame.mask)


@pytest.mark.parametrize("stage", [peanut.grow(2), peanut.invert(), peanut.overlay(), peanut.mask_images()])
def test_masks_that_are_not_known_are_refused_by_name(stage):
    frames = [frame.with_mask(None if frame.index == 2 else frame.mask) for frame in make_frames([4])]
    out, error = drain(iter(frames | stage))
    assert [frame.index for frame in out] == [0, 1]
    assert isinstance(error, UsageError)
    name = str(peanut.Pipeline() | stage).split("(")[0]
    assert str(error) == f"{name} needs masks: put masks(path), MovingObjects() or PMask(prompt) before it."


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: peanut.grow(-1), "grow: pixels must be at least 0 or None, got -1."),
        (lambda: peanut.resize(), "resize takes either size, as resize((height, width)), or max_size=640, not both."),
        (lambda: peanut.resize((2, 2), max_size=2), "resize takes either size"),
        (lambda: peanut.resize((0, 2)), "resize: size must be (height, width) of at least 1 pixel, got (0, 2)."),
        (lambda: peanut.resize(max_size=0), "resize: max_size must be at least 1 pixel, got 0."),
        (
            lambda: peanut.overlay((0, 0, 256)),
            "color must be RGB, three numbers from 0 to 255, got (0, 0, 256).",
        ),
        (lambda: peanut.overlay(alpha=1.5), "overlay: alpha must be 0 to 1, got 1.5."),
    ],
)
def test_silly_settings_are_refused_when_the_stage_is_built(build, sentence):
    with pytest.raises(UsageError) as refused:
        build()
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("stage", "shown"),
    [
        (peanut.grow(5), "grow(pixels=5)"),
        (peanut.resize(max_size=640), "resize(max_size=640)"),
        (peanut.resize((36, 64)), "resize(size=(36, 64))"),
        (peanut.overlay(alpha=0.25), "overlay(alpha=0.25)"),
        (peanut.invert(), "invert()"),
    ],
)
def test_a_stage_is_shown_as_it_is_written(stage, shown):
    assert str(peanut.Pipeline() | stage) == shown


def test_side_by_side_is_a_join_of_two_branches():
    source = Source(path="street.mp4")
    frames = [
        Frame(index=f.index, time=f.time, image=f.image, mask=f.mask, shot=f.shot, source=source)
        for f in make_frames([2, 3])
    ]
    wider = peanut.resize((4, 9))
    out = list(frames | peanut.merge(None, peanut.invert() | wider, join=peanut.side_by_side))
    assert [(f.index, f.time, f.shot) for f in out] == [(f.index, f.time, f.shot) for f in frames]
    assert all(f.source is source for f in out)
    for frame, both in zip(frames, out, strict=True):
        assert both.size == (4, 6 + 9)
        assert torch.equal(both.image[:, :, :6], frame.image)
        assert torch.equal(both.image[:, :, 6:], frame.resized((4, 9)).image)


def test_side_by_side_refuses_other_heights():
    a, b = make_frames([1], (4, 6))[0], make_frames([1], (5, 6))[0]
    with pytest.raises(UsageError, match="frame 0 is 4 pixels high on the left and 5 on the right: bring one of them"):
        peanut.side_by_side(a, b)
