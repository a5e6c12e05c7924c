"""RAFT (Teed and Deng, RAFT: Recurrent All-Pairs Field Transforms for Optical Flow, ECCV 2020), as torchvision has it.

Its weights are torchvision's; those of the authors have other names.
"""

from collections.abc import Mapping

from torch import Tensor, nn

ENCODER = "feature_encoder.convnormrelu.0.weight"
"""A tensor that only RAFT has; the small one's has fewer channels."""


def raft(small: bool) -> nn.Module:
    """The small or the large network, not filled: (b 3 h w, b 3 h w), -1 to 1 -> flows b 2 h w, one per update."""
    from torchvision.models import optical_flow

    network: nn.Module = (optical_flow.raft_small if small else optical_flow.raft_large)(weights=None)
    return network


def is_raft(network: object) -> bool:
    """Whether it is torchvision's, whose class is slow to import."""
    return any(kind.__name__ == "RAFT" for kind in type(network).__mro__)


def raft_like(weights: Mapping[str, Tensor]) -> nn.Module:
    """The network that weights are for, not filled."""
    return raft(small=len(weights[ENCODER]) < 64)
