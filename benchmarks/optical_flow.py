"""How well, how fast and in how much memory the optical flow estimators do where the flow is known; one thread each.

    python -m benchmarks.optical_flow [--picture PATH]          about five minutes

10 pairs of 320x180 for each condition of `benchmarks.flow_scenes`. The error is the distance to the true flow in
pixels, over all pixels, those that go out of sight included. Memory is what a pair of 640x360 adds at its peak, in a
process of its own (Linux). Learned estimators of which no weights are here are measured in time and memory with random
ones. `--picture` also draws one pair.
"""

import argparse
import ctypes
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

import peanut
from benchmarks.__main__ import machine
from benchmarks.flow_scenes import CONDITIONS, HEIGHT, PAIRS, WIDTH, Array, Condition, places
from peanut.labels import label
from peanut.networks.raft import raft
from peanut.networks.spynet import SPyNet
from peanut.vision.lettering import caption
from peanut.vision.montage import montage
from peanut.weights import here

SHOWN = 4
"""Which pair the picture shows."""
LETTERS, COLUMNS = 16, 3
"""Of the picture: the height of its letters in pixels, and images in a row."""
LARGE = 360, 640
"""Height and width of the pair that memory is measured with."""
Pair = tuple[Tensor, Tensor, Tensor]

CLASSICAL: tuple[Callable[[], peanut.FlowEstimator], ...] = (
    lambda: peanut.DIS("ultrafast"),
    lambda: peanut.DIS("fast"),
    peanut.DIS,
    peanut.Farneback,
    peanut.HomographyFlow,
    lambda: peanut.LucasKanade(penalty="quadratic"),
    peanut.LucasKanade,
    lambda: peanut.HornSchunck(penalty="quadratic"),
    peanut.HornSchunck,
)
LEARNED: dict[str, tuple[str, Callable[[], Any], Callable[[], Any]]] = {
    "SPyNetFlow()": (
        "spynet-reds4",
        lambda: peanut.SPyNetFlow(device="cpu"),
        lambda: peanut.SPyNetFlow(SPyNet(), device="cpu"),
    ),
    "RAFT()": ("raft-small", lambda: peanut.RAFT(device="cpu"), lambda: peanut.RAFT(model=raft(True), device="cpu")),
    "RAFT(small=False)": (
        "raft-large",
        lambda: peanut.RAFT(small=False, device="cpu"),
        lambda: peanut.RAFT(model=raft(False), device="cpu"),
    ),
}
"""By how they are called: the weights, with them, and without."""


def estimators() -> dict[str, peanut.FlowEstimator]:
    """Those that work here, by how they are called."""
    found = {label(one): one for one in (build() for build in CLASSICAL)}
    for name, (weights, filled, empty) in LEARNED.items():
        found[name] = filled() if here(weights) else empty()
    with suppress(peanut.UsageError):  # no such OpenCV, or no such GPU
        found["NvidiaFlow()"] = peanut.NvidiaFlow()
    return found


def knows(name: str) -> bool:
    """Whether an estimator computes with weights that mean something."""
    return name not in LEARNED or here(LEARNED[name][0])


def errors(estimator: peanut.FlowEstimator, pairs: list[Pair]) -> Array:
    """The distance to the true flow of every pixel of every pair."""
    return np.stack([(estimator(image, other) - truth).norm(dim=0).numpy() for image, other, truth in pairs])


def milliseconds(estimator: peanut.FlowEstimator, pairs: list[Pair]) -> float:
    """Of one processor core, for the pair that took it least: what else runs on the machine only adds."""
    estimator(*pairs[0][:2])  # warm
    times = []
    for image, other, _ in pairs:
        start = process_time()
        estimator(image, other)
        times.append(1000 * (process_time() - start))
    return min(times)


def parameters(estimator: peanut.FlowEstimator) -> str:
    network = getattr(estimator, "_network", None)
    return f"{sum(x.numel() for x in network.parameters()):,}" if isinstance(network, nn.Module) else "none"


