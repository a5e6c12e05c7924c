"""A stage of your own: the corner with the station's logo becomes the mask.

python examples/own_stage.py broadcast.mp4 clean.mp4
"""

import sys
from collections.abc import Iterator

import torch

import peanut


@peanut.stage(latency=0, memory=1)  # what it tells a graph: nothing is waited for, one frame is held
def corner(frames: peanut.FrameStream, height: float = 0.15, width: float = 0.25) -> Iterator[peanut.Frame]:
    for frame in frames:
        h, w = frame.size
        mask = torch.zeros(h, w, dtype=torch.bool)  # the trap: a mask is new for every frame, nobody writes into
        mask[: int(h * height), w - int(w * width) :] = True  # a tensor that others hold
        yield frame.with_mask(mask)


source, clean = sys.argv[1:3]
pipeline = peanut.read(source) | corner(height=0.1) | peanut.FlowEraser() | peanut.write(clean, overwrite=True)
print(pipeline.run().frames, "frames")
