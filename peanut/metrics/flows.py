"""The flows between two frames: computed once, for every measure of consistency in time."""

import attrs
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.flow.dis import DIS
from peanut.flow.estimator import FlowEstimator
from peanut.metrics.images import PEAK, check_images, levels
from peanut.ops.flow_consistency import agree
from peanut.ops.warp import warp


@attrs.frozen(eq=False)
class Flows:
    """The flows between a frame and a later one, usually the next: both ways."""

    to_next: Tensor
    """2 h w, float, in pixels: where the frame's pixels are found in the later one."""
    to_previous: Tensor
    """2 h w, from the later frame back to this one."""


def flows_between(frame: Tensor, later: Tensor, estimator: FlowEstimator | None = None) -> Flows:
    """Measure the flow from a frame to a later one, and back.

    frame, later: 3 h w, RGB, uint8 or floating (0 to 1): of the truth, or of the video as it was, never of what is
    measured. estimator: `DIS("ultrafast")` by default. Raises UsageError for images that do not fit each other.
    """
    check_images("flows_between", frame, later, color=True)
    estimator = DIS("ultrafast") if estimator is None else estimator
    first, second = as_bytes(frame), as_bytes(later)
    return Flows(estimator(first, second), estimator(second, first))


@attrs.define
class NeighborFlows:
    """The flows between each frame of a stream and the next: for measures that are added to frame by frame.

    estimator: `DIS("ultrafast")` by default. Holds: one frame.
    """

    estimator: FlowEstimator = attrs.field(factory=lambda: DIS("ultrafast"))
    _last: Tensor | None = attrs.field(default=None, init=False)

    def add(self, frame: Tensor, *, cut: bool = False) -> Flows | None:
        """Those between the frame before and this one, 3 h w; None for the first and after a cut.

        Raises UsageError as `flows_between` does.
        """
        last, self._last = self._last, frame
        return None if last is None or cut else flows_between(last, frame, self.estimator)


def as_bytes(image: Tensor) -> Tensor:
    """An image as flow estimators take it: uint8, on the CPU."""
    return levels(image).round().clamp(0, PEAK).byte().cpu() if image.is_floating_point() else image.cpu()


def difference(image: Tensor, other: Tensor, flow: Tensor, back: Tensor) -> tuple[Tensor, Tensor]:
    """An image less another looked up along the flow to it: c h w, of 0 to 1; and what both show: h w, bool.

    flow, back: 2 h w, from the image to the other and from that one to the image. Raises UsageError if they do not fit.
    """
    for each in (flow, back):
        if each.shape != (2, *image.shape[-2:]):
            raise UsageError(f"a flow must be {(2, *image.shape[-2:])} to fit the images, got {tuple(each.shape)}.")
    here, flow = levels(image), flow.to(image.device, torch.float32)
    there = torch.cat([levels(other), back.to(flow)])
    looked_up = warp(there[None], flow[None])  # image and way back in one go
    seen = agree(flow[None], looked_up[:, -2:].float())[0, 0]
    return (here - looked_up[0, :-2]) / PEAK, seen


def mean_within(x: Tensor, where: Tensor) -> float:
    """The mean of c h w over the pixels of h w and all channels; nan where there is none."""
    weights = where.to(x)  # several times as fast as torch.where
    return float((x.sum(dim=0) * weights).sum(dtype=torch.float64) / (where.count_nonzero() * x.shape[0]))
