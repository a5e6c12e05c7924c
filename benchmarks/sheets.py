"""The pictures of docs/classical.md.

    python -m benchmarks.sheets CLIPS BIKES.mp4 FOLDER

CLIPS: a folder with `tennis` and `bmx-trees` (frames and masks) and `blocks.mp4`. Writes classical-street.png,
classical-masks-given.png and classical-repeats.png into FOLDER.
"""

import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

import peanut
from benchmarks.composites import Array
from benchmarks.moving_objects import FIRST, LAST

STREET = 194, 203, 211
GIVEN = {"tennis": (12, 40), "bmx-trees": (30, 60)}
BOX = (300, 150, 360, 190)
"""What is hidden of `blocks.mp4` reduced to 432x244: left, top, right, bottom."""


def street(bikes: str) -> Array:
    """A row a frame: the clip, what was found, the street without him."""
    before = list(islice(peanut.read(bikes), FIRST, LAST + 1))
    found = list(peanut.MovingObjects()(iter(before)))
    shown = zip(before, peanut.overlay()(iter(found)), peanut.FlowEraser()(iter(found)), strict=True)
    return np.vstack([row(parts, 268) for parts in shown if parts[0].index in STREET])


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


if __name__ == "__main__":
    clips, bikes, folder = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
    sheets = {
        "classical-street": street(bikes),
        "classical-masks-given": given(clips),
        "classical-repeats": repeats(clips / "blocks.mp4"),
    }
    for name, sheet in sheets.items():
        cv2.imwrite(str(folder / f"{name}.png"), sheet[..., ::-1])
