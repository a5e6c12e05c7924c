"""Ranking candidate clips by what a test set is to ask for."""

from collections.abc import Callable, Iterable
from math import sqrt

import attrs

from peanut.data.clip import Clip
from peanut.errors import pick
from peanut.objects.detector import ObjectDetector
from peanut.test_set.alike import Alike
from peanut.test_set.clear import Clear
from peanut.test_set.measure import Measure
from peanut.test_set.motion import CameraMotion, ObjectMotion
from peanut.test_set.occlusion import Occlusion
from peanut.test_set.structure import Structure
from peanut.test_set.view import is_annotated, views


@attrs.frozen(kw_only=True)
class Candidate:
    """A clip and what it has of what a test set asks for, each from 0 (nothing) to 1.

    The four abilities that PEANUT's test set is for: `language`, several objects of a kind, which only words tell
    apart; `time`, fast objects under a fast camera, or objects that are hidden and come back; `structure`, a regular
    background; `subject`, something that stands out and could be kept while the rest is erased.
    """

    name: str
    views: int
    """Frames that were looked at."""
    annotated: bool
    """Whether the figures come from masks of the dataset; else from what was found to move, which is cruder."""
    alike: float
    """How many objects can be taken for one another (`peanut.test_set.alike`)."""
    camera: float
    """How fast the camera moves (`peanut.test_set.motion`)."""
    moving: float
    """How fast the fastest object moves against the background."""
    structure: float
    """How regular the background is (`peanut.test_set.structure`)."""
    clear: float
    """How clearly the objects stand out (`peanut.test_set.clear`)."""
    occlusion: float
    """For how long an object is hidden and comes back (`peanut.test_set.occlusion`)."""

    @property
    def motion(self) -> float:
        """Fast objects under a fast camera: the geometric mean, so that neither alone will do."""
        return sqrt(self.camera * self.moving)

    @property
    def abilities(self) -> dict[str, float]:
        """How well the clip tests each of the four."""
        time = max(self.motion, self.occlusion)
        return {"language": self.alike, "time": time, "structure": self.structure, "subject": self.clear}

    @property
    def total(self) -> float:
        """The mean of the four abilities."""
        return sum(self.abilities.values()) / len(self.abilities)


BY: dict[str, Callable[[Candidate], float]] = {
    "all": lambda one: one.total,
    "language": lambda one: one.abilities["language"],
    "time": lambda one: one.abilities["time"],
    "structure": lambda one: one.abilities["structure"],
    "subject": lambda one: one.abilities["subject"],
    "alike": lambda one: one.alike,
    "motion": lambda one: one.motion,
    "camera": lambda one: one.camera,
    "moving": lambda one: one.moving,
    "clear": lambda one: one.clear,
    "occlusion": lambda one: one.occlusion,
}
"""What candidates can be ranked by."""


def choose(
    clips: Iterable[Clip], *, by: str = "all", every: int = 1, detector: ObjectDetector | None = None
) -> list[Candidate]:
    """The clips as candidates for a test set, the best first; those that are equal by their names.

    by: one of the four abilities, one of the figures, or "all", the mean of the abilities. every: look at every n-th
    frame only. detector: knows classes, so that two people in different clothes count as alike.
    Annotated clips are measured by their masks, others by what moves in them. One clip is read at a time, frame by
    frame; a few numbers of each are kept. Raises UsageError for another `by`, and for a clip that cannot be read.
    """
    figure = pick("figure", by, BY)
    return sorted((measured(clip, every, detector) for clip in clips), key=lambda one: (-figure(one), one.name))


def nanodet() -> ObjectDetector:
    """What tells classes apart: NanoDet-g, which comes with PEANUT."""
    return ObjectDetector.of()


def measured(clip: Clip, every: int = 1, detector: ObjectDetector | None = None) -> Candidate:
    """What one clip has."""
    measures: dict[str, Measure] = {
        "alike": Alike(detector),
        "camera": CameraMotion(),
        "moving": ObjectMotion(),
        "structure": Structure(),
        "clear": Clear(),
        "occlusion": Occlusion(),
    }
    count = 0
    for view in views(clip, every, detector):
        count += 1
        for measure in measures.values():
            measure.see(view)
    figures = {name: measure.figure for name, measure in measures.items()}
    return Candidate(name=clip.name, views=count, annotated=is_annotated(clip), **figures)
