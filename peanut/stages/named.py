"""Masks of what has a name: people, cars, dogs."""

from collections.abc import Collection, Sequence
from typing import Any

import attrs

from peanut.errors import UsageError, pick
from peanut.objects.tracked_object import Labels
from peanut.stages.object_finder import Choose, ObjectFinder
from peanut.words.vocabulary import CLASSES


@attrs.frozen(init=False, repr=False)
class Named(ObjectFinder):
    """Mask all objects of some classes, with nothing to download: `Named("person", "dog")`.

    Names come from a small detector (NanoDet-g, the 80 classes of COCO), pixels from `MovingObjects`: every moving
    pixel goes to one of the objects that are there, named or not, by where they were, their boxes, motion and colors.
    Objects keep their identity through a crossing and for a second out of sight. What stands still gets its pixels
    from where they were when it moved, or else is cut out of its box by its colors, which is cruder, and told.

    classes: names of COCO, such as "person", "car", "bicycle", "dog", "sports ball".
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
        known = {name: name for name in CLASSES}
        self.__attrs_init__(tuple(pick("class", name, known) for name in classes), **settings)

    @property
    def asked_for(self) -> frozenset[str]:
        return frozenset(self.classes)

    def chooser(self) -> Choose:
        def choose(window: Sequence[Labels]) -> Collection[int]:
            here = window[0]
            return [number for number in here.present() if here.objects[number].label in self.classes]

        return choose
