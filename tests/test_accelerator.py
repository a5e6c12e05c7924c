"""What the CPU computes, an accelerator computes: run where there is one, skipped elsewhere."""

from fractions import Fraction
from pathlib import Path

import pytest
import torch
from clips import drifting, noise_with_holes, rolling
from stand_ins import BASICVSR_KINDS, narrow_basicvsr, narrow_e2fgvi, small_samwise, spell
from strategies import make_frames

import peanut
from peanut import Frame
from peanut.conformance import main
from peanut.devices import pick_device
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.ops.deformable import deform_conv2d
from peanut.ops.warp import warp
from peanut.stages.nof_eraser import NOFEraser
from peanut.stages.ur_net import URNet

DEVICE = pick_device("auto")
CASES = Path(__file__).parent / "conformance"
pytestmark = pytest.mark.skipif(DEVICE.type == "cpu", reason="no accelerator here")


@pytest.fixture(autouse=True)
def full_float32(monkeypatch):
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.npz")))
def test_the_published_networks_are_reproduced(case):
    if case == "samwise_tiny":
        pytest.importorskip("sam2")
        pytest.importorskip("transformers")
    assert main(["--device", str(DEVICE), str(CASES), case]) == 0


@pytest.mark.parametrize("padding", ["zeros", "border"])
def test_warp_and_deformable_convolution(padding):
    torch.manual_seed(0)
    x, flow = torch.randn(2, 8, 20, 24), 5 * torch.randn(2, 2, 20, 24)
    torch.testing.assert_close(warp(x.to(DEVICE), flow.to(DEVICE), padding).cpu(), warp(x, flow, padding))
    shifts, mask = 3 * torch.randn(2, 2 * 2 * 9, 20, 24), torch.rand(2, 2 * 9, 20, 24)
    inputs = x, shifts, mask, torch.randn(6, 8, 3, 3), torch.randn(6)
    moved = deform_conv2d(*(tensor.to(DEVICE) for tensor in inputs)).cpu()
    torch.testing.assert_close(moved, deform_conv2d(*inputs), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("network", list(BASICVSR_KINDS))
@pytest.mark.parametrize("tile", [None, 32])
def test_ur_net(network, tile):
    frames = [
        Frame(index=n, time=Fraction(n, 25), image=(255 * picture).to(torch.uint8))
        for n, picture in enumerate(drifting(9, (40, 44)))
    ]
    on = {
        device: list(
            URNet(
                narrow_basicvsr(BASICVSR_KINDS[network]),
                device=device,
                dtype=torch.float32,
                chunk=3,
                lookahead=2,
                tile=tile,
            )(iter(frames))
        )
        for device in ("cpu", DEVICE)
    }
    for ours, theirs in zip(on[DEVICE], on["cpu"], strict=True):
        assert (ours.image.cpu().int() - theirs.image.int()).abs().max() <= 1


def test_ur_net_in_its_own_type_and_live():
    frames = make_frames([5], size=(32, 36))
    for settings in ({}, {"lookahead": 0}):
        out = list(URNet(narrow_basicvsr(BasicVSRPlusPlus), device=DEVICE, **settings)(iter(frames)))
        assert [(frame.index, frame.size) for frame in out] == [(n, (128, 144)) for n in range(5)]


@pytest.mark.parametrize("preset", ["quality", "fast", "live"])
def test_nof_eraser(preset):
    frames = noise_with_holes([7, 4])
    on = {
        device: list(NOFEraser(narrow_e2fgvi(), preset=preset, device=device, dtype=torch.float32)(iter(frames)))
        for device in ("cpu", DEVICE)
    }
    for frame, ours, theirs in zip(frames, on[DEVICE], on["cpu"], strict=True):
        difference = (ours.image.cpu().int() - theirs.image.int()).abs()
        assert difference.max() <= 2
        assert torch.equal(ours.image.cpu()[:, ~frame.mask], frame.image[:, ~frame.mask])


def test_p_mask():
    pytest.importorskip("sam2")
    pytest.importorskip("transformers")

    masks = {
        device: [
            frame.mask.cpu()
            for frame in peanut.PMask(
                "a dog", model=small_samwise(), tokenizer=spell, device=device, dtype=torch.float32
            )(iter(rolling()))
        ]
        for device in ("cpu", DEVICE)
    }
    different = [(ours ^ theirs).float().mean() for ours, theirs in zip(masks[DEVICE], masks["cpu"], strict=True)]
    assert max(different) < 0.01


def test_flow_estimators():
    from peanut.flow.spynet import SPyNetFlow

    first, second = (255 * drifting(2, (64, 64))).to(torch.uint8)
    on_cpu, on_device = (
        SPyNetFlow(narrow_basicvsr(BasicVSRPlusPlus).spynet, device=device) for device in ("cpu", DEVICE)
    )
    torch.testing.assert_close(on_device(first, second).cpu(), on_cpu(first, second), rtol=1e-3, atol=1e-3)
