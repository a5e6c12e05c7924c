"""The picture of docs/words.md: ten sentences on one clip.

python -m benchmarks.words_sheet CLIPS OUT.png [FRAME]
"""

import sys
from pathlib import Path

import cv2
import numpy as np

import peanut
from benchmarks.scenes import HELD_OUT, rendered
from benchmarks.sentences import masked, stream

SENTENCES = (
    *("the man in red", "the cyclist", "the bicycle", "the green thing", "everyone"),
    *("everything except the man in red", "the thing that goes right", "the person on the left"),
    *("the fastest person", "people who are not on a bicycle"),
)
SIZE, CAPTION = (216, 122), 22
"""Pixels of an image (w, h), and of the line below it."""


def main() -> None:
    clips, out, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 30
    frames, _ = rendered(HELD_OUT[0], clips)
    moving = tuple(frame.mask for frame in peanut.MovingObjects(grow=0)(stream(frames)))
    tiles = []
    for text in SENTENCES:
        image, mask = frames[number].copy(), masked(text, frames, moving)[number]
        image[mask] = image[mask] // 3 + np.array((170, 0, 0), np.uint8)
        tile = cv2.copyMakeBorder(
            cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA), 0, CAPTION, 2, 2, 0, value=(255,) * 3
        )
        cv2.putText(tile, text, (4, SIZE[1] + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (0, 0, 0), 1, cv2.LINE_AA)
        tiles.append(tile)
    cv2.imwrite(out, np.vstack([np.hstack(tiles[:5]), np.hstack(tiles[5:])])[..., ::-1])


if __name__ == "__main__":
    main()
