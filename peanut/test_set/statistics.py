"""What datasets are made of, side by side: sizes, lengths, objects, motion, texture, sentences."""

from collections.abc import Iterable, Mapping

import attrs
import numpy as np

from peanut.data.clip import Clip
from peanut.errors import UsageError
from peanut.test_set.contrast import local_deviation
from peanut.test_set.measure import median
from peanut.test_set.motion import CameraMotion, ObjectMotion
from peanut.test_set.view import View, length_of, views
from peanut.video.info import info


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

    @property
    def frames(self) -> int:
        """Of all clips."""
        return round(sum(self.values["frames"]))


def statistics(datasets: Mapping[str, Iterable[Clip]], *, every: int = 1) -> dict[str, Statistics]:
    """What each dataset is made of, by the names given; `tables` and `plots` show them side by side.

    datasets: clips by the name of their dataset: `{"old": davis, "new": ours}`. every: look at every n-th annotated
    frame only (of a clip without masks, every n-th frame; lengths are those of all frames).
    Sizes and motion of objects are those of the masks; a clip without has no objects. Motion is that of `choose`, of an
    object against the camera. Texture is the median deviation of the grey levels of squares of 7 x 7 pixels, of
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
        of_clip = _values(clip, every)
        for quantity, found in of_clip.items():
            values[quantity] += found
        count += 1
        objects += len(of_clip["size"])
        sentences += len(clip.expressions)
    if not count:
        raise UsageError(f"the dataset {name} has no clips.")
    return Statistics(name, count, objects, sentences, {quantity: tuple(found) for quantity, found in values.items()})


def _values(clip: Clip, every: int) -> dict[str, list[float]]:
    """What one clip gives to each quantity."""
    seen = _Tally()
    for view in views(clip, every, find=False):
        seen.see(view)
    camera, moving = seen.camera.speed, [median(speeds) for speeds in seen.moving.speeds.values()]
    h, w = seen.size
    diagonal = float(np.hypot(h, w))
    return {
        "frames": [float(length_of(clip))],
        "width": [w],
        "height": [h],
        "rate": _rate(clip),
        "objects": [float(np.mean(seen.objects))],
        "size": [100 * float(np.mean(sizes)) for sizes in seen.sizes.values()],
        "object_motion": [speed * diagonal for speed in moving],
        "object_speed": [100 * speed for speed in moving],
        "camera_motion": [camera * diagonal],
        "camera_speed": [100 * camera],
        "texture": [median(seen.texture)],
        "words": [float(len(expression.text.split())) for expression in clip.expressions],
    }


@attrs.define(eq=False)
class _Tally:
    """What the views of a clip tell."""

    objects: list[float] = attrs.field(factory=list)
    sizes: dict[int, list[float]] = attrs.field(factory=dict)
    texture: list[float] = attrs.field(factory=list)
    camera: CameraMotion = attrs.field(factory=CameraMotion)
    moving: ObjectMotion = attrs.field(factory=ObjectMotion)
    size: tuple[float, float] = (0.0, 0.0)
    """Height and width of the frames, in pixels."""

    def see(self, view: View) -> None:
        self.size = round(view.size[0] * view.scale), round(view.size[1] * view.scale)
        self.objects.append(len(view.masks))
        for number, mask in view.masks.items():
            self.sizes.setdefault(number, []).append(float(mask.mean()))
        self.texture.append(float(np.median(local_deviation(view.grey.astype(np.float32), AROUND))))
        self.camera.see(view)
        self.moving.see(view)


def _rate(clip: Clip) -> list[float]:
    """Frames per second; nothing where pictures do not tell."""
    rate = clip.fps or info(clip.path).fps
    return [] if rate is None else [float(rate)]
