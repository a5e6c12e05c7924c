"""P-MASK | NOF-Eraser | UR-Net on a real clip: frames, order, memory. Networks are small, weights stand-ins.

    python -m benchmarks.cascade               the man of the demo's clip: frames out, and where the time goes
    python -m benchmarks.cascade memory        400 frames: the process's peak on the way

What a stand-in finds is cut to a box in the middle, so that something is known around it: the pictures mean nothing.
"""

import resource
import sys
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path

import attrs
import torch

import peanut
from benchmarks.nof_eraser import stand_in
from benchmarks.p_mask import SMALL, seen, spell
from peanut import Frame
from peanut.data.packages import bikes
from peanut.demo import START, STOP
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.samwise import SAMWISE

MARKS = 50, 100, 200, 400


@peanut.map
def in_a_box(frame: Frame) -> Frame:
    box = torch.zeros(frame.size, dtype=torch.bool)
    h, w = frame.size
    box[h // 4 : 3 * h // 4, w // 4 : w // 2] = True
    return frame.with_mask(box if frame.mask is None else frame.mask & box)


def cascade() -> peanut.Pipeline:
    torch.manual_seed(0)
    finder = seen(SAMWISE("t", image_size=128, vocab_size=99, **SMALL))
    eraser = stand_in(channels=16, dim=32, heads=1, blocks=2, hidden=98)
    with torch.no_grad():
        sharpener = BasicVSRPlusPlus(8, 1)
    return (
        peanut.Pipeline()
        | peanut.PMask("the man", model=finder, tokenizer=spell)
        | in_a_box
        | peanut.NOFEraser(eraser)
        | peanut.URNet(sharpener)
    )


def twice() -> Iterator[Frame]:
    """The clip, and once more."""
    for number, frame in enumerate(chain(*(peanut.read(bikes(), max_size=96) for _ in range(2)))):
        yield attrs.evolve(frame, index=number, time=Fraction(number, 25), shot=frame.shot + 10 * (number // 250))


def memory() -> None:
    for number, frame in enumerate(cascade()(islice(twice(), MARKS[-1])), start=1):
        if frame.index != number - 1:
            raise RuntimeError(f"frame {frame.index} came out as number {number}.")
        if number in MARKS:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            print(f"the cascade, small networks: {number} frames in order, peak {peak:.0f} MB", flush=True)


def man() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clean.mp4"
        source = peanut.read(bikes(), start=START, stop=STOP, max_size=96)
        statistics = (source | cascade() | peanut.write(path)).run()
        written = [(frame.index, frame.size) for frame in peanut.read(path)]
    print(statistics)
    first, last, (h, w) = written[0][0], written[-1][0], written[0][1]
    print(f"{len(written)} frames of {w}x{h} written, numbers {first} to {last}")


if __name__ == "__main__":
    memory() if sys.argv[1:] == ["memory"] else man()
