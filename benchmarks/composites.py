"""Composites: clips with a drawn subject pasted over them, so that what is behind it is known.

A fixed set whose clips come from packages, for `python -m benchmarks.erasers`: the five long shots of `bikes.mp4`, up
to 40 frames each, 432x184, once with a child that crosses (5 % of the image is masked), once with three that touch each
other and hardly move (16 %), and two scenes of `benchmarks/unseen.py`, in which half of the hole no frame shows:

    bikes-000  bikes-030  bikes-076  bikes-137  bikes-187  _crossing and _swaying each
    stripes_pan  carpet_pan

Other composites come from a maker, a Python file with `names()` and `composite(name)`; the latter gives frames t h w 3
(uint8, RGB), masks t h w (bool) and the truth, like the frames. If it has `never(name)`, that gives what of the masks
no frame shows, t h w (bool).

    python -m benchmarks.composites SHEET.png          a picture of the set
"""

import importlib.util
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType

import numpy as np

import peanut
from benchmarks import unseen
from benchmarks.movers import Child, still, walk
from peanut.data.packages import bikes
from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask

SHOTS = (0, 30, 76, 137, 187)
"""First frames of shots of `bikes.mp4`."""
LONGEST, WIDTH, GROWN = 40, 432, 2
"""Frames of a composite; its width, and by how much the masks are larger than what is pasted, in pixels."""
UNSEEN = ("stripes_pan", "carpet_pan")
MOVERS: dict[str, tuple[Child, ...]] = {
    "crossing": (Child(walk(10, 172, 10.5), 116, (60, 120, 150), skirt=0.2),),
    "swaying": (
        Child(still(172, 172), 116, (180, 50, 40), arms="akimbo", skirt=0.26),
        Child(still(215, 176), 124, (70, 90, 190), skirt=0.28, stripes=True, pace=lambda n: 1 + 0.2 * n),
        Child(still(256, 172), 116, (220, 190, 80), arms="swing", skirt=0.26, pace=lambda n: 2 + 0.25 * n),
    ),
}


def names() -> list[str]:
    return [*(f"bikes-{first:03d}_{mover}" for first in SHOTS for mover in MOVERS), *UNSEEN]


def composite(name: str) -> tuple[Array, Array, Array]:
    """Frames t h w 3 (uint8), masks t h w (bool) and the truth, like the frames."""
    if name in UNSEEN:
        return unseen.composite(name)
    shot, _, mover = name.removeprefix("bikes-").partition("_")
    truth = _shot(int(shot))
    frames, masks = truth.copy(), np.zeros(truth.shape[:3], bool)
    for number, image in enumerate(frames):
        for child in MOVERS[mover]:
            layer, cover = child.drawn(number, image.shape[:2])
            image[:] = np.rint(image + (layer - image) * cover)
            masks[number] |= grow_mask(cover[..., 0] > 0, GROWN)
    return frames, masks, truth


def never(name: str) -> Array | None:
    """What of the masks no frame shows, t h w, bool; None where that is not known."""
    return unseen.never(name) if name in UNSEEN else None


def _shot(first: int) -> Array:
    """The frames of a shot, reduced: t h w 3, uint8."""
    shot = list(islice(peanut.read(bikes(), max_size=WIDTH), first, first + LONGEST))
    return np.stack([frame.numpy() for frame in shot if frame.shot == shot[0].shot])


def load(path: str | None) -> ModuleType:
    """A maker: a Python file, or the fixed set."""
    if path is None:
        return sys.modules[__name__]
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sheet(path: Path) -> None:
    """A picture of all composites: a frame of each, and the truth."""
    columns: dict[str, list[peanut.Frame]] = {"composite": [], "truth": []}
    for index, name in enumerate(names()):
        frames, masks, truth = composite(name)
        middle = len(frames) // 2
        print(f"{name}: {len(frames)} frames, {masks.mean():.1%} masked")
        columns["composite"].append(peanut.Frame.from_numpy(frames[middle], index=index, mask=masks[middle]))
        columns["truth"].append(peanut.Frame.from_numpy(truth[middle], index=index))
    peanut.sheet(columns, every=1, layers=("image", "masks"), width=240, path=path, overwrite=True)


if __name__ == "__main__":
    sheet(Path(sys.argv[1]))
