"""`peanut weights try`: a checkpoint at work on a real clip, and what it measures beside what is to be expected."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import peanut
from peanut import Frame
from peanut.data.packages import bikes
from peanut.demo import START
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.e2fgvi import E2FGVI
from peanut.networks.raft import is_raft
from peanut.networks.samwise import SAMWISE
from peanut.networks.spynet import SPyNet

Frames = list[Frame]
SLOW = (137, 151)
"""Frames of a slow camera: first, and the one after the last."""
WALKS = (200, 208)
"""Frames in which the man of the demo walks."""
AFTER = 8
"""Frames after them that `MovingObjects` sees."""
PUBLISHED = {"basicvsr-reds4": "31.42 dB on REDS4", "basicvsrpp-reds4": "32.39 dB on REDS4"}
"""What the publishers measured (mmagic's tables), where one knows it."""


@attrs.frozen
class Trial:
    """What came of one checkpoint."""

    measured: float
    least: float
    """What a right checkpoint reaches at least."""
    said: str
    """What was measured, with {measured} and what it is compared with."""
    shown: dict[str, Frames]
    more_is_better: bool = True

    @property
    def as_expected(self) -> bool:
        """Whether it does what it is there for."""
        return self.measured >= self.least if self.more_is_better else self.measured <= self.least


def trial(name: str, network: Any) -> Trial | None:
    """Run a network on the demo's clip; None for one that has no trial."""
    if isinstance(network, BasicVSR | BasicVSRPlusPlus):
        return _enlarged(name, network) if network.scale == 4 else _restored(name, network)
    if hasattr(network, "maskmem_tpos_enc"):  # SAM 2, whose class is there with its package alone
        return _tracked(network)
    if is_raft(network):
        return _measured(network)
    run = next((run for kind, run in TRIALS.items() if isinstance(network, kind)), None)
    return None if run is None else run(network)


def _frames(first: int, end: int, width: int) -> Frames:
    frames = peanut.read(bikes(), start=first / 25 - 0.01, stop=end / 25 - 0.01, max_size=width, shots=False)
    return [attrs.evolve(frame, coded=None) for frame in frames]


def _enlarged(name: str, network: Any) -> Trial:
    truth = _frames(*SLOW, 320)
    small = [_reduced(frame, blurred=name.endswith(("-bd", "-bd-mmlab"))) for frame in truth]
    plain = list(peanut.Enlarge(4, "bicubic")(iter(small)))
    sharp = list(peanut.URNet(network)(iter(small)))
    gain = psnr(sharp, truth) - psnr(plain, truth)
    said = f"enlarged four times: {{measured:+.2f}} dB over bicubic ({psnr(plain, truth):.2f} dB)"
    return Trial(gain, 1.0, said, {"bicubic": plain, name: sharp, "truth": truth})


def _restored(name: str, network: Any) -> Trial:
    truth = _frames(*SLOW, 320)
    worse = _noisy(truth) if "denoise" in name else _blurred(truth) if "deblur" in name else _compressed(truth)
    better = list(peanut.URNet(network)(iter(worse)))
    gain = psnr(better, truth) - psnr(worse, truth)
    said = f"restored: {{measured:+.2f}} dB over what it was given ({psnr(worse, truth):.2f} dB)"
    return Trial(gain, 0.3, said, {"given": worse, name: better, "truth": truth})


def _erased(network: Any) -> Trial:
    truth = _frames(*SLOW, 432)
    masked = [_with_box(frame, number) for number, frame in enumerate(truth)]
    erasers: dict[str, Any] = {"Telea": peanut.PerFrame(), "this": peanut.NOFEraser(network)}
    done = {title: list(eraser(iter(masked))) for title, eraser in erasers.items()}
    levels = {title: psnr(frames, truth, masked) for title, frames in done.items()}
    said = f"a box before a street, erased: {{measured:+.2f}} dB over Telea ({levels['Telea']:.2f} dB) in the hole"
    shown = {"masks": list(peanut.overlay()(iter(masked))), **done, "truth": truth}
    return Trial(levels["this"] - levels["Telea"], 2.0, said, shown)


def _filled(network: Any) -> Trial:
    truth = _frames(*SLOW, 432)[::7]
    masked = [_with_box(frame, number) for number, frame in enumerate(truth)]
    done = list(peanut.PerFrame(network)(iter(masked)))
    said = "a box before a street, filled frame by frame: {measured:.2f} dB in the hole"
    return Trial(psnr(done, truth, masked), 15.0, said, {"masks": list(peanut.overlay()(iter(masked))), "this": done})


def _walking() -> tuple[Frames, Frames]:
    """Frames in which the man walks, without masks and with those of what moves."""
    source = peanut.read(bikes(), start=START, stop=(WALKS[1] + AFTER) / 25, max_size=480, shots=False)
    moving = source | peanut.MovingObjects(preset="fast", grow=0)
    masked = [attrs.evolve(frame, coded=None) for frame in moving if WALKS[0] <= frame.index < WALKS[1]]
    return [frame.with_mask(None) for frame in masked], masked


def _found(network: Any) -> Trial:
    frames, moving = _walking()
    return _compared(list(peanut.PMask("the man who walks", model=network, grow=0)(iter(frames))), moving)


def _tracked(network: Any) -> Trial:
    frames, moving = _walking()
    rows, columns = _mask(moving[0]).nonzero().unbind(1)
    box = int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1
    track = peanut.Sam2Track({frames[0].index: {1: peanut.Prompt(box=box)}}, network)
    return _compared(list(track(iter(frames))), moving)


def _compared(found: Frames, moving: Frames) -> Trial:
    pairs = [(_mask(one), _mask(other)) for one, other in zip(found, moving, strict=True)]
    overlap = sum(float((a & b).sum() / (a | b).sum().clamp(min=1)) for a, b in pairs) / len(pairs)
    shown = {name: list(peanut.overlay()(iter(frames))) for name, frames in (("this", found), ("what moves", moving))}
    return Trial(overlap, 0.5, "the man who walks: J with what moves {measured:.2f}", shown)


def _measured(network: Any) -> Trial:
    """The flow to an image that was turned and enlarged: the truth is known."""
    image = _frames(SLOW[0], SLOW[0] + 1, 320)[0]
    h, w = image.size
    matrix = cv2.getRotationMatrix2D((w / 2, h / 2), 2.0, 1.02)
    other = cv2.warpAffine(image.numpy(), matrix, (w, h), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    at = np.dstack(np.meshgrid(np.arange(w), np.arange(h)))
    truth = torch.from_numpy(at @ matrix[:, :2].T + matrix[:, 2] - at).permute(2, 0, 1)
    estimator: Any = peanut.SPyNetFlow(network) if isinstance(network, SPyNet) else peanut.RAFT(model=network)
    flow = estimator(image.image, torch.from_numpy(other).permute(2, 0, 1))
    inside = (slice(None), slice(16, -16), slice(16, -16))  # what leaves the image has no flow
    error = float((flow - truth)[inside].norm(dim=0).mean())
    drawn = [image.with_image(peanut.flow_image(one.float(), largest=6)) for one in (flow, truth)]
    said = "flow to an image turned by 2 degrees: mean endpoint error {measured:.2f} px"
    return Trial(error, 0.5, said, {"this": drawn[:1], "truth": drawn[1:]}, more_is_better=False)


TRIALS: dict[type, Callable[[Any], Trial]] = {
    E2FGVI: _erased,
    SAMWISE: _found,
    SPyNet: _measured,
    torch.jit.ScriptModule: _filled,
}
"""By the network's class."""


def _mask(frame: Frame) -> Tensor:
    if frame.mask is None:
        raise RuntimeError("a finder gave no mask.")
    return frame.mask


def _reduced(frame: Frame, blurred: bool) -> Frame:
    """A quarter as large: bicubic, or blurred (deviation 1.6 pixels) and every fourth pixel, near its cell's center."""
    h, w = (side // 4 for side in frame.size)
    image = frame.image[None].float()
    if blurred:
        soft = cv2.GaussianBlur(frame.numpy(), (13, 13), 1.6)
        small = torch.from_numpy(soft).permute(2, 0, 1)[:, 1::4, 1::4][:, :h, :w]
    else:
        small = F.interpolate(image, (h, w), mode="bicubic", antialias=True)[0].clamp(0, 255).round().byte()
    return frame.resized((h, w)).with_image(small.contiguous())


def _noisy(frames: Frames) -> Frames:
    """With noise of 20 grey levels."""
    generator = torch.Generator().manual_seed(0)
    noise = (20 * torch.randn(frame.image.shape, generator=generator) for frame in frames)
    return [
        frame.with_image((frame.image + one).clamp(0, 255).round().byte())
        for frame, one in zip(frames, noise, strict=True)
    ]


def _blurred(frames: Frames) -> Frames:
    """As if the camera had moved 7 pixels to the side while the shutter was open."""
    blurred = (cv2.blur(frame.numpy(), (7, 1)) for frame in frames)
    return [
        frame.with_image(torch.from_numpy(image).permute(2, 0, 1).contiguous())
        for frame, image in zip(frames, blurred, strict=True)
    ]


def _compressed(frames: Frames) -> Frames:
    """As a strongly compressed file gives them back."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "coarse.mp4"
        for _ in (peanut.Pipeline() | peanut.write(path, crf=38))(iter(frames)):
            pass
        again = list(peanut.read(path, shots=False))
    return [frame.with_image(coarse.image) for frame, coarse in zip(frames, again, strict=True)]


def _with_box(frame: Frame, number: int) -> Frame:
    """With a box to be erased that crosses the image."""
    h, w = frame.size
    mask = torch.zeros(h, w, dtype=torch.bool)
    left = w // 4 + 8 * number
    mask[h // 4 : 3 * h // 4, left : left + w // 9] = True
    return frame.with_mask(mask)


def psnr(frames: Frames, truth: Frames, masked: Frames | None = None) -> float:
    """Decibels over all pixels of all frames, or those that are masked."""
    pairs = list(zip(frames, truth, strict=True))
    errors = [(one.image.double() - other.image).square().mean(dim=0) for one, other in pairs]
    if masked is not None:
        errors = [error[_mask(frame)] for error, frame in zip(errors, masked, strict=True)]
    return float(10 * torch.log10(255**2 / torch.cat([error.flatten() for error in errors]).mean()))
