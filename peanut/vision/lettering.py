"""Small letters on images, in Pillow's own font. On NumPy arrays."""

from functools import cache
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from peanut.vision.array import Array

SIZE = 12
"""Height of a line, in pixels, from which letters are legible."""
PAPER, INK, EDGE = (255, 255, 255), (30, 30, 30), (0, 0, 0)
"""Colors of strips, and of letters on an image; of the letters on strips; and around those on an image."""


def caption(text: str, width: int, size: int = SIZE) -> Array:
    """A strip with one line: h w 3, uint8, h = size + 6; what is too long for it ends in "..."."""
    shown, font = text, _font(size)
    while shown and font.getlength(shown) > width - 6:
        shown = shown.removesuffix("...")[:-1] + "..." if shown != "..." else ""
    strip = Image.new("RGB", (width, size + 6), PAPER)
    ImageDraw.Draw(strip).text((3, size / 2 + 3), shown, fill=INK, font=font, anchor="lm")
    return np.array(strip)


def paragraph(text: str, width: int, size: int = SIZE, most: int = 3) -> Array:
    """Strips one below the other with a sentence, broken between words: h w 3, uint8, of `most` lines at most.

    What is too long for the last line, and a word that is for any, ends in "...". Words of no sentence are one empty
    line.
    """
    lines, font = [""], _font(size)
    for word in text.split():
        longer = f"{lines[-1]} {word}".lstrip()
        if not lines[-1] or len(lines) == most or font.getlength(longer) <= width - 6:
            lines[-1] = longer
        else:
            lines.append(word)
    return np.concatenate([caption(line, width, size) for line in lines])


def letter(image: Array, text: str, at: tuple[float, float], size: int = SIZE) -> Array:
    """The image (h w 3, uint8) with a word centered at (x, y), as far as that is inside, with a dark edge around it."""
    font = _font(size)
    h, w = image.shape[:2]
    half = font.getlength(text) / 2 + 2
    x = float(np.clip(at[0], half, max(half, w - half)))
    y = float(np.clip(at[1], size / 2 + 2, max(size / 2 + 2, h - size / 2 - 2)))
    drawn = Image.fromarray(image)
    ImageDraw.Draw(drawn).text((x, y), text, fill=PAPER, font=font, anchor="mm", stroke_width=1, stroke_fill=EDGE)
    return np.array(drawn)


@cache
def _font(size: int) -> Any:
    return ImageFont.load_default(size)
