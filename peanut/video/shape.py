"""The shape of a video's pixels."""

from fractions import Fraction
from typing import Any


def pixel_aspect(stream: Any, turned: bool) -> Fraction:
    """Width of a pixel by its height, of the upright picture: 1 where the file says nothing of use.

    turned: the pictures are turned by 90 degrees to be upright.
    """
    own = stream.sample_aspect_ratio
    if not own or own < 0:
        return Fraction(1)
    return 1 / Fraction(own) if turned else Fraction(own)
