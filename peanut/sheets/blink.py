"""Two streams that blink: what differs jumps to the eye."""

from pathlib import Path

import numpy as np
from PIL import Image

from peanut.errors import UsageError
from peanut.sheets.picture import MOVING, written
from peanut.sheets.sheet import number_and_time, refuse_unless_whole, refuse_unless_wide
from peanut.sheets.streams import Shown, Together, chosen, opened
from peanut.sheets.tile import IMAGE, tile
from peanut.vision.array import Array
from peanut.vision.lettering import caption
from peanut.vision.montage import montage

ROWS, TIMES = 4, 3
"""Frames that are compared, where it is not said how many; times that each blinks."""
COLORS = 255
"""Of a GIF, shared by the two images of a frame: so what is equal in both stands still."""


def blink(
    before: Shown,
    after: Shown,
    path: str | Path,
    *,
    every: int | None = None,
    rows: int | None = None,
    titles: tuple[str, str] = ("before", "after"),
    width: int = 480,
    seconds: float = 0.5,
    overwrite: bool = False,
) -> None:
    """Write a GIF in which frames of two streams alternate, before and after, three times each.

    before, after, every, rows, width, overwrite: as in `sheet`, a row being a frame; not given are 4, evenly spread.
    path: NAME.gif. titles: what is written above the images. seconds: for which each is shown.
    What is the same before and after is the same in the GIF: its 255 colors are chosen for each pair together.
    Raises UsageError as `sheet`.
    """
    refuse_unless_whole("blink", every=every, rows=rows)
    refuse_unless_wide("blink", width)
    if not isinstance(seconds, int | float) or not 0.02 <= seconds <= 60:
        raise UsageError(f"blink: seconds must be 0.02 to 60, got {seconds!r}.")
    if not isinstance(titles, tuple | list) or len(titles) != 2:
        raise UsageError(f"blink: titles must be two, got {titles!r}.")
    first, second = map(str, titles)
    if first == second:
        raise UsageError(f"blink: the titles must differ, got {first!r} twice.")
    streams = opened("blink", {first: before, second: after}, every, rows)
    wanted = ROWS if rows is None and every is None else rows
    with written("blink", path, streams.values(), MOVING, overwrite) as save:
        pairs = chosen("blink", streams, every, wanted, lambda frames: _pair(frames, (first, second), width))
        images = [image for pair in pairs for _ in range(TIMES) for image in pair]
        duration = round(1000 * seconds)
        save(images[0], save_all=True, append_images=images[1:], duration=duration, loop=0, optimize=False)


def _pair(frames: Together, titles: tuple[str, str], width: int) -> tuple[Image.Image, Image.Image]:
    """Two frames with their titles, of one size, in colors that both share."""
    drawn: list[Array] = []
    for frame, title in zip(frames, titles, strict=True):
        told = f"{title}    {number_and_time(frames[0])}"
        drawn.append(montage([[caption(told, width)], [tile(frame, IMAGE, width, {})]], gap=0))
    both = montage([drawn], gap=0)
    palette = Image.fromarray(both).quantize(COLORS, method=Image.Quantize.MEDIANCUT)
    a, b = (Image.fromarray(one).quantize(palette=palette, dither=Image.Dither.NONE) for one in np.hsplit(both, 2))
    return a, b
