"""How things move between two frames: computed once, for every measure of consistency in time."""

from functools import cached_property

import attrs
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.flow.dis import DIS
from peanut.flow.estimator import FlowEstimator
from peanut.metrics.images import PEAK, check_images, levels
from peanut.ops.flow_consistency import visible
from peanut.ops.warp import warp


@attrs.frozen(eq=False, slots=False)
class Motion:
    """The flows between a frame and a later one, usually the next."""

    to_next: Tensor
    """2 h w, float, in pixels: where the frame's pixels are found in the later one."""
    to_previous: Tensor
    """2 h w, from the later frame back to this one."""

    @cached_property
    def seen_in_next(self) -> Tensor:
        """Which pixels of the frame the later one shows: h w, bool (`peanut.ops.flow_consistency`)."""
        return visible(self.to_next[None], self.to_previous[None])[0, 0]

    @cached_property
    def seen_in_previous(self) -> Tensor:
        """Which pixels of the later frame this one shows: h w, bool."""
        return visible(self.to_previous[None], self.to_next[None])[0, 0]


def motion(frame: Tensor, later: Tensor, estimator: FlowEstimator | None = None) -> Motion:
    """Measure the motion from a frame to a later one, and back.

    frame, later: 3 h w, RGB, uint8 or floating (0 to 1): of the truth, or of the video as it was, never of what is
    measured. estimator: `DIS("ultrafast")` by default. Raises UsageError for images that do not fit each other.
    """
    check_images("motion", frame, later, color=True)
    estimator = DIS("ultrafast") if estimator is None else estimator
    first, second = as_bytes(frame), as_bytes(later)
    return Motion(estimator(first, second), estimator(second, first))


@attrs.define
class Motions:
    """The motion from each frame of a stream to the next: for measures that are added to frame by frame.

    estimator: `DIS("ultrafast")` by default. Holds: one frame.
    """

    estimator: FlowEstimator = attrs.field(factory=lambda: DIS("ultrafast"))
    _last: Tensor | None = attrs.field(default=None, init=False)

    def add(self, frame: Tensor, *, cut: bool = False) -> Motion | None:
        """From the frame before to this one (3 h w, as `motion` takes it); None for the first, and after a cut."""
        last, self._last = self._last, frame
        return None if last is None or cut else motion(last, frame, self.estimator)


def as_bytes(image: Tensor) -> Tensor:
    """An image as flow estimators take it: uint8, on the CPU."""
    return levels(image).round().clamp(0, PEAK).byte().cpu() if image.is_floating_point() else image.cpu()


def difference(image: Tensor, other: Tensor, flow: Tensor) -> Tensor:
    """An image less another looked up along a flow (2 h w): c h w, of 0 to 1. Raises UsageError if it does not fit."""
    if flow.shape != (2, *image.shape[-2:]):
        raise UsageError(f"a flow must be {(2, *image.shape[-2:])} to fit the images, got {tuple(flow.shape)}.")
    here, there = levels(image), levels(other)
    return (here - warp(there[None], flow[None].to(there))[0]) / PEAK


def mean_within(x: Tensor, where: Tensor) -> float:
    """The mean of c h w over the pixels of h w and all channels; nan where there is none."""
    at = where.to(x.device)
    total = (x * at).sum(dtype=torch.float64)  # several times as fast as torch.where
    return float(total / (at.count_nonzero() * x.shape[0]))
