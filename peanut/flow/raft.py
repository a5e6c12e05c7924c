"""RAFT, as torchvision has it."""

import pickle

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.devices import pick_device, prepare_for_inference
from peanut.errors import UsageError, pick
from peanut.flow.estimator import PairwiseEstimator
from peanut.ops.padding import pad_to_multiple
from peanut.validators import at_least

RAFT_SMALLEST = 128
"""Pixels per side below which RAFT's pyramid of correlations is empty somewhere."""


@attrs.frozen
class RAFT(PairwiseEstimator):
    """RAFT as torchvision has it: correlations of all pairs, looked up again and again; slow on a CPU.

    small: the small network, or the large one. model: a name among torchvision's for it, taken from torch hub's cache
    or fetched, or a ready network (then `small` means nothing). updates: of the flow. device: "auto" takes the fastest
    that is there; it computes in float32. Images are extended to multiples of 8, at least 128.
    Source: Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020.
    Raises UsageError for weights that cannot be loaded, and for images that do not fit.
    """

    small: bool = True
    model: str | nn.Module = attrs.field(default="DEFAULT", repr=lambda x: repr(x) if isinstance(x, str) else "...")
    updates: int = attrs.field(default=12, validator=at_least(1))
    device: str | torch.device = "auto"
    _network: nn.Module = attrs.field(init=False, repr=False, eq=False)
    _device: torch.device = attrs.field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        on = pick_device(self.device)
        network = self.model if isinstance(self.model, nn.Module) else _raft(self.small, self.model)
        object.__setattr__(self, "_network", prepare_for_inference(network, on, torch.float32))
        object.__setattr__(self, "_device", on)

    @property
    def weights(self) -> tuple[str, ...]:
        small_or_large = "raft-small" if self.small else "raft-large"
        return (small_or_large,) if isinstance(self.model, str) else ()

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        h, w = image.shape[1:]
        with torch.no_grad():
            pair = [_extended(each[None].to(self._device).float() / 127.5 - 1) for each in (image, other)]
            flow: Tensor = self._network(*pair, num_flow_updates=self.updates)[-1]
        return flow[0, :, :h, :w].cpu().contiguous()


def _raft(small: bool, name: str) -> nn.Module:
    """torchvision's network, filled."""
    from torchvision.models import optical_flow

    build = optical_flow.raft_small if small else optical_flow.raft_large
    known = optical_flow.Raft_Small_Weights if small else optical_flow.Raft_Large_Weights
    chosen = pick("weights of RAFT", name, known.__members__)
    try:
        network: nn.Module = build(weights=chosen, progress=False)
    except (OSError, EOFError, RuntimeError, pickle.UnpicklingError) as error:
        file, reason = chosen.url.rpartition("/")[2], (str(error).splitlines() or [type(error).__name__])[0]
        raise UsageError(
            f"RAFT: {file} can neither be read from {torch.hub.get_dir()}/checkpoints nor fetched"
            f" ({reason.rstrip('.')}): put the file there, or give model= a network."
        ) from error
    return network


def _extended(x: Tensor) -> Tensor:
    """An image, b c h w, extended with its border to the least that RAFT takes, and to multiples of 8."""
    below, right = (max(0, RAFT_SMALLEST - side) for side in x.shape[-2:])
    return pad_to_multiple(F.pad(x, (0, right, 0, below), mode="replicate"), 8)
