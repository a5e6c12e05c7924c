"""Enlarging frame by frame."""

import re
from itertools import pairwise

import attrs
import pytest
import torch
import torch.nn.functional as F
from strategies import make_frames

from peanut import UsageError
from peanut.ops.padding import pad_to_multiple
from peanut.ops.tiling import blend, tiles
from peanut.stages.enlarge import Enlarge, SpandrelUpscaler


@pytest.fixture
def smooth():
    """A frame with a picture that interpolation gets right."""
    (frame,) = make_frames([1], (24, 32))
    ramp = torch.linspace(20, 230, 32).round().to(torch.uint8).expand(3, 24, 32)
    return attrs.evolve(frame, image=ramp, mask=torch.arange(32).expand(24, 32) < 10)


@pytest.mark.parametrize("method", ["lanczos", "bicubic", "bilinear"])
def test_enlarge_is_an_interpolation(smooth, method):
    (out,) = Enlarge(2, method)(iter([smooth]))
    expected = F.interpolate(smooth.image[None].float(), scale_factor=2, mode="bilinear")[0]
    assert (out.image.float() - expected).abs().max() <= 3
    assert out.mask[:, :20].all()
    assert not out.mask[:, 20:].any()


def test_enlarge_takes_any_scale_from_1(smooth):
    assert [frame.size for frame in Enlarge(1.5)(iter([smooth]))] == [(36, 48)]
    with pytest.raises(UsageError, match=r"^Enlarge: scale must be at least 1, got 0\.5\.$"):
        Enlarge(0.5)


@pytest.mark.parametrize("size", [(1, 1), (7, 40), (33, 64)])
@pytest.mark.parametrize(("side", "overlap"), [(8, 4), (16, 3), (64, 0)])
def test_tiles_cover_and_blend_back_to_the_picture(size, side, overlap):
    picture = torch.rand(1, 3, *size)
    boxes = tiles(size, side, overlap)
    assert all(box.height <= side and box.width <= side for box in boxes)
    torch.testing.assert_close(blend([box.of(picture) for box in boxes], boxes, overlap), picture)
    lefts = sorted({box.left for box in boxes})
    assert all(second - first <= side - overlap for first, second in pairwise(lefts))


def test_padding_repeats_the_border_and_is_cropped_away():
    x = torch.rand(1, 3, 5, 8)
    padded = pad_to_multiple(x, 4)
    assert padded.shape == (1, 3, 8, 8)
    assert torch.equal(padded[..., :5, :], x)
    assert torch.equal(padded[..., 7, :], x[..., 4, :])
    assert pad_to_multiple(x[..., :4, :], 4).shape == (1, 3, 4, 8)


@pytest.fixture
def model_file(tmp_path):
    """A small model of a kind that spandrel knows, random."""
    arch = pytest.importorskip("spandrel.architectures.Compact.__arch.SRVGG")
    torch.manual_seed(0)
    path = tmp_path / "compact.pth"
    network = arch.SRVGGNetCompact(num_in_ch=3, num_out_ch=3, num_feat=8, num_conv=2, upscale=2)
    torch.save({"params": network.state_dict()}, path)
    return path, network


def test_spandrel_models_run_in_tiles_without_a_seam(model_file, smooth):
    path, network = model_file
    frame = attrs.evolve(smooth, image=torch.randint(0, 256, (3, 24, 32), dtype=torch.uint8))
    (whole,) = SpandrelUpscaler(path, tile=None, device="cpu")(iter([frame]))
    with torch.no_grad():
        expected = (network(frame.image[None].float() / 255)[0].clamp(0, 1) * 255).round().to(torch.uint8)
    assert torch.equal(whole.image, expected)
    (tiled,) = SpandrelUpscaler(path, tile=32, device="cpu")(iter([attrs.evolve(frame)]))
    assert (tiled.image.int() - whole.image.int()).abs().max() <= 1
    assert tiled.mask.shape == (48, 64)


def test_a_file_that_is_no_model_is_said(tmp_path):
    pytest.importorskip("spandrel")
    with pytest.raises(UsageError, match=re.escape(f"there is no file {tmp_path / 'no.pth'}.")):
        SpandrelUpscaler(tmp_path / "no.pth")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(UsageError, match="spandrel cannot load"):
        SpandrelUpscaler(tmp_path / "other.pth", device="cpu")
