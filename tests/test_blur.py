"""Blur and Pixelate: nothing outside changes, nothing inside is recognized, whatever the size."""

import cv2
import numpy as np
import pytest
from clips import texture
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import peanut
from peanut import Frame, UsageError
from peanut.vision.mosaic import blurred, cell_size, masked_components, pixelated

FILLS = [peanut.Blur(), peanut.Blur(strength=3.0), peanut.Pixelate(), peanut.Pixelate(blocks=1)]
SIZES = st.tuples(st.integers(1, 24), st.integers(1, 24))
DRAWN = SIZES.flatmap(lambda size: st.tuples(arrays(np.uint8, (*size, 3)), arrays(bool, size)))


def disc(size, radius, at=None):
    mask = np.zeros(size, np.uint8)
    return cv2.circle(mask, at or (size[1] // 2, size[0] // 2), radius, 1, cv2.FILLED) > 0


def detail(size, step):
    """A pattern of black and white squares of `step` pixels."""
    y, x = np.indices(size) // step
    return np.repeat((255 * ((x + y) % 2)).astype(np.uint8)[..., None], 3, axis=2)


def one(stage, image, mask):
    frame = Frame.from_numpy(image, mask=mask)
    (out,) = stage(iter([frame]))
    return frame, out


@pytest.mark.parametrize("stage", FILLS, ids=str)
@given(drawn=DRAWN)
def test_outside_the_mask_nothing_changes_and_inside_no_new_color_comes(stage, drawn):
    image, mask = drawn
    frame, out = one(stage, image, mask)
    got = out.numpy()
    assert (got[~mask] == image[~mask]).all()
    assert out.mask is frame.mask
    for box, inside in masked_components(mask):
        before, after = image[box][inside], got[box][inside]
        assert (after >= before.min(axis=0)).all()
        assert (after <= before.max(axis=0)).all()


@pytest.mark.parametrize("stage", FILLS, ids=str)
@given(drawn=DRAWN, other=st.integers(0, 255))
def test_what_is_outside_does_not_matter_inside(stage, drawn, other):
    image, mask = drawn
    painted = np.where(mask[..., None], image, np.uint8(other))
    assert (one(stage, image, mask)[1].numpy()[mask] == one(stage, painted, mask)[1].numpy()[mask]).all()


@pytest.mark.parametrize("stage", FILLS, ids=str)
def test_a_frame_with_nothing_masked_passes_as_the_same_object(stage):
    frame, out = one(stage, detail((20, 30), 3), np.zeros((20, 30), bool))
    assert out is frame


@pytest.mark.parametrize("stage", FILLS[::2], ids=str)
@pytest.mark.parametrize("radius", [8, 16, 40, 90])
def test_small_and_large_faces_lose_the_same_share_of_detail(stage, radius):
    """Squares of a sixteenth of the mask's height vanish at every size: what is left differs by less than a tenth."""
    size = (2 * radius + 20, 2 * radius + 30)
    mask = disc(size, radius)
    image = detail(size, max(1, radius // 8))
    got = one(stage, image, mask)[1].numpy()[mask].astype(float)
    assert image[mask].std() > 120
    rim = cv2.erode(mask.astype(np.uint8), np.ones((3, 3)), iterations=max(1, radius // 3)) > 0
    inner = one(stage, image, mask)[1].numpy()[rim].astype(float)
    assert inner.std() < 20
    assert abs(got.mean() - image[mask].mean()) < 20, "the color stays"


@pytest.mark.parametrize("fill", [lambda x, m: blurred(x, m, 8), lambda x, m: pixelated(x, m, 8)])
def test_few_numbers_are_left_of_a_face(fill):
    """Whatever a face shows, its picture lies in a space of few dimensions: no filter can bring more back."""
    random = np.random.default_rng(0)
    mask = disc((60, 50), 24)
    pictures = [fill(random.integers(0, 256, (60, 50, 3), dtype=np.uint8), mask)[mask][:, 0] for _ in range(150)]
    values = np.linalg.svd(np.stack(pictures).astype(float) - np.mean(pictures, axis=0), compute_uv=False)
    assert (values > 0.06 * values[0]).sum() <= 64 + 8, "at most 8 by 8 cells; the rest is rounding"


def test_the_squares_stand_still_while_the_mask_moves():
    image = texture(80, 120)
    first, second = (pixelated(image, disc((80, 120), 24, at), 8) for at in ((50, 40), (53, 41)))
    inside = disc((80, 120), 12, (51, 40))  # squares that are masked as a whole in both
    assert (first[inside] == second[inside]).all()


def test_a_square_is_the_mean_of_its_masked_pixels():
    image = np.zeros((8, 8, 3), np.uint8)
    image[:4, :4] = 100
    image[0, 0] = 255  # not masked
    mask = np.ones((8, 8), bool)
    mask[0, 0] = False
    out = pixelated(image, mask, 2)
    assert cell_size(mask, 2) == 4
    assert out[0, 0].tolist() == [255] * 3
    assert np.unique(out[:4, :4][mask[:4, :4]]).tolist() == [100]


def test_two_faces_are_each_made_vague_by_their_own_size():
    image = detail((120, 300), 4)
    near, far = disc((120, 300), 50, (60, 60)), disc((120, 300), 10, (240, 60))
    both = blurred(image, near | far, 8)
    assert (both[near] == blurred(image, near, 8)[near]).all()
    assert (both[far] == blurred(image, far, 8)[far]).all()


def test_wrong_settings_and_missing_masks_are_sentences():
    with pytest.raises(UsageError, match="Blur: strength must be above 0, got 0"):
        peanut.Blur(strength=0)
    with pytest.raises(UsageError, match="Pixelate: blocks must be at least 1, got 0"):
        peanut.Pixelate(blocks=0)
    frame = Frame.from_numpy(np.zeros((4, 4, 3), np.uint8))
    for stage in (peanut.Blur(), peanut.Pixelate()):
        with pytest.raises(UsageError, match="needs masks"):
            list(stage(iter([frame])))


def test_masks_that_were_all_empty_are_told():
    frames = [Frame.from_numpy(np.zeros((4, 4, 3), np.uint8), index=n, mask=np.zeros((4, 4), bool)) for n in range(3)]
    run = iter(frames | peanut.Blur())
    list(run)
    assert "the masks of all 3 frames were empty" in str(run.statistics)
