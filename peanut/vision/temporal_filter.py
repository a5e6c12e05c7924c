"""Bringing what was filled into a hole to rest over time, on NumPy arrays."""

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]

PULL = 0.9
"""How much of a neighboring frame's content is taken where both agree."""
APART = 78.0
"""Grey levels between both at which that falls by a factor of e."""
UNDECIDED = 0.15
"""Grey levels by which one way to the neighbor must be better than another to count e times as much, where the best
one fits exactly; as many times more as that is off by grey levels."""
SIDE = 21
"""Pixels per side over which contents are compared."""


def settle(picture: Array, hole: Array, neighbor: Array, ways: list[Array]) -> Array:
    """The pixels of a hole, drawn towards the same content in the filled picture of a neighboring frame.

    picture: h w 3, float32, a box of the frame, 0 to 255. hole: h w, bool. neighbor: the neighbor's whole picture,
    float32. ways: where the content of the box may lie in it, each h w 2, float32, pixels. Returns n 3, float32.
    Run along a clip and back again it is a recursive low-pass filter along the motion, without delay.
    """
    none: Any = None  # both coordinates are in the first
    carried = [  # cubic: what is carried on and on must not blur
        cv2.remap(neighbor, at, none, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE) for at in ways
    ]
    apart = np.stack([cv2.blur(np.abs(one - picture).mean(axis=-1), (SIDE, SIDE))[hole] for one in carried])
    best = apart.min(axis=0)
    shares = np.exp((best - apart) / (UNDECIDED * (1 + best)))
    shares *= PULL * np.exp(-apart / APART) / shares.sum(axis=0)
    settled = picture[hole]
    for share, one in zip(shares, carried, strict=True):
        settled = settled + share[:, None] * (one[hole] - picture[hole])
    return settled
