"""PEANUT removes things from video because someone said so: streaming, composable, in bounded memory."""

from peanut.branching import merge, tap
from peanut.errors import StageError, UsageError
from peanut.frame import Colour, Frame, Source
from peanut.pipeline import Pipeline, Run, Stage, StageStatistics, Statistics, prefetch, stage
from peanut.session import Session

__version__ = "0.1.0"
__all__ = [
    "Colour",
    "Frame",
    "Pipeline",
    "Run",
    "Session",
    "Source",
    "Stage",
    "StageError",
    "StageStatistics",
    "Statistics",
    "UsageError",
    "merge",
    "prefetch",
    "stage",
    "tap",
]
