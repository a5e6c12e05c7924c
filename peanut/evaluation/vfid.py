"""VFID over the clips of an evaluation: features are kept with the results, so that a run that was killed can go on."""

from collections.abc import Iterable

import torch
from torch import Tensor

from peanut.evaluation.results import Result
from peanut.metrics import Gaussian, Vfid, frechet_distance


class TwoClips:
    """Holds a clip that came out and the true one; I3D takes a clip in one piece."""

    def __init__(self, judge: Vfid) -> None:
        self._judge = judge
        self._clips: tuple[list[Tensor], list[Tensor]] = [], []

    def add(self, result: Tensor, truth: Tensor) -> None:
        """One frame: 3 h w each."""
        self._clips[0].append(result)
        self._clips[1].append(truth)

    @property
    def features(self) -> tuple[list[float], list[float]]:
        """One vector for each clip."""
        ours, own = (self._judge.features(torch.stack(clip)).tolist() for clip in self._clips)
        return ours, own


def over_all_clips(results: Iterable[Result]) -> dict[str, float]:
    """VFID of the clips that have features; nothing for fewer than two."""
    pairs = [result.features for result in results if result.features is not None]
    if len(pairs) < 2:
        return {}
    ours, own = (Gaussian(len(pairs[0][side])) for side in (0, 1))
    for pair in pairs:
        ours.add(torch.tensor(pair[0]))
        own.add(torch.tensor(pair[1]))
    return {"vfid": float(frechet_distance(ours.mean, ours.covariance, own.mean, own.covariance))}
