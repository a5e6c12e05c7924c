"""How well MovingObjects finds what moves, and what it costs.

python -m benchmarks.moving_objects CLIPS BIKES.mp4

CLIPS: a folder with `bikes-man` (three hand-drawn masks of frames of BIKES.mp4), `tennis` and `bmx-trees` (frames and
masks). The shot of BIKES.mp4 is frames 187 to 241; the man has left it by frame 217.
"""

import sys
from itertools import islice
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import numpy.typing as npt
import torch

import peanut
from peanut.metrics import jaccard
from peanut.vision.morphology import grow_mask

FIRST, LAST, GONE = 187, 241, 217
POST = {195: 248, 199: 242, 203: 241}
"""Left edge of the bollard's post in the frames marked by hand; it is 40 pixels wide, from row 170 down to 265."""

FOOT = {195: np.s_[220:252, 205:243], 203: np.s_[222:272, 428:525]}
"""Rows and columns around the foot that rests."""


def main() -> None:
    cv2.setNumThreads(1)
    clips, bikes = Path(sys.argv[1]), sys.argv[2]
    for settings in ({}, {"shadows": True}, {"preset": "fast"}):
        stage = peanut.MovingObjects(grow=0, **settings)
        print(f"preset={stage.preset!r}, shadows={stage.shadows}")
        street(clips / "bikes-man", bikes, stage)
        for name in ("tennis", "bmx-trees"):
            subject(clips / name, stage)


def street(drawn: Path, bikes: str, stage: peanut.MovingObjects) -> None:
    frames = list(islice(peanut.read(bikes), FIRST, LAST + 1))
    start = process_time()
    found = {frame.index: frame.mask.numpy() for frame in stage(iter(frames))}
    seconds = (process_time() - start) / len(frames)
    truths = {int(path.stem): cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) > 127 for path in sorted(drawn.glob("*.png"))}
    covered = [(found[index] & truth).sum() / truth.sum() for index, truth in truths.items()]
    false = [(found[index] & ~truth).sum() / (~truth).sum() for index, truth in truths.items()]
    post = [found[index][170:265, left : left + 40].mean() for index, left in POST.items()]
    feet = [(found[index] & truths[index])[box].sum() / truths[index][box].sum() for index, box in FOOT.items()]
    late = sum(int(mask.sum()) for index, mask in found.items() if index >= GONE)
    print(
        f"  street: coverage {np.mean(covered):.3f}, worst {min(covered):.3f}, resting foot {min(feet):.3f};", end=" "
    )
    print(f"marked outside {np.mean(false):.2%}, worst {max(false):.2%};", end=" ")
    print(f"of the bollard's post {max(post):.2%};", end=" ")
    print(f"{late} pixels from frame {GONE} on; {seconds:.2f} s a frame", flush=True)


def subject(folder: Path, stage: peanut.MovingObjects) -> None:
    given = [frame.mask.numpy() for frame in peanut.read(folder / "frames") | peanut.masks(folder / "masks")]
    moving = peanut.read(folder / "frames") | stage
    found = [frame.mask.numpy() for frame in moving]
    line = []
    for pixels in (0, 1, 2):  # as `grow` does it
        line.append(f"{np.mean([overlap(grow_mask(a, pixels), b) for a, b in zip(found, given, strict=True)]):.3f}")
    print(f"  {folder.name}: J, mean of {len(given)} frames, with grow=0, 1, 2: {', '.join(line)}", flush=True)


def overlap(found: npt.NDArray[np.bool_], given: npt.NDArray[np.bool_]) -> float:
    """J: intersection over union."""
    return float(jaccard(torch.from_numpy(found), torch.from_numpy(given)))


if __name__ == "__main__":
    main()
