"""`--prompt`: which of the ways to read a sentence is on this machine, and an explanation of what was understood."""

import functools
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import click
import cv2
import numpy as np

import peanut
from peanut.cli.chosen import Chosen, built
from peanut.cli.job import VIDEO_SUFFIXES, Job
from peanut.errors import UsageError
from peanut.vision.array import Array
from peanut.weights import at_hand, here
from peanut.words.candidate import Candidate
from peanut.words.choice import Verdict
from peanut.words.explain import explain, table

READERS = ("samwise", "sam3", "grammar")
SHOWN, WIDTH = 6, 640
"""Images of a sheet, and their width in pixels."""


def reader_of(text: str, by: str, settings: dict[str, Any], *, explain: bool) -> Chosen:
    """The stage that reads a sentence: with "auto" the best whose weights are on this machine, which is told.

    Raises UsageError for a phrase that the grammar does not know, where no network is there either, and where another
    reader than the grammar is to explain.
    """
    if by == "auto":
        by = next(name for name in READERS if name == "grammar" or _is_here(name))
        click.echo(f"--prompt is read by {TOLD[by]}.", err=True)
    if by == "grammar":
        return Chosen("--prompt", peanut.Phrase, settings, (text,), learned=True)
    if explain:
        raise UsageError("--explain is for the grammar, a network does not explain: add --prompt-by grammar.")
    if settings["shadows"]:
        raise UsageError("--shadows goes with --moving, and with --prompt where the grammar reads it.")
    stage = peanut.PMask if by == "samwise" else peanut.Sam3Mask
    live = {"preset": "live"} if by == "samwise" else {}
    return Chosen("--prompt", functools.partial(stage, text), {"grow": settings["grow"]}, learned=True, live=live)


def explained(finder: Chosen, *, device: str | None, preset: str | None) -> Job:
    """The job of --explain."""
    (phrase,) = built(finder, device=device, preset=preset)
    return Job((peanut.prefetch(4),), functools.partial(Explained, phrase), VIDEO_SUFFIXES, writes=False)


TOLD = {
    "samwise": "SAMWISE, whose weights are here",
    "sam3": "SAM 3, whose weights are here",
    "grammar": "the grammar of docs/words.md: no network that reads is here (`peanut weights pull samwise-mevis`)",
}


def _is_here(reader: str) -> bool:
    """Whether the weights of a reader, and what runs them, are on this machine."""
    if reader == "samwise":
        return here("samwise-mevis") and importlib.util.find_spec("sam2") is not None
    if importlib.util.find_spec("transformers") is None:
        return False
    return at_hand("sam3") is not None


@attrs.frozen(repr=False)
class Explained(peanut.Stage):
    """Say how a phrase was understood, what was measured of the candidates of each shot and which were chosen.

    Writes a sheet beside `output`, which is not written itself. Frames come out masked.
    """

    phrase: peanut.Phrase
    output: str
    overwrite: bool = False
    keeps, latency, memory = True, peanut.Phrase.latency, peanut.Phrase.memory

    @property
    def sheet(self) -> Path:
        """Where the sheet is written."""
        out = Path(self.output.rstrip("/"))
        return Path("explained.png") if self.output == "-" else out.with_name(f"{out.stem}-explained.png")

    def __call__(self, frames: peanut.FrameStream) -> Iterator[peanut.Frame]:
        if self.sheet.exists() and not self.overwrite:
            raise UsageError(f"{self.sheet} exists: --overwrite replaces it.")
        if not self.sheet.parent.is_dir():
            raise UsageError(f"{self.sheet} cannot be written: there is no folder {self.sheet.parent}.")
        for meaning in self.phrase.meanings:
            click.echo(f"{meaning.text!r} was understood as\n{explain(meaning)}\n")
        chooser, shown, step = self.phrase.chooser(), [], 1
        seen: dict[int, tuple[Candidate, Verdict]] = {}
        shot: int | None = None
        for number, frame in enumerate(self.phrase.run_with(chooser, frames)):
            if shot not in (None, frame.shot):
                _tell(shot, seen)
                seen = {}
            shot = frame.shot
            for one, verdict in zip(chooser.candidates, chooser.verdicts, strict=True):
                if verdict.chosen or not (one.number in seen and seen[one.number][1].chosen):
                    seen[one.number] = one, verdict
            if number % step == 0:
                shown.append(_drawn(frame, chooser.candidates, chooser.verdicts))
            if len(shown) == 2 * SHOWN:
                shown, step = shown[::2], 2 * step
            yield frame
        if shown:
            _tell(shot, seen)
            peanut.sheet(shown, every=1, columns=2, width=WIDTH, path=self.sheet, overwrite=self.overwrite)
            click.echo(f"{self.sheet}: candidates in boxes, what was chosen in red; nothing was erased.")


def _tell(shot: int | None, seen: dict[int, tuple[Candidate, Verdict]]) -> None:
    """What was there in a shot, each as it was chosen last, or else seen last."""
    told = [(one, verdict) for one, verdict in seen.values() if verdict.score > 0 or one.label is not None]
    many = f", and {len(seen) - len(told)} more that have no name and do not fit" if len(told) < len(seen) else ""
    listed = table([verdict for _, verdict in told], [one for one, _ in told]) if told else "nothing"
    click.echo(f"shot {shot}: there was{many}\n{listed}\n")


def _drawn(frame: peanut.Frame, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]) -> peanut.Frame:
    """A frame with its candidates in numbered boxes, those chosen in white, the others in gray; the mask in red."""
    image: Array = frame.numpy()
    if frame.mask is not None:
        mask = frame.mask.numpy()
        image[mask] = image[mask] // 2 + np.array((127, 0, 0), np.uint8)
    scale = WIDTH / image.shape[1]
    image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    chosen = {verdict.number for verdict in verdicts if verdict.chosen}
    for one in sorted(candidates, key=lambda one: one.number in chosen):
        if one.label is None and one.number not in chosen:
            continue
        color = (255, 255, 255) if one.number in chosen else (150, 150, 150)
        left, top, right, bottom = (round(edge * WIDTH / one.size[1]) for edge in one.box)
        cv2.rectangle(image, (left, top), (right, bottom), color, 1)
        cv2.putText(image, f"{one.number} {one.label or ''}", (left + 3, top + 13), 0, 0.45, color, 1, cv2.LINE_AA)
    return peanut.Frame.from_numpy(np.asarray(image, np.uint8), index=frame.index, time=frame.time)
