"""From stored colours to RGB, and from stored pictures to upright ones."""

import struct
from fractions import Fraction
from typing import Any

import av
import av.filter
import torch
from av.sidedata.sidedata import Type
from torch import Tensor

from peanut.frame import Colour

MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""ITU-T H.273 matrix coefficients, as FFmpeg's scaler calls them."""


class ToRgb:
    """Turns decoded pictures into RGB by their own matrix and range; one for each run, as it keeps the scaler.

    The same numbers as `ffmpeg -pix_fmt rgb24` gives, which takes what is not stated for BT.601 in limited range, and
    whose filter places the colours of 4:2:0 where ffmpeg does (a bare swscale puts those of 10-bit elsewhere).
    """

    def __init__(self) -> None:
        self._made_for: tuple[Any, ...] = ()
        self._graph = av.filter.Graph()

    def __call__(self, picture: av.VideoFrame, size: tuple[int, int] | None = None) -> Tensor:
        """A picture as 3 h w, uint8, RGB, not turned. size: (h, w) to scale to on the way; None keeps it."""
        like = (picture.width, picture.height, picture.format.name, picture.colorspace, picture.color_range, size)
        if like != self._made_for:
            self._made_for, self._graph = like, _scaler(picture, size)
        self._graph.push(picture)
        rgb: Any = self._graph.pull()
        plane = rgb.planes[0]
        rows = torch.frombuffer(bytearray(plane), dtype=torch.uint8).reshape(rgb.height, plane.line_size)
        return rows[:, : 3 * rgb.width].reshape(rgb.height, rgb.width, 3).permute(2, 0, 1).contiguous()


def _scaler(picture: av.VideoFrame, size: tuple[int, int] | None) -> av.filter.Graph:
    """Filters from pictures like this one to rgb24 of `size`."""
    h, w = size or (picture.height, picture.width)
    full = picture.color_range == 2 or picture.format.name.startswith("yuvj")
    settings = f"{w}:{h}:flags={'bicubic' if size is None else 'area'}:in_range={'full' if full else 'limited'}"
    if picture.colorspace in MATRICES:
        settings += f":in_color_matrix={MATRICES[picture.colorspace]}"
    graph = av.filter.Graph()
    begin = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1000)
    )
    graph.link_nodes(begin, graph.add("scale", settings), graph.add("format", "rgb24"), graph.add("buffersink"))
    graph.configure()
    return graph


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
