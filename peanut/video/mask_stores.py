"""Where masks lie: in pictures, each with the number of its frame, or in a video."""

import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import attrs
import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.video.file import VideoFile
from peanut.video.mask_numbers import Missing
from peanut.video.mask_pictures import MaskPicture, mask_picture

log = logging.getLogger(__name__)


@attrs.frozen(eq=False)
class Mask:
    """A mask as it was found."""

    pixels: Tensor
    """h w, bool, True = remove."""
    kind: str = ""
    """How it is kept; empty where nobody made it."""
    objects: Mapping[int, Tensor] = attrs.field(factory=dict)
    """Of a label picture, each object that is removed: h w, bool."""
    numbers: Collection[int] = ()
    """All objects in it, those that are kept too."""


class Store(Protocol):
    """Masks by the number of their frame."""

    missing: Missing | None
    """What frames without one get."""

    @property
    def end(self) -> int | None:
        """The number of the first frame after the last mask, where it is known."""

    def at(self, index: int) -> Mask | None:
        """The mask of a frame; asked for in rising order. None if there is none."""

    def close(self) -> None:
        """Nothing more is asked for."""


class Video:
    """A masks video."""

    def __init__(self, path: str, missing: Missing | None) -> None:
        self.missing = missing
        self.end: int | None = None
        self._frames: Iterator[Frame] = iter(VideoFile(path))
        self._number = -1

    def at(self, index: int) -> Mask | None:
        while self._number < index:
            frame = next(self._frames, None)
            if frame is None:
                self.end = self._number + 1
                return None
            self._number, self._image = frame.index, frame.image
        if self._number > index:
            return None
        return Mask(self._image.amax(dim=0) > 127, "white on black")

    def close(self) -> None:
        self._frames.close()  # type: ignore[attr-defined]


class Pictures:
    """Mask pictures, each read when its frame comes; or one for all frames."""

    def __init__(
        self,
        path: str,
        files: Mapping[int, Path],
        missing: Missing | None,
        objects: tuple[int, ...] | None,
    ) -> None:
        self.missing = missing
        self.end: int | None = max(files, default=-1) + 1
        self._path, self._files, self._objects = path, files, objects
        self._largest: float | None = None
        self._told: set[str] = set()

    def at(self, index: int) -> Mask | None:
        return self._mask(self._files[index]) if index in self._files else None

    def close(self) -> None:
        """Nothing is open."""

    def _mask(self, file: Path) -> Mask:
        picture = mask_picture(file)
        if picture.is_dark:
            if self._largest is None:
                self._largest = _largest(picture, self._files.values())
            if self._largest <= picture.white / 2:
                picture = picture.meant(self._largest)
        pixels = picture.masked(self._objects)
        if self._objects is not None and not picture.has_objects and pixels.any():
            raise UsageError(f"{file} is no label picture: it has no objects to choose from.")
        self._tell(picture)
        numbers = [int(number) for number in np.unique(picture.values) if number] if picture.has_objects else []
        kept = [number for number in numbers if self._objects is None or number in self._objects]
        objects = {number: torch.from_numpy(picture.values == number) for number in kept}
        return Mask(torch.from_numpy(pixels), picture.kind, objects, numbers)

    def _tell(self, picture: MaskPicture) -> None:
        """Say once how pictures are understood that are not simply white on black."""
        sentence = {
            "white on black": "",
            "label pictures": "label pictures, masked is every object in them",
            "grey levels": f"no value in it is above {self._largest or 0:g}, so every value but 0 is masked",
            "the alpha channel": "the colors say nothing, so masked is what is opaque",
        }[picture.kind]
        if picture.is_dark and self._largest is not None and self._largest <= picture.white / 2:
            sentence = (
                f"nothing in it is above half of white (the brightest is {self._largest or 0:g} of {picture.white:g})"
            )
        if sentence and sentence not in self._told:
            self._told.add(sentence)
            log.warning("%s: %s.", self._path, sentence)


class Still(Pictures):
    """One picture for all frames."""

    def __init__(self, file: Path, objects: tuple[int, ...] | None) -> None:
        super().__init__(str(file), {0: file}, None, objects)
        self._kept: Mask | None = None

    def at(self, index: int) -> Mask | None:
        self._kept = self._kept or super().at(0)
        return self._kept


def _largest(picture: MaskPicture, files: Collection[Path]) -> float:
    """The largest value in a folder; no further than to one that is bright, for then the others are meant so."""
    largest = float(picture.values.max())
    for file in files:
        with suppress(UsageError):  # told at its frame
            largest = max(largest, float(mask_picture(file).values.max()))
        if largest > picture.white / 2:
            break
    return largest
