"""A clip as it is looked at: reduced frames with the masks of their objects, and what moved between them."""

from collections.abc import Iterator, Mapping
from functools import cached_property

import attrs
import cv2
import numpy as np
from torch import Tensor

from peanut.data.clip import Clip
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.objects.detector import ObjectDetector
from peanut.objects.stream import Looking, objects
from peanut.stages.moving_objects import MovingObjects
from peanut.test_set.returning import Returning
from peanut.video.images import files, is_pictures
from peanut.vision.array import Array
from peanut.vision.morphology import grow_mask
from peanut.vision.optical_flow import dense_flow, grid
from peanut.vision.registration import corners, move, register

WIDTH = 320
"""Longest side that is looked at, in pixels; larger images are reduced."""
DETECTED = 4
"""Frames from one detection to the next, where a detector looks for objects."""


@attrs.frozen(eq=False, kw_only=True)
class View:
    """A frame that is looked at, and what moved since the one looked at before it."""

    index: int
    """Number of the frame in its clip."""
    image: Array
    """h w 3, uint8, RGB, reduced."""
    masks: Mapping[int, Array]
    """The objects that are to be seen: h w, bool, never empty."""
    scale: float = 1.0
    """Pixels of the frame in one of the view."""
    before: "View | None" = attrs.field(default=None, repr=False)
    """The view before, which knows none before it; None at the first."""

    @cached_property
    def grey(self) -> Array:
        """h w, uint8."""
        return np.asarray(cv2.cvtColor(self.image, cv2.COLOR_RGB2GRAY))

    @property
    def size(self) -> tuple[int, int]:
        return self.image.shape[0], self.image.shape[1]

    @property
    def diagonal(self) -> float:
        """Of the view, in its pixels."""
        return float(np.hypot(*self.size))

    @cached_property
    def union(self) -> Array:
        """What is masked of any object: h w, bool."""
        return np.asarray(np.logical_or.reduce([np.zeros(self.size, bool), *self.masks.values()]))

    @cached_property
    def frames_since(self) -> int:
        """Frames since the view before; 0 at the first."""
        return 0 if self.before is None else self.index - self.before.index

    @cached_property
    def flow(self) -> Array:
        """Where each pixel was in the view before: h w 2, pixels of the view; zeros at the first."""
        if self.before is None:
            return np.zeros((*self.size, 2), np.float32)
        return dense_flow(self.grey, self.before.grey)

    @cached_property
    def camera_flow(self) -> Array:
        """The part of the flow that the camera explains: h w 2; a homography, fitted to corners beside the masks."""
        if self.before is None:
            return np.zeros((*self.size, 2), np.float32)
        here = grid(slice(0, self.size[0]), slice(0, self.size[1]))
        motion = register(self.grey, self.before.grey, corners(self.grey, ~self.union), np.eye(3))
        return move(here, motion) - here

    @cached_property
    def carried(self) -> dict[int, Array]:
        """The masks of the view before, as the flow brings them here: h w, bool."""
        if self.before is None:
            return {}
        at = grid(slice(0, self.size[0]), slice(0, self.size[1])) + self.flow
        return {number: _looked_up(mask, at) for number, mask in self.before.masks.items()}

    @cached_property
    def colors(self) -> Array:
        """CIE L*a*b* of each pixel, its noise smoothed: h w 3, float32."""
        lab = cv2.cvtColor(self.image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
        return np.asarray(cv2.GaussianBlur(lab, (0, 0), 0.8))

    @cached_property
    def residual_flow(self) -> Array:
        """What is left of the flow without the camera's: h w 2, pixels of the view."""
        return self.flow - self.camera_flow

    def surround(self, mask: Array) -> Array:
        """What lies around a mask and in no other: h w, bool; as wide as a third of the side of a square as large."""
        return grow_mask(mask, max(3, round(np.sqrt(mask.sum()) / 3))) & ~grow_mask(self.union, 1)


def views(clip: Clip, every: int = 1, detector: ObjectDetector | None = None, *, find: bool = True) -> Iterator[View]:
    """The frames of a clip as they are looked at, in order.

    Where two or more frames are annotated these are looked at, with their masks. Where not, all are, with the masks of
    what `MovingObjects` finds, object by object (`peanut.objects`); detector: names what moves, and finds what rests.
    find: False looks for nothing in clips without annotations: their views have no masks.
    every: look at every n-th of them. Holds two views, and without annotations what finding needs: 31 frames.
    Raises UsageError for a clip without frames.
    """
    if every < 1:
        raise UsageError(f"every must be 1 or more, got {every}.")
    before: View | None = None
    looked = _found(clip, every, detector) if find and not is_annotated(clip) else _known(clip, every)
    for index, image, masks, scale in looked:
        seen = {number: mask for number, mask in masks.items() if mask.any()}
        if before is not None and before.size != image.shape[:2]:
            raise UsageError(f"the clip {clip.name} changes its size at frame {index}: cut it there.")
        view = View(index=index, image=image, masks=seen, scale=scale, before=before)
        yield view
        before = attrs.evolve(view, before=None)
    if before is None:
        raise UsageError(f"the clip {clip.name} has no frames in {clip.path}.")


def is_annotated(clip: Clip) -> bool:
    """Whether there are masks to look at: two frames or more are annotated."""
    return clip.annotations is not None and len(clip.annotations.frames) > 1


def length_of(clip: Clip) -> int:
    """How many frames a clip has. Those of a video are counted: what it says of itself may be wrong."""
    if clip.length is not None:
        return clip.length
    return len(files(clip.path)) - clip.start if is_pictures(clip.path) else sum(1 for _ in clip.frames)


Looked = tuple[int, Array, Mapping[int, Array], float]
"""Number, reduced image, reduced masks, scale."""


def _known(clip: Clip, every: int) -> Iterator[Looked]:
    known = clip.annotations if is_annotated(clip) else None
    wanted = None if known is None else set(known.frames[::every])
    for frame in clip.frames:
        if frame.index % every == 0 if wanted is None else frame.index in wanted:
            image, scale = reduced(frame)
            masks = {} if known is None else known.at(frame.index)
            yield frame.index, image, {n: reduced_mask(mask, image) for n, mask in masks.items()}, scale


def _found(clip: Clip, every: int, detector: ObjectDetector | None) -> Iterator[Looked]:
    how = Looking(
        detect=(lambda _: []) if detector is None else detector.detect,
        move=MovingObjects(grow=0, preset="fast", width=WIDTH),
        every=DETECTED,
        width=WIDTH,
    )
    returning = Returning()
    for labels in objects((frame for frame in clip.frames if frame.index % every == 0), how):
        scale = max(labels.frame.size) / max(labels.numbers.shape)
        masks = returning.renumbered(labels.image, {n: labels.mask_of([n]) for n in labels.present()})
        yield labels.frame.index, labels.image, masks, scale


def reduced(frame: Frame) -> tuple[Array, float]:
    """The image of a frame (h w 3, uint8), at most `WIDTH` pixels wide and high, and its scale."""
    image: Array = frame.numpy()
    h, w = frame.size
    scale = max(h, w) / WIDTH
    if scale <= 1:
        return image, 1.0
    small = max(1, round(w / scale)), max(1, round(h / scale))
    return np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA)), scale


def reduced_mask(mask: Tensor, image: Array) -> Array:
    """A mask (h w, bool) at the size of a view: what covers half of a pixel."""
    full = mask.numpy().astype(np.float32)
    if full.shape == image.shape[:2]:
        return full > 0
    return np.asarray(cv2.resize(full, image.shape[1::-1], interpolation=cv2.INTER_AREA) >= 0.5)


def _looked_up(mask: Array, at: Array) -> Array:
    nowhere = cv2.BORDER_CONSTANT
    found = cv2.remap(mask.astype(np.float32), at, None, cv2.INTER_LINEAR, borderMode=nowhere)  # type: ignore[call-overload]
    return np.asarray(found >= 0.5)
