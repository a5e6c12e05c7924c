"""Masks that were made before, from a folder of pictures or a video, given to the frames they belong to."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import av
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.video.file import VideoFile
from peanut.video.images import files, load

PALETTE = 3
"""Colour type of a PNG whose pixels are entries of a palette (DAVIS, YouTube-VOS)."""


@attrs.frozen(repr=False)
class masks(Stage):
    """Give every frame its mask: white = remove.

    path: a folder of pictures or a pattern, whose k-th in natural order belongs to frame number k; or a video, whose
        frame of the same number it is. Above 127 is masked, in a palette PNG every entry but the first.
    Masks of the source's size are reduced with frames that were read with `max_size`.
    Raises UsageError for a path without masks, too few of them, or masks of another size. Latency: 0. Holds: 1 frame.
    """

    path: str = attrs.field(converter=os.fspath)

    def __attrs_post_init__(self) -> None:
        if os.path.isdir(self.path) or not os.path.exists(self.path):
            if not os.path.exists(self.path) and not set("*?[") & set(self.path):
                raise UsageError(f"{self.path}: no such file or folder of masks.")
            files(self.path)

    def __str__(self) -> str:
        return f"masks({self.path!r})"

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        numbered = _of_pictures(self.path) if not os.path.isfile(self.path) else _of_video(self.path)
        number, load_mask = -1, None
        try:
            for frame in frames:
                while number < frame.index:
                    number, load_mask = next(numbered, (-1, None))
                    if load_mask is None:
                        raise UsageError(f"{self.path} has no mask for frame {frame.index}: it ends before the video.")
                if number > frame.index or load_mask is None:
                    raise UsageError(f"{self.path} has no mask for frame {frame.index}.")
                yield frame.with_mask(_fitted(load_mask(), frame, self.path))
        finally:
            numbered.close()


def _of_pictures(path: str) -> Any:
    for number, file in enumerate(files(path)):
        yield number, lambda file=file: _mask_of_picture(file)


def _of_video(path: str) -> Any:
    for frame in VideoFile(path):
        yield frame.index, lambda frame=frame: frame.image.float().mean(dim=0) > 127


def _mask_of_picture(file: Path) -> Tensor:
    with file.open("rb") as opened:
        head = opened.read(26)
    if head.startswith(b"\x89PNG") and head[25] == PALETTE:
        return _entries(file) > 0
    image = load(file)
    if image is None:
        raise UsageError(f"{file} cannot be read as a picture.")
    return image.float().mean(dim=0) > 127


def _entries(file: Path) -> Tensor:
    """The palette entries of a PNG: h w, uint8."""
    with av.open(str(file)) as container:
        picture = next(container.decode(video=0))
        plane = picture.planes[0]
        rows = torch.frombuffer(bytearray(plane), dtype=torch.uint8).reshape(picture.height, plane.line_size)
        return rows[:, : picture.width].clone()


def _fitted(mask: Tensor, frame: Frame, path: str) -> Tensor:
    """The mask at the frame's size. Raises UsageError unless it has it, or that of the source before `max_size`."""
    (h, w), (mask_h, mask_w) = frame.size, mask.shape
    if (mask_h, mask_w) == (h, w):
        return mask
    longest = max(h, w)
    scaled = (max(1, round(side * longest / max(mask_h, mask_w))) for side in (mask_h, mask_w))
    if max(mask_h, mask_w) > longest and tuple(scaled) == (h, w):
        small = F.interpolate(mask[None, None].to(torch.uint8), (h, w), mode="nearest-exact")
        return small[0, 0].to(torch.bool)
    raise UsageError(f"{path}: the mask for frame {frame.index} is {mask_w}x{mask_h}, the frame {w}x{h}.")
