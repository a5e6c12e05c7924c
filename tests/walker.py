"""A drawn clip whose truth is known: a walker crosses a street under a camera that drifts; a ball rolls there too."""

from fractions import Fraction
from pathlib import Path

import attrs
import cv2
import numpy as np
import pytest
import torch

import peanut
from peanut import Frame

H, W, LENGTH = 180, 320, 30


@attrs.frozen
class Walker:
    video: Path
    """The clip, with the walker and the ball."""
    masks: Path
    """Folder of PNG: white where the walker is."""
    background: list[torch.Tensor]
    """The clip without the walker, as it comes out of the codec: 3 h w, uint8."""
    length: int = LENGTH


def street() -> np.ndarray:
    """A textured picture, h 2w 3, in which every place looks different."""
    noise = np.random.default_rng(7).integers(40, 216, (H // 15, 2 * W // 15), dtype=np.uint8)
    grey = cv2.GaussianBlur(cv2.resize(noise, (2 * W, H), interpolation=cv2.INTER_CUBIC), (0, 0), 1.5)
    return np.stack([grey, 0.9 * grey, 0.8 * grey + 20], axis=2).astype(np.uint8)


def draw(number: int, texture: np.ndarray, with_walker: bool) -> tuple[np.ndarray, np.ndarray]:
    """Picture h w 3 and mask h w of frame `number`."""
    picture = texture[:, number : number + W].copy()
    cv2.circle(picture, (300 - 4 * number, 150), 9, (20, 200, 60), -1)
    mask = np.zeros((H, W), np.uint8)
    x = 20 + 8 * number
    cv2.rectangle(mask, (x - 2, 48), (x + 26, 120), 255, -1)  # 2 pixels fat: the codec smears colors over edges
    if with_walker:
        cv2.rectangle(picture, (x, 50), (x + 24, 118), (200, 40, 40), -1)
        cv2.rectangle(picture, (x + 6, 60), (x + 18, 90), (240, 220, 60), -1)
    return picture, mask


def write(path: Path, pictures: list[np.ndarray]) -> None:
    frames = [Frame.from_numpy(p, index=n, time=Fraction(n, 25)) for n, p in enumerate(pictures)]
    (frames | peanut.write(path, crf=8)).run(progress=False)


@pytest.fixture(scope="session")
def walker(tmp_path_factory) -> Walker:
    folder = tmp_path_factory.mktemp("walker")
    texture = street()
    drawn = [draw(number, texture, with_walker=True) for number in range(LENGTH)]
    write(folder / "walker.mp4", [picture for picture, _ in drawn])
    write(folder / "empty.mp4", [draw(number, texture, with_walker=False)[0] for number in range(LENGTH)])
    masks = folder / "masks"
    masks.mkdir()
    for number, (_, mask) in enumerate(drawn):
        cv2.imwrite(str(masks / f"{number:05d}.png"), mask)
    background = [frame.image for frame in peanut.read(folder / "empty.mp4", shots=False)]
    return Walker(folder / "walker.mp4", masks, background)
