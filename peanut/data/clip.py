"""One clip of a dataset: its frames, which of them are annotated and how, and what was said of its objects."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import attrs
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Pipeline
from peanut.video.read import read

Masks = Mapping[int, Tensor]
"""The objects of one frame by number: h w, bool. An object that is not to be seen has an empty mask or none."""


class Annotations(Protocol):
    """The masks of a clip, read one frame at a time."""

    @property
    def frames(self) -> tuple[int, ...]:
        """Which frames of the clip are annotated, by their number in it, rising."""

    @property
    def objects(self) -> tuple[int, ...]:
        """The numbers of all objects of the clip, rising."""

    def at(self, frame: int) -> Masks:
        """The masks of an annotated frame. Raises UsageError where they cannot be read."""


@attrs.frozen
class Expression:
    """A sentence that means objects of a clip."""

    name: str
    """Its number or name in the dataset."""
    text: str
    objects: tuple[int, ...] = ()
    """Which objects it means; empty where the dataset keeps that to itself."""
    annotator: str = ""
    """Who wrote it, where a dataset has several who did."""
    ability: str = ""
    """What it tests, in a test set of one's own: "language", "time", "structure" or "subject"."""
    truth: str | None = None
    """The clip without those objects, as a path; None: as the clip says."""


@attrs.frozen(kw_only=True)
class Clip:
    """A clip as a dataset has it. Nothing is read before its frames or masks are asked for.

    name: unique in its dataset. path: what `read` takes: a folder of pictures, a pattern or a video.
    start, length: which of its frames belong to the clip: from the `start`-th on, `length` of them; None: to the end.
    truth: the same frames as they should come out (without the objects, or large and sharp), as a path; its range is
        that of the frames.
    annotations: the masks, by the number of the frame in the clip; None where there are none.
    """

    name: str
    path: str
    start: int = 0
    length: int | None = None
    fps: Fraction | None = None
    """Frames per second of a folder of pictures; None: 25. A video has its own."""
    split: str = ""
    annotations: Annotations | None = None
    expressions: tuple[Expression, ...] = ()
    truth: str | None = None
    licence: str = ""

    @property
    def frames(self) -> Pipeline:
        """The frames of the clip, a source as `read` gives one; their numbers begin at 0."""
        return self._of(self.path)

    def true_frames(self, expression: Expression | None = None) -> Pipeline:
        """The frames without the objects, or without what a sentence means. Raises UsageError if not known."""
        truth = (None if expression is None else expression.truth) or self.truth
        if truth is None:
            raise UsageError(f"the clip {self.name} has no truth: nobody knows how it should come out.")
        return self._of(truth)

    @property
    def objects(self) -> tuple[int, ...]:
        """The numbers of its objects."""
        return () if self.annotations is None else self.annotations.objects

    def masked(self, objects: tuple[int, ...] | None = None) -> Pipeline:
        """The frames with the masks of all objects, or of those given: `frame.mask`, and a layer `object: n` for each.

        A frame that is not annotated has the mask None. Raises UsageError for a clip without annotations, and for an
        object that it does not have.
        """
        annotations = self.annotations
        if annotations is None:
            raise UsageError(f"the clip {self.name} has no masks.")
        wanted = self.objects if objects is None else objects
        unknown = set(wanted) - set(self.objects)
        if unknown:
            raise UsageError(f"the clip {self.name} has the objects {list(self.objects)}, not {sorted(unknown)}.")
        source = _Masked(self.name, self.frames, annotations, wanted)
        return Pipeline(source=source)

    def _of(self, path: str) -> Pipeline:
        pictures = Path(path).is_dir() or "*" in Path(path).name
        whole = read(path, fps=self.fps if pictures else None, shots=False)
        if self.start == 0 and self.length is None:
            return whole
        return Pipeline(source=_Range(whole, self.start, self.length))


@attrs.frozen
class _Range:
    """A range of the frames of a source, numbered from 0; iterates any number of times."""

    frames: Pipeline
    start: int
    length: int | None

    def __str__(self) -> str:
        return str(self.frames)

    @property
    def reads(self) -> tuple[Any, ...]:
        return self.frames.reads

    def __iter__(self) -> Iterator[Frame]:
        stop = None if self.length is None else self.start + self.length
        first: Frame | None = None
        for number, frame in enumerate(islice(self.frames, self.start, stop)):
            first = first or frame
            yield attrs.evolve(frame, index=number, time=frame.time - first.time, shot=frame.shot - first.shot)


@attrs.frozen
class _Masked:
    name: str
    frames: Pipeline
    annotations: Annotations
    objects: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.frames} with its masks"

    @property
    def reads(self) -> tuple[Any, ...]:
        return self.frames.reads

    def __iter__(self) -> Iterator[Frame]:
        annotated = set(self.annotations.frames)
        for frame in self.frames:
            yield self._with_masks(frame) if frame.index in annotated else frame

    def _with_masks(self, frame: Frame) -> Frame:
        masks = self.annotations.at(frame.index)
        for mask in masks.values():
            if tuple(mask.shape) != frame.size:
                (h, w), (height, width) = mask.shape, frame.size
                raise UsageError(
                    f"the mask of frame {frame.index} of {self.name} is {w}x{h}, the frame {width}x{height}."
                )
        union = torch.zeros(frame.size, dtype=torch.bool)
        for number in self.objects:
            mask = masks.get(number, torch.zeros_like(union))
            union = union | mask
            frame = frame.with_layer(f"object: {number}", mask)
        return frame.with_mask(union)
