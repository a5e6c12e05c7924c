"""How far a video holds together in time: along the flow of the truth."""

import math
from collections import deque
from collections.abc import Iterable
from typing import Literal

import attrs
import cv2
import numpy as np
import torch
from torch import Tensor

from peanut.flow.dis import DIS
from peanut.flow.estimator import FlowEstimator, interleaved
from peanut.metrics.flows import Flows, as_bytes, difference, flows_between, mean_within
from peanut.metrics.images import array, check_clips, check_images, fitting, levels
from peanut.metrics.running import Mean
from peanut.validators import at_least, one_of
from peanut.vision.array import Array
from peanut.vision.optical_flow import grid, sample

Norm = Literal["squared", "absolute"]


def warping_error(
    result: Tensor, truth: Tensor, norm: Norm = "squared", estimator: FlowEstimator | None = None
) -> Tensor:
    """E_warp: mean over neighboring frames of the mean of (V_t - W(V_t+1, F_t->t+1))^2 over the pixels seen in both.

    result, truth: t 3 h w, RGB, uint8 or floating (0 to 1); differences are those of values of 0 to 1, 0 is best. W
    looks up along the flow F, which is measured on the truth; what is seen in both follows from the flow back
    (`peanut.ops.flow_consistency`). norm: "squared", or "absolute", the mean absolute difference.
    The mean is over the pixels and the three channels, as the authors' program computes it; their formula has the sum
    over the channels, three times as much. estimator: `DIS("ultrafast")` by default; the authors take FlowNet 2.
    Returns a float64 without axes; nan for a single frame. Raises UsageError for clips that do not fit each other.
    Source: Lai et al., Learning Blind Video Temporal Consistency, ECCV 2018.
    """
    check_clips("warping_error", result, truth)
    measure = WarpingError(norm)
    for image, flows in zip(result, _flows(truth, 1, estimator), strict=True):
        measure.add(image, flows)
    return torch.tensor(measure.value["e_warp"], dtype=torch.float64)


def stc(result: Tensor, truth: Tensor, distance: int = 1, estimator: FlowEstimator | None = None) -> Tensor:
    """L_STC: 1 / (T - d) sum over t of |V (Y_t - W(Y_t-d, F_t->t-d))|, mean over seen pixels and channels; 0 is best.

    result, truth: t 3 h w, RGB, uint8 or floating (0 to 1). d: `distance` in frames. W looks up along the flow F, which
    is measured on the truth; V: the pixels that both frames show, by the flow the other way.
    Returns a float64 without axes; nan for a clip of at most d frames. Raises UsageError as `warping_error` does.
    """
    check_clips("stc", result, truth)
    measure = Stc(distance)
    for image, flows in zip(result, _flows(truth, distance, estimator), strict=True):
        measure.add(image, flows)
    return torch.tensor(measure.value["stc"], dtype=torch.float64)


def flicker(result: Tensor, truth: Tensor, masks: Tensor, estimator: FlowEstimator | None = None) -> Tensor:
    """How much the hole changes along the truth's flow, over how much the truth does: 1 is best, above it flickers.

    Mean over the frames with a hole of the mean absolute difference, inside the hole, between the frame and the next
    one looked up along the truth's own flow, for the result, divided by the same for the truth.
    result, truth: t 3 h w, RGB, uint8 or floating (0 to 1). masks: t h w, bool. estimator: `DIS("ultrafast")` by
    default.
    Returns a float64 without axes; nan without a hole. Raises UsageError for clips that do not fit each other.
    """
    check_clips("flicker", result, truth)
    measure, estimator = Flicker(), DIS("ultrafast") if estimator is None else estimator
    masks = fitting("flicker", masks, torch.Size((*truth.shape[:1], *truth.shape[2:])))
    for t, (image, true, mask) in enumerate(zip(result, truth, masks, strict=True)):
        flow = estimator(as_bytes(truth[t - 1]), as_bytes(true)) if t and masks[t - 1].any() else None
        measure.add(image, true, mask, None if flow is None else Flows(flow, -flow))  # the way back is not asked
    return torch.tensor(measure.value["flicker"], dtype=torch.float64)


