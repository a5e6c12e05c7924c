"""SPyNet as an estimator."""

from pathlib import Path

import attrs
import torch
from torch import Tensor

from peanut.devices import pick_device
from peanut.flow.estimator import PairwiseEstimator
from peanut.networks.spynet import SPyNet
from peanut.weights import names_used, resolve


def _brief(model: str | Path | SPyNet) -> str:
    return "..." if isinstance(model, SPyNet) else repr(model)


@attrs.frozen
class SPyNetFlow(PairwiseEstimator):
    """SPyNet, the learned pyramid inside BasicVSR, BasicVSR++ and E2FGVI: small, and used to compressed video.

    model: a name in the table of weights, fetched on first use, a file, or a network. device: "auto" takes the fastest
    that is there; it computes in float32.
    Source: Ranjan and Black, Optical Flow Estimation using a Spatial Pyramid Network, CVPR 2017.
    Raises UsageError for weights that are not there or not SPyNet's, and for images that do not fit.
    """

    model: str | Path | SPyNet = attrs.field(default="spynet-reds4", repr=_brief)
    device: str | torch.device = "auto"
    _network: SPyNet = attrs.field(init=False, repr=False, eq=False)
    _device: torch.device = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        on = pick_device(self.device)
        network = resolve("SPyNetFlow", self.model, SPyNet, device=on, dtype=torch.float32)
        object.__setattr__(self, "_network", network)
        object.__setattr__(self, "_device", on)

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self.model)

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        with torch.no_grad():
            pair = [each[None].to(self._device).float() / 255 for each in (image, other)]
            flow: Tensor = self._network(*pair)
        return flow[0].cpu()
