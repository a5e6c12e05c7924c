"""E2FGVI for one new frame at a time: it alone is computed, earlier frames answer its attention from memory.

The idea of Thiry et al., Towards Online Real-Time Memory-based Video Inpainting Transformers (arXiv 2403.16161) in
E2FGVI. The output differs from that of the whole window: earlier frames do not learn from later ones, and nothing
flows backward in time.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import torch
from torch import Tensor

from peanut.networks.focal_transformer import Memory

if TYPE_CHECKING:
    from peanut.networks.e2fgvi import E2FGVI


@attrs.frozen(eq=False)
class Remembered:
    """What is kept of a frame."""

    propagated: Tensor
    """The forward branch's feature: b c h/4 w/4."""
    flow: Tensor | None
    """To the frame before: b 2 h/4 w/4, pixels of the feature; None where nothing was propagated."""
    blocks: tuple[Memory, ...]
    """Keys and values of its tokens, block by block."""


def complete_newest(
    network: "E2FGVI", feature: Tensor, flow: Tensor | None, before: Sequence[Remembered], others: Sequence[Remembered]
) -> tuple[Tensor, Remembered]:
    """The newest frame completed, b 3 h w in [-1, 1], and what to remember it by.

    feature: its encoded feature, b c h/4 w/4. flow: completed, from it to the frame before. before: the one or two
    frames directly before it, the nearest last, or none. others: all frames that it attends to.
    """
    propagation = network.feat_prop_module
    backward = propagation.step("backward_", [feature], [], [])
    past = list(before[-1:]) if not before or before[-1].flow is None else list(before[-2:])
    flows = [one for one in (past[-1].flow if len(past) > 1 else None, flow) if one is not None]
    forward = propagation.step("forward_", [feature, backward], [one.propagated for one in past], flows)
    whole = (propagation.fusion(torch.cat([backward, forward], dim=1)) + feature)[:, None]
    tokens, blocks = network.ss(whole), []
    for number, block in enumerate(network.transformer):
        seen = [remembered.blocks[number] for remembered in others]
        tokens, memory = block(tokens, whole.shape[-2:], slice(None), seen)
        blocks.append(memory)
    return network.decode(whole, tokens)[:, 0], Remembered(forward, flow, tuple(blocks))
