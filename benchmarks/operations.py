"""How light the networks are: parameters, and multiplications with additions (MAC) for a frame, counted while they run.

    python -m benchmarks.operations

Counted by PyTorch's own counter of floating point operations (2 for a MAC), on tensors without values except for
SAMWISE: products of matrices, convolutions and attention. What is pointwise, and looking up pixels, is not counted. A
frame's share of what a window or clip computes; the conditional memory encoder's second look is left out.
"""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import peanut
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.e2fgvi import E2FGVI
from peanut.networks.nanodet import NanoDet
from peanut.networks.samwise import SAMWISE, MemoryBank
from peanut.networks.spynet import SPyNet

N = TypeVar("N", bound=nn.Module)


def counted(work: Callable[[], object]) -> float:
    """MAC, in billions."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return counter.get_total_flops() / 2e9


def row(name: str, network: nn.Module, work: Callable[[], object], frames: int, size: str) -> None:
    own = {id(x) for part in network.modules() if isinstance(part, SPyNet) for x in part.parameters()}
    total = sum(x.numel() for x in network.parameters())
    flow = sum(x.numel() for x in network.parameters() if id(x) in own)
    share = f", of them SPyNet {flow / 1e6:.2f}" if flow and flow != total else ""
    print(f"| {name} | {total / 1e6:.2f}{share} | {counted(work) / frames:.1f} | {size} |", flush=True)


def samwise(network: SAMWISE, clip: int) -> Callable[[], Tensor]:
    def work() -> Tensor:
        bank = MemoryBank(correction=None)
        seen = network.encode(network.encode_stem(torch.rand(clip, 3, 1024, 1024)), prompt, bank)
        return torch.cat([network.step(seen.frame(n), bank).logits for n in range(clip)])

    prompt = network.prompt(torch.tensor([0, *range(5, 15), 2]))
    return work


def rows_of_samwise() -> None:
    for size in ("t", "b+"):
        network = SAMWISE(size).eval().requires_grad_(False)
        row(f"SAMWISE, Hiera-{size.upper()}", network, samwise(network, 8), 8, "1024x1024, a clip of 8")
        learned = sum(x.numel() for x in network.freeze().parameters() if x.requires_grad)
        print(f"| of it learned | {learned / 1e6:.2f} | | SAM 2 and RoBERTa are frozen |", flush=True)


def empty(network: N) -> N:
    """The network without values."""
    return network.eval().requires_grad_(False).to("meta")


def main() -> None:
    peanut.fast_paths(False)
    print("| network | parameters (millions) | MAC a frame (billions) | counted for |\n| --- | --- | --- | --- |")
    pair = torch.rand(2, 1, 3, 240, 432, device="meta")
    spynet = empty(SPyNet())
    row("SPyNet", spynet, lambda: spynet(*pair), 1, "a pair of 432x240")
    rows_of_samwise()
    eraser, window = empty(E2FGVI()), torch.rand(1, 15, 3, 240, 432, device="meta")
    row("E2FGVI-HQ", eraser, lambda: eraser(window, 11), 5, "432x240, 11 local and 4 reference frames, 5 new ones")
    clip = torch.rand(1, 5, 3, 180, 320, device="meta")
    for sharpener in (empty(BasicVSR()), empty(BasicVSRPlusPlus())):
        work = partial(sharpener, clip)
        row(f"{type(sharpener).__name__} x4", sharpener, work, 5, "320x180 to 1280x720, 5 frames")
    detector, image = empty(NanoDet()), torch.rand(1, 3, 416, 416, device="meta")
    row("NanoDet-g", detector, lambda: detector(image), 1, "416x416")


if __name__ == "__main__":
    main()
