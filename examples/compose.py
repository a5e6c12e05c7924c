"""Compose a pipeline: what moves is found, erased and written; a preview of the masks is written on the way.

python examples/compose.py street.mp4 clean.mp4
"""

import sys
from pathlib import Path

import peanut

source, clean = Path(sys.argv[1]), Path(sys.argv[2])
preview = peanut.overlay() | peanut.write(clean.with_stem(f"{clean.stem}-masks"), audio=False, overwrite=True)
pipeline = (
    peanut.read(source)
    | peanut.MovingObjects(grow=2)
    | peanut.tap(preview)  # the trap: without `tap` the overlay would be painted into the result
    | peanut.FlowEraser()
    | peanut.write(clean, overwrite=True)
)
print(pipeline)
print(pipeline.run())
