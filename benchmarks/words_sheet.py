"""The picture of docs/words.md: ten sentences on one clip.

python -m benchmarks.words_sheet CLIPS OUT.png [FRAME]
"""

import sys
from pathlib import Path

import cv2
import torch

import peanut
from benchmarks.scenes import HELD_OUT, rendered
from benchmarks.sentences import masked, stream

SENTENCES = (
    *("the man in red", "the cyclist", "the bicycle", "the green thing", "everyone"),
    *("everything except the man in red", "the thing that goes right", "the person on the left"),
    *("the fastest person", "people who are not on a bicycle"),
)
WIDTH, IN_A_ROW = 216, 5
"""Pixels of an image, and sentences beside one another."""


def main() -> None:
    clips, out, number = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else 30
    frames, _ = rendered(HELD_OUT[0], clips)
    moving = tuple(frame.mask for frame in peanut.MovingObjects(grow=0)(stream(frames)))
    shown = {
        text: [peanut.Frame.from_numpy(frames[number], index=number, mask=masked(text, frames, moving)[number])]
        for text in SENTENCES
    }
    titles = [SENTENCES[first : first + IN_A_ROW] for first in range(0, len(SENTENCES), IN_A_ROW)]
    rows = [peanut.sheet({text: shown[text] for text in row}, layers=("masks",), width=WIDTH) for row in titles]
    cv2.imwrite(out, torch.cat(rows, dim=1).permute(1, 2, 0).numpy()[..., ::-1])


if __name__ == "__main__":
    main()
