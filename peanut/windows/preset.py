"""How far FlowEraser searches, and how much."""

from typing import Literal

import attrs


@attrs.frozen
class Preset:
    """What a preset searches, distances in frames; the defaults are "quality"."""

    radius: int = 30
    flow: Literal["fast", "medium"] = "medium"
    chained: int = 20
    """Up to which distance flow is chained from frame to frame."""
    plain: frozenset[int] = frozenset(range(1, 7))
    """At which distances the chained motion layers are used as they are."""
    direct: frozenset[int] = frozenset((8, 11, 15, 20, 25, 30))
    """At which distances the chained homography is registered anew."""
    local: frozenset[int] = frozenset((1, 2, 3, 4, 6, 8, 11, 15, 20, 25, 30))
    """At which distances the registered image is aligned once more by flow."""
    references: int = 4
    """How many frames before the window are kept."""
    enough: int = 24
    """Candidates per pixel that fit well after which no farther frame is searched."""
    smoothing: int = 5
    """Filled frames ahead that the temporal filter takes in; those before count without end."""
    offsets: int = 8
    """Shifts of the frame onto itself that are tried where no frame shows anything."""


PRESETS = {
    "quality": Preset(),
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
