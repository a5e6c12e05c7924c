"""Clips of a test set as one picture: five frames each, one frame under its sentences, before and after."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from peanut.data.clip import Clip, Expression
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.sheets.picture import STILL, written
from peanut.sheets.tile import IMAGE, MASKS, outlined, tile
from peanut.stages.overlay import RGB
from peanut.test_set.view import is_annotated, length_of
from peanut.vision.array import Array
from peanut.vision.lettering import paragraph
from peanut.vision.montage import montage

FRAMES = 5
"""Of a clip, side by side."""
LOOKED_AT = 9
"""Frames of which the one is chosen that is shown under all sentences."""
SENTENCES, ACROSS = 12, 3
"""Sentences that are shown of a clip at most, and how many of them stand side by side."""
LINES = 5
"""Of a sentence, at most."""
LETTERS = 16
"""Width of an image over the height of its letters: legible where the picture is shown at half its size."""


def frames_sheet(clips: Iterable[Clip], width: int = 320) -> Array:
    """Five frames of each clip side by side, spread evenly, the objects tinted and numbered: h w 3, uint8.

    Above each row the name of its clip and its first sentence. width: of each image. One clip is read at a time.
    Raises UsageError if there is no clip.
    """
    rows: list[list[Array]] = []
    for clip in clips:
        colors: dict[str, RGB] = {}
        said = f"{clip.name}: {clip.expressions[0].text}" if clip.expressions else clip.name
        images = [tile(frame, MASKS, width, colors) for frame in spread(clip, FRAMES)]
        rows.append([_row(said, images, width)])
    return _together(rows)


def prompts_sheet(clips: Iterable[Clip], width: int = 320) -> Array:
    """The same frame of each clip under its sentences, what each means tinted, the sentence above: h w 3, uint8.

    Of the frames that are annotated nine, spread evenly, are looked at, and the one that shows most objects is shown.
    At most 12 sentences of a clip. Clips without sentences or masks are passed over.
    Raises UsageError if there is nothing to show.
    """
    rows: list[list[Array]] = []
    for clip in clips:
        said = {expression.text: expression for expression in clip.expressions if expression.objects}
        if said and clip.annotations is not None and clip.annotations.frames:
            frame, masks = _fullest(clip)
            block = [[paragraph(f"{clip.name}, frame {frame.index}", width, _letters(width))]]
            for some in _in_rows(list(said.values())[:SENTENCES]):
                block.append([paragraph(one.text, width, _letters(width), most=LINES) for one in some])
                block.append([_meant(frame, [masks[n] for n in one.objects if n in masks], width) for one in some])
            rows.append([montage(block)])
    return _together(rows, "sentences whose objects have masks")


def before_after_sheet(clips: Iterable[Clip], width: int = 320) -> Array:
    """Five frames of each clip, below them the same without the objects, or without what each sentence means.

    Clips of which nobody knows that are passed over. Raises UsageError if there is nothing to show. h w 3, uint8.
    """
    rows: list[list[Array]] = []
    for clip in clips:
        truths = [(f"without {one.text}", clip.true_frames(one)) for one in clip.expressions if one.truth]
        if clip.truth is not None and not truths:
            truths = [("without them", clip.true_frames())]
        numbers = evenly(length_of(clip), FRAMES) if truths else []
        for said, frames in ((clip.name, clip.frames), *truths) if truths else ():
            images = [tile(frame, IMAGE, width, {}) for frame in picked(frames, numbers)]
            rows.append([_row(said, images, width)])
    return _together(rows, "frames without the objects")


def write_sheet(path: str | Path, draw: Callable[[], Array], *, overwrite: bool = False) -> None:
    """Write a sheet as png, jpg or webp. Raises UsageError, before it is drawn, where it cannot go there."""
    with written("sheet", path, (), STILL, overwrite) as save:
        save(Image.fromarray(draw()))


def spread(clip: Clip, count: int) -> Iterator[Frame]:
    """So many frames of a clip, spread evenly over those that are annotated, else over all, with masks if known."""
    if clip.annotations is not None and is_annotated(clip):
        known = clip.annotations.frames
        yield from picked(clip.masked(), [known[n] for n in evenly(len(known), count)])
    else:
        yield from picked(clip.frames, evenly(length_of(clip), count))


def evenly(length: int, count: int) -> list[int]:
    """Numbers from 0 on, the first, the last and between them: all where there are no more than `count`.

    >>> evenly(11, 5), evenly(2, 5)
    ([0, 2, 5, 8, 10], [0, 1])
    """
    return sorted({round(float(n)) for n in np.linspace(0, length - 1, min(length, count))})


def picked(frames: Iterable[Frame], numbers: Sequence[int]) -> Iterator[Frame]:
    """The frames of these numbers; nothing is read after the last of them."""
    wanted, last = set(numbers), max(numbers, default=-1)
    for frame in frames:
        if frame.index in wanted:
            yield frame
        if frame.index >= last:
            return


def _fullest(clip: Clip) -> tuple[Frame, Mapping[int, torch.Tensor]]:
    """The frame that shows most objects, of these the one in which they are largest; and its masks."""
    if clip.annotations is None:
        raise UsageError(f"the clip {clip.name} has no masks.")
    known = clip.annotations.frames
    best, masks, most = known[0], clip.annotations.at(known[0]), (-1, -1)
    for number in [known[n] for n in evenly(len(known), LOOKED_AT)]:
        here = clip.annotations.at(number)
        seen = sum(bool(mask.any()) for mask in here.values()), sum(int(mask.sum()) for mask in here.values())
        if seen > most:
            best, masks, most = number, here, seen
    (frame,) = picked(clip.frames, [best])
    return frame, masks


def _row(said: str, images: list[Array], width: int) -> Array:
    """Images side by side, the words above all of them."""
    together = montage([images])
    return montage([[paragraph(said, together.shape[1], _letters(width), most=2)], [together]], gap=2)


def _in_rows(said: list[Expression]) -> list[list[Expression]]:
    return [said[n : n + ACROSS] for n in range(0, len(said), ACROSS)]


def _meant(frame: Frame, masks: list[torch.Tensor], width: int) -> Array:
    """A frame with what a sentence means tinted and outlined."""
    mask = torch.stack(masks).any(dim=0) if masks else torch.zeros(frame.size, dtype=torch.bool)
    return outlined(frame.with_mask(mask), width)


def _letters(width: int) -> int:
    return max(12, width // LETTERS)


def _together(rows: list[list[Array]], wanted: str = "clips") -> Array:
    if not rows:
        raise UsageError(f"there is nothing to show: the dataset has no {wanted}.")
    return montage(rows, gap=8)
