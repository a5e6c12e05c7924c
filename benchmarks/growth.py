"""How far found masks should be grown before what they cover is erased.

python -m benchmarks.growth rings CLIPS BIKES.mp4
python -m benchmarks.growth composites [MAKER.py]

rings: on real clips (the demo's, and `tennis` and `bmx-trees` of CLIPS), how far the clip differs from a generous
filling (grown by 12 pixels), ring by ring outside what `MovingObjects(grow=0)` finds: mean grey levels. Where that is
still well above its level farther out, an outline of the subject is left.
composites: where the truth is known (see `benchmarks.composites`; the subject is pasted with hard edges), PSNR in and
around the subject (within a fortieth of the longer side, dB, mean over the frames) by growth in pixels.
"""

import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import numpy as np

import peanut
from benchmarks.composites import load
from benchmarks.measures import Array, psnr
from peanut.demo import START, STOP
from peanut.stages.grow import margin
from peanut.vision.morphology import grow_mask

RINGS = (0, 1, 2, 3, 4, 5, 6, 8)
GENEROUS = 12
GROWTHS = (0, 1, 2, 3, 4, 6, 8)


def erased(found: Iterable[peanut.Frame], pixels: int) -> Array:
    grown = peanut.grow(pixels)(found)
    return np.stack([frame.numpy() for frame in peanut.FlowEraser(preset="fast")(grown)])


def rings(clips: Path, bikes: str) -> None:
    sources = {"demo": peanut.read(bikes, start=START, stop=STOP)}
    sources |= {name: peanut.read(clips / name / "frames") for name in ("tennis", "bmx-trees")}
    names = [f"{inner} to {outer}" for inner, outer in pairwise(RINGS)]
    print(f"| clip | size | default | {' | '.join(names)} |\n|{' --- |' * (len(names) + 3)}")
    for name, source in sources.items():
        frames = list(source)
        found = list(peanut.MovingObjects(grow=0)(iter(frames)))
        apart = np.abs(np.stack([frame.numpy() for frame in frames]).astype(int) - erased(found, GENEROUS)).mean(-1)
        masks = [frame.mask.numpy() for frame in found if frame.mask is not None]
        levels = []
        for inner, outer in pairwise(RINGS):
            ring = np.stack([grow_mask(mask, outer) & ~grow_mask(mask, inner) for mask in masks])
            levels.append(f"{apart[ring].mean():.1f}")
        h, w = frames[0].size
        print(f"| {name} | {w}x{h} | {margin((h, w))} | {' | '.join(levels)} |", flush=True)


def composites(path: str | None = None) -> None:
    maker, rows = load(path), []
    print(f"| composite | default | {' | '.join(map(str, GROWTHS))} |\n|{' --- |' * (len(GROWTHS) + 2)}")
    for name in maker.names():
        frames, masks, truth = maker.composite(name)
        around = np.stack([grow_mask(mask, max(masks.shape[1:]) // 40) for mask in masks])
        stream = [peanut.Frame.from_numpy(frame, index=number) for number, frame in enumerate(frames)]
        found = list(peanut.MovingObjects(grow=0)(stream))
        rows.append([psnr(erased(found, pixels), truth, around) for pixels in GROWTHS])
        shown = " | ".join(f"{level:.1f}" for level in rows[-1])
        print(f"| {name} | {margin(frames.shape[1:3])} | {shown} |", flush=True)
    print(f"| mean | | {' | '.join(f'{level:.2f}' for level in np.mean(rows, axis=0))} |")


if __name__ == "__main__":
    if sys.argv[1] == "rings":
        rings(Path(sys.argv[2]), sys.argv[3])
    else:
        composites(*sys.argv[2:])
