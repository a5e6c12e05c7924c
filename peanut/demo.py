"""The main job on a real clip: a man walks past a parked bicycle, and then he never did."""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter

from tqdm.auto import tqdm

import peanut
from peanut.data.packages import bikes
from peanut.frame import Frame

PHRASE, WORDS_START, WORDS_STOP = "the man", Fraction("1.2"), Fraction("2.6")  # he walks off, a taxi drives in
SHARP_FROM, SHARP_FRAMES = 216, 10  # the man is gone: a piece of the clean clip, four times as large
START, STOP, FIRST = Fraction("7.48"), Fraction("9.68"), 187  # one shot, frames 187 to 241
EVERY, SHEET_WIDTH = 6, 720  # frames from row to row of the sheet, its width in pixels


@peanut.stage
def crop(frames: Iterator[Frame], top: int, left: int, height: int, width: int) -> Iterator[Frame]:
    """A piece of every picture; masks are left behind."""
    for frame in frames:
        image = frame.image[:, top : top + height, left : left + width].contiguous()
        yield Frame(index=frame.index, time=frame.time, image=image, shot=frame.shot)


def run(folder: Path) -> None:
    """Write the results into `folder` and say where they are."""
    start = perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    clean = folder / "clean.mp4"
    pipeline = (
        peanut.read(bikes(), start=START, stop=STOP)
        | peanut.prefetch(4)
        | peanut.MovingObjects()
        | peanut.merge(
            peanut.overlay(), peanut.FlowEraser() | peanut.write(clean, overwrite=True), join=peanut.side_by_side
        )
        | peanut.write(folder / "before_after.mp4", overwrite=True)
    )
    print(pipeline)
    _write_sheet(folder / "sheet.png", _shown(iter(pipeline)))
    print(f"  {clean}\n  {folder / 'before_after.mp4'}\n  {folder / 'sheet.png'}")
    print(f"{perf_counter() - start:.0f} s; left: what was found, right: the result")
    _in_words(folder / "words.png")
    print(f"  {folder / 'words.png'}\n{perf_counter() - start:.0f} s; {PHRASE!r}: he goes, the taxi stays")
    _sharpen(clean, folder)
    print(f"  {folder / 'sharp.mp4'}\n  {folder / 'sharp.png'}")
    print(f"{perf_counter() - start:.0f} s in all; left: enlarged plainly (Lanczos), right: by UR-Net (basicvsr-reds4)")


def _in_words(path: Path) -> None:
    """Of two things that move the one that a sentence means: a row a frame, chosen and gone."""
    pipeline = (
        peanut.read(bikes(), start=WORDS_START, stop=WORDS_STOP)
        | peanut.Phrase(PHRASE)
        | peanut.merge(peanut.overlay(), peanut.FlowEraser(), join=peanut.side_by_side)
    )
    _write_sheet(path, pipeline)


def _sharpen(clean: Path, folder: Path) -> None:
    """A short piece of the clean clip four times as large, beside the plain enlargement."""
    begin = Fraction(SHARP_FROM - FIRST, 25)
    pipeline = (
        peanut.read(clean, start=begin, stop=begin + Fraction(SHARP_FRAMES, 25), shots=False)
        | crop(top=20, left=240, height=144, width=160)
        | peanut.merge(peanut.Enlarge(4), peanut.URNet("basicvsr-reds4"), join=peanut.side_by_side)
        | peanut.write(folder / "sharp.mp4", overwrite=True)
    )
    *_, last = pipeline
    peanut.sheet([last], width=last.size[1], path=folder / "sharp.png", overwrite=True)


def _write_sheet(path: Path, frames: Iterable[Frame]) -> None:
    peanut.sheet(frames, every=EVERY, columns=1, width=SHEET_WIDTH, path=path, overwrite=True)


def _shown(run: peanut.Run) -> Iterator[Frame]:
    """The frames of a run, with a bar."""
    yield from tqdm(run, total=55, unit=" frames", disable=None)
