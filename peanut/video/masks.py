"""Masks that were made before, from pictures or a video, given to the frames they belong to."""

import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import get_args

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import one_of
from peanut.video.file import open_video, reduced
from peanut.video.images import files, is_pictures
from peanut.video.mask_counts import check_count, frames_wanted, length_of_source, pictures_in
from peanut.video.mask_numbers import FORGIVEN, By, Missing, numbered, numbers_in
from peanut.video.mask_report import Report
from peanut.video.mask_stores import Mask, Pictures, Still, Store, Video
from peanut.video.media import Media
from peanut.video.patterns import SUFFIXES

log = logging.getLogger(__name__)


def _objects(given: int | Iterable[int] | None) -> tuple[int, ...] | None:
    if given is None:
        return None
    wanted = tuple(given) if isinstance(given, Iterable) and not isinstance(given, str) else (given,)
    if not wanted or not all(isinstance(number, int) and number > 0 for number in wanted):
        raise UsageError(f"masks: object is the number of an object from 1 on, or several, got {given!r}.")
    return wanted


@attrs.frozen(repr=False)
class masks(Stage):
    """Give every frame its mask: white = remove.

    path: a folder of pictures or a pattern (`masks/*.png`, `masks/%05d.png`), in natural order; a video, whose frame of
        the same number it is; or one picture, which is the mask of every frame.
    by: "order" gives the k-th picture to frame number k, "number" goes by the number in its name. None: in order where
        the names count up from 0 or 1 or are as many as the frames, otherwise by number, which is told.
    missing: what frames without a mask get, "empty" or "carry" (the mask before them). None: pictures by number leave
        them empty, which is told; at the end the last mask is repeated for up to two frames; anything else is refused.
    object: of label pictures, the object or objects to remove; None removes all.

    What is masked: above half of white in the brightest channel. In label pictures (palettes of colors that begin with
    black, as those of DAVIS and YouTube-VOS, and grey pictures whose largest value in the whole folder is at most 63,
    as 0 and 1) every object, which is kept as a layer `object: 2` (bool). The alpha channel where the colors are one
    and the same. What is not simply white on black is told, and so are masks that are all empty or cover everything.
    Masks of the source's size are reduced with frames that were read with `max_size`.
    They are read one at a time, as the frames come; those of frames that are not there are passed over.
    Raises UsageError for a path without masks when it is built; for too few masks, or twice as many, at the first frame
    if the source tells its length, otherwise at the frame; for masks of another size at the frame.
    Latency: 0. Holds: 1 frame, and the mask before it.
    """

    path: str = attrs.field(converter=os.fspath)
    by: By | None = attrs.field(default=None, validator=one_of(None, *get_args(By)), kw_only=True)
    missing: Missing | None = attrs.field(default=None, validator=one_of(None, *get_args(Missing)), kw_only=True)
    object: tuple[int, ...] | None = attrs.field(default=None, kw_only=True, converter=_objects)
    latency, memory = 0, 1

    def __attrs_post_init__(self) -> None:
        if is_pictures(self.path):
            files(self.path)
        elif not os.path.exists(self.path):
            raise UsageError(f"{self.path}: no such file or folder of masks.")
        elif not _is_picture(self.path):
            open_video(self.path).close()
            if self.object is not None:
                raise UsageError(f"{self.path} is a video: only label pictures have objects with numbers.")

    def __str__(self) -> str:
        wanted = self.object if self.object is None or len(self.object) > 1 else self.object[0]
        settings = {"by": self.by, "missing": self.missing, "object": wanted}
        told = [f", {name}={value!r}" for name, value in settings.items() if value is not None]
        return f"masks({self.path!r}{''.join(told)})"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.path,)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        report, store, before = Report(self.path, self.object), None, None
        try:
            for frame in frames:
                store = store or self._opened(frame)
                mask = store.at(frame.index) or self._instead(frame, store, before)
                report.add(mask)
                yield _with(frame, mask, self.path)
                before = mask
        finally:
            if store is not None:
                store.close()
        report.end()

    def _opened(self, first: Frame) -> Store:
        """The masks, matched with the frames before anything is computed."""
        if _is_picture(self.path):
            return Still(Path(self.path), self.object)
        length = length_of_source(first.source)
        if not is_pictures(self.path):
            if self.missing is None:
                check_count(self.path, pictures_in(self.path), first, length)
            return Video(self.path, self.missing)
        found = files(self.path)
        if len(found) == 1 and numbers_in(found) is None:
            log.warning("%s: %s is the mask of every frame.", self.path, found[0].name)
            return Still(found[0], self.object)
        matched = numbered(self.path, found, self.by, self.missing, length, frames_wanted(first))
        if matched.told:
            log.warning("%s: %s.", self.path, matched.told)
        if matched.missing is None:
            check_count(self.path, len(found), first, length)
        return Pictures(self.path, matched.files, matched.missing, self.object)

    def _instead(self, frame: Frame, store: Store, before: Mask | None) -> Mask:
        """What a frame without a mask gets."""
        if store.missing == "empty" or (store.missing == "carry" and before is None):
            return Mask(torch.zeros(frame.size, dtype=torch.bool))
        if before is not None and store.missing == "carry":
            return before
        over = None if store.end is None else frame.index - store.end
        if before is not None and over is not None and 0 <= over < FORGIVEN:
            if frame.source is None or frame.source.frames is None:  # otherwise it was told at the start
                log.warning("%s ends before the video: frame %d gets its last mask again.", self.path, frame.index)
            return before
        ended = ": it ends before the video" if over is not None and over >= 0 else ""
        raise UsageError(f"{self.path} has no mask for frame {frame.index}{ended}.")


def _is_picture(path: str) -> bool:
    return os.path.isfile(path) and Path(path).suffix.lower() in SUFFIXES


def _with(frame: Frame, mask: Mask, path: str) -> Frame:
    """The frame with a mask, and with its objects as layers."""
    frame = frame.with_mask(_fitted(mask.pixels, frame, path))
    for number, pixels in mask.objects.items():
        frame = frame.with_layer(f"object: {number}", _fitted(pixels, frame, path))
    return frame


def _fitted(mask: Tensor, frame: Frame, path: str) -> Tensor:
    """The mask at the frame's size. Raises UsageError unless it has it, or that of the source before `max_size`."""
    (h, w), (mask_h, mask_w) = frame.size, mask.shape
    if (mask_h, mask_w) == (h, w):
        return mask
    whole = frame.source.size if isinstance(frame.source, Media) else (mask_h, mask_w)
    if (mask_h, mask_w) == whole and reduced(mask_h, mask_w, max(h, w)) == (h, w):
        small = F.interpolate(mask[None, None].to(torch.uint8), (h, w), mode="nearest-exact")
        return small[0, 0].to(torch.bool)
    raise UsageError(
        f"{path}: the mask for frame {frame.index} is {mask_w}x{mask_h}, the frame {w}x{h}; masks must have the size "
        "of the frames, or that of the video before max_size."
    )
