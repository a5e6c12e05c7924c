"""What it costs to remove things by their name: detection, the network, `Named` against `MovingObjects`, and memory.

    python -m benchmarks.words [FRAMES]

FRAMES: how long the stream is whose memory is taken (in a process of its own).
"""

import subprocess
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

import peanut
from benchmarks.plain_nanodet import nanodet
from benchmarks.ratio import ratio
from peanut import Frame, weights
from peanut.data.packages import bikes
from peanut.demo import START, STOP
from peanut.objects.detector import ObjectDetector

Array = npt.NDArray[np.uint8]

SIZE, EVERY, ROUNDS, TURNS = (360, 640), 4, 15, 2
SMALL, EARLY, SHOT = (54, 96), 500, 250
"""The frames of the long stream: (h, w), after how many its memory is taken first, and how many a shot has."""


def detection() -> None:
    """Milliseconds of a call, and what that is for each frame at the cadence of `Named`."""
    image = cv2.resize(next(iter(peanut.read(bikes(), start=START, stop=STOP))).numpy(), SIZE[::-1])
    detector = ObjectDetector.of(device="cpu")
    detector.detect(image)
    times = sorted(seconds(lambda: detector.detect(image)) * 1e3 for _ in range(ROUNDS))
    call, spread = median(times), f"{times[0]:.0f} to {times[-1]:.0f}"
    print(
        f"detection at {SIZE[1]}x{SIZE[0]}: {call:.0f} ms a call ({spread}), {call / EVERY:.0f} ms a frame at", end=" "
    )
    print(f"every={EVERY}")


def forward_pass() -> None:
    """The network, as the detector runs it, against the published graph taken operation by operation."""
    network = weights.network("nanodet-g", device="cpu", dtype="float32")
    state = dict(network.state_dict())
    images = torch.randn(1, 3, 256, 416, generator=torch.Generator().manual_seed(0))
    as_given = images.contiguous(memory_format=torch.channels_last)

    def ours() -> Tensor:
        scores: Tensor = network(as_given)[0]
        return scores

    with torch.no_grad():
        times = ratio(ours, lambda: nanodet(state, images))
    print(f"NanoDet-g at 416x256 against its graph, operation by operation: {times}")


def stages() -> None:
    """Process time of `Named` for that of `MovingObjects`, which it holds, in turns."""
    frames = list(peanut.read(bikes(), start=START, stop=STOP))

    def took(stage: peanut.Stage) -> float:
        start = process_time()
        for _ in stage(iter(frames)):
            pass
        return process_time() - start

    named, moving = peanut.Named("person", every=EVERY, device="cpu"), peanut.MovingObjects()
    pairs = [(took(named), took(moving)) for _ in range(TURNS)]
    times = sorted(ours / theirs for ours, theirs in pairs)
    each = median(ours for ours, _ in pairs) / len(frames) * 1e3
    print(
        f'Named("person") on {len(frames)} frames of the demo clip: {median(times):.2f} times the processor time of'
        f" MovingObjects alone ({times[0]:.2f} to {times[-1]:.2f}), {each:.0f} ms a frame"
    )


def stream(count: int) -> Iterator[Frame]:
    """A drawn wall before which two blocks walk to and fro, in shots."""
    coarse = np.random.default_rng(0).integers(60, 200, (SMALL[0] // 6 + 1, SMALL[1] // 6 + 1, 3), dtype=np.uint8)
    wall = cv2.resize(coarse, SMALL[::-1], interpolation=cv2.INTER_CUBIC)
    for index in range(count):
        image, shot = np.roll(wall, 7 * (index // SHOT), axis=1), index // SHOT
        for block, (speed, top, color) in enumerate(((1, 10, (220, 40, 50)), (-2, 20, (40, 60, 210)))):
            left = (speed * index + 40 * block) % (SMALL[1] + 12) - 12
            image[top : top + 28, max(0, left) : max(0, left + 12)] = color
        yield Frame.from_numpy(image, index=index, time=Fraction(index, 25)).with_shot(shot)


def resident() -> float:
    """The memory that this process has now, in MB."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096 / 1e6


def memory(count: int) -> None:
    """Resident memory on the way and at the end; what the detector is hardly sure of counts, too: more to forget."""
    named = peanut.Named("person", min_score=0.1, preset="fast", every=8, device="cpu")
    early, out, masked, start = 0.0, 0, 0, perf_counter()
    for frame in named(stream(count)):
        out += 1
        masked += bool(frame.mask is not None and frame.mask.any())
        early = resident() if out == EARLY else early
    each = 1e3 * (perf_counter() - start) / count
    print(
        f"memory of Named: {early:.0f} MB after {EARLY} frames, {resident():.0f} MB after {out} (ratio"
        f" {resident() / early:.3f}), of which {masked} had a mask; {each:.0f} ms a frame at {SMALL[1]}x{SMALL[0]}"
    )


def seconds(work: Callable[[], object]) -> float:
    start = perf_counter()
    work()
    return perf_counter() - start


def main() -> None:
    count = sys.argv[1] if len(sys.argv) > 1 else "5000"
    if len(sys.argv) > 2:
        return memory(int(count))
    for section in (detection, forward_pass, stages):
        section()
        sys.stdout.flush()
    subprocess.run([sys.executable, "-m", "benchmarks.words", count, "memory"], check=True)
    return None


if __name__ == "__main__":
    main()
