"""A stage of your own: the corner with the station's logo becomes the mask.

python examples/own_stage.py broadcast.mp4 clean.mp4
"""

import sys

import torch

import peanut


@peanut.stage
def corner(frames, height=0.15, width=0.25):
    for frame in frames:
        h, w = frame.size
        mask = torch.zeros(h, w, dtype=torch.bool)  # the trap: a mask is new for every frame, nobody writes into
        mask[: int(h * height), w - int(w * width) :] = True  # a tensor that others hold
        yield frame.with_mask(mask)


source, clean = sys.argv[1:3]
pipeline = peanut.read(source) | corner(height=0.1) | peanut.FlowEraser() | peanut.write(clean, overwrite=True)
print(pipeline.run().frames, "frames")
