"""How far FlowEraser searches, and how much."""

from typing import Any

import attrs

from peanut.flow.dis import DIS
from peanut.flow.estimator import FlowEstimator


@attrs.frozen
class Preset:
    """What a preset stands for; every field can be given by itself. The defaults are "quality"."""

    flow: FlowEstimator = attrs.field(factory=lambda: DIS("medium"))
    radius: int = 30
    chained: int = 20
    plain: frozenset[int] = frozenset(range(1, 7))
    direct: frozenset[int] = frozenset((8, 11, 15, 20, 25, 30))
    local: frozenset[int] = frozenset((1, 2, 3, 4, 6, 8, 11, 15, 20, 25, 30))
    references: int = 4
    enough: int = 24
    smoothing: int = 5
    unseen: Any = "patterns"


PRESETS = {
    "quality": Preset(),
    "fast": Preset(
        flow=DIS("fast"),
        radius=7,
        chained=6,
        plain=frozenset((1, 4, 7)),
        direct=frozenset(),
        local=frozenset(),
        references=0,
        enough=8,
        smoothing=0,
        unseen="smooth",
    ),
}
