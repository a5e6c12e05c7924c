"""Tiny trees in the layouts of published datasets: what tests of the readers read."""

from pathlib import Path

import attrs
import numpy as np
from PIL import Image

from peanut.data import Clip, Dataset

SIZE = 24, 32
PALETTE = [0, 0, 0, 128, 0, 0, 0, 128, 0, 128, 128, 0] + [7] * (252 * 3)


def frames(folder: Path, numbers, digits=5, size=SIZE, suffix=".jpg") -> Path:
    """A picture for every number, of its own grey."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        Image.new("RGB", (size[1], size[0]), (number * 7 % 256,) * 3).save(folder / f"{number:0{digits}d}{suffix}")
    return folder


def labels(*objects: int) -> np.ndarray:
    """h w: object n is a column n * 4 pixels from the left, 3 wide."""
    drawn = np.zeros(SIZE, np.uint8)
    for number in objects:
        drawn[6:18, number * 4 : number * 4 + 3] = number
    return drawn


def masks(folder: Path, by_number, digits=5) -> Path:
    """Label pictures with a palette, as DAVIS and YouTube-VOS have them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, drawn in by_number.items():
        picture = Image.fromarray(drawn).convert("P")
        picture.putpalette(PALETTE)
        picture.putdata(list(drawn.flatten().tolist()))
        picture.save(folder / f"{number:0{digits}d}.png")
    return folder


@attrs.frozen
class Clips(Dataset):
    """Clips in a list."""

    made: tuple[Clip, ...]
    name = "clips"

    def read_clips(self):
        return self.made
