"""A frame on its way to its labels."""

import attrs

from peanut.frame import Frame
from peanut.vision.array import Array
from peanut.vision.detection import Box


@attrs.define(eq=False)
class Watched:
    """A frame, reduced, with what was found in it as it came."""

    frame: Frame
    number: int
    """Counted from the first frame of the stream."""
    image: Array
    """h w 3, uint8, RGB."""
    grey: Array
    """h w, uint8."""
    flow: Array
    """h w 2, float32, pixels: where each pixel was in the frame before."""
    camera: Array
    """The part of it that the camera's motion explains."""
    first: bool
    """Whether a shot begins here."""
    detected: bool = False
    """Whether the detector looked at it."""
    boxes: dict[int, Box] = attrs.field(factory=dict)
    """The box of each track; revised while later frames come."""
