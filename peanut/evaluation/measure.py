"""How near one video comes to another, frame by frame."""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, get_args

import attrs
from torch import Tensor

import peanut
from peanut.errors import UsageError, pick
from peanut.evaluation.meters import LEAST, refuse_other_size
from peanut.frame import Frame
from peanut.metrics import Flicker, Lpips, NeighborFlows, Psnr, Segmentation, Ssim, Stc, WarpingError
from peanut.pipeline import Pipeline
from peanut.weights.store import here

Of = Literal["images", "masks"]
Video = str | Path | Pipeline
NEEDED = ("lpips-alex-trunk", "lpips-alex-head")
"""The published weights of LPIPS."""


@attrs.frozen
class Measured:
    """The figures of a video; `print` shows them in lines."""

    figures: dict[str, float]
    frames: int
    missing: tuple[str, ...] = ()
    """For each figure that could not be measured a sentence that says why."""

    def __str__(self) -> str:
        told = [f"{name:14} {TOLD[name].format(value)}" for name, value in self.figures.items()]
        return "\n".join([f"{self.frames} frames", *told, *self.missing])


TOLD = {
    **dict.fromkeys(("psnr", "psnr_hole", "psnr_ring", "psnr_outside"), "{:8.3f} dB"),
    **dict.fromkeys(("ssim", "ssim_65", "j", "f", "j_and_f", "lpips"), "{:8.4f}"),
    **dict.fromkeys(("e_warp", "stc"), "{:8.6f}"),
    "flicker": "{:8.3f}",
}
"""How each figure is shown."""


def measure(
    result: Video, truth: Video, masks: Video | None = None, *, of: Of = "images", perceptual: bool | None = None
) -> Measured:
    """Compare a video with the truth, frame by frame; memory does not grow with their length.

    result, truth, masks: what `read` takes, or pipelines; `masks` is white, or has masks, where something was erased.
    of: "images" gives PSNR (with masks also in the hole, in a ring of 8 pixels around it, and outside), SSIM by both
        windows, and E_warp, STC and, with masks, flicker along the truth's flow. "masks" takes both videos as masks,
        white = masked, and gives J, F and J&F.
    perceptual: True measures LPIPS (AlexNet), whose published weights are fetched then; None does so if they are here.

    Raises UsageError for videos of another number or size of frames.
    """
    pick("kind of measuring", of, dict.fromkeys(get_args(Of)))
    if of == "masks":
        return _of_masks(_together(_as_masks(result), _as_masks(truth), None))
    return _of_images(_together(result, truth, None if masks is None else _as_masks(masks)), perceptual)


def _of_masks(pairs: Iterable[tuple[Frame, Frame, Frame | None]]) -> Measured:
    meter, count = Segmentation(), 0
    for ours, true, _ in pairs:
        refuse_other_size(ours, true.size)
        meter.add(_mask(ours), _mask(true))
        count += 1
    return Measured(meter.value, count)


def _of_images(pairs: Iterable[tuple[Frame, Frame, Frame | None]], perceptual: bool | None) -> Measured:
    meter, count, (learned, missing) = _Images(), 0, _learned(perceptual)
    for ours, true, mask in pairs:
        refuse_other_size(ours, true.size)
        if mask is not None:
            refuse_other_size(mask, true.size)
        meter.add(ours.image, true.image, None if mask is None else _mask(mask))
        for one in learned:
            one.add(ours.image, true.image)
        count += 1
    figures = meter.value
    for one in learned:
        figures |= one.value
    return Measured({name: value for name, value in figures.items() if math.isfinite(value)}, count, missing)


class _Images:
    """What is measured of images; without masks there is no flicker."""

    def __init__(self) -> None:
        self._psnr, self._gaussian, self._uniform = Psnr(), Ssim("gaussian-11"), Ssim("uniform-65")
        self._flows, self._warp, self._stc, self._flicker = NeighborFlows(), WarpingError(), Stc(), Flicker()

    def add(self, result: Tensor, truth: Tensor, mask: Tensor | None) -> None:
        flows = self._flows.add(truth)
        self._psnr.add(result, truth, mask)
        self._gaussian.add(result, truth)
        if min(truth.shape[-2:]) >= LEAST:
            self._uniform.add(result, truth)
        self._warp.add(result, flows)
        self._stc.add(result, flows)
        if mask is not None:
            self._flicker.add(result, truth, mask, flows)

    @property
    def value(self) -> dict[str, float]:
        ssim = {**self._gaussian.value, "ssim_65": self._uniform.value["ssim"]}
        return {**self._psnr.value, **ssim, **self._warp.value, **self._stc.value, **self._flicker.value}


def _learned(perceptual: bool | None) -> tuple[list[Lpips], tuple[str, ...]]:
    """LPIPS, if it is asked for or its weights are here; else the sentence that says what is missing."""
    absent = [name for name in NEEDED if not here(name)]
    if perceptual or (perceptual is None and not absent):
        return [Lpips()], ()
    if perceptual is False:
        return [], ()
    names = " and ".join(absent)
    return [], (f"lpips: not measured: {names} not on this machine (`peanut weights pull` fetches them).",)


def _together(result: Video, truth: Video, masks: Video | None) -> Iterable[tuple[Frame, Frame, Frame | None]]:
    """The frames of the same place. Raises UsageError where one video ends before another."""
    videos = {"the result": result, "the truth": truth} | ({} if masks is None else {"the masks": masks})
    runs = {name: iter(_opened(video)) for name, video in videos.items()}
    count = 0
    while True:
        frames = {name: next(run, None) for name, run in runs.items()}
        ended = [name for name, frame in frames.items() if frame is None]
        if len(ended) == len(frames):
            return
        if ended:
            going = next(name for name, frame in frames.items() if frame is not None)
            raise UsageError(f"{ended[0]} has {count} frames, {going} has more: they must be the same.")
        ours, true, *mask = frames.values()
        if ours is not None and true is not None:
            yield ours, true, mask[0] if mask else None
        count += 1


def _as_masks(video: Video) -> Pipeline:
    """Frames with masks; label pictures mean what they mean to `peanut.masks`."""
    if isinstance(video, Pipeline):
        return video
    return peanut.read(video, shots=False) | peanut.masks(str(video), by="order")


def _opened(video: Video) -> Iterable[Frame]:
    return video if isinstance(video, Pipeline) else peanut.read(video, shots=False)


def _mask(frame: Frame) -> Tensor:
    """The mask of a frame; of a plain picture, where it is more than half white."""
    return frame.mask if frame.mask is not None else frame.image.amax(dim=0) > 127
