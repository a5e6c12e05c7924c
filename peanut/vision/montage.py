"""Images below and beside one another. On NumPy arrays."""

from collections.abc import Sequence

import numpy as np

from peanut.vision.array import Array

PAPER = 255
"""What is between them."""


def montage(rows: Sequence[Sequence[Array]], gap: int = 4) -> Array:
    """Images (h w 3, uint8, any sizes) in rows and columns: h w 3. A row may be shorter than the others.

    gap: pixels between them. A row is as high as its highest image, a column as wide as its widest.

    >>> tall, wide = np.zeros((3, 1, 3), np.uint8), np.zeros((1, 4, 3), np.uint8)
    >>> montage([[tall, tall], [wide]], gap=2).shape
    (6, 7, 3)
    """
    heights = [max(image.shape[0] for image in row) for row in rows]
    widths = [max(row[n].shape[1] for row in rows if n < len(row)) for n in range(max(map(len, rows)))]
    sheet = np.full((_sum(heights, gap), _sum(widths, gap), 3), PAPER, np.uint8)
    y = 0
    for row, height in zip(rows, heights, strict=True):
        x = 0
        for image, width in zip(row, widths, strict=False):
            sheet[y : y + image.shape[0], x : x + image.shape[1]] = image
            x += width + gap
        y += height + gap
    return sheet


def _sum(sides: list[int], gap: int) -> int:
    return sum(sides) + gap * (len(sides) - 1)
