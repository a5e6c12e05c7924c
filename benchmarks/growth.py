"""How far found masks should be grown before they are erased, where the truth is known.

python -m benchmarks.growth MAKER.py [ARGUMENT...] [--only NAME]

A composite (see `benchmarks.composites`) is given without its masks: `MovingObjects(grow=n)` finds the subject,
`FlowEraser` removes it, and the result is compared with the truth in and around the subject (within a fortieth of the
longer side), where an outline left standing costs as much as a hole filled wrongly. Prints PSNR (mean over the frames,
dB) by growth in pixels.
"""

import argparse

import numpy as np

import peanut
from benchmarks.composites import load, psnr
from peanut.stages.grow import margin
from peanut.vision.morphology import grow_mask

GROWTHS = (0, 1, 2, 3, 4, 6, 8)


def main() -> None:
    parser = argparse.ArgumentParser(description="Growth of found masks.")
    parser.add_argument("maker", help="Python file with names() and composite(name, *arguments)")
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--only", action="append", help="name of a composite (all)")
    given = parser.parse_args()
    maker, rows = load(given.maker), []
    print(f"| composite | size | default | {' | '.join(map(str, GROWTHS))} |\n|{' --- |' * (len(GROWTHS) + 3)}")
    for name in given.only or maker.names():
        frames, masks, truth = maker.composite(name, *given.arguments)
        around = np.stack([grow_mask(mask, max(masks.shape[1:]) // 40) for mask in masks])
        stream = [peanut.Frame.from_numpy(frame, index=number) for number, frame in enumerate(frames)]
        found = list(peanut.MovingObjects(grow=0)(stream))
        levels = []
        for pixels in GROWTHS:
            grown = peanut.grow(pixels)(found)
            result = np.stack([frame.numpy() for frame in peanut.FlowEraser(preset="fast")(grown)])
            levels.append(psnr(result, truth, around))
        rows.append(levels)
        shown = " | ".join(f"{level:.1f}" for level in levels)
        print(f"| {name} | {frames.shape[2]}x{frames.shape[1]} | {margin(frames.shape[1:3])} | {shown} |", flush=True)
    print(f"| mean | | | {' | '.join(f'{level:.2f}' for level in np.mean(rows, axis=0))} |")


if __name__ == "__main__":
    main()
