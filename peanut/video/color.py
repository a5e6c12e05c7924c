"""From stored colors to RGB and back, and from stored pictures to upright ones."""

import struct
from fractions import Fraction
from typing import Any

import av
import av.filter
import torch
from av.sidedata.sidedata import Type
from torch import Tensor

from peanut.frame import Color
from peanut.video.chroma import CENTRE, LEFT, LOCATIONS, location_of

MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
"""ITU-T H.273 matrix coefficients, as FFmpeg's scaler calls them."""
NOT_STATED = 2
EXACT = "accurate_rnd+full_chroma_int+full_chroma_inp"
"""Without these the scaler is up to 3 grey levels off, most of them too dark; with them it rounds, and that is all."""


def usual_matrix(h: int, w: int) -> int:
    """The matrix that players take where none is stated: BT.709 from 1280 wide or 577 high on, else BT.601.

    The rule of mpv (`mp_csp_guess_colorspace`) and libplacebo (`pl_color_system_guess_ycbcr`); VLC looks at the 576
    lines alone, Chromium begins HD at 720 lines. The two BT.601 of H.273, 625 lines (5) and 525 (6), are one matrix.
    """
    return 1 if w >= 1280 or h > 576 else 5 if h in (288, 576) else 6


def matrix_of(color: Color, h: int, w: int) -> int:
    """The matrix by which a picture of this size is read: the one that it states, if the scaler knows it."""
    return color.read_as if color.read_as in MATRICES else usual_matrix(h, w)


def chroma_of(color: Color) -> int:
    """Where chroma lies; where nothing is stated, in the middle in full range (JPEG), else on the left (MPEG-2 on)."""
    return color.chroma_location or (CENTRE if color.full_range else LEFT)


def color_of(picture: av.VideoFrame, codec: str = "") -> Color | None:
    """How a decoded picture stores its colors; None where it is stored as RGB. codec: name of its decoder."""
    stored = picture.format
    if stored.is_rgb or stored.has_palette or stored.name.startswith(("mono", "xyz")):
        return None
    full = picture.color_range == 2 or picture.format.name.startswith("yuvj")
    tag = Color(int(picture.colorspace))
    return Color(
        matrix=tag.matrix,
        full_range=full,
        primaries=int(picture.color_primaries),
        transfer=int(picture.color_trc),
        chroma_location=location_of(picture, codec),
        range_stated=full or picture.color_range == 1,
        read_as=matrix_of(tag, picture.height, picture.width),
    )


class Scaler:
    """Brings pictures into another format, and colors; one for each run, as it keeps FFmpeg's filters."""

    def __init__(self, pixel_format: str) -> None:
        self.format = pixel_format
        self._made_for: tuple[Any, ...] = ()
        self._graph = av.filter.Graph()

    def __call__(
        self,
        picture: av.VideoFrame,
        before: Color | None,
        after: Color | None,
        size: tuple[int, int] | None = None,
    ) -> av.VideoFrame:
        """The picture in the scaler's format. before, after: how colors are stored; None: as RGB.

        size: (h, w) to scale to on the way; None keeps it.
        """
        made_for = (picture.width, picture.height, picture.format.name, before, after, size)
        if made_for != self._made_for:
            self._made_for, self._graph = made_for, self._filters(picture, before, after, size)
        self._graph.push(picture)
        scaled: Any = self._graph.pull()
        return scaled  # type: ignore[no-any-return]

    def _filters(
        self, picture: av.VideoFrame, before: Color | None, after: Color | None, size: tuple[int, int] | None
    ) -> av.filter.Graph:
        h, w = size or (picture.height, picture.width)
        settings = [f"{w}:{h}:flags={'bicubic' if size is None else 'area'}+{EXACT}"]
        settings += _told("in", picture.format, before)
        settings += _told("out", av.VideoFormat(self.format), after)
        graph = av.filter.Graph()
        begin = graph.add_buffer(
            width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1000)
        )
        untagged = graph.add("setparams", "color_primaries=unknown:color_trc=unknown")  # it refuses reserved values
        scale, to_format = graph.add("scale", ":".join(settings)), graph.add("format", self.format)
        graph.link_nodes(begin, untagged, scale, to_format, graph.add("buffersink"))
        graph.configure()
        return graph


