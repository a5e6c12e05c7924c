"""Whether `peanut evaluate` gives what a maker of composites measures itself.

    python -m benchmarks.agreement MAKER.py BIKES [NAME...]

MAKER.py has `names()`, `composite(name, bikes)`, `score(result, masks, truth)` and `write(folder, frames, masks,
truth)`.
Evaluated are `FlowEraser` and a stage of one's own; printed is the PSNR inside the hole of each composite by both, and
the largest difference. Exit status 1 if it is above 0.001 dB.
"""

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

import peanut
from benchmarks.composites import load
from benchmarks.erasers import staged
from peanut.data import Folder

ALLOWED = 1e-3
"""dB."""


@peanut.stage
def mean_color(frames: Iterator[peanut.Frame]) -> Iterator[peanut.Frame]:
    """An eraser of one's own: fills a hole with the mean color around it."""
    for frame in frames:
        mask = frame.mask.numpy()
        ring = cv2.dilate(mask.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool) & ~mask
        image = frame.image.clone()
        if ring.any():
            image[:, frame.mask] = image[:, ring].float().mean(dim=1, keepdim=True).round().byte()
        yield frame.with_image(image)


def main(path: str, bikes: str, wanted: list[str]) -> int:
    maker = load(path)
    stages = {"flow": peanut.FlowEraser(preset="fast"), "mean_color": mean_color()}
    apart = []
    with tempfile.TemporaryDirectory() as folder:
        for name in wanted or maker.names():
            made = maker.composite(name, bikes)
            maker.write(Path(folder) / "set" / name, *made)
            found = peanut.evaluate(stages, Folder(f"{folder}/set"), f"{folder}/{name}", only=[name], progress=False)
            for row, stage in stages.items():
                ours = found.means[row]["psnr_hole"]
                theirs = maker.score(staged(stage, *made[:2]), *made[1:])["psnr"]
                apart.append(abs(ours - theirs))
                print(f"{name:24} {row:12} {ours:9.4f} {theirs:9.4f}", flush=True)
    print(f"largest difference: {max(apart):.6f} dB")
    return int(max(apart) > ALLOWED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.argv[3:]))
