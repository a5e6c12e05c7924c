"""Where erasing fails, as the paper's limits say: a large hole, a fast camera, a jump. A picture of each.

    python -m benchmarks.failures PICTURE.png [NAME]

NAME: flow (`FlowEraser`; not given, it is this), nof (`NOFEraser`) or telea. A row for each: what is to be erased, the
result and the truth, of the demo's clip at 432 pixels width; printed with the PSNR inside the hole over all frames.
"""

import sys
from fractions import Fraction

import attrs
import torch

import peanut
from peanut import Frame
from peanut.data.packages import bikes
from peanut.trial import psnr

Frames = list[Frame]
ERASERS = {"flow": peanut.FlowEraser, "nof": peanut.NOFEraser, "telea": peanut.PerFrame}


def frames(numbers: range, shift: int = 0) -> Frames:
    """Frames of the clip as if they followed each other, in one shot, numbered from `shift`."""
    first, last = numbers[0], numbers[-1]
    read = peanut.read(bikes(), start=max(0, first / 25 - 0.01), stop=(last + 1) / 25 - 0.01, max_size=432, shots=False)
    chosen = [frame for number, frame in enumerate(read) if number % numbers.step == 0]
    return [
        attrs.evolve(frame, index=shift + n, time=Fraction(shift + n, 25), coded=None) for n, frame in enumerate(chosen)
    ]


def boxed(truth: Frames, height: float, width: float, speed: float) -> Frames:
    """With a box to be erased, of shares of the image, that moves to the right by pixels a frame."""
    out = []
    for number, frame in enumerate(truth):
        h, w = frame.size
        mask = torch.zeros(h, w, dtype=torch.bool)
        left, top = int(w * (1 - width) / 3 + speed * number), int(h * (1 - height) / 2)
        mask[top : top + int(h * height), left : left + int(w * width)] = True
        out.append(frame.with_mask(mask))
    return out


def main(picture: str, name: str = "flow") -> None:
    slow, street = range(137, 167), range(30)
    cases = {
        "large hole, hardly moving": boxed(frames(slow), 0.8, 0.55, 0.5),
        "fast camera (every 6th frame)": boxed(frames(range(30, 76, 6)), 0.6, 0.18, 20),
        "jump in the middle of a shot": boxed(frames(slow)[:12] + frames(street, 12)[:12], 0.6, 0.18, 3),
    }
    shown: dict[str, Frames] = {"to erase": [], name: [], "truth": []}
    for case, masked in cases.items():
        done = list(ERASERS[name]()(iter(masked)))
        level, at = psnr(done, masked, masked), len(masked) // 2
        print(f"{case}: {level:.1f} dB in the hole, {name}", flush=True)
        for title, frame in zip(
            shown, (*peanut.overlay()(iter(masked[at : at + 1])), done[at], masked[at]), strict=True
        ):
            shown[title].append(attrs.evolve(frame, index=len(shown[title])))
    peanut.sheet(shown, every=1, path=picture, overwrite=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
