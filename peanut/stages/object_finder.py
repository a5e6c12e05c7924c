"""What the stages that choose among objects share: `Named` and `Phrase`."""

from abc import abstractmethod
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import attrs
import torch

from peanut.buffers import chunks
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.networks.nanodet import NanoDet
from peanut.objects.candidates import resized
from peanut.objects.detector import WEIGHTS, ObjectDetector
from peanut.objects.stream import Looking, objects
from peanut.objects.tracked_object import Labels
from peanut.pipeline import Stage
from peanut.stages.grow import grown
from peanut.stages.moving_objects import PRESETS, RADIUS, MovingObjects
from peanut.validators import at_least, between, flag, one_of
from peanut.weights import names_used

AHEAD = 12
"""Frames that are looked at before it is chosen: what an object does shows only then."""

Choose = Callable[[Sequence[Labels]], Collection[int]]
"""From the labels of a frame and of those after it to the numbers of the objects that are masked."""


@attrs.frozen(kw_only=True, repr=False)
class ObjectFinder(Stage):
    """What `Named` and `Phrase` share; see them."""

    min_score: float = attrs.field(default=0.35, validator=between(0.1, 1.0))
    every: int = attrs.field(default=4, validator=at_least(1))
    grow: int | None = attrs.field(default=None, validator=at_least(0, also=(None,)))
    preset: Literal["quality", "fast"] = attrs.field(default="quality", validator=one_of(*PRESETS))
    shadows: bool = attrs.field(default=False, validator=flag)
    model: str | Path | NanoDet = WEIGHTS
    device: str | torch.device = "auto"
    _detector: ObjectDetector = attrs.field(init=False, repr=False)
    latency, memory = RADIUS + AHEAD, 2 * RADIUS + 1 + AHEAD

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "_detector", ObjectDetector.of(self.model, self.device))

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self.model)

    @property
    @abstractmethod
    def asked_for(self) -> frozenset[str]:
        """The classes that are meant, or that what is meant is told by."""

    @abstractmethod
    def chooser(self) -> Choose:
        """What chooses in one run, shot after shot."""

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        yield from self.chosen(frames, self.chooser())

    def chosen(self, frames: Iterable[Frame], choose: Choose) -> Iterator[Frame]:
        """The frames with the masks of what `choose` chooses."""
        frames = FrameStream.of(frames)
        for window, _ in chunks(self._labels(frames), 1, after=AHEAD):
            here, chosen = window[0], frozenset(choose(window))
            mask = here.mask_of(chosen)
            standing = here.mask_of(here.standing & chosen)
            if standing.any():
                share = float(standing.sum() / mask.sum())
                frames.doubts.add("of what is masked stands still: cut out by its box and colors", here.frame, share)
            yield here.frame.with_mask(grown(torch.from_numpy(resized(mask, here.frame.size)), self.grow).clone())

    def moving(self) -> MovingObjects:
        """What masks the moving pixels that are then given to objects."""
        return MovingObjects(grow=0, preset=self.preset, shadows=self.shadows)

    def _labels(self, frames: Iterable[Frame]) -> Iterator[Labels]:
        moving = self.moving()
        looking = Looking(
            detect=lambda image: self._detector.detect(image, self.min_score),
            move=moving,
            every=self.every,
            width=moving.width,
            asked_for=self.asked_for,
        )
        return objects(frames, looking)
