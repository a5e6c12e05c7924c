"""What lies behind the drawn things: drawn walls, photographs and a real clip of packages."""

from collections.abc import Callable
from itertools import islice

import cv2
import numpy as np
from PIL import Image

from peanut.data.packages import bikes, photograph
from peanut.video.read import read
from peanut.vision.array import Array

Background = Callable[[int], Array]
"""Frame -> h w 3, float32, 0 to 255."""


def background(name: str, size: tuple[int, int], length: int) -> Background:
    """A drawn wall ("tiles", "fence", "stripes"), a photograph, or `bikes-N`: `bikes.mp4` from frame N on."""
    if name.startswith("bikes-"):
        first = int(name.removeprefix("bikes-"))
        frames = islice(read(bikes(), shots=False), first, first + length)
        shot = [_covering(frame.numpy(), size) for frame in frames]
        return lambda t: shot[t]
    still = DRAWN[name](size) if name in DRAWN else _covering(_loaded(name), size)
    return lambda t: still


def _loaded(name: str) -> Array:
    return np.asarray(Image.open(photograph(name)).convert("RGB"))


def _covering(image: Array, size: tuple[int, int]) -> Array:
    """An image scaled to cover a size, and cut there: h w 3, float32."""
    scale = max(side / own for side, own in zip(size, image.shape[:2], strict=True))
    height, width = (int(np.ceil(side * scale)) for side in image.shape[:2])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(image, (width, height), interpolation=way)[: size[0], : size[1]].astype(np.float32))


def tiles(size: tuple[int, int]) -> Array:
    """Tiles of 36 x 24 pixels with joints of 2."""
    y, x = np.mgrid[: size[0], : size[1]]
    grey = np.where((x % 36 < 2) | (y % 24 < 2), 90, 190) + 10 * np.sin(x / 40)
    return np.dstack([grey, grey - 5, grey - 15]).astype(np.float32)


def fence(size: tuple[int, int]) -> Array:
    """Posts and two rails before a meadow that fades into the sky."""
    y, x = np.mgrid[: size[0], : size[1]]
    meadow = np.dstack([90 + y * 0.1, 150 - y * 0.2, 80 + 0 * y])
    wood = (x % 40 < 10) | (abs(y - 90) < 5) | (abs(y - 190) < 5)
    return np.where(wood[..., None], (120.0, 85.0, 60.0), meadow).astype(np.float32)


def stripes(size: tuple[int, int]) -> Array:
    """Slanted stripes 24 pixels wide, darker towards the floor."""
    y, x = np.mgrid[: size[0], : size[1]]
    grey = (np.sin(2 * np.pi * (x + 0.1 * y) / 24) > 0) * 60.0 + 150 - y / 10
    return np.dstack([grey - 20, grey - 10, grey]).astype(np.float32)


DRAWN = {"tiles": tiles, "fence": fence, "stripes": stripes}
