"""What datasets are made of, side by side: sizes, lengths, objects, motion, texture, sentences."""

from collections.abc import Iterable, Mapping
from math import hypot

import attrs
import numpy as np

from peanut.data.clip import Clip
from peanut.errors import UsageError
from peanut.test_set.measure import median
from peanut.test_set.motion import CameraMotion, ObjectMotion
from peanut.test_set.view import View, is_annotated, views


@attrs.frozen
class Quantity:
    """Something that is counted or measured of the clips of a dataset."""

    title: str
    unit: str = ""
    digits: int = 1


QUANTITIES = {
    "frames": Quantity("frames of a clip", digits=0),
    "width": Quantity("width", "pixels", digits=0),
    "height": Quantity("height", "pixels", digits=0),
    "rate": Quantity("frames per second"),
    "objects": Quantity("objects in a frame"),
    "size": Quantity("size of an object", "% of the image"),
    "object_motion": Quantity("motion of an object", "pixels per frame"),
    "object_speed": Quantity("motion of an object", "% of the diagonal per frame", digits=2),
    "camera_motion": Quantity("motion of the camera", "pixels per frame"),
    "camera_speed": Quantity("motion of the camera", "% of the diagonal per frame", digits=2),
    "texture": Quantity("texture", "grey levels of local contrast"),
    "words": Quantity("words of a sentence", digits=0),
}
"""By name, in the order of the tables."""
AROUND = 7
"""Pixels of a side of the square whose deviation is the local contrast."""


@attrs.frozen(eq=False)
class Statistics:
    """The values of each quantity: one of each clip, object (`size`, `object_*`) or sentence (`words`)."""

    name: str
    clips: int
    objects: int
    sentences: int
    values: Mapping[str, tuple[float, ...]]
    """By the names of `QUANTITIES`."""


def statistics(datasets: Mapping[str, Iterable[Clip]], *, every: int = 1) -> dict[str, Statistics]:
    """What each dataset is made of, by the names given; `tables` and `plots` show them side by side.

    datasets: clips by the name of their dataset: `{"old": davis, "new": ours}`. every: look at every n-th annotated
    frame only (of a clip without masks, every n-th frame; lengths are those of all frames).
    Sizes and motion of objects are those of the masks; a clip without has no objects. Motion is measured as by `choose`:
    of an object against the camera. Texture is the median deviation of the grey levels of squares of 7 x 7 pixels, of
    images at most 320 pixels wide. Each clip is read once, frame by frame.
    Raises UsageError if there is no dataset or a dataset has no clips.
    """
    if not datasets:
        raise UsageError("statistics needs a dataset at least: statistics({'old': dataset}).")
    return {name: _of(name, clips, every) for name, clips in datasets.items()}


def _of(name: str, clips: Iterable[Clip], every: int) -> Statistics:
    values: dict[str, list[float]] = {quantity: [] for quantity in QUANTITIES}
    count = objects = sentences = 0
    for clip in clips:
        for quantity, of_clip in _values(clip, every).items():
            values[quantity] += of_clip
        count += 1
        objects += len(clip.objects)
        sentences += len(clip.expressions)
    if not count:
        raise UsageError(f"the dataset {name} has no clips.")
    return Statistics(name, count, objects, sentences, {q: tuple(found) for q, found in values.items()})
