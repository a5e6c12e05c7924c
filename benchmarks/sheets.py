"""The moving picture of the README, and the pictures of docs/classical.md.

    python -m benchmarks.sheets moving BIKES.mp4 FOLDER
    python -m benchmarks.sheets CLIPS BIKES.mp4 FOLDER

The first writes demo.webp into FOLDER: the clip, and what the README's first snippet makes of it, with its defaults.
CLIPS: a folder with `tennis` and `bmx-trees` (frames and masks) and `blocks.mp4`; the second writes
classical-street.png, classical-masks-given.png and classical-repeats.png.
"""

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

import peanut
from benchmarks.moving_objects import FIRST, LAST
from peanut.demo import START, STOP
from peanut.vision.array import Array

STREET = 194, 203, 211
GIVEN = {"tennis": (12, 40), "bmx-trees": (30, 60)}
BOX = (300, 150, 360, 190)
"""What is hidden of `blocks.mp4` reduced to 432x244: left, top, right, bottom."""


def moving(bikes: str, path: Path) -> None:
    """An animated WebP: left the clip, right the result."""
    both = (
        peanut.read(bikes, start=START, stop=STOP)
        | peanut.remember()
        | peanut.MovingObjects()
        | peanut.FlowEraser()
        | peanut.map(lambda frame: peanut.side_by_side(frame.with_image(frame.layers["before"]), frame))
    )
    first, *others = [Image.fromarray(row([frame], 1120)) for frame in both]
    first.save(path, save_all=True, append_images=others, duration=40, loop=0, quality=60, method=6)


def street(bikes: str) -> Array:
    """A row a frame: the clip, what was found, the street without him."""
    before = list(islice(peanut.read(bikes), FIRST, LAST + 1))
    found = list(before | peanut.MovingObjects())
    columns = {"the clip": before, "found": found | peanut.overlay(), "erased": found | peanut.FlowEraser()}
    shown = {title: [frame for frame in frames if frame.index in STREET] for title, frames in columns.items()}
    return peanut.sheet(shown, every=1, width=268).permute(1, 2, 0).numpy()


def given(clips: Path) -> Array:
    """A column a frame: above before, below after."""
    columns = []
    for name, numbers in GIVEN.items():
        frames = list(peanut.read(clips / name / "frames") | peanut.masks(clips / name / "masks") | peanut.grow(4))
        for frame, clean in zip(frames, peanut.FlowEraser()(iter(frames)), strict=True):
            if frame.index in numbers:
                columns.append(np.vstack([row([one], 216) for one in (frame, clean)]))
    return np.hstack(columns)


def repeats(blocks: Path) -> Array:
    """The boxed clip, filled smoothly, and filled as the picture repeats itself: the lower half of one frame."""
    boxed = list(islice(peanut.read(blocks, max_size=432) | peanut.FixedRegion(BOX), 12))
    shown = [peanut.overlay(), peanut.FlowEraser(preset="fast"), peanut.FlowEraser()]
    return row([list(stage(iter(boxed)))[6] for stage in shown], 402)[105:]


def row(frames: Iterable[peanut.Frame], width: int) -> Array:
    return np.hstack([frame.resized((width * frame.size[0] // frame.size[1], width)).numpy() for frame in frames])


if __name__ == "__main__" and sys.argv[1] == "moving":
    moving(sys.argv[2], Path(sys.argv[3]) / "demo.webp")
elif __name__ == "__main__":
    clips, bikes, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    sheets = {
        "classical-street": street(bikes),
        "classical-masks-given": given(clips),
        "classical-repeats": repeats(clips / "blocks.mp4"),
    }
    for name, sheet in sheets.items():
        cv2.imwrite(str(folder / f"{name}.png"), sheet[..., ::-1])
