"""What PEANUT stands at: every mask stage and eraser on our own test set and on the composites.

    python -m benchmarks.results [FOLDER]

FOLDER keeps the test set, the composites and what was measured: called again, what is there is not done again. Writes
docs/results.md, and the sheets of the worst into docs/results/. An hour on one core. Where the published weights of a
stage are not on this machine, its row says so.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

import peanut
from benchmarks import composites
from peanut.data import Folder, Manifest
from peanut.errors import UsageError
from peanut.evaluation import Erase, Find, Holes, Remove, Task, evaluate
from peanut.evaluation.named import NamedPipeline
from peanut.evaluation.pictures import sheet_of
from peanut.evaluation.tables import Evaluation
from peanut.test_set.make import make
from peanut.weights import cache_folder, here

PAGE = Path(__file__).parent.parent / "docs" / "results.md"
SHEETS = PAGE.with_suffix("")
WORST, GROW = 1, 4
"""Sheets of the worst for each pipeline; how often the true masks of our own set are dilated for the erasers."""
NEEDS = {
    "p-mask": ("samwise-mevis", "sam2-base-plus", "roberta-base", "roberta-base-tokenizer"),
    "sam3": ("sam3",),
    "nof": ("e2fgvi-hq",),
    "big-lama": ("big-lama",),
    "big-lama-every-5": ("big-lama",),
}
"""The published weights of pipelines by name."""
FINDERS = ("moving", "phrase", "p-mask", "sam3")
ERASERS = ("flow", "flow-fast", "telea", "navier-stokes", "telea-every-5", "big-lama", "big-lama-every-5", "nof")
WHOLE = ("phrase | flow", "p-mask | nof")
SHOWN = ("phrase", "flow", "phrase | flow")
"""Pipelines whose worst are shown."""


def missing(text: str) -> list[str]:
    """The published weights that a pipeline by name needs and that are not on this machine."""
    return [one for name in text.split(" | ") for one in NEEDS.get(name, ()) if not here(one)]


def pipeline(text: str) -> Callable[[Task], peanut.Stage]:
    """A pipeline by name; without its weights it fails at once, and fetches nothing."""
    absent = missing(text)
    if not absent:
        return NamedPipeline(text)

    def lacks(task: Task) -> peanut.Stage:
        raise UsageError(f"the published weights ({', '.join(absent)}) are not on the machine that measured this.")

    lacks.__name__ = f"{text} without weights"
    return lacks


def own_set(folder: Path) -> Manifest:
    """Our own test set, made once."""
    path = folder / "test-set" / "test-set.toml"
    return Manifest(path if path.exists() else make(path.parent))


def composite_set(folder: Path) -> Folder:
    """The composites as folders of pictures."""
    for name in composites.names():
        place = folder / "composites" / name
        if (place / "done").exists():
            continue
        for part, images in zip(("frames", "masks", "truth"), composites.composite(name), strict=True):
            (place / part).mkdir(parents=True, exist_ok=True)
            for number, image in enumerate(images):
                stored = image.astype(np.uint8) * 255 if part == "masks" else image[..., ::-1]
                cv2.imwrite(str(place / part / f"{number:05d}.png"), stored)
        (place / "done").touch()
    return Folder(folder / "composites")


def section(title: str, text: str, found: Evaluation, folder: Path) -> str:
    """A part of the page, with the sheets of the worst."""
    parts = [f"## {title}", text, str(found)]
    if found.abilities:
        parts += [f"By ability, {found.protocol.figures[0].title}:", found.by_ability()]
    if found.failed():
        parts.append(found.failed())
    for name in (name for name in SHOWN if name in found.rows):
        for task, result in found.worst(name, WORST):
            told = f": *{task.text}*" if task.text else ""
            figure = result.values[found.protocol.figures[0].name]
            kept = _kept(folder / sheet_of(name, task), f"{folder.name}-{Path(sheet_of(name, task)).parent.name}.webp")
            parts.append(f"The worst of `{name}`, {task.name}{told} ({figure:.2f}):\n\n![{name}]({kept})")
    return "\n\n".join(parts)


def _kept(sheet: Path, name: str) -> str:
    SHEETS.mkdir(exist_ok=True)
    Image.open(sheet).save(SHEETS / name, quality=60, method=6)
    return f"{SHEETS.name}/{name}"


def measured(folder: Path, name: str, texts: tuple[str, ...], **how: Any) -> Evaluation:
    """Pipelines by name, measured into a folder of theirs."""
    return evaluate({text: pipeline(text) for text in texts}, to=folder / name, **how)


def page(folder: Path) -> str:
    """docs/results.md."""
    own, pasted = own_set(folder), composite_set(folder)
    grown = Erase(holes=Holes("own", GROW))
    finding = measured(folder, "finding", FINDERS, on=own, protocol=Find())
    erasing = measured(folder, "erasing", ERASERS, on=own, protocol=grown)
    whole = measured(folder, "whole", WHOLE, on=own, protocol=Remove())
    pasting = measured(folder, "pasting", ERASERS, on=pasted, protocol=Erase())
    about = finding.about
    machine = f"{about['machine']}; PEANUT {about['peanut']}, torch {about['packages']['torch']}"
    parts = [
        "# What PEANUT stands at",
        "Made by `python -m benchmarks.results`: every mask stage and every eraser on our own test set (24 sentences "
        "about 12 drawn scenes, six for each ability, `docs/test-set.md`) and on composites whose background is known. "
        f"What each figure is stands in `docs/metrics.md`, how it is measured in `docs/evaluation.md`.\n\n{machine}.",
        section("Finding", TEXTS["finding"], finding, folder / "finding"),
        section("Erasing, the masks given", TEXTS["erasing"], erasing, folder / "erasing"),
        section("The whole job, from a sentence", TEXTS["whole"], whole, folder / "whole"),
        section("Composites", TEXTS["composites"], pasting, folder / "pasting"),
    ]
    return "\n\n".join(parts) + "\n"


TEXTS = {
    "finding": "J&F of the masks against the drawn truth. `moving` reads no sentence and takes all that moves: where "
    "one of several is meant, it cannot be right.",
    "erasing": f"The true masks, dilated {GROW} times with a cross; PSNR in dB.",
    "whole": "PSNR in the true mask, dilated likewise. What is not found stays, and what is found in vain is erased, "
    "too: `outside` tells.",
    "composites": "Drawn people over the shots of a real clip, and drawn rooms (`benchmarks/composites.py`).",
}

if __name__ == "__main__":
    os.environ.setdefault("TQDM_MININTERVAL", "10")
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else cache_folder() / "results"
    PAGE.write_text(page(place), encoding="utf-8")
    print(PAGE)
