"""VFID: how far the videos of a set are from true ones, as a whole."""

import math
from typing import Any, Literal, cast

import attrs
import torch
from torch import Tensor

from peanut.devices import pick_device
from peanut.errors import UsageError
from peanut.metrics.images import PEAK, check_clips, levels
from peanut.networks.i3d import FEATURES, I3D
from peanut.validators import one_of
from peanut.weights import network


def frechet_distance(mean: Tensor, cov: Tensor, other_mean: Tensor, other_cov: Tensor) -> Tensor:
    """Squared Frechet distance of two Gaussians: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), 0 for equal ones.

    mean, other_mean: d. cov, other_cov: d d, symmetric, without negative eigenvalues. Computed and returned in float64;
    the trace of the root is that of (C1^(1/2) C2 C1^(1/2))^(1/2), which is symmetric.
    Raises UsageError for shapes that do not fit. Source: Dowson and Landau, The Frechet Distance between Multivariate
    Normal Distributions, Journal of Multivariate Analysis 1982.

    >>> one = torch.ones(1)
    >>> frechet_distance(0 * one, one[None], 3 * one, 4 * one[None]).item()  # 9 + 1 + 4 - 2 * 2
    10.0
    """
    d = mean.shape[-1] if mean.ndim else 0
    shapes = [tuple(x.shape) for x in (mean, cov, other_mean, other_cov)]
    if shapes != [(d,), (d, d), (d,), (d, d)]:
        raise UsageError(f"frechet_distance: shapes must be d, d d, d and d d, got {', '.join(map(str, shapes))}.")
    mean, cov, other_mean, other_cov = (x.double().cpu() for x in (mean, cov, other_mean, other_cov))
    values, vectors = torch.linalg.eigh(cov)
    root = (vectors * values.clamp(min=0).sqrt()) @ vectors.T
    both = torch.linalg.eigvalsh(root @ other_cov @ root).clamp(min=0).sqrt().sum()
    distance: Tensor = (mean - other_mean).square().sum() + cov.trace() + other_cov.trace() - 2 * both
    return distance


@attrs.define
class Gaussian:
    """Mean and covariance of vectors that come one by one. Holds: their sum and that of their outer products."""

    size: int
    count: int = attrs.field(default=0, init=False)
    _sum: Tensor = attrs.field(init=False, repr=False)
    _products: Tensor = attrs.field(init=False, repr=False)
    _first: Tensor | None = attrs.field(init=False, default=None)
    """Sums are taken of what is left without the first vector: they lose less to rounding."""

    def __attrs_post_init__(self) -> None:
        self._sum = torch.zeros(self.size, dtype=torch.float64)
        self._products = torch.zeros(self.size, self.size, dtype=torch.float64)

    def add(self, vector: Tensor) -> None:
        """A vector of `size` numbers. Raises UsageError for another shape."""
        if vector.shape != (self.size,):
            raise UsageError(f"Gaussian: vectors must have {self.size} numbers, got {tuple(vector.shape)}.")
        vector = vector.double().cpu()
        self._first = vector if self._first is None else self._first
        apart = vector - self._first
        self._sum += apart
        self._products.addr_(apart, apart)
        self.count += 1

    @property
    def mean(self) -> Tensor:
        """size, float64. Raises UsageError before the first vector."""
        if self._first is None:
            raise UsageError("Gaussian: there is no mean of no vectors: add one.")
        return self._first + self._sum / self.count

    @property
    def covariance(self) -> Tensor:
        """size size, float64, of a sample (divided by the count less 1). Raises UsageError before the second vector."""
        if self.count < 2:
            raise UsageError(f"Gaussian: a covariance needs two vectors, got {self.count}.")
        return (self._products - self._sum.outer(self._sum) / self.count) / (self.count - 1)


@attrs.define
class Vfid:
    """VFID: Frechet distance between the I3D features of the results and of the true clips; `value` has "vfid".

    0 is best. One vector of 1024 per clip: the mean over space and time of I3D's last module, its batch normalization
    with the trained statistics. Two clips are the least; the figure grows when there are few, so compare only sets of
    equal number. `levels`: "unit" feeds 0 to 1 as FuseFormer's evaluation does, "signed" -1 to 1 as I3D was trained.
    model: weights that `peanut.weights.network` takes (by default `i3d`, fetched when built), or a network, from
    b t 3 h w to b 1024. Holds: the network, and sums of 1024 x 1024 numbers twice; a clip goes through it in one piece.
    Raises UsageError without weights. Source: Wang et al., Video-to-Video Synthesis, NeurIPS 2018.
    """

    model: Any = attrs.field(default="i3d", repr=False)
    levels: Literal["unit", "signed"] = attrs.field(default="unit", validator=one_of("unit", "signed"))
    device: str | torch.device = "auto"
    _network: I3D = attrs.field(init=False, repr=False)
    _results: Gaussian = attrs.field(factory=lambda: Gaussian(FEATURES), init=False)
    _truths: Gaussian = attrs.field(factory=lambda: Gaussian(FEATURES), init=False)

    def __attrs_post_init__(self) -> None:
        on = pick_device(self.device)
        named = isinstance(self.model, str)
        self._network = cast(I3D, network(self.model, device=on, dtype=torch.float32)) if named else self.model

    def add(self, result: Tensor, truth: Tensor) -> None:
        """One clip: t 3 h w each, RGB, uint8 or floating (0 to 1). Raises UsageError for clips that do not fit."""
        check_clips("Vfid", result, truth)
        self._results.add(self.features(result))
        self._truths.add(self.features(truth))

    def features(self, clip: Tensor) -> Tensor:
        """The vector of a clip, t 3 h w: 1024, float32."""
        video = levels(clip[None].to(pick_device(self.device))).float() / PEAK
        with torch.inference_mode():
            features: Tensor = self._network(video * 2 - 1 if self.levels == "signed" else video)
        return features[0]

    @property
    def value(self) -> dict[str, float]:
        """nan before the second clip."""
        if self._truths.count < 2:
            return {"vfid": math.nan}
        ours, own = self._results, self._truths
        return {"vfid": float(frechet_distance(ours.mean, ours.covariance, own.mean, own.covariance))}
