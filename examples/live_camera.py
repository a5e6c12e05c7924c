"""A camera is a video without an end: what moves in front of it is erased while you watch.

python examples/live_camera.py 0 100        # camera 0 (or rtsp://..., or a file), 100 frames
"""

import sys
from itertools import islice

import peanut

name, frames = sys.argv[1], int(sys.argv[2])
camera = peanut.read(int(name) if name.isdigit() else name, max_size=320)
pipeline = camera | peanut.MovingObjects() | peanut.FlowEraser()
live = iter(pipeline)
for frame in islice(live, frames):
    erased = 0.0 if frame.mask is None else float(frame.mask.float().mean())
    print(f"{float(frame.time):7.2f} s  {100 * erased:4.1f} % erased")  # show(frame.numpy()) here
live.close()  # the trap: a camera has no end, so say when you have had enough; threads and the camera are freed
print("latency of each stage:", {part.name: part.latency for part in live.statistics.stages})
