"""How well and how fast the optical flow estimators do on a drawn sequence whose flow is known; one thread each.

    python -m benchmarks.optical_flow [--picture PATH]

A textured background under a camera that pans, turns and zooms, and a textured block before it that moves on its own;
grain on top. 10 pairs of 320x180. The error is the distance to the true flow in pixels, over all pixels, those that go
out of sight included. Learned estimators appear where their weights are here. `--picture` also draws one pair.
"""

import argparse
from collections.abc import Mapping
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from statistics import median
from time import process_time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torchvision.models.optical_flow import Raft_Large_Weights, Raft_Small_Weights

import peanut
from benchmarks.__main__ import machine
from peanut.labels import label
from peanut.weights import entries
from peanut.weights.store import is_here, kept_at

Array = npt.NDArray[Any]
WIDTH, HEIGHT, PAIRS = 320, 180, 10
BLOCK = 64, 96
"""Height and width of the block."""
GRAIN = 2.0
"""Grey levels of noise, standard deviation."""
SHOWN = 4
"""Which pair the picture shows."""


def texture(h: int, w: int, seed: int) -> Array:
    """A pattern with details of many sizes: h w 3, float32, 0 to 255."""
    random = np.random.default_rng(seed)
    total = np.zeros((h, w, 3), np.float32)
    for size, share in ((6, 0.25), (16, 0.35), (48, 0.4)):
        noise = random.uniform(0, 255, (h // size + 3, w // size + 3, 3)).astype(np.float32)
        total += share * cv2.resize(noise, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)[:h, :w]
    muted = 0.4 * total + 0.6 * total.mean(axis=2, keepdims=True)
    return np.asarray(np.clip(128 + 2 * (muted - 128), 0, 255))


def camera(t: int) -> Array:
    """From the pixels of frame t to those of the wide background: 3 3."""
    angle, zoom = np.radians(0.6 * (t - PAIRS / 2)), 1.01**t
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    whole: Array = np.eye(3)
    whole[:2, :2], whole[:2, 2] = turn, (140, 100) + centre + np.array([3.3, 1.2]) * t - turn @ centre
    return whole


def corner(t: int) -> Array:
    """Where the block's upper left corner is in frame t: x, y."""
    return np.array([60.0 + 5.4 * t, 40.0 + 2.3 * t])


def places() -> Array:
    """The pixels' own places: h w 2, x before y."""
    return np.dstack(np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float)))


def on_block(t: int) -> Array:
    """How much of each pixel of frame t the block covers: h w, 0 to 1."""
    x, y = np.moveaxis(places() - corner(t), 2, 0)
    h, w = BLOCK
    across = [np.clip(side + 1, 0, 1) * np.clip(end - side, 0, 1) for side, end in ((x, w), (y, h))]
    return np.asarray(across[0] * across[1])


def moved(points: Array, matrix: Array) -> Array:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def frame(t: int) -> Tensor:
    """The picture at time t: 3 h w, uint8."""
    background = looked_up(texture(420, 620, seed=1), moved(places(), camera(t)))
    block = looked_up(texture(*BLOCK, seed=2), places() - corner(t))
    share = on_block(t)[..., None]
    grain = np.random.default_rng(100 + t).normal(0, GRAIN, background.shape)
    picture = np.clip(np.rint((1 - share) * background + share * block + grain), 0, 255).astype(np.uint8)
    return torch.from_numpy(picture.transpose(2, 0, 1).copy())


