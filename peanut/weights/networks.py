"""Which of our networks a checkpoint is for."""

import re
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from peanut.errors import UsageError
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.e2fgvi import E2FGVI
from peanut.networks.i3d import I3D
from peanut.networks.lpips import Heads, alexnet, trunk_like, vgg16
from peanut.networks.nanodet import NanoDet
from peanut.networks.raft import ENCODER, raft, raft_like
from peanut.networks.sam2 import build, size_of
from peanut.networks.samwise import SAMWISE
from peanut.networks.spynet import SPyNet
from peanut.weights.layouts import LAYOUTS
from peanut.weights.table import Entry


def expected_of(entry: Entry) -> dict[str, torch.Size]:
    """Names and shapes of the network that an entry is for, without memory for it. Raises UsageError without one."""
    if entry.layout == "JIT":
        raise UsageError(f"{entry.name} is a TorchScript program, not tensors: peanut.weights.network runs it.")
    if entry.layout not in LAYOUTS:
        raise UsageError(f"{entry.name} holds no tensors: `peanut weights pull {entry.name}` gives the file.")
    build = next((build for pattern, build in BUILDERS.items() if re.match(pattern, entry.network)), None)
    if build is None:
        raise UsageError(
            f"{entry.name}: PEANUT has no network of its own for {entry.network};"
            f" `peanut weights pull {entry.name}` gives the file."
        )
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in build(entry.network).state_dict().items()}


def network_like(weights: Mapping[str, Tensor]) -> nn.Module:
    """The network of ours that tensors of our names are for, filled. Raises UsageError if there is none."""
    like = next((like for name, like in LIKE.items() if name in weights), None)
    if like is None:
        raise UsageError("its tensors are those of no network of ours.")
    network = like(weights)
    network.load_state_dict(weights)
    return network


def _basicvsr_plusplus(network: str) -> nn.Module:
    size = re.search(r"c(\d+)n(\d+)", network)
    channels, blocks = (64, 7) if size is None else (int(size[1]), int(size[2]))
    return BasicVSRPlusPlus(channels, blocks, same_size="same size" in network)


def _sam2(network: str) -> nn.Module:
    _, version, hiera = network.split()[:3]
    return build(hiera.removeprefix("Hiera-").lower(), version, predictor=True)


BUILDERS: dict[str, Callable[[str], nn.Module]] = {
    r"SPyNet": lambda _: SPyNet(),
    r"BasicVSR x4": lambda _: BasicVSR(),
    r"BasicVSR\+\+": _basicvsr_plusplus,
    r"E2FGVI": lambda network: E2FGVI(fixed_size=None if "HQ" in network else (240, 432)),
    r"SAMWISE": lambda _: SAMWISE(),
    r"SAM 2": _sam2,
    r"NanoDet-g": lambda _: NanoDet(),
    r"RAFT (small|large), torchvision": lambda network: raft(small="small" in network),
    r"I3D RGB": lambda _: I3D(),
    r"AlexNet, torchvision": lambda _: alexnet(),
    r"VGG-16, torchvision": lambda _: vgg16(),
    r"LPIPS v0.1": lambda network: Heads((alexnet() if "AlexNet" in network else vgg16()).channels),
}
"""Our networks by the beginning of what the table calls them."""


def _sam2_like(weights: Mapping[str, Tensor]) -> nn.Module:
    return build(size_of(weights), "2.1" if "no_obj_embed_spatial" in weights else "2", predictor=True)


LIKE: dict[str, Callable[[Mapping[str, Tensor]], nn.Module]] = {
    "basic_module.0.basic_module.0.conv.weight": lambda _: SPyNet(),
    "forward_trunk.main.0.weight": BasicVSR.like,
    "deform_align.backward_1.weight": BasicVSRPlusPlus.like,
    "feat_prop_module.fusion.weight": E2FGVI.like,
    "cmt_adapters.0.spatial_pos_embed": SAMWISE.like,
    "maskmem_tpos_enc": _sam2_like,
    "stages.0.units.0.first.0.weight": lambda _: NanoDet(),
    ENCODER: raft_like,
    "Conv3d_1a_7x7.conv3d.weight": I3D.like,
    "features.0.weight": trunk_like,
    "lin0.model.1.weight": Heads.like,
}
"""Our networks by a tensor that only they have."""
