"""Whether `Phrase` chooses what a sentence means, and how well its masks fit, where the truth is known.

python -m benchmarks.sentences CLIPS [--held-out]

CLIPS as in `benchmarks.scenes`. A row for each sentence: J of what was masked, J of the same motion masks where the
truth chooses (each pixel goes to the nearest mover; 0 for what stands still), the share of the wanted that is masked
and of what is to be kept. A choice is right if over half of the wanted and under a quarter of the rest is masked.
"""

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import cv2
import numpy as np
import numpy.typing as npt

import peanut
from benchmarks.scenes import HELD_OUT, SCENES, Scene, rendered

Array = npt.NDArray[Any]
REACH = 80
"""Pixels from a mover beyond which a moving pixel is none of it."""


@attrs.frozen(repr=False)
class Known(peanut.Stage):
    """Masks that were computed before, as late as MovingObjects gives them: the sentences of a scene share them."""

    masks: tuple[Any, ...]
    width: int = 640
    latency, memory = 15, 31

    def __call__(self, frames: Iterable[peanut.Frame]) -> Iterator[peanut.Frame]:
        waiting: list[peanut.Frame] = []
        for frame in frames:
            waiting.append(frame)
            if len(waiting) > self.latency:
                first = waiting.pop(0)
                yield first.with_mask(self.masks[first.index])
        for frame in waiting:
            yield frame.with_mask(self.masks[frame.index])


def stream(frames: Array) -> Iterator[peanut.Frame]:
    return (peanut.Frame.from_numpy(image, index=number) for number, image in enumerate(frames))


def masked(text: str, frames: Array, moving: tuple[Any, ...]) -> Array:
    class OnKnown(peanut.Phrase):
        def moving(self) -> Any:
            return Known(moving)

    return np.stack([frame.mask.numpy() for frame in OnKnown(text, grow=0)(stream(frames)) if frame.mask is not None])


def overlap(a: Array, b: Array) -> float:
    """J: intersection over union."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def chosen_by_truth(moving: Array, wanted: Array, kept: Array) -> Array:
    """What moves, as far as it is nearest to what is wanted."""
    nearest = cv2.distanceTransform((~wanted).astype(np.uint8), cv2.DIST_L2, 3)
    other = cv2.distanceTransform((~kept).astype(np.uint8), cv2.DIST_L2, 3) if kept.any() else np.inf
    return np.asarray(moving & (nearest <= other) & (nearest < REACH))


def measure(scene: Scene, clips: Path) -> Iterator[tuple[str, float, float, float, float]]:
    """For each sentence: J, J by the truth, share of the wanted masked, share of the rest masked."""
    frames, movers = rendered(scene, clips)
    moving = tuple(frame.mask for frame in peanut.MovingObjects(grow=0)(stream(frames)))
    for text, names in scene.sentences.items():
        found = masked(text, frames, moving)
        wanted = np.any([movers[name] for name in names], axis=0)
        kept = np.any([np.zeros_like(wanted), *(mask for name, mask in movers.items() if name not in names)], axis=0)
        best = [chosen_by_truth(m.numpy(), w, k) for m, w, k in zip(moving, wanted, kept, strict=True)]
        j = float(np.mean([overlap(a, b) for a, b in zip(found, wanted, strict=True)]))
        j_truth = float(np.mean([overlap(a, b) for a, b in zip(best, wanted, strict=True)]))
        yield text, j, j_truth, (found & wanted).sum() / wanted.sum(), (found & kept).sum() / max(1, kept.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description="Sentences where the truth is known.")
    parser.add_argument("clips", type=Path)
    parser.add_argument("--held-out", action="store_true", help="the scenes that were measured once")
    parser.add_argument("--only", action="append", help="name of a scene (all)")
    given = parser.parse_args()
    print("| scene | sentence | right | J | J, truth chooses | masked of it | masked of the rest |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    rows = []
    for scene in HELD_OUT if given.held_out else SCENES:
        for row in measure(scene, given.clips) if given.only is None or scene.name in given.only else ():
            text, *figures = row
            right = figures[2] > 0.5 and figures[3] < 0.25
            rows.append((right, *figures))
            shown = " | ".join(f"{figure:.2f}" for figure in figures)
            print(f"| {scene.name} | {text} | {'yes' if right else 'no'} | {shown} |", flush=True)
    moving = [row for row in rows if row[2] > 0]
    print(
        f"{sum(row[0] for row in rows)} of {len(rows)} right; where it moves J {np.mean([r[1] for r in moving]):.2f},",
        end=" ",
    )
    print(
        f"{np.mean([r[1] for r in moving]) / np.mean([r[2] for r in moving]):.2f} of what the truth reaches;", end=" "
    )
    still = [row[1] for row in rows if row[2] == 0]
    print(
        f"where it stands J {np.mean(still):.2f};" if still else "", f"of the rest {np.mean([r[4] for r in rows]):.3f}"
    )


if __name__ == "__main__":
    main()
