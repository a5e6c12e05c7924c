"""A sheet: frames of one or several streams as one image."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from peanut.doubts import clock
from peanut.errors import UsageError, pick
from peanut.frame import Frame
from peanut.sheets.picture import STILL, written
from peanut.sheets.streams import Shown, Together, chosen, opened
from peanut.sheets.tile import IMAGE, has, known, tile
from peanut.stages.overlay import RGB
from peanut.vision.array import Array
from peanut.vision.lettering import caption
from peanut.vision.montage import montage

ROWS, COLUMNS = 6, 3
"""Rows where neither their number nor `every` is said; frames in a row where each is one image."""
WIDEST = 8192
"""Pixels of an image on a sheet."""


def sheet(
    shown: Shown | Mapping[str, Shown],
    *,
    every: int | None = None,
    rows: int | None = None,
    columns: int | None = None,
    layers: Sequence[str] = (IMAGE,),
    width: int = 320,
    path: str | Path | None = None,
    overwrite: bool = False,
) -> Tensor:
    """Frames as one image, for people: 3 h w, uint8, RGB; with `path` written, too (png, jpg, webp).

    shown: what `read` takes, frames, or a pipeline with a source. Or several, by titles: `{"clip": "street.mp4",
        "without him": pipeline}`: their frames of the same number stand side by side, until the first of them ends.
    every: show every n-th frame. Not given: rows that are spread evenly, for which all frames are read.
    rows: how many, at most; with `every` nothing after them is read. Not given: 6, with `every` as many as come.
    columns: frames in a row. Not given: 3, or 1 if a frame is more than one image.
    layers: what is shown of each frame, side by side: "image"; "masks", the image with the mask tinted and each object
        (a layer `object: NAME`) in a color and with a name of its own; or a layer, such as "before": an image, a mask,
        a grey image, a share or a flow. Of several streams each shows those that its first frame has.
    width: of each image, in pixels; all are brought to it. overwrite: replace the picture at `path`.

    Above each frame its number and time are written, those of the first stream. A frame is reduced as it comes: what is
    held are drawn images, four times as many as are shown at most, and what the pipelines hold.
    Raises UsageError for what cannot be shown or written, a live stream without `every` and `rows`, a layer that is
    not there, no frame at all, and more than 1000 images.
    """
    refuse_unless_whole("sheet", every=every, rows=rows, columns=columns)
    refuse_unless_wide("sheet", width)
    titled = shown if isinstance(shown, Mapping) else {"": shown}
    streams = opened("sheet", titled, every, rows)
    drawing = _Cells(list(streams), _names(layers), width)
    if path is None:
        return _image(_sheet(streams, drawing, every, rows, columns))
    with written("sheet", path, streams.values(), STILL, overwrite) as save:
        drawn = _sheet(streams, drawing, every, rows, columns)
        save(Image.fromarray(drawn))
    return _image(drawn)


def _image(drawn: Array) -> Tensor:
    return torch.from_numpy(drawn).permute(2, 0, 1).contiguous()


def _sheet(
    streams: Mapping[str, Iterable[Frame]], drawing: "_Cells", every: int | None, rows: int | None, columns: int | None
) -> Array:
    """The sheet: h w 3, uint8."""
    in_a_row = columns or (1 if len(streams) * len(drawing.layers) > 1 else COLUMNS)
    wanted = ROWS if rows is None and every is None else rows
    cells = chosen("sheet", streams, every, None if wanted is None else wanted * in_a_row, drawing)
    return montage([*drawing.title_row(min(in_a_row, len(cells))), *_in_rows(cells, in_a_row)])


class _Cells:
    """Draws the frames of the same number: one image for each stream and layer. The first frames decide which."""

    def __init__(self, titles: list[str], layers: list[str], width: int) -> None:
        self.titles, self.layers, self.width = titles, layers, width
        self.colors: dict[str, RGB] = {}
        self.shown: list[tuple[int, str]] = []

    def __call__(self, frames: Together) -> list[Array]:
        if not self.shown:
            self.shown = _shown(frames, self.layers)
        images = []
        for number, (stream, layer) in enumerate(self.shown):
            drawn = tile(frames[stream], layer, self.width, self.colors)
            images.append(
                montage([[caption("" if number else number_and_time(frames[0]), self.width)], [drawn]], gap=0)
            )
        return images

    def title_row(self, frames: int) -> list[list[Array]]:
        """The titles over the columns of so many frames side by side; none for a stream without a name."""
        names = [_title(self.titles[stream], layer, len(self.layers) > 1) for stream, layer in self.shown]
        return [[caption(name, self.width) for _ in range(frames) for name in names]] if any(names) else []


def _shown(frames: Together, layers: list[str]) -> list[tuple[int, str]]:
    """Stream and layer of each image. Raises UsageError for a layer that no stream has."""
    for layer in layers:
        if not any(has(frame, layer) for frame in frames):
            pick("layer", layer, {name: None for frame in frames for name in known(frame)})
    return [(number, layer) for number, frame in enumerate(frames) for layer in layers if has(frame, layer)]


def _title(stream: str, layer: str, several: bool) -> str:
    if not several or (stream and layer == IMAGE):
        return stream
    return f"{stream}: {layer}" if stream else layer


def _in_rows(cells: list[list[Array]], columns: int) -> list[list[Array]]:
    return [[image for cell in cells[n : n + columns] for image in cell] for n in range(0, len(cells), columns)]


def _names(layers: Sequence[str]) -> list[str]:
    names = [layers] if isinstance(layers, str) else layers
    if not isinstance(names, Sequence) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"sheet: layers must be names, such as ('image', 'masks'), got {layers!r}.")
    if not names:
        raise UsageError("sheet: layers is empty; ('image',) shows the images.")
    return list(dict.fromkeys(names))


def refuse_unless_whole(who: str, **numbers: int | None) -> None:
    """Raise UsageError for a number that is not whole and above 0; None is not given."""
    for name, number in numbers.items():
        if number is not None and (isinstance(number, bool) or not isinstance(number, int) or number < 1):
            raise UsageError(f"{who}: {name} must be a whole number from 1 on, got {number!r}.")


def refuse_unless_wide(who: str, width: int | None) -> None:
    """Raise UsageError for a width of images that is none."""
    refuse_unless_whole(who, width=width)
    if width is None or width > WIDEST:
        raise UsageError(f"{who}: width must be 1 to {WIDEST}, got {width!r}.")


def number_and_time(frame: Frame) -> str:
    """What is written above a frame."""
    return f"{frame.index}    {clock(frame.time)}"