@attrs.define
class WarpingError:
    """`warping_error`, frame by frame: `value` has "e_warp". Holds: one frame."""

    norm: Norm = attrs.field(default="squared", validator=one_of("squared", "absolute"))
    _last: Tensor | None = attrs.field(default=None, init=False)
    _mean: Mean = attrs.field(factory=Mean, init=False)

    def add(self, image: Tensor, flows: Flows | None) -> None:
        """One frame, 3 h w, and the flows between the one before and it; None: no pair (the first frame, a cut)."""
        check_images("WarpingError", image)
        if flows is not None and self._last is not None:
            apart, seen = difference(self._last, image, flows.to_next, flows.to_previous)
            self._mean.add(mean_within(apart * apart if self.norm == "squared" else apart.abs(), seen))
        self._last = image

    @property
    def value(self) -> dict[str, float]:
        """nan before the first pair."""
        return {"e_warp": self._mean.value}


@attrs.define
class Stc:
    """`stc`, frame by frame: `value` has "stc". Holds: `distance` frames."""

    distance: int = attrs.field(default=1, validator=at_least(1))
    _last: deque[Tensor] = attrs.field(factory=deque, init=False)
    _mean: Mean = attrs.field(factory=Mean, init=False)

    def add(self, image: Tensor, flows: Flows | None) -> None:
        """One frame, 3 h w, and the flows between the one `distance` frames before and it; None: no pair."""
        check_images("Stc", image)
        self._last.append(image)
        if len(self._last) <= self.distance:
            return
        before = self._last.popleft()
        if flows is not None:
            apart, seen = difference(image, before, flows.to_previous, flows.to_next)
            self._mean.add(mean_within(apart.abs(), seen))

    @property
    def value(self) -> dict[str, float]:
        """nan before the first pair."""
        return {"stc": self._mean.value}


@attrs.define
class Flicker:
    """`flicker`, frame by frame: `value` has "flicker". Holds: one frame of the result and one of the truth."""

    _last: tuple[Array, Array, Array] | None = attrs.field(default=None, init=False)
    _changes: tuple[Mean, Mean] = attrs.field(factory=lambda: (Mean(), Mean()), init=False)

    def add(self, result: Tensor, truth: Tensor, mask: Tensor, flows: Flows | None) -> None:
        """One frame, 3 h w each, its mask, h w, and the flows between the one before and it; None: no pair."""
        check_images("Flicker", result, truth, color=True)
        mask = fitting("Flicker", mask, truth.shape[-2:])
        images = [
            interleaved(image.cpu() if image.dtype == torch.uint8 else levels(image).cpu()) for image in (result, truth)
        ]
        if flows is not None and self._last is not None and self._last[2].any():
            self._compare(images, self._last, flows)
        self._last = images[0], images[1], array(mask).view(np.uint8)

    def _compare(self, images: list[Array], last: tuple[Array, Array, Array], flows: Flows) -> None:
        """In the box of the hole: with the frame before, looked up along the flow."""
        *before, mask = last
        x, y, w, h = cv2.boundingRect(mask)
        box = slice(y, y + h), slice(x, x + w)
        at = grid(*box) + array(flows.to_next[:, *box].permute(1, 2, 0))
        for mean, image, old in zip(self._changes, images, before, strict=True):
            change = cv2.mean(cv2.absdiff(sample(image, at), old[box]), mask[box])  # by channel
            mean.add(sum(change[:3]) / 3)

    @property
    def value(self) -> dict[str, float]:
        """nan before the first pair with a hole; inf, or nan, where the truth does not change at all."""
        ours, own = (mean.value for mean in self._changes)
        return {"flicker": ours / own if own else ours * math.inf}


def _flows(truth: Tensor, distance: int, estimator: FlowEstimator | None) -> Iterable[Flows | None]:
    for t, frame in enumerate(truth):
        yield None if t < distance else flows_between(truth[t - distance], frame, estimator)
