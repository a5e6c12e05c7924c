"""What `prefetch` brings between decoding, computing and encoding: the demo clip, side by side, in turns.

python -m benchmarks.prefetch
"""

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Literal

import peanut
from peanut.data.packages import bikes
from peanut.demo import START


def seconds(path: Path, preset: Literal["quality", "fast"], n: int) -> float:
    fetch = [peanut.prefetch(n)] if n else []
    work = peanut.MovingObjects(preset=preset), peanut.FlowEraser(preset=preset)
    pipeline = peanut.read(bikes(), start=START, stop=START + 1, shots=False)
    for stage in (*fetch, *work, *fetch):
        pipeline = pipeline | stage
    start = perf_counter()
    (pipeline | peanut.write(path, overwrite=True)).run(progress=False)
    return perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clean.mp4"
        seconds(path, "fast", 0)  # warm
        for preset in ("fast", "quality"):
            times = sorted(seconds(path, preset, 0) / seconds(path, preset, 4) for _ in range(5))
            spread = f"({times[0]:.2f} to {times[-1]:.2f})"
            print(f"prefetch(4) before and after the work, presets {preset}: {median(times):.2f}x as fast {spread}")


if __name__ == "__main__":
    main()