def looked_up(x: Array, at: Array) -> Array:
    nothing: Any = None
    return np.asarray(cv2.remap(x, at.astype(np.float32), nothing, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def true_flow(t: int) -> Tensor:
    """From frame t to frame t + 1: 2 h w, pixels."""
    of_camera = moved(moved(places(), camera(t)), np.linalg.inv(camera(t + 1))) - places()
    of_block = corner(t + 1) - corner(t)
    flow = np.where(on_block(t)[..., None] > 0.5, of_block, of_camera)
    return torch.from_numpy(flow.transpose(2, 0, 1).astype(np.float32).copy())


def estimators() -> dict[str, peanut.FlowEstimator]:
    """Those that work here, by how they are called."""
    every = [peanut.DIS("ultrafast"), peanut.DIS("fast"), peanut.DIS(), peanut.Farneback(), peanut.LucasKanade()]
    found: dict[str, peanut.FlowEstimator] = {label(one): one for one in [*every, peanut.HornSchunck()]}
    spynet = entries()["spynet-reds4"]
    if is_here(kept_at(spynet, spynet.file)):
        found["SPyNetFlow()"] = peanut.SPyNetFlow(device="cpu")
    checkpoints = Path(torch.hub.get_dir()) / "checkpoints"
    for small, name in ((True, "RAFT()"), (False, "RAFT(small=False)")):
        weights = Raft_Small_Weights.DEFAULT if small else Raft_Large_Weights.DEFAULT
        if (checkpoints / weights.url.rpartition("/")[2]).exists():
            found[name] = peanut.RAFT(small, device="cpu")
    with suppress(peanut.UsageError):  # no such OpenCV, or no such GPU
        found["NvidiaFlow()"] = peanut.NvidiaFlow()
    return found


def measured(estimator: peanut.FlowEstimator, frames: list[Tensor]) -> tuple[Array, float]:
    """The distance to the true flow of every pixel of every pair, and the median of milliseconds per pair."""
    estimator(frames[0], frames[1])  # warm
    errors, times = [], []
    for t, (image, other) in enumerate(pairwise(frames)):
        start = process_time()
        flow = estimator(image, other)
        times.append(1000 * (process_time() - start))
        errors.append((flow - true_flow(t)).norm(dim=0).numpy())
    return np.stack(errors), median(times)


def table(found: Mapping[str, peanut.FlowEstimator], frames: list[Tensor]) -> str:
    lines = ["| estimator | mean endpoint error (px) | over 1 px | ms per pair |", "| --- | --- | --- | --- |"]
    for name, estimator in found.items():
        errors, milliseconds = measured(estimator, frames)
        lines.append(f"| `{name}` | {errors.mean():.2f} | {(errors > 1).mean():.1%} | {milliseconds:.0f} |")
    return "\n".join(lines)


def draw(path: Path, found: Mapping[str, peanut.FlowEstimator], frames: list[Tensor]) -> None:
    """One pair: its first picture, the true flow, what each estimator finds, and the wheel."""
    truth = true_flow(SHOWN)
    largest = 1.2 * float(truth.norm(dim=0).max())
    tiles = {"the picture": frames[SHOWN], "the true flow": peanut.flow_image(truth, largest)}
    for name, estimator in found.items():
        if name.startswith("DIS(") and name != "DIS()":
            continue
        tiles[name] = peanut.flow_image(estimator(frames[SHOWN], frames[SHOWN + 1]), largest)
    wheel = torch.from_numpy((places() - (WIDTH / 2, HEIGHT / 2)).transpose(2, 0, 1) / (HEIGHT / 2 - 8))
    wheel[:, wheel.norm(dim=0) > 1] = 0
    tiles["where it points"] = peanut.flow_image(wheel, 1)
    labelled = [_labelled(name, tile) for name, tile in tiles.items()]
    columns = 3
    labelled += [np.full_like(labelled[0], 255)] * (-len(labelled) % columns)
    rows = [np.hstack(labelled[i : i + columns]) for i in range(0, len(labelled), columns)]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.vstack(rows)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])


def _labelled(name: str, tile: Tensor) -> Array:
    """A tile with its name above: h w 3."""
    whole = np.full((HEIGHT + 28, WIDTH + 8, 3), 255, np.uint8)
    whole[24 : 24 + HEIGHT, 4 : 4 + WIDTH] = tile.permute(1, 2, 0).numpy()
    cv2.putText(whole, name, (4, 17), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (30, 30, 30), 1, cv2.LINE_AA)
    return whole


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--picture", type=Path, metavar="PATH", help="also draw one pair into this PNG")
    picture = words.parse_args().picture
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    frames = [frame(t) for t in range(PAIRS + 1)]
    found = estimators()
    print(f"{PAIRS} pairs of {WIDTH}x{HEIGHT}, one thread: {machine()}\n")
    print(table(found, frames))
    if picture is not None:
        draw(picture, found, frames)


if __name__ == "__main__":
    main()
