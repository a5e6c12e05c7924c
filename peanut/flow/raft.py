"""RAFT, as torchvision has it."""

from pathlib import Path

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.devices import pick_device, prepare_for_inference
from peanut.errors import UsageError
from peanut.flow.estimator import PairwiseEstimator
from peanut.networks.raft import is_raft
from peanut.ops.padding import pad_to_multiple
from peanut.validators import at_least, flag
from peanut.weights import names_used, network

RAFT_SMALLEST = 128
"""Pixels per side below which RAFT's pyramid of correlations is empty somewhere."""


def _brief(model: str | Path | nn.Module | None) -> str:
    return "..." if isinstance(model, nn.Module) else repr(model)


@attrs.frozen
class RAFT(PairwiseEstimator):
    """RAFT as torchvision has it: correlations of all pairs, looked up again and again; slow on a CPU.

    small: the small network, "raft-small" in the table of weights, or the large one, "raft-large"; fetched on first
    use. model: in place of them a name in the table, a file, or a network (then `small` means nothing). updates: of
    the flow. device: "auto" takes the fastest that is there; it computes in float32. Images are extended to multiples
    of 8, at least 128.
    Source: Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020.
    Raises UsageError for weights that are not there or not RAFT's, and for images that do not fit.
    """

    small: bool = attrs.field(default=True, validator=flag)
    model: str | Path | nn.Module | None = attrs.field(default=None, repr=_brief)
    updates: int = attrs.field(default=12, validator=at_least(1))
    device: str | torch.device = "auto"
    _network: nn.Module = attrs.field(init=False, repr=False, eq=False)
    _device: torch.device = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        on, model = pick_device(self.device), self._chosen()
        if not isinstance(model, nn.Module):
            ready = network(model, device=on, dtype=torch.float32)
        else:
            ready = prepare_for_inference(model, on, torch.float32)
        if not is_raft(ready):
            shown = "this" if isinstance(model, nn.Module) else model
            raise UsageError(f"RAFT: model must be a RAFT; {shown} is a {type(ready).__name__}.")
        object.__setattr__(self, "_network", ready)
        object.__setattr__(self, "_device", on)

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self._chosen())

    def _chosen(self) -> str | Path | nn.Module:
        if self.model is not None:
            if not isinstance(self.model, str | Path | nn.Module):
                raise UsageError(f"RAFT: model must be a name, a file or a network, got {self.model!r}.")
            return self.model
        return "raft-small" if self.small else "raft-large"

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        h, w = image.shape[1:]
        with torch.no_grad():
            pair = [_extended(each[None].to(self._device).float() / 127.5 - 1) for each in (image, other)]
            flow: Tensor = self._network(*pair, num_flow_updates=self.updates)[-1]
        return flow[0, :, :h, :w].cpu().contiguous()


def _extended(x: Tensor) -> Tensor:
    """An image, b c h w, extended with its border to the least that RAFT takes, and to multiples of 8."""
    below, right = (max(0, RAFT_SMALLEST - side) for side in x.shape[-2:])
    return pad_to_multiple(F.pad(x, (0, right, 0, below), mode="replicate"), 8)
