"""Random smooth shapes: holes for clips whose truth is the clip itself."""

import zlib

import cv2
import numpy as np
import torch
from torch import Tensor

CORNERS = 6, 8
"""How many corners a shape has, from, to."""
SHARES = 1 / 3, 1.0
"""Its width and height over those of the image, from, to."""
ROUGHNESS = 0.6, 0.8
"""How much of its radius a corner keeps at least, from, to."""
STEPS = 24
"""Points on each curve from corner to corner."""


def blob(size: tuple[int, int], seed: int | str) -> Tensor:
    """A closed curve of cubic pieces through random corners, filled: h w, bool. The same seed gives the same shape.

    size: (h, w) in pixels. A third to the whole of each side, somewhere in the image.
    Source: the free-form masks of video inpainting (Chang et al., ICCV 2019); their numbers as E2FGVI has them.
    """
    h, w = size
    rng = np.random.default_rng(zlib.crc32(seed.encode()) if isinstance(seed, str) else seed)
    height, width = rng.uniform(*SHARES, 2) * size
    count = int(rng.integers(CORNERS[0], CORNERS[1] + 1))
    angles = np.sort(2 * np.pi * (np.arange(count) + rng.uniform(-0.3, 0.3, count)) / count)
    radii = rng.uniform(rng.uniform(*ROUGHNESS), 1.0, count)
    corners = radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], axis=1) / 2
    curve = smooth_curve(corners) * [width, height]
    low, high = curve.min(axis=0), curve.max(axis=0)
    place = rng.uniform(-low, np.maximum([w, h] - high, -low))
    mask = np.zeros(size, np.uint8)
    cv2.fillPoly(mask, [np.rint(curve + place).astype(np.int32)], 1)
    return torch.from_numpy(mask > 0)


def smooth_curve(corners: np.ndarray) -> np.ndarray:
    """Points of a closed Catmull-Rom curve through corners n 2: cubic pieces without a kink."""
    t = np.linspace(0, 1, STEPS, endpoint=False)[:, None]
    pieces = []
    for before, start, end, after in zip(*(np.roll(corners, shift, axis=0) for shift in (1, 0, -1, -2)), strict=True):
        a, b = 2 * before - 5 * start + 4 * end - after, 3 * (start - end) + after - before
        pieces.append(start + 0.5 * t * (end - before + t * (a + t * b)))
    return np.concatenate(pieces)
