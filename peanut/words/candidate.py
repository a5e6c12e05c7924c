"""What is known of an object when a phrase chooses among several."""

from collections.abc import Mapping

import attrs

from peanut.vision.detection import Box


@attrs.frozen
class Candidate:
    """One object of a shot, with what was measured of it so far."""

    number: int
    """Its identity in the shot."""
    label: str | None
    """A class of COCO; None: it moves, and the detector knows no name for it."""
    score: float
    """0 to 1: how sure the detector is of the label; 0 without one."""
    box: Box
    """Where it is now, in pixels of an image of `size`."""
    size: tuple[int, int]
    """(h, w) of the image."""
    area: float
    """Share of the image that it covers, 0 to 1, the mean of what was seen."""
    colors: Mapping[str, float]
    """Share of the pixels of its core that have each color name, 0 to 1; see `words.colors`."""
    velocity: tuple[float, float]
    """Rightwards and downwards, in image widths per second, against the background; the mean while it was seen."""
    speed: float
    """Mean absolute speed against the background, in image widths per second: also of what goes to and fro."""
    growth: float = 0.0
    """By which factor less 1 its height grows per second, the mean while it was seen: above 0 it comes nearer."""
    entered: bool = False
    """Whether it came into the picture after the shot began."""
    left: bool = False
    """Whether it is seen to go out of the picture."""
    others: Mapping[str, float] = attrs.field(factory=dict)
    """What else it was detected as, each with its score: a bicycle is a motorcycle in some frames."""
