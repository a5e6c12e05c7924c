"""Masks of what has a name: people, cars, dogs."""

from collections.abc import Collection, Sequence
from typing import Any

import attrs

from peanut.errors import UsageError, pick
from peanut.objects.tracked_object import Labels, TrackedObject
from peanut.stages.object_finder import Choose, ObjectFinder
from peanut.words.vocabulary import CLASSES, look_up

NEARLY = 0.5
"""How far behind the class that an object was detected as most another may be, in the sums of their scores."""


@attrs.frozen(init=False, repr=False)
class Named(ObjectFinder):
    """Mask all objects of some classes, with nothing to download: `Named("person", "dog")`.

    Names come from a small detector (NanoDet-g, the 80 classes of COCO), pixels from `MovingObjects`: every moving
    pixel goes to one of the objects that are there, named or not, by where they were, their boxes, motion and colors.
    Objects keep their identity through a crossing and for a second out of sight. What stands still gets its pixels
    from where they were when it moved, or else is cut out of its box by its colors, which is cruder, and told.

    classes: names of COCO, such as "person", "car", "bicycle", "dog", "sports ball", or other words for them, also in
        the plural: "people", "vehicles" (docs/words.md lists them).
    min_score: how sure the detector must be, 0.1 to 1; an object is believed from two detections on.
    every: frames from one detection to the next.
    grow: pixels added around what was found, a disc; None: what suits the size of the image (`peanut.grow`).
    preset, shadows: as in `MovingObjects`.
    model: weights of NanoDet-g; those that come with PEANUT, a file or a network. device: where it computes.

    What a person carries or wears counts as that person, unless it is asked for itself. All masks are new.
    Latency: 27 frames. Holds: 43 frames. Raises UsageError for a name that is none of the classes.
    """

    classes: tuple[str, ...]

    def __init__(self, *classes: str, **settings: Any) -> None:
        if not classes:
            raise UsageError('Named needs a class: Named("person").')
        self.__attrs_init__(tuple(dict.fromkeys(label for name in classes for label in _labels(name))), **settings)

    @property
    def asked_for(self) -> frozenset[str]:
        return frozenset(self.classes)

    def chooser(self) -> Choose:
        def choose(window: Sequence[Labels]) -> Collection[int]:
            here = window[0]
            return [number for number in here.present() if _is_one(here.objects[number], self.classes)]

        return choose


def _is_one(one: TrackedObject, classes: Collection[str]) -> bool:
    """Whether an object is of one of the classes, or was detected as one almost as often as as another."""
    most = max(one.scores.values(), default=0.0)
    return any(one.scores.get(name, 0.0) > NEARLY * most for name in classes)


def _labels(name: Any) -> list[str]:
    """The classes that a noun stands for, in the singular or plural. Raises UsageError for what is none."""
    found = look_up(name) if isinstance(name, str) else None
    if found is None or found.noun.labels is None:
        return [pick("class", str(name), {label: label for label in CLASSES})]
    return sorted(found.noun.labels)