def _told(side: str, pixel_format: av.VideoFormat, color: Color | None) -> list[str]:
    """What the scaler must know about one of its sides, all of it: what it would guess differs between versions."""
    if color is None:
        return []
    across, down = LOCATIONS[chroma_of(color)]
    told = [f"{side}_range={'full' if color.full_range else 'limited'}"]
    told += [f"{side}_color_matrix={MATRICES[color.read_as]}"]
    told += [f"{side}_h_chr_pos={across}"] if pixel_format.chroma_width(8) == 4 else []
    told += [f"{side}_v_chr_pos={down}"] if pixel_format.chroma_height(8) == 4 else []
    return told


class ToRgb:
    """Turns decoded pictures into RGB by their own matrix and range; one for each run, as it keeps the scaler.

    codec: name of the decoder. Exact but for rounding, which `ffmpeg -pix_fmt rgb24` is not without its flags
    accurate_rnd and full_chroma_int.
    """

    def __init__(self, codec: str = "") -> None:
        self._codec, self._scaler = codec, Scaler("gbrp")  # in planes, as frames have it
        self._colors: dict[tuple[Any, ...], Color | None] = {}

    def color_of(self, picture: av.VideoFrame) -> Color | None:
        """How a picture stores its colors, looked up once for all pictures like it."""
        like = (picture.height, picture.width, picture.format.name, picture.colorspace, picture.color_range)
        if like not in self._colors:
            self._colors = {like: color_of(picture, self._codec)}
        return self._colors[like]

    def __call__(
        self, picture: av.VideoFrame, size: tuple[int, int] | None = None, color: Color | None = None
    ) -> Tensor:
        """A picture as 3 h w, uint8, RGB, not turned. size: (h, w) to scale to on the way; None keeps it.

        color: how it stores its colors; None: as it says itself.
        """
        scaled = self._scaler(picture, color or self.color_of(picture), None, size)
        image = torch.empty(3, scaled.height, scaled.width, dtype=torch.uint8)
        for channel, plane in zip((image[1], image[2], image[0]), scaled.planes, strict=True):
            rows = torch.frombuffer(plane, dtype=torch.uint8).reshape(plane.height, plane.line_size)
            channel.copy_(rows[:, : plane.width])
        return image


Turn = tuple[bool, bool, bool]
"""(transpose, then flip left to right, then flip top to bottom)."""


def orientation(frame: av.VideoFrame) -> Turn:
    """How a stored picture becomes upright.

    Read from the display matrix: rotations and mirrorings by quarter turns; anything else counts as the nearest.
    """
    side_data: Any = frame.side_data
    matrix = next((bytes(data) for data in side_data if data.type == Type.DISPLAYMATRIX), None)
    if matrix is None:
        return False, False, False
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)  # x' = a x + c y, y' = b x + d y
    return (True, c < 0, b < 0) if abs(b) > abs(a) else (False, a < 0, d < 0)


def upright(image: Tensor, turn: Turn) -> Tensor:
    """Apply what `orientation` says: 3 h w -> 3 h w, or 3 w h where it transposes."""
    transpose, across, down = turn
    image = image.transpose(-2, -1) if transpose else image
    dims = [dim for dim, flip in ((-1, across), (-2, down)) if flip]
    return image.flip(dims) if dims else image.contiguous()


def as_stored(image: Tensor, turn: Turn) -> Tensor:
    """Take back what `upright` does."""
    transpose, across, down = turn
    dims = [dim for dim, flip in ((-1, across), (-2, down)) if flip]
    image = image.flip(dims) if dims else image
    return image.transpose(-2, -1).contiguous() if transpose else image
