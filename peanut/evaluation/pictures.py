"""A sheet of a task: five frames as they were given, as they came out, and as they should have."""

import re
from pathlib import Path

from PIL import Image
from torch import Tensor

from peanut.evaluation.task import Expected, Task
from peanut.frame import Frame
from peanut.sheets.tile import outlined
from peanut.vision.array import Array
from peanut.vision.lettering import caption
from peanut.vision.montage import montage

SHOWN, WIDTH = 5, 240
"""Frames of a sheet; the width of each image, in pixels."""


def sheet_of(pipeline: str, task: Task) -> str:
    """Where the sheet of a task lies in the folder of an evaluation: names with letters that every system can write."""
    folder, file = (re.sub(r"[^\w.,=+-]+", "-", name).strip("-.") for name in (pipeline, task.name))
    return f"sheets/{folder}/{file}.png"


class Pictures:
    """Keeps small images of frames that are spread evenly over all that came; at most ten rows at once."""

    def __init__(self) -> None:
        self._rows: list[list[Array]] = []
        self._step, self._count = 1, 0

    def add(self, result: Frame, expected: Expected) -> None:
        """One frame that came out, with what should have."""
        if self._count % self._step == 0:
            self._rows.append(_row(result, expected))
            if len(self._rows) == 2 * SHOWN:
                self._rows, self._step = self._rows[::2], 2 * self._step
        self._count += 1

    def write(self, path: Path, name: str, text: str) -> None:
        """Write the sheet; nothing if no frame came."""
        if not self._rows:
            return
        last = len(self._rows) - 1
        places = sorted({round(n * last / (SHOWN - 1)) for n in range(SHOWN)})
        shown = [self._rows[place] for place in places]
        titles = [caption(title, WIDTH) for title in ("given, meant in red", name, "true")[: len(shown[0])]]
        drawn = montage([titles, *shown])
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(montage([[caption(text, drawn.shape[1])], [drawn]]) if text else drawn).save(path)


def _row(result: Frame, expected: Expected) -> list[Array]:
    """What was given, with the mask that was given or is true; what came out; the truth."""
    mask = expected.given.mask if expected.mask is None else expected.mask
    images = [_tile(expected.given.image, mask, result)]
    if expected.image is None:
        return [*images, _tile(result.image, result.mask, result)]
    return [*images, _tile(result.image, None, result), _tile(expected.image, None, result)]


def _tile(image: Tensor, mask: Tensor | None, of: Frame) -> Array:
    return outlined(Frame(index=of.index, time=of.time, image=image, mask=mask), WIDTH)
