"""From stored colours to RGB, and from stored pictures to upright ones."""

import struct
from typing import Any

import av
import torch
from av.sidedata.sidedata import Type
from av.video.reformatter import Interpolation
from torch import Tensor

from peanut.frame import Colour


def to_rgb(frame: av.VideoFrame, size: tuple[int, int] | None = None) -> Tensor:
    """A decoded picture as 3 h w, uint8, RGB, by its own matrix and range; not turned.

    size: (h, w) to scale to on the way; None keeps it. The same numbers as `ffmpeg -pix_fmt rgb24` gives, which takes
    what is not stated for BT.601 in limited range.
    """
    h, w = size or (frame.height, frame.width)
    scaler = Interpolation.BICUBIC if size is None else Interpolation.AREA
    rgb = frame.reformat(w, h, "rgb24", interpolation=scaler)
    plane = rgb.planes[0]
    rows = torch.frombuffer(bytearray(plane), dtype=torch.uint8).reshape(h, plane.line_size)
    return rows[:, : 3 * w].reshape(h, w, 3).permute(2, 0, 1).contiguous()


def colour_of(frame: av.VideoFrame) -> Colour | None:
    """How a decoded picture stores its colours; None where it is stored as RGB."""
    if frame.format.is_rgb:
        return None
    full = frame.color_range == 2 or frame.format.name.startswith("yuvj")
    return Colour(int(frame.colorspace), full, int(frame.color_primaries), int(frame.color_trc))


def orientation(frame: av.VideoFrame) -> tuple[bool, bool, bool]:
    """How a stored picture becomes upright: (transpose, then flip left to right, then flip top to bottom).

    Read from the display matrix: rotations and mirrorings by quarter turns; anything else counts as the nearest.
    """
    side_data: Any = frame.side_data
    matrix = next((bytes(data) for data in side_data if data.type == Type.DISPLAYMATRIX), None)
    if matrix is None:
        return False, False, False
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)  # x' = a x + c y, y' = b x + d y
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def upright(image: Tensor, turn: tuple[bool, bool, bool]) -> Tensor:
    """Apply what `orientation` says: 3 h w -> 3 h w, or 3 w h where it transposes."""
    transpose, across, down = turn
    image = image.transpose(-2, -1) if transpose else image
    dims = [dim for dim, flip in ((-1, across), (-2, down)) if flip]
    return image.flip(dims) if dims else image.contiguous()
