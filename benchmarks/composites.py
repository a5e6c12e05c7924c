"""How well FlowEraser does where the truth is known, against filling each frame by itself.

A composite is a clip with a masked subject pasted over it, so that what is behind the subject is known. Composites come
from a Python file that has `names()` and `composite(name, *arguments)`; the latter gives frames t h w 3 (uint8, RGB),
masks t h w (bool) and the truth, like the frames. If it has `never(name, *arguments)`, that gives what of the masks no
frame shows, t h w (bool).

    python -m benchmarks.composites MAKER.py [ARGUMENT...] [--preset quality] [--only NAME]

prints a row for each: PSNR inside the hole (mean over the frames, dB) of Telea's inpainting (radius 5) and of
FlowEraser, the gain, structure of both (`benchmarks.structure`, every fifth frame), the PSNR of both in what no frame
shows, light (how far the hole's mean is from the truth's, grey levels, mean over the frames), the flicker, and seconds
per frame. Flicker is the mean absolute change between neighboring frames inside the hole, warped along the truth's own
flow, divided by the same of the truth.
"""

import argparse
import importlib.util
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from time import process_time
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

import peanut
from benchmarks.structure import structure
from peanut.vision.optical_flow import dense_flow, grid, sample

Array = npt.NDArray[Any]
COLUMNS = (
    *("composite", "Telea", "FlowEraser", "gain", "structure of Telea", "structure"),
    *("never shown: Telea", "never shown", "light", "flicker", "seconds"),
)


def psnr(result: Array, truth: Array, masks: Array) -> float:
    """Mean over the frames of the PSNR inside the hole: dB, at most 100 for a frame."""
    levels = []
    for image, true, mask in zip(result, truth, masks, strict=True):
        if mask.any():
            error = np.mean((image[mask].astype(np.float64) - true[mask]) ** 2)
            levels.append(min(100.0, 10 * np.log10(255**2 / max(error, 1e-9))))
    return float(np.mean(levels))


def changes(clip: Array, truth: Array, masks: Array) -> Iterator[float]:
    """Mean absolute change to the next frame inside the hole, along the truth's flow: grey levels."""
    for (now, after), (true, true_after), mask in zip(pairwise(clip), pairwise(truth), masks, strict=False):
        if mask.any():
            grey, grey_after = (cv2.cvtColor(x, cv2.COLOR_RGB2GRAY) for x in (true, true_after))
            at = grid(slice(0, mask.shape[0]), slice(0, mask.shape[1])) + dense_flow(grey, grey_after)
            yield float(cv2.absdiff(sample(after, at), now)[mask].mean())


def erase(frames: Array, masks: Array, preset: Any) -> Array:
    stream = (peanut.Frame.from_numpy(f, index=i, mask=m) for i, (f, m) in enumerate(zip(frames, masks, strict=True)))
    return np.stack([frame.numpy() for frame in peanut.FlowEraser(preset=preset)(stream)])


def telea(frames: Array, masks: Array) -> Array:
    pairs = zip(frames, masks, strict=True)
    return np.stack([cv2.inpaint(f, m.astype(np.uint8), 5, cv2.INPAINT_TELEA) for f, m in pairs])


def load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(Path(path).stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is not a Python file.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def row(name: str, maker: ModuleType, arguments: list[str], preset: Any) -> tuple[float, str]:
    """The gain in dB, and a row of the table."""
    frames, masks, truth = maker.composite(name, *arguments)
    start = process_time()
    result = erase(frames, masks, preset)
    seconds = (process_time() - start) / len(frames)
    if not np.array_equal(result[~masks], frames[~masks]):
        raise SystemExit(f"{name}: pixels outside the hole have changed.")
    alone = telea(frames, masks)
    before, after = psnr(alone, truth, masks), psnr(result, truth, masks)
    some = [t for t in range(0, len(frames), 5) if masks[t].any()]
    structures = [np.mean([structure(clip[t], truth[t], masks[t]) for t in some]) for clip in (alone, result)]
    never = maker.never(name, *arguments) if hasattr(maker, "never") else np.zeros_like(masks)
    unseen = [f"{psnr(clip, truth, never):.1f}" if never.any() else "" for clip in (alone, result)]
    light = np.mean([abs(r[m].mean() - t[m].mean()) for r, t, m in zip(result, truth, masks, strict=True) if m.any()])
    own = float(np.mean(list(changes(truth, truth, masks))))
    flicker = float(np.mean(list(changes(result, truth, masks)))) / max(own, 1e-6)
    cells = [name, f"{before:.1f}", f"{after:.1f}", f"{after - before:+.1f}", *(f"{one:.2f}" for one in structures)]
    return after - before, " | ".join([*cells, *unseen, f"{light:.1f}", f"{flicker:.2f}", f"{seconds:.2f}"])


def main() -> None:
    parser = argparse.ArgumentParser(description="FlowEraser where the truth is known.")
    parser.add_argument("maker", help="Python file with names() and composite(name, *arguments)")
    parser.add_argument("arguments", nargs="*")
    parser.add_argument("--preset", default="quality")
    parser.add_argument("--only", action="append", help="name of a composite (all)")
    given = parser.parse_args()
    maker = load(given.maker)
    print(f"| {' | '.join(COLUMNS)} |\n|{' --- |' * len(COLUMNS)}")
    gains = []
    for name in given.only or maker.names():
        gain, line = row(name, maker, given.arguments, given.preset)
        gains.append(gain)
        print(f"| {line} |", flush=True)
    print(f"mean gain {np.mean(gains):+.2f} dB")


if __name__ == "__main__":
    main()
