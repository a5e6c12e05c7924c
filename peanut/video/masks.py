"""Masks that were made before, from a folder of pictures or a video, given to the frames they belong to."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import av
import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.video.file import VideoFile, open_video, reduced
from peanut.video.images import files, is_pictures, load
from peanut.video.media import Media

PALETTE = 3
"""Colour type of a PNG whose pixels are entries of a palette (DAVIS, YouTube-VOS)."""


@attrs.frozen(repr=False)
class masks(Stage):
    """Give every frame its mask: white = remove.

    path: a folder of pictures or a pattern, whose k-th in natural order belongs to frame number k; or a video, whose
        frame of the same number it is. Above 127 in grey is masked; in a palette PNG, every entry but the first.
    Masks of the source's size are reduced with frames that were read with `max_size`.
    They are read one at a time, as the frames come; those of frames that are not there are passed over.
    Raises UsageError for a path without masks when it is built, and for too few masks or masks of another size at the
    frame. Latency: 0. Holds: 1 frame.
    """

    path: str = attrs.field(converter=os.fspath)

    def __attrs_post_init__(self) -> None:
        if is_pictures(self.path):
            files(self.path)
        elif not os.path.exists(self.path):
            raise UsageError(f"{self.path}: no such file or folder of masks.")
        else:
            open_video(self.path).close()

    def __str__(self) -> str:
        return f"masks({self.path!r})"

    @property
    def reads(self) -> tuple[str, ...]:
        return (self.path,)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        numbered = _of_pictures(self.path) if is_pictures(self.path) else _of_video(self.path)
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
        yield frame.index, lambda frame=frame: _bright(frame.image)


def _mask_of_picture(file: Path) -> Tensor:
    with file.open("rb") as opened:
        head = opened.read(26)
    if head.startswith(b"\x89PNG") and head[25] == PALETTE:
        return _entries(file) > 0
    image = load(file)
    if image is None:
        raise UsageError(f"{file} cannot be read as a picture.")
    return _bright(image)


def _bright(image: Tensor) -> Tensor:
    """Above 127 in grey (luma, BT.601: 128 of a grey picture is 128)."""
    return torch.from_numpy(cv2.cvtColor(image.permute(1, 2, 0).contiguous().numpy(), cv2.COLOR_RGB2GRAY) > 127)


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
    whole = frame.source.size if isinstance(frame.source, Media) else (mask_h, mask_w)
    if (mask_h, mask_w) == whole and reduced(mask_h, mask_w, max(h, w)) == (h, w):
        small = F.interpolate(mask[None, None].to(torch.uint8), (h, w), mode="nearest-exact")
        return small[0, 0].to(torch.bool)
    raise UsageError(
        f"{path}: the mask for frame {frame.index} is {mask_w}x{mask_h}, the frame {w}x{h}; masks must have the size "
        "of the frames, or that of the video before max_size."
    )
