"""Masks that stand still."""

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import drain, make_frames

import peanut
from peanut import UsageError

H, W = 9, 12


@st.composite
def boxes_that_touch(draw):
    """A box with a pixel in the picture, often reaching over its edge."""
    x0, y0 = draw(st.integers(-5, W - 1)), draw(st.integers(-5, H - 1))
    return x0, y0, draw(st.integers(max(x0, 0) + 1, W + 9)), draw(st.integers(max(y0, 0) + 1, H + 9))


@given(boxes=st.lists(boxes_that_touch(), min_size=1, max_size=4))
@example(boxes=[(0, 0, W, H)])
@example(boxes=[(-3, -3, 1, 1), (W - 1, H - 1, W + 4, H + 4)])
def test_exactly_what_lies_in_a_box_is_masked_in_every_frame(boxes):
    frames = make_frames([2, 1], (H, W))
    out = list(frames | peanut.FixedRegion(*boxes))
    assert [frame.index for frame in out] == [0, 1, 2]
    for before, after in zip(frames, out, strict=True):
        assert after.image is before.image
        for y in range(H):
            for x in range(W):
                assert after.mask[y, x] == any(x0 <= x < x1 and y0 <= y < y1 for x0, y0, x1, y1 in boxes)


def test_a_mask_that_a_frame_brings_along_is_replaced():
    frames = [frame.with_mask(torch.ones(H, W, dtype=torch.bool)) for frame in make_frames([2], (H, W))]
    assert [int(frame.mask.sum()) for frame in frames | peanut.FixedRegion((1, 1, 3, 4))] == [6, 6]


def test_grow_adds_a_disc():
    (frame,) = make_frames([1], (H, W)) | peanut.FixedRegion((5, 4, 6, 5), grow=2)
    assert frame.mask.sum() > 1
    assert frame.mask[4, 3:8].all()
    assert not frame.mask[2, 3]


def test_frames_may_change_their_size():
    frames = [*make_frames([1], (H, W)), *make_frames([1], (20, 30))]
    assert [frame.mask.shape for frame in peanut.FixedRegion((0, 0, 4, 4))(iter(frames))] == [(H, W), (20, 30)]


@pytest.mark.parametrize("box", [(W, 0, W + 1, 3), (0, H, 3, H + 1), (-4, 0, 0, 3), (0, -4, 3, 0)])
def test_a_box_outside_the_picture_is_refused_at_the_frame(box):
    out, error = drain(iter(make_frames([2], (H, W)) | peanut.FixedRegion((0, 0, 1, 1), box)))
    assert out == []
    assert isinstance(error, UsageError)
    assert str(error) == f"FixedRegion: box {box} lies outside the picture, which is 12x9."
    assert error.__notes__ == [f"in FixedRegion((0, 0, 1, 1), {box}), at frame 0"]


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: peanut.FixedRegion(), "FixedRegion needs a box: FixedRegion((x0, y0, x1, y1))."),
        (
            lambda: peanut.FixedRegion((4, 0, 4, 3)),
            "FixedRegion: box (4, 0, 4, 3) is empty: x1 must exceed x0, and y1 exceed y0.",
        ),
        (lambda: peanut.FixedRegion((0, 3, 4, 1)), "box (0, 3, 4, 1) is empty"),
        (
            lambda: peanut.FixedRegion(0, 0, 4, 3),
            "FixedRegion: a box is (x0, y0, x1, y1) in whole pixels, got 0.",
        ),
        (lambda: peanut.FixedRegion((0, 0, 4)), "got (0, 0, 4)."),
        (lambda: peanut.FixedRegion((0, 0, 4, 2.5)), "got (0, 0, 4, 2.5)."),
        (
            lambda: peanut.FixedRegion((0, 0, 1, 1), grow=-1),
            "grow must be at least 0, got -1",
        ),
    ],
)
def test_silly_settings_are_refused_when_the_stage_is_built(build, sentence):
    with pytest.raises(UsageError) as refused:
        build()
    assert sentence in str(refused.value)


def test_a_stage_is_shown_as_it_is_written():
    assert str(peanut.Pipeline() | peanut.FixedRegion((1, 2, 3, 4), (5, 6, 7, 8), grow=2)) == (
        "FixedRegion((1, 2, 3, 4), (5, 6, 7, 8), grow=2)"
    )
