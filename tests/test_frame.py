from fractions import Fraction
from io import BytesIO

import attrs
import numpy as np
import PIL.Image
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peanut import Frame

IMAGE = torch.arange(3 * 4 * 6, dtype=torch.uint8).reshape(3, 4, 6)


def frame(**changes):
    return Frame(**{"index": 3, "time": Fraction(3, 25), "image": IMAGE, **changes})


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image": IMAGE.float()}, r"image must be uint8 \(3, h, w\), got torch.float32 \(3, 4, 6\)\."),
        ({"image": IMAGE[:1]}, r"image must be uint8 \(3, h, w\), got torch.uint8 \(1, 4, 6\)\."),
        ({"image": IMAGE[:, :0]}, r"image must be uint8 \(3, h, w\), got torch.uint8 \(3, 0, 6\)\."),
        ({"image": IMAGE.numpy()}, r"got ndarray: Frame.from_numpy takes arrays h w 3\."),
        ({"mask": IMAGE[0]}, r"mask must be bool \(4, 6\) like its image, got torch.uint8 \(4, 6\)\."),
        ({"mask": IMAGE[0, :2] > 3}, r"mask must be bool \(4, 6\) like its image, got torch.bool \(2, 6\)\."),
        ({"mask": "man.png"}, r"mask must be a bool tensor h w, got str\."),
        (
            {"layers": {"flow": torch.zeros(2, 4, 5)}},
            r"layer 'flow' must end in \(4, 6\) like its image, got \(2, 4, 5\)",
        ),
        ({"layers": {"flow": None}}, r"layer 'flow' must be a tensor \.\.\. h w, got NoneType\."),
    ],
)
def test_what_does_not_fit_is_refused_with_one_sentence(changes, sentence):
    with pytest.raises(ValueError, match=sentence):
        frame(**changes)


def test_with_gives_a_new_frame_and_leaves_the_old():
    old = frame()
    mask, flow = IMAGE[0] > 9, torch.zeros(2, 4, 6)
    new = old.with_mask(mask).with_image(255 - IMAGE).with_shot(2).with_layer("flow", flow)
    assert (new.mask is mask, new.shot, new.layers["flow"] is flow) == (True, 2, True)
    assert (old.mask, old.shot, dict(old.layers)) == (None, 0, {})
    assert torch.equal(old.image, IMAGE)
    assert (new.index, new.time, new.size) == (3, Fraction(3, 25), (4, 6))
    assert old != frame()  # by identity
    assert len({old, new}) == 2


def test_with_image_keeps_the_size():
    with pytest.raises(ValueError, match="use resized first"):
        frame().with_image(IMAGE[:, :2])


@given(st.integers(1, 40), st.integers(1, 40))
def test_resized_takes_everything_along(h, w):
    old = frame(mask=IMAGE[0] >= 0, layers={"confidence": IMAGE[0], "flow": torch.ones(2, 4, 6), "in": IMAGE[0] >= 0})
    new = old.resized((h, w))
    assert new.size == (h, w)
    assert new.mask.all()
    assert new.layers["in"].dtype == torch.bool
    assert torch.allclose(new.layers["flow"], torch.ones(2, h, w))
    assert new.layers["confidence"].dtype == torch.uint8
    assert old.resized(old.size) is old


def test_resized_refuses_an_empty_size():
    with pytest.raises(ValueError, match="at least 1 pixel"):
        frame().resized((0, 5))


@given(st.booleans())
def test_numpy_and_back(bgr):
    picture = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    made = Frame.from_numpy(picture, bgr=bgr)
    assert np.array_equal(made.numpy(bgr=bgr), picture)
    assert np.array_equal(made.numpy(bgr=not bgr), picture[..., ::-1])
    picture[:] = 0  # the frame's pixels are its own, and so are those it gives
    made.numpy()[:] = 0
    assert made.image.any()


def test_from_numpy_refuses_other_arrays():
    with pytest.raises(ValueError, match=r"picture must be uint8 \(h, w, 3\), got float64 \(4, 6, 3\)"):
        Frame.from_numpy(np.zeros((4, 6, 3)))


def test_a_notebook_shows_the_image_with_its_mask():
    image = torch.zeros(3, 4, 6, dtype=torch.uint8)
    mask = torch.zeros(4, 6, dtype=torch.bool)
    mask[1, 2] = True
    frame = Frame(index=0, time=Fraction(0), image=image, mask=mask)
    shown = np.array(PIL.Image.open(BytesIO(frame._repr_png_())))
    assert shown.shape == (4, 6, 3)
    assert shown[1, 2].tolist() == [127, 0, 0]
    assert shown.sum() == 127
    assert not frame.image.any(), "the frame itself is untouched"


def test_help_explains_every_field():
    for field in attrs.fields(Frame):
        assert f"\n    {field.name}: " in Frame.__doc__