def added(name: str) -> float:
    """The MB that one large pair adds at its peak to what this process holds, which is called for nothing else."""
    estimator = estimators()[name]
    small, large = (torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8) for size in ((64, 64), LARGE))
    estimator(*small)  # imports, thread pools
    ctypes.CDLL(None).malloc_trim(0)  # what is free counts for nothing
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before = _kilobytes("VmRSS")
    estimator(*large)
    return (_kilobytes("VmHWM") - before) / 1e3


def _kilobytes(what: str) -> int:
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith(what))


def peak_of(name: str) -> str:
    """`added` in a process of its own."""
    if not Path("/proc/self/clear_refs").exists():
        return ""
    command = [sys.executable, "-m", "benchmarks.optical_flow", "--memory", name]
    return f"{float(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout):.0f}"


def costs(found: dict[str, peanut.FlowEstimator], pairs: list[Pair]) -> str:
    lines = [
        "| estimator | mean endpoint error (px) | over 1 px | ms per pair | peak extra MB | parameters |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, estimator in found.items():
        accuracy = "no weights here | "
        if knows(name):
            wrong = errors(estimator, pairs)
            accuracy = f"{wrong.mean():.2f} | {(wrong > 1).mean():.1%}"
        time = milliseconds(estimator, pairs if knows(name) else pairs[:3])
        lines.append(f"| `{name}` | {accuracy} | {time:.0f} | {peak_of(name)} | {parameters(estimator)} |")
    return "\n".join(lines)


def under_conditions(found: dict[str, peanut.FlowEstimator], conditions: tuple[Condition, ...]) -> str:
    """The mean endpoint error of every estimator under every condition."""
    rows = {name: [f"`{name}`"] for name in found if knows(name)}
    for condition in conditions:
        pairs = condition.pairs()
        for name, row in rows.items():
            row.append(f"{errors(found[name], pairs).mean():.2f}")
    head = ["estimator", *(condition.name for condition in conditions)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows.values()))


def draw(path: Path, found: dict[str, peanut.FlowEstimator], pairs: list[Pair]) -> None:
    """One pair: its first picture, the true flow, what each estimator finds, and the wheel."""
    image, other, truth = pairs[SHOWN]
    largest = 1.2 * float(truth.norm(dim=0).max())
    tiles = {"the picture": image, "the true flow": peanut.flow_image(truth, largest)}
    for name, estimator in found.items():
        if knows(name) and not name.startswith("DIS(preset"):
            tiles[name] = peanut.flow_image(estimator(image, other), largest)
    wheel = torch.from_numpy((places() - (WIDTH / 2, HEIGHT / 2)).transpose(2, 0, 1) / (HEIGHT / 2 - 8))
    wheel[:, wheel.norm(dim=0) > 1] = 0
    tiles["where it points"] = peanut.flow_image(wheel, 1)
    labelled = [
        montage([[caption(name, WIDTH, LETTERS)], [tile.permute(1, 2, 0).numpy()]], gap=0)
        for name, tile in tiles.items()
    ]
    rows = [labelled[i : i + COLUMNS] for i in range(0, len(labelled), COLUMNS)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), montage(rows)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--picture", type=Path, metavar="PATH", help="also draw one pair into this PNG")
    words.add_argument("--memory", metavar="ESTIMATOR", help=argparse.SUPPRESS)
    given = words.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    torch.manual_seed(0)
    if given.memory:
        print(added(given.memory))
        return
    found, (clear, *hard) = estimators(), CONDITIONS
    pairs = clear.pairs()
    print(f"{PAIRS} pairs of {WIDTH}x{HEIGHT}, memory at {LARGE[1]}x{LARGE[0]}, one thread: {machine()}\n")
    print(costs(found, pairs), end="\n\n")
    print(under_conditions(found, (clear, *hard)))
    if given.picture is not None:
        draw(given.picture, found, pairs)


if __name__ == "__main__":
    main()
