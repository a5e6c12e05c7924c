"""How fast UR-Net's parts are, against the plain way, at the published shapes: 180x320, 64 channels, 16 offset groups.

python -m benchmarks.basicvsr_plusplus [FRAMES]
"""

import sys
from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor

import peanut
from benchmarks.plain_basicvsr_plusplus import basicvsr_plusplus
from benchmarks.ratio import ratio
from peanut.devices import prepare_for_inference
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.ops.deformable import deform_conv2d

SIZE = 180, 320


def main(frames: int = 5) -> None:
    from torchvision.ops import deform_conv2d as torchvision_deform_conv2d

    torch.manual_seed(0)
    with torch.no_grad():
        x, mask = torch.randn(1, 128, *SIZE), torch.rand(1, 144, *SIZE)
        offset = 3 * torch.randn(1, 288, *SIZE)
        weight, bias = torch.randn(64, 128, 3, 3) / 34, torch.randn(64)
        ours = ratio(
            lambda: deform_conv2d(x, offset, mask, weight, bias),
            lambda: torchvision_deform_conv2d(x, offset, weight, bias, padding=1, mask=mask),
        )
        print(f"deformable convolution against torchvision's: {ours}", flush=True)
        clip = _drifting_noise(frames)
        network = BasicVSRPlusPlus()
        weights = network.state_dict()
        network = prepare_for_inference(network, torch.device("cpu"), torch.float32)

        def run() -> Tensor:
            out: Tensor = network(clip[None])[0]
            return out

        def plain() -> Tensor:
            return basicvsr_plusplus(weights, clip)

        print(f"BasicVSR++, float32, against the plain order of work: {ratio(run, plain, rounds=3)}", flush=True)
        network = prepare_for_inference(network, torch.device("cpu"), torch.bfloat16)
        print(f"BasicVSR++, bfloat16, against the same: {ratio(run, plain, rounds=3, tolerance=None)}", flush=True)
        network = prepare_for_inference(network, torch.device("cpu"), torch.float32)
        freed = _seconds(plain)
        if peanut.keep_memory():
            ours, theirs = _seconds(run), _seconds(plain)
            print(
                f"BasicVSR++, float32, with memory kept, against the plain order without: {freed / ours:.2f}x,", end=" "
            )
            print(f"against it with memory kept as well: {theirs / ours:.2f}x")


def _seconds(work: Callable[[], Tensor]) -> float:
    """Median of three runs, after one that warms up."""
    times = []
    for _ in range(4):
        start = perf_counter()
        work()
        times.append(perf_counter() - start)
    return median(times[1:])


def _drifting_noise(frames: int) -> Tensor:
    """A clip t 3 h w in [0, 1] that moves by two pixels from frame to frame."""
    h, w = SIZE
    coarse = torch.rand(1, 3, h // 4 + 2, (w + 2 * frames) // 4 + 2)
    wide = torch.nn.functional.interpolate(coarse, scale_factor=4, mode="bicubic").clamp(0, 1)
    return torch.cat([wide[..., :h, 2 * t : 2 * t + w] for t in range(frames)])


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
