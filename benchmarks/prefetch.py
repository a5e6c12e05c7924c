"""What `prefetch` brings between decoding, computing and encoding: the demo clip, side by side, in turns.

python -m benchmarks.prefetch
"""

import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import peanut
from peanut.demo import START, clip


def seconds(path: Path, n: int) -> float:
    fetch = [peanut.prefetch(n), peanut.prefetch(n)] if n else []
    pipeline = peanut.read(clip(), start=START, stop=START + 1, shots=False)
    for stage in (*fetch[:1], peanut.MovingObjects(preset="live"), peanut.FlowEraser(preset="live"), *fetch[1:]):
        pipeline = pipeline | stage
    start = perf_counter()
    (pipeline | peanut.write(path, overwrite=True)).run(progress=False)
    return perf_counter() - start


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clean.mp4"
        seconds(path, 0)  # warm
        times = sorted(seconds(path, 0) / seconds(path, 4) for _ in range(5))
    print(f"prefetch(4) before and after the work: {median(times):.2f}x as fast ({times[0]:.2f} to {times[-1]:.2f})")


if __name__ == "__main__":
    main()
