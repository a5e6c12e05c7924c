"""What is measured of a task, frame by frame, in memory that does not grow."""

from typing import Literal

from torch import Tensor

from peanut.errors import UsageError
from peanut.evaluation.holes import grown
from peanut.evaluation.task import Expected, Figure, Meter
from peanut.evaluation.vfid import TwoClips
from peanut.frame import Frame
from peanut.metrics import Flicker, NeighborFlows, Psnr, Segmentation, Ssim, Stc, Vfid, WarpingError, luma

FOUND = (Figure("j_and_f", "J&F", 3), Figure("j", "J", 3), Figure("f", "F", 3))
ERASED = (
    Figure("psnr_hole", "PSNR, hole", 2),
    Figure("psnr_ring", "ring", 2),
    Figure("psnr_outside", "outside", 2),
    Figure("psnr", "whole", 2),
    Figure("ssim", "SSIM (65)", 4),
    Figure("e_warp", "E_warp", 5, larger_is_better=False),
    Figure("stc", "STC", 4, larger_is_better=False),
    Figure("flicker", "flicker", 2, larger_is_better=False),
    Figure("vfid", "VFID", 3, larger_is_better=False),
)
REMOVED = (*ERASED[:-1], Figure("j", "J of its masks", 3))
LARGE = (Figure("psnr", "PSNR", 2), Figure("ssim", "SSIM", 4))


LEAST = 65
"""Pixels per side from which on there is SSIM with the window of 65."""


class FoundMeter(Meter):
    """J, F and J&F on the annotated frames."""

    def __init__(self, frames: Literal["all", "inner"]) -> None:
        self._measure = Segmentation(frames=frames)

    def add(self, result: Frame, expected: Expected) -> None:
        if expected.mask is not None:
            self._measure.add(found_mask(result), expected.mask)

    @property
    def value(self) -> dict[str, float]:
        return self._measure.value


class ErasedMeter(Meter):
    """PSNR by region, SSIM with the window of 65, and E_warp, STC and flicker along the flow of the truth."""

    def __init__(self, judge: Vfid | None = None) -> None:
        self._clips = None if judge is None else TwoClips(judge)
        self._psnr, self._ssim = Psnr(), Ssim(window="uniform-65")
        self._flows, self._warp, self._stc, self._flicker = NeighborFlows(), WarpingError(), Stc(), Flicker()

    def add(self, result: Frame, expected: Expected) -> None:
        true, mask = expected.image, expected.mask
        if true is None or mask is None:
            return
        refuse_other_size(result, true.shape[-2:])
        flows = self._flows.add(true)
        self._psnr.add(result.image, true, mask)
        if min(true.shape[-2:]) >= LEAST:
            self._ssim.add(result.image, true)
        self._warp.add(result.image, flows)
        self._stc.add(result.image, flows)
        self._flicker.add(result.image, true, mask, flows)
        if self._clips is not None:
            self._clips.add(result.image, true)

    @property
    def features(self) -> tuple[list[float], list[float]] | None:
        return None if self._clips is None else self._clips.features

    @property
    def value(self) -> dict[str, float]:
        measures = (self._psnr, self._ssim, self._warp, self._stc, self._flicker)
        return {name: figure for measure in measures for name, figure in measure.value.items()}


class RemovedMeter(Meter):
    """The same in the true mask, grown; and J of the masks that were found."""

    def __init__(self, grow: int) -> None:
        self._grow, self._erased, self._found = grow, ErasedMeter(), Segmentation()

    def add(self, result: Frame, expected: Expected) -> None:
        if expected.mask is None:
            return
        if result.mask is not None:
            self._found.add(result.mask, expected.mask)
        hole = grown(expected.mask, self._grow)
        self._erased.add(result, Expected(expected.given, image=expected.image, mask=hole))

    @property
    def value(self) -> dict[str, float]:
        return {**self._erased.value, "j": self._found.value["j"]}


class LargeMeter(Meter):
    """PSNR, and SSIM with its Gaussian window."""

    def __init__(self, channels: Literal["rgb", "y"]) -> None:
        self._psnr, self._ssim, self._on_y = Psnr(), Ssim(window="gaussian-11"), channels == "y"

    def add(self, result: Frame, expected: Expected) -> None:
        if expected.image is None:
            return
        refuse_other_size(result, expected.image.shape[-2:])
        ours, true = (luma(x) if self._on_y else x for x in (result.image, expected.image))
        self._psnr.add(ours, true)
        self._ssim.add(ours, true)

    @property
    def value(self) -> dict[str, float]:
        return {**self._psnr.value, **self._ssim.value}


def found_mask(result: Frame) -> Tensor:
    """The mask of a frame that came out. Raises UsageError for one that has none."""
    if result.mask is None:
        raise UsageError(
            f"frame {result.index} came out without a mask: finding is measured of stages that give masks."
        )
    return result.mask


def refuse_other_size(result: Frame, size: tuple[int, ...]) -> None:
    """Raise UsageError for a frame that cannot be compared with its truth."""
    if result.size != tuple(size):
        h, w = result.size
        raise UsageError(f"frame {result.index} came out as {w}x{h}, its truth is {size[1]}x{size[0]}.")
