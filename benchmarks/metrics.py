"""What measuring costs: milliseconds a frame of 432x240 on one core, for every metric that needs no network.

    python -m benchmarks.metrics

A textured clip slides under a moving hole. Each metric is given frame after frame, as an evaluation does it; the flows
between neighbors, which E_warp, flicker and STC share, stand in a line of their own. Processor time: the median
over the frames, the lowest of 20 passes; the memory of a frame is kept for the next, as the command line does.
"""

from collections.abc import Callable
from statistics import median
from time import process_time
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

import peanut
from peanut import metrics
from peanut.markdown import table

SIZE, LENGTH, PASSES = (240, 432), 20, 20
Steps = dict[str, Callable[[int], Any]]


def clip() -> tuple[Tensor, Tensor, Tensor]:
    """Result and truth, t 3 h w, uint8, and masks, t h w."""
    random = np.random.default_rng(0)
    h, w = SIZE
    noise = sum(
        cv2.resize(random.random((n, n, 3)), (w + 80, h + 80), interpolation=cv2.INTER_CUBIC) for n in (8, 40, 160)
    )
    still = torch.from_numpy(cv2.normalize(noise, None, 0, 255, cv2.NORM_MINMAX)).round().byte().permute(2, 0, 1)
    truth = torch.stack([still[:, t : t + h, 2 * t : 2 * t + w] for t in range(LENGTH)])
    masks = torch.zeros(LENGTH, h, w, dtype=torch.bool)
    for t in range(LENGTH):
        masks[t, 60:180, 100 + 5 * t : 190 + 5 * t] = True
    wrong = torch.from_numpy(random.integers(-20, 21, truth.shape)) * masks[:, None]
    return (truth + wrong).clamp(0, 255).byte(), truth, masks


def steps(result: Tensor, truth: Tensor, masks: Tensor) -> Steps:
    """What is done with every frame, by the name of the metric; fresh measures."""
    psnr, e_warp, flicker, stc = metrics.Psnr(), metrics.WarpingError(), metrics.Flicker(), metrics.Stc()
    gaussian, uniform, niqe = metrics.Ssim("gaussian-11"), metrics.Ssim("uniform-65"), metrics.Niqe()
    neighbors, flows = metrics.NeighborFlows(), []
    found, flow = masks.roll(3, dims=-1), torch.randn(2, *SIZE)
    return {
        "PSNR in four regions": lambda t: psnr.add(result[t], truth[t], masks[t]),
        "SSIM, 11 x 11": lambda t: gaussian.add(result[t], truth[t]),
        "SSIM, 65 x 65": lambda t: uniform.add(result[t], truth[t]),
        "flows to and fro (DIS, ultrafast)": lambda t: flows.append(neighbors.add(truth[t])),
        "E_warp": lambda t: e_warp.add(result[t], flows[-1]),
        "flicker": lambda t: flicker.add(result[t], truth[t], masks[t], flows[-1]),
        "STC": lambda t: stc.add(result[t], flows[-1]),
        "J": lambda t: metrics.jaccard(found[t], masks[t]),
        "F": lambda t: metrics.boundary(found[t], masks[t]),
        "endpoint error": lambda t: metrics.endpoint_error(flow, flow),
        "NIQE": lambda t: niqe.add(result[t]),
    }


def one_pass(clips: tuple[Tensor, Tensor, Tensor]) -> dict[str, float]:
    """Median milliseconds of a frame; the first, which has no neighbor yet, left out."""
    work = steps(*clips)
    times: dict[str, list[float]] = {name: [] for name in work}
    for t in range(LENGTH):
        for name, step in work.items():
            start = process_time()
            step(t)
            times[name].append(1e3 * (process_time() - start))
    return {name: median(each[1:]) for name, each in times.items()}


def main() -> None:
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    peanut.keep_memory()
    clips = clip()
    passes = [one_pass(clips) for _ in range(PASSES)]
    best = {name: min(each[name] for each in passes) for name in passes[0]}
    best["all of them"] = sum(best.values())
    print(table(["metric", "ms a frame"], [[name, f"{time:.1f}"] for name, time in best.items()]))


if __name__ == "__main__":
    main()
