"""Memory over a long stream: 20,000 generated frames at 320x180 through shots, masks, FlowEraser and writing.

    python -m benchmarks.long_stream [FRAMES] [pull|push]

Prints the peak of the process's memory after 500 frames and at the end (each way of running in a process of its own).
"""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import numpy as np
import torch

import peanut
from peanut import Frame

H, W, HOLE = 180, 320, (24, 40)  # the hole covers 1.7 % of the picture
EARLY = 500


def picture(index: int, background: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    """A drawn street under a camera that drifts, a block that walks through it, and the mask of the block."""
    shift, scene = index % 640, index // 640
    image = np.roll(background, (-shift, 40 * scene), axis=(1, 2))[:, :, :W].copy()
    y, x = 60 + int(30 * np.sin(index / 20)), (index * 3) % (W - HOLE[1])
    image[:, y : y + HOLE[0], x : x + HOLE[1]] = (250, 40, 60)[scene % 3]
    mask = torch.zeros(H, W, dtype=torch.bool)
    mask[y : y + HOLE[0], x : x + HOLE[1]] = True
    return torch.from_numpy(image), mask


def stream(count: int) -> Iterator[Frame]:
    coarse = np.random.default_rng(0).integers(0, 256, (3, H // 4, 640 // 4), dtype=np.uint8)
    background = coarse.repeat(4, axis=1).repeat(4, axis=2)
    for index in range(count):
        image, mask = picture(index, background)
        yield Frame(index=index, time=Fraction(index, 25), image=image, mask=mask)


def peak() -> float:
    """The most memory that this process has had so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def measure(count: int, way: str, path: Path) -> str:
    pipeline = peanut.shots() | peanut.FlowEraser(preset="fast") | peanut.write(path)
    early, out, start = 0.0, 0, perf_counter()
    if way == "pull":
        for _ in pipeline(stream(count)):
            out += 1
            early = peak() if out == EARLY else early
    else:
        with pipeline.session(fps=25) as session:
            for frame in stream(count):
                out += len(session.push(frame))
                early = peak() if frame.index == EARLY else early
            out += len(session.flush())
    seconds = perf_counter() - start
    return (
        f"long stream, {way}: {out} frames, peak {early:.0f} MB after {EARLY} frames, {peak():.0f} MB at the end "
        f"(ratio {peak() / early:.3f}), {1e3 * seconds / count:.1f} ms a frame"
    )


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    if len(sys.argv) > 2:
        with tempfile.TemporaryDirectory() as folder:
            print(measure(count, sys.argv[2], Path(folder) / "clean.mp4"))
        return
    for way in ("pull", "push"):
        subprocess.run([sys.executable, "-m", "benchmarks.long_stream", str(count), way], check=True)


if __name__ == "__main__":
    main()
