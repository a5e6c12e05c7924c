"""Masks of clips, as datasets store them: label pictures, and run lengths (RLE) of COCO."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import attrs
import numpy as np
import torch

from peanut.data.clip import Annotations, Masks
from peanut.errors import UsageError
from peanut.video.images import files
from peanut.video.mask_numbers import numbers_in
from peanut.video.mask_pictures import FEW, mask_picture

VOID = 255
"""The label of what is neither object nor background."""


@attrs.frozen
class LabelPictures:
    """A picture a frame. In label pictures each object has a number; what is white on black is object 1.

    files: by the number of the frame in its clip. known: the numbers of the objects, where the dataset lists them; not
    given, all pictures are opened to find them, one at a time, when they are asked for.
    """

    files: Mapping[int, Path]
    known: tuple[int, ...] | None = None

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(sorted(self.files))

    @cached_property
    def objects(self) -> tuple[int, ...]:
        if self.known is not None:
            return self.known
        return tuple(sorted(set().union(*(set(self.at(frame)) for frame in self.frames))))

    @cached_property
    def _largest(self) -> float:
        """The largest value of all pictures: it tells how dark ones are meant. All are opened, one at a time."""
        return max(float(mask_picture(file).values.max()) for file in self.files.values())

    def at(self, frame: int) -> Masks:
        picture = mask_picture(self.files[frame])
        picture = picture.meant(self._largest) if picture.is_dark else picture
        if picture.is_dark and self._largest <= picture.white / 2:
            raise UsageError(
                f"{self.files[frame]}: its values, up to {self._largest:g}, are neither white nor numbers of objects,"
                f" which go up to {FEW} in a grey picture: store numbers with a palette of colors."
            )
        if not picture.has_objects:
            mask = picture.masked()
            return {1: torch.from_numpy(mask)} if mask.any() else {}
        numbers = [int(number) for number in np.unique(picture.values) if number not in (0, VOID)]
        return {number: torch.from_numpy(picture.values == number) for number in numbers}


@attrs.frozen
class OneObject:
    """All objects together as object 1."""

    several: Annotations

    @property
    def frames(self) -> tuple[int, ...]:
        return self.several.frames

    @property
    def objects(self) -> tuple[int, ...]:
        return (1,)

    def at(self, frame: int) -> Masks:
        masks = list(self.several.at(frame).values())
        return {1: torch.stack(masks).any(dim=0)} if masks else {}


@attrs.frozen
class RunLengths:
    """Run lengths of COCO: for each object one entry a frame, None where it is not to be seen. Needs `pycocotools`.

    runs: by the number of the object. Raises UsageError, when a mask is asked for, if pycocotools is not installed or
    the run lengths are damaged.
    """

    runs: Mapping[int, Sequence[Mapping[str, Any] | None]]

    @property
    def frames(self) -> tuple[int, ...]:
        return tuple(range(max(map(len, self.runs.values()), default=0)))

    @property
    def objects(self) -> tuple[int, ...]:
        return tuple(sorted(self.runs))

    def at(self, frame: int) -> Masks:
        seen = {number: runs[frame] for number, runs in self.runs.items() if frame < len(runs)}
        return {number: _decoded(run, number, frame) for number, run in sorted(seen.items()) if run is not None}


def _decoded(run: Mapping[str, Any], number: int, frame: int) -> torch.Tensor:
    """h w, bool."""
    try:
        from pycocotools import mask as coco
    except ImportError as error:
        raise UsageError(
            "masks stored as run lengths need pycocotools: pip install 'peanut-video[measure]'."
        ) from error
    try:
        packed = coco.frPyObjects(dict(run), *run["size"]) if isinstance(run["counts"], list) else run
        return torch.from_numpy(coco.decode(packed).astype(bool))
    except Exception as error:  # of a compiled library, on what a file says
        raise UsageError(f"the run lengths of object {number} in frame {frame} cannot be decoded.") from error


def by_file_number(frames: Sequence[Path] | None, folder: Path) -> dict[int, Path]:
    """The pictures of `folder`, by the number of the frame whose file has the same number; all where names have none.

    frames: the files of the frames; None where they come from a video, whose frames count from 0.
    Source: DAVIS, YouTube-VOS and MeViS name frames and masks by number; a dataset with masks for every fifth frame
    has every fifth number. Raises UsageError for a mask whose number no frame has.
    """
    masks = files(str(folder))
    numbers = numbers_in(masks)
    if frames is None:
        if numbers is None:
            raise UsageError(f"{folder}: its names have no numbers that differ, which tell whose masks they are.")
        return dict(zip(numbers, masks, strict=True))
    of_frames = numbers_in(frames)
    if numbers is None or of_frames is None:
        if len(masks) != len(frames):
            raise UsageError(
                f"{folder} has {len(masks)} masks for {len(frames)} frames, and no numbers in its names tell whose."
            )
        return dict(enumerate(masks))
    places = {number: place for place, number in enumerate(of_frames)}
    astray = [mask.name for mask, number in zip(masks, numbers, strict=True) if number not in places]
    if astray:
        raise UsageError(f"{folder}: no frame in {frames[0].parent} has the number of {astray[0]}.")
    return {places[number]: mask for mask, number in zip(masks, numbers, strict=True)}
