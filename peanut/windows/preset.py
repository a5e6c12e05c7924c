"""How far FlowEraser searches, and how much."""

from typing import Literal

import attrs


@attrs.frozen
class Preset:
    """What a preset searches; distances in frames."""

    radius: int
    flow: Literal["fast", "medium"]
    chained: int
    """Up to which distance flow is chained from frame to frame."""
    plain: frozenset[int]
    """At which distances the chained motion layers are used as they are."""
    direct: frozenset[int]
    """At which distances the chained homography is registered anew."""
    local: frozenset[int]
    """At which distances the registered image is aligned once more by flow."""
    references: int
    """How many frames before the window are kept."""
    enough: int
    """Candidates per pixel that fit well after which no farther frame is searched."""
    smoothing: int
    """Filled frames ahead that the temporal filter takes in; those before count without end."""
    offsets: int
    """Shifts of the frame onto itself that are tried where no frame shows anything."""


PRESETS = {
    "quality": Preset(
        radius=30,
        flow="medium",
        chained=20,
        plain=frozenset(range(1, 7)),
        direct=frozenset((8, 11, 15, 20, 25, 30)),
        local=frozenset((1, 2, 3, 4, 6, 8, 11, 15, 20, 25, 30)),
        references=4,
        enough=24,
        smoothing=5,
        offsets=8,
    ),
    "fast": Preset(
        radius=7,
        flow="fast",
        chained=6,
        plain=frozenset((1, 4, 7)),
        direct=frozenset(),
        local=frozenset(),
        references=0,
        enough=8,
        smoothing=0,
        offsets=0,
    ),
}
