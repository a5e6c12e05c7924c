"""How well masks agree: region (J) and boundary (F), as DAVIS 2017 measures them, and the averages of each data set."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

import attrs
import numpy as np
import torch
from torch import Tensor

from peanut.metrics.images import array, check_masks, fitting
from peanut.metrics.running import Mean
from peanut.validators import one_of
from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask

TOLERANCE = 0.008
"""How far apart boundaries may be that match, over the diagonal of the image."""
COMPARED = ((1, 0), (0, 1), (1, 1))
"""How many rows and columns away the neighbors lie that a pixel is compared with."""
Scores = Mapping[str, float]
"""Figures by name."""


def jaccard(mask: Tensor, truth: Tensor, void: Tensor | None = None) -> Tensor:
    """J: intersection over union, 0 to 1; two empty masks agree: 1.

    mask, truth: ... h w, bool. void: ... h w, or h w for all, bool: pixels that do not count.
    Returns ..., float64. Raises UsageError for masks that do not fit each other.
    Source: Perazzi et al., A Benchmark Dataset and Evaluation Methodology for Video Object Segmentation, CVPR 2016.
    """
    check_masks("jaccard", mask, truth)
    both, either = mask & truth, mask | truth
    if void is not None:
        counts = ~fitting("jaccard", void, mask.shape)
        both, either = both & counts, either & counts
    union = either.sum(dim=(-2, -1))
    return torch.where(union == 0, 1.0, both.sum(dim=(-2, -1)).double() / union)


def boundary(mask: Tensor, truth: Tensor, void: Tensor | None = None) -> Tensor:
    """F: the harmonic mean of precision and recall of the boundary pixels, 0 to 1.

    A boundary pixel matches if one of the other mask lies within ceil(0.008 diagonal) pixels, Euclidean. A boundary
    pixel is one whose right, lower, or lower right neighbor is of the other kind; the border of the image is none.
    Without a boundary in either mask (empty or full) F is 1, without one in one of them 0.
    mask, truth: ... h w, bool. void: ... h w, or h w for all, bool: pixels that are cleared in both masks.
    Returns ..., float64. Raises UsageError for masks that do not fit each other.
    Source: as `jaccard`; the details are those of DAVIS 2017's evaluation, which the referring sets use too.
    """
    check_masks("boundary", mask, truth)
    if void is not None:
        counts = ~fitting("boundary", void, mask.shape)
        mask, truth = mask & counts, truth & counts
    size = mask.shape[-2:]
    pairs = zip(*(array(one).reshape(-1, *size) for one in (mask, truth)), strict=True)
    radius = math.ceil(TOLERANCE * math.hypot(*size))
    return torch.tensor([_f(a, b, radius) for a, b in pairs], dtype=torch.float64).view(mask.shape[:-2])


def j_and_f(mask: Tensor, truth: Tensor, void: Tensor | None = None) -> Tensor:
    """J&F: the mean of `jaccard` and `boundary`, 0 to 1. Takes and returns what they do."""
    return (jaccard(mask, truth, void).cpu() + boundary(mask, truth, void)) / 2


@attrs.define
class Segmentation:
    """J, F and J&F of one object in one clip (or of one sentence), frame by frame; the mean over its frames.

    frames: "all", as Ref-YouTube-VOS, MeViS and Ref-DAVIS17 count, or "inner", all but the first and the last that were
    added, as DAVIS 2017 does for masks that start from the given one. `value` has "j", "f" and "j_and_f", nan without a
    frame that counts. Means over objects, sentences and annotators: `over_objects`, `over_annotators`. Holds: sums.
    """

    frames: Literal["all", "inner"] = attrs.field(default="all", validator=one_of("all", "inner"))
    _total: Array = attrs.field(factory=lambda: np.zeros(2), init=False)
    _ends: list[Array] = attrs.field(factory=list, init=False)
    """J and F of the first frame and of the last."""
    _count: int = attrs.field(default=0, init=False)

    def add(self, mask: Tensor, truth: Tensor, void: Tensor | None = None) -> None:
        """One frame: h w each, bool. Raises UsageError as `jaccard` does."""
        found = np.array([float(jaccard(mask, truth, void)), float(boundary(mask, truth, void))])
        self._ends = [*self._ends[:1], found]
        self._total = self._total + found
        self._count += 1

    @property
    def value(self) -> dict[str, float]:
        """Figures of 0 to 1."""
        total, count = self._total, self._count
        if self.frames == "inner":
            total, count = total - sum(self._ends), count - len(self._ends)
        j, f = total / count if count > 0 else (math.nan, math.nan)
        return {"j": float(j), "f": float(f), "j_and_f": float(j + f) / 2}


def over_objects(scores: Iterable[Scores]) -> dict[str, float]:
    """The mean of each figure over all objects, or sentences, of all clips, each counting once.

    So DAVIS 2017 averages over objects, Ref-YouTube-VOS and MeViS over sentences: a clip with more of them weighs more,
    a longer clip does not. Figures that are nan are left out; without any, the mean is nan.

    >>> over_objects([{"j": 0.5}, {"j": 1.0}])
    {'j': 0.75}
    """
    means: dict[str, Mean] = {}
    for one in scores:
        for name, figure in one.items():
            means.setdefault(name, Mean()).add(figure)
    return {name: mean.value for name, mean in means.items()}


def over_annotators(scores: Iterable[Iterable[Scores]]) -> dict[str, float]:
    """The mean over annotators of the mean over the objects that each described: Ref-DAVIS17 has four of them.

    scores: for each annotator, the figures of all objects.
    Source: Khoreva et al., Video Object Segmentation with Language Referring Expressions, ACCV 2018.

    >>> over_annotators([[{"j": 0.5}, {"j": 1.0}], [{"j": 0.25}]])
    {'j': 0.5}
    """
    return over_objects(over_objects(of_one) for of_one in scores)


def boundary_map(mask: Array) -> Array:
    """The boundary pixels of a mask: h w, bool."""
    h, w = mask.shape
    found = np.zeros_like(mask)
    for down, right in COMPARED:
        found[: h - down, : w - right] |= mask[: h - down, : w - right] ^ mask[down:, right:]
    return found


def _f(mask: Array, truth: Array, radius: int) -> float:
    """F of two masks, h w, whose boundaries match within so many pixels."""
    a, b = boundary_map(mask), boundary_map(truth)
    if not a.any() or not b.any():
        return float(not a.any() and not b.any())
    precision, recall = _matched(a, b, radius), _matched(b, a, radius)
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def _matched(these: Array, others: Array, radius: int) -> float:
    """The share of boundary pixels that have one of the others within a radius."""
    return int(np.count_nonzero(grow_mask(others, radius) & these)) / int(np.count_nonzero(these))
