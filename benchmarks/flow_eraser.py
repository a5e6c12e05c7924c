"""What FlowEraser costs, as a multiple of the two dense flows between neighboring frames; one thread both.

    python -m benchmarks.flow_eraser [quality|live] [WIDTHxHEIGHT] [SHARE OF THE HOLE]

A drawn street pans by; a disc moves over it as the hole. Seconds (of the processor) are taken in the middle of the
stream, where every window is full, in turns with OpenCV's DIS (PRESET_MEDIUM) in both directions on the same frames.
"""

import resource
import sys
from itertools import islice, pairwise
from statistics import median
from time import process_time
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

import peanut

WARM, TIMED = 64, 12


def clip(w: int, h: int, share: float, length: int) -> list[peanut.Frame]:
    """A pattern of all sizes that moves 2 pixels per frame, with a disc of `share` of the picture as the hole."""
    random = np.random.default_rng(0)
    wide = np.zeros((h, w + 2 * length, 3), np.float32)
    for size in (4, 16, 64):
        noise = random.uniform(0, 255, (h // size + 2, wide.shape[1] // size + 2, 3)).astype(np.float32)
        wide += cv2.resize(noise, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)[:h, : wide.shape[1]] / 3
    pictures: list[npt.NDArray[Any]] = [
        np.clip(wide[:, 2 * t : 2 * t + w], 0, 255).astype(np.uint8) for t in range(length)
    ]
    rows, columns = np.mgrid[:h, :w]
    radius = np.sqrt(share * w * h / np.pi)
    frames = []
    for t, picture in enumerate(pictures):
        x = radius + abs((3 * t) % (2 * (w - 2 * radius)) - (w - 2 * radius))  # there and back
        mask = (columns - x) ** 2 + (rows - h / 2) ** 2 < radius**2
        frames.append(peanut.Frame.from_numpy(picture, index=t, mask=mask))
    return frames


def main(preset: Any = "quality", size: str = "640x360", share: str = "0.05") -> None:
    cv2.setNumThreads(1)
    w, h = (int(n) for n in size.split("x"))
    frames = clip(w, h, float(share), 2 * WARM + TIMED)
    greys = [cv2.cvtColor(frame.numpy(), cv2.COLOR_RGB2GRAY) for frame in frames[WARM : WARM + TIMED + 1]]
    dis = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    erased = peanut.FlowEraser(preset=preset)(iter(frames))
    list(islice(erased, WARM))
    ours, theirs = [], []
    for a, b in pairwise(greys):
        start = process_time()
        dis.calc(a, b, None), dis.calc(b, a, None)
        between = process_time()
        next(erased)
        theirs.append(between - start)
        ours.append(process_time() - between)
    hole = float(np.mean([frame.mask.float().mean() for frame in frames if frame.mask is not None]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    ratios = sorted(mine / flows for mine, flows in zip(ours, theirs, strict=True))
    print(
        f"FlowEraser(preset={preset!r}), {size}, hole {hole:.1%}: {1000 * median(ours):.0f} ms per frame, "
        f"{median(ratios):.1f} "
        f"({ratios[0]:.1f} to {ratios[-1]:.1f}) times the two flows ({1000 * median(theirs):.0f} ms); "
        f"the process, with all {len(frames)} frames of the clip, held {peak:.0f} MB at most."
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
