"""PSNR: in all of an image, in the hole, around it."""

import attrs
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.metrics.images import PEAK, array, check_images, check_masks, fitting, levels
from peanut.metrics.running import Mean
from peanut.vision.morphology import grow_mask

EXACT = 100.0
"""dB of an image without any error, and the most that one gets."""
RING = 8
"""Pixels around the hole in which its seam would show."""
LUMA = (65.481, 128.553, 24.966)
"""What red, green and blue of 0 to 1 add to Y."""


def psnr(result: Tensor, truth: Tensor, where: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in dB: 10 log10(255^2 / mean squared error), over the pixels of `where`.

    result, truth: ... c h w (RGB, or any number of channels, as `luma` gives), uint8 (0 to 255) or floating (0 to 1).
    where: ... h w, or h w for all images, bool; None: all pixels. The mean is taken over its pixels and all channels.
    Returns ..., float64, at most `EXACT` = 100, which no error at all has; nan where `where` is empty.
    Raises UsageError for images that do not fit each other.
    """
    error = squared_error("psnr", result, truth)
    return decibels(*_total(error, None if where is None else fitting("psnr", where, error.shape)), result.shape[-3])


def luma(image: Tensor) -> Tensor:
    """Y of BT.601 as MATLAB's rgb2ycbcr gives it, 16 to 235: what PSNR and SSIM "on Y" are measured on.

    image: ... 3 h w, RGB, uint8 (0 to 255) or floating (0 to 1). Returns ... 1 h w, float64, over 255: 16 is 0.0627.
    Y is not rounded, as in BasicSR and MMEditing; MATLAB rounds that of uint8 images.
    Raises UsageError for another number of channels.
    """
    check_images("luma", image, color=True)
    weights = torch.tensor(LUMA, dtype=torch.float64, device=image.device)
    color = image.double() if image.is_floating_point() else image.double() / PEAK
    return (torch.einsum("c,...chw->...hw", weights, color) + 16).unsqueeze(-3) / PEAK


def regions(mask: Tensor, ring: int = RING) -> dict[str, Tensor]:
    """Where an erased image is measured: all of it, its hole, the ring outside the hole, and all outside.

    mask: ... h w, bool. Returns "whole", "hole", "ring" and "outside", each ... h w, bool. The ring holds the pixels
    outside the hole whose distance to it is at most `ring` pixels (Euclidean): there its seam shows.
    Raises UsageError for anything but a mask.
    """
    check_masks("regions", mask)
    if isinstance(ring, bool) or not isinstance(ring, int) or ring < 1:
        raise UsageError(f"regions: ring must be a whole number, at least 1, got {ring!r}.")
    grown = [torch.from_numpy(grow_mask(one, ring)) for one in array(mask).reshape(-1, *mask.shape[-2:])]
    around = torch.stack(grown).view(mask.shape).to(mask.device) if grown else mask
    return {"whole": torch.ones_like(mask), "hole": mask, "ring": around & ~mask, "outside": ~mask}


@attrs.define
class Psnr:
    """PSNR of a clip, frame by frame: the mean over the frames of the PSNR of each, in every region of `regions`.

    `value` has "psnr" (the whole image) and, where masks were given, "psnr_hole", "psnr_ring" and "psnr_outside"; a
    frame in which a region is empty does not count there. Holds: sums, no frames.
    """

    ring: int = RING
    _means: dict[str, Mean] = attrs.field(factory=dict, init=False)

    def add(self, result: Tensor, truth: Tensor, mask: Tensor | None = None) -> None:
        """One frame: 3 h w each; mask h w, bool: what was to be erased. Raises UsageError as `psnr` does."""
        error = squared_error("Psnr", result, truth)
        whole = _total(error)
        self._add("psnr", decibels(*whole, result.shape[-3]))
        if mask is not None:
            where = regions(fitting("Psnr", mask, error.shape), self.ring)
            hole, ring = (_total(error, where[name]) for name in ("hole", "ring"))
            outside = ((whole[0] - hole[0]).clamp(min=0), whole[1] - hole[1])
            for name, total in (("hole", hole), ("ring", ring), ("outside", outside)):
                self._add(f"psnr_{name}", decibels(*total, result.shape[-3]))

    @property
    def value(self) -> dict[str, float]:
        """dB by region; nan for one that no frame had."""
        return {name: mean.value for name, mean in self._means.items()}

    def _add(self, name: str, level: Tensor) -> None:
        self._means.setdefault(name, Mean()).add(level)


def squared_error(who: str, result: Tensor, truth: Tensor) -> Tensor:
    """Squared difference of levels, summed over the channels: ... h w, of the type of `levels`, for uint8 exact."""
    check_images(who, result, truth)
    error = torch.zeros(())
    for one, other in zip(result.unbind(-3), truth.unbind(-3), strict=True):
        difference = levels(one) - levels(other)
        error = error.to(difference) + difference * difference
    return error


def _total(error: Tensor, where: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """The sum of ... h w over all pixels, or those of ... h w, and how many they are: float64 each."""
    if where is None:
        return error.sum(dim=(-2, -1), dtype=torch.float64), error.new_tensor(
            error.shape[-2] * error.shape[-1], dtype=torch.float64
        )
    return (error * where.to(error)).sum(dim=(-2, -1), dtype=torch.float64), where.count_nonzero(dim=(-2, -1)).double()


def decibels(total: Tensor, count: Tensor, channels: int) -> Tensor:
    """PSNR of a sum of `squared_error` over so many pixels; nan for none."""
    return (10 * torch.log10(PEAK**2 / (total / (count * channels)))).clamp(max=EXACT)
