"""How memory grows with the length of a shot: URNet streaming, and the whole shot at once as published.

python -m benchmarks.ur_net_memory [PLOT.svg]      600 frames of 160x90, enlarged by `basicvsr-reds4`

Each way runs in a process of its own.
"""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import torch

import peanut
from benchmarks.long_stream import peak
from benchmarks.plot import lines

STEP, MOST, MOST_WHOLE = 30, 600, 150
"""Frames between two figures; length of the stream; longest shot that is computed as a whole."""


def shot(length: int) -> list[peanut.Frame]:
    """A textured picture that drifts by a pixel per frame."""
    torch.manual_seed(0)
    picture = torch.randint(0, 256, (3, 90, 160), dtype=torch.uint8)
    return [
        peanut.Frame(index=number, time=Fraction(number, 25), image=picture.roll(number, 2)) for number in range(length)
    ]


def streaming() -> None:
    for place, _ in enumerate(peanut.BasicVSR(device="cpu")(iter(shot(MOST))), start=1):
        if place % STEP == 0:
            print(peak(), flush=True)


def whole() -> None:
    for length in range(STEP, MOST_WHOLE + 1, STEP):
        for _ in peanut.BasicVSR(device="cpu", chunk="whole", carry=None)(iter(shot(length))):
            pass
        print(peak(), flush=True)


def main() -> None:
    series = {}
    for way in ("streaming", "whole"):
        command = [sys.executable, "-m", "benchmarks.ur_net_memory", way]
        printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        series[way] = [float(line) for line in printed.split()]
    first, last = series["streaming"][60 // STEP - 1], series["streaming"][-1]
    print(f"streaming: peak {first:.0f} MB after 60 frames, {last:.0f} MB after {MOST} ({last / first:.3f})")
    lengths = [STEP * (number + 1) for number in range(len(series["whole"]))]
    grows = ", ".join(f"{mb:.0f} ({frames})" for frames, mb in zip(lengths, series["whole"], strict=True))
    print(f"the whole shot at once, MB (frames): {grows}")
    if len(sys.argv) > 1:
        drawn = {"streaming": series["streaming"], "whole shot": series["whole"]}
        lines(Path(sys.argv[1]), "Peak memory against the length of a shot", "MB", drawn, STEP)


if __name__ == "__main__":
    ways = {"streaming": streaming, "whole": whole}
    ways.get(sys.argv[1] if len(sys.argv) > 1 else "", main)()
