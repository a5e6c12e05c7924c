"""Which pixels of a clip are to be erased, where the truth is known."""

from collections.abc import Iterable, Iterator
from itertools import count, cycle, repeat
from pathlib import Path
from typing import Any

import attrs
import cv2
import torch
from torch import Tensor

from peanut.data.annotations import LabelPictures
from peanut.data.clip import Clip, Masks
from peanut.data.dataset import Dataset
from peanut.data.layout import label_pictures, only_picture
from peanut.data.shapes import blob
from peanut.errors import UsageError
from peanut.frame import Frame

GREY = 127
"""What a hole shows where the clip itself is the truth: an eraser must not see it."""
KINDS = ("own", "stationary", "objects")
CROSSES = 4
"""How often the mask of an object is dilated with a 3x3 cross. Source: the published test protocol."""


@attrs.frozen
class Holes:
    """How holes come into clips.

    kind: "own", the masks of the dataset, whose `truth` shows what is behind; "stationary", one random shape a clip,
    always the same for its name; "objects", the moving masks of the next clip that has any; or a folder with a folder
    of masks for each clip, matched by file number, or with one picture for all its frames.
    grow: how often a mask is dilated with a 3x3 cross; None: 4 times for "objects", else not at all.
    Source: stationary and object masks of FuseFormer and E2FGVI's tests.
    """

    kind: str | Path = "own"
    grow: int | None = None

    def __attrs_post_init__(self) -> None:
        if self.kind not in KINDS and not Path(self.kind).is_dir():
            raise UsageError(f"holes must be {', '.join(KINDS)} or a folder of masks, and {self.kind} is none of them.")

    @property
    def grown(self) -> int:
        return self.grow if self.grow is not None else CROSSES * (self.kind == "objects")

    def holed(self, clip: Clip, dataset: Dataset, size: tuple[int, int] | None) -> Iterator[Frame]:
        """The frames of a clip with holes, those grey, at a size. Not for "own"."""
        masks = self._masks(clip, dataset)
        for frame in clip.frames:
            sized = frame if size is None else frame.resized(size)
            mask = grown(_fitted(next(masks), sized.size), self.grown)
            yield sized.with_image(torch.where(mask, GREY, sized.image).to(torch.uint8)).with_mask(mask)

    def _masks(self, clip: Clip, dataset: Dataset) -> Iterator[Tensor]:
        if self.kind == "stationary":
            return cycle([blob(next(iter(clip.frames)).size, clip.name)])
        if self.kind == "objects":
            return _endless(_Objects(_other(clip, dataset)))
        return iter(_Given(Path(self.kind), clip))


@attrs.frozen
class _Objects:
    """The masks of a clip, all objects together."""

    clip: Clip

    def __iter__(self) -> Iterator[Tensor]:
        for frame in self.clip.masked():
            if frame.mask is not None:
                yield frame.mask


@attrs.frozen
class _Given:
    """The masks of a folder for a clip, one for each of its frames."""

    root: Path
    clip: Clip

    def __iter__(self) -> Iterator[Tensor]:
        folder = self.root / self.clip.name
        if not folder.is_dir() or not any(folder.iterdir()):
            raise UsageError(f"{folder} has no masks for the clip {self.clip.name}.")
        alone = only_picture(folder)
        if alone is not None:
            yield from repeat(_union(LabelPictures({0: alone}).at(0)))
        found = label_pictures(Path(self.clip.path), folder)
        for frame in count(self.clip.start):
            if found is None or frame not in found.files:
                raise UsageError(f"{folder} has no mask for frame {frame}: each frame needs one, or one is for all.")
            yield _union(found.at(frame))


def _union(masks: Masks) -> Tensor:
    """All objects together: h w, bool; one pixel that is not masked if there is none."""
    return torch.stack(list(masks.values())).any(dim=0) if masks else torch.zeros(1, 1, dtype=torch.bool)


def _endless(masks: Iterable[Tensor]) -> Iterator[Tensor]:
    """The masks again and again, one at a time."""
    while True:
        yield from masks


def _other(clip: Clip, dataset: Dataset) -> Clip:
    """The next clip with masks after this one; the first follows the last."""
    names = [one.name for one in dataset]
    place = names.index(clip.name)
    for other in [*dataset.clips[place + 1 :], *dataset.clips[:place]]:
        if other.annotations is not None and other.annotations.frames:
            return other
    raise UsageError(f"{dataset.name} has no other clip with masks than {clip.name}: holes='stationary' needs none.")


def _fitted(mask: Tensor, size: tuple[int, int]) -> Tensor:
    """A mask at a size, by nearest."""
    small: Any = torch.nn.functional.interpolate(mask[None, None].to(torch.uint8), size, mode="nearest-exact")
    return torch.as_tensor(small[0, 0] > 0)


def grown(mask: Tensor, times: int) -> Tensor:
    """A mask dilated so many times with a 3x3 cross."""
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    return torch.from_numpy(cv2.dilate(mask.numpy().astype("uint8"), cross, iterations=times) > 0) if times else mask
