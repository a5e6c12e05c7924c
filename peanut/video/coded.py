"""Pictures as they are stored: what nobody changed comes out as it went in."""

from collections.abc import Callable
from typing import Any

import attrs
import av
import numpy as np
import numpy.typing as npt
from torch import Tensor

from peanut.frame import Color, Frame
from peanut.video.chroma import LEFT, samples, turned
from peanut.video.color import MATRICES, NOT_STATED, Scaler, ToRgb, Turn, as_stored, chroma_of, matrix_of, usual_matrix
from peanut.video.media import Media

Array = npt.NDArray[Any]
IN_PLANES = {
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "nv24": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
}
"""Formats with several components in one plane -> the one with the same samples in planes of their own."""
BT709 = Color(matrix=1, full_range=False, primaries=1, transfer=1, chroma_location=1)
"""What frames without a video behind them are written as."""


@attrs.frozen(eq=False)
class Coded:
    """A decoded picture as it is stored: `Frame.coded`. Left behind where a frame is pickled or copied deeply."""

    picture: av.VideoFrame
    color: Color
    turn: Turn

    @property
    def nbytes(self) -> int:
        """Bytes that it holds: 1.5 a pixel for 8-bit 4:2:0, 3 for 10 bits of it or 8 of 4:4:4."""
        return sum(plane.buffer_size for plane in self.picture.planes)

    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _nothing, ()


def _nothing() -> None:
    return None


def bytes_of(pixel_format: str, h: int, w: int) -> int:
    """Bytes of a decoded picture that a frame keeps; 0 where it is RGB, or of a format that nobody knows."""
    try:
        stored = av.VideoFormat(pixel_format, w, h)
    except ValueError:
        return 0
    sizes = [part.width * part.height * (1 if part.bits <= 8 else 2) for part in stored.components]
    return 0 if stored.is_rgb else sum(sizes)


def coded_of(picture: av.VideoFrame, color: Color | None, turn: Turn) -> Coded | None:
    """What a frame keeps of its decoded picture; None where that is RGB, which the image holds already."""
    return None if color is None else Coded(picture, color, turn)


def color_of_output(first: Frame, pixel_format: str) -> Color:
    """How frames like the first are stored in `pixel_format`: as their source is, and tagged as far as that is.

    A matrix that was not tagged stays so, unless players would take another one for the output's size.
    """
    source, size = first.source, first.size
    own = BT709 if source is None or source.color is None else source.color
    if av.VideoFormat(pixel_format).is_rgb:
        return attrs.evolve(own, matrix=0, full_range=True, range_stated=True, chroma_location=0, read_as=0)
    matrix = matrix_of(own, *(source.size if isinstance(source, Media) else size))
    usual = MATRICES[usual_matrix(*size)] == MATRICES[matrix]
    full = own.full_range or pixel_format.startswith("yuvj")
    return attrs.evolve(
        own,
        matrix=own.matrix if own.matrix not in (0, NOT_STATED) else NOT_STATED if usual else matrix,
        full_range=full,
        range_stated=own.range_stated or full,
        chroma_location=own.chroma_location if first.coded is None else turned(own.chroma_location, first.coded.turn),
        read_as=matrix,
    )


def told_location(color: Color, pixel_format: str) -> dict[str, str]:
    """The encoder's option that says where chroma lies, where that is not what everybody takes it for."""
    stored = av.VideoFormat(pixel_format)
    shared_both_ways = stored.chroma_width(8) == 4 and stored.chroma_height(8) == 4
    usual = LEFT if not color.full_range else 0
    told = shared_both_ways and color.chroma_location not in (0, usual)
    return {"chroma_sample_location": str(color.chroma_location)} if told else {}


class ToStored:
    """Turns frames into pictures for an encoder; one for each run.

    Where a pixel of a frame is that of its decoded picture, the stored brightness is kept, and a chroma sample where
    that holds for all pixels that share it; only the rest is converted from RGB. A picture in another format is
    brought into this one first, without RGB in between. color: how the output stores colors.
    """

    def __init__(self, pixel_format: str, color: Color) -> None:
        self._format, self._planes = pixel_format, IN_PLANES.get(pixel_format, pixel_format)
        stored = av.VideoFormat(self._planes)
        self._yuv, self._color = color, None if stored.is_rgb else color
        self._separate = not stored.is_rgb and [part.plane for part in stored.components] == list(
            range(len(stored.components))
        )
        self._to_rgb, self._packed = ToRgb(), Scaler(pixel_format)
        self._from_rgb, self._from_stored = Scaler(self._planes), Scaler(self._planes)

    def __call__(self, frame: Frame) -> av.VideoFrame:
        """The frame as a new picture, without time and tags."""
        coded = frame.coded
        kept = isinstance(coded, Coded) and self._can_keep(coded, frame.size)
        picture = self._merged(frame, coded) if kept else self._from_rgb(_gbr(frame.image), None, self._color)
        return picture if self._planes == self._format else self._packed(picture, self._color, self._color)

    def _can_keep(self, coded: Coded, size: tuple[int, int]) -> bool:
        """Whether planes of the output can be those of a decoded picture: turning it must not split its chroma."""
        stored, (transpose, across, down) = av.VideoFormat(self._planes), coded.turn
        h, w = size
        if (coded.picture.width, coded.picture.height) != ((h, w) if transpose else (w, h)) or not self._separate:
            return False
        wide, high = 8 // stored.chroma_width(8), 8 // stored.chroma_height(8)
        return not (transpose and wide != high) and not (across and w % wide) and not (down and h % high)

    def _merged(self, frame: Frame, coded: Coded) -> av.VideoFrame:
        """The stored picture, with what was changed converted from RGB."""
        image = as_stored(frame.image, coded.turn)
        changed = _differing(self._to_rgb(coded.picture, color=coded.color).numpy(), image.numpy())
        color = attrs.evolve(self._yuv, chroma_location=chroma_of(coded.color))  # turned with the rest at the end
        kept = self._kept(coded, color)
        new = self._from_rgb(_gbr(image), None, color) if changed.any() else None
        h, w = frame.size
        out = av.VideoFrame(w, h, self._planes)
        for number, part in enumerate(out.format.components):
            samples_out = samples(out.planes[number], out.format)
            samples_out[:] = _turned(samples(kept.planes[number], out.format), coded.turn)
            if new is not None and not part.is_alpha:
                shared = _shared(changed, samples(new.planes[number], out.format).shape)
                fresh = _turned(samples(new.planes[number], out.format), coded.turn)
                np.copyto(samples_out, fresh, where=_turned(shared, coded.turn))
        return out

    def _kept(self, coded: Coded, color: Color) -> av.VideoFrame:
        """The decoded picture in the output's format: itself, where it is stored the same way."""
        own, picture = coded.color, coded.picture
        same = own.full_range == color.full_range and MATRICES[own.read_as] == MATRICES[color.read_as]
        if same and picture.format.name.replace("yuvj", "yuv") == self._planes.replace("yuvj", "yuv"):
            return picture
        return self._from_stored(picture, attrs.evolve(own, chroma_location=chroma_of(own)), color)


def _differing(a: Array, b: Array) -> Array:
    """Where two pictures (3 h w) differ: h w, bool."""
    differing: Array = (a[0] != b[0]) | (a[1] != b[1]) | (a[2] != b[2])
    return differing


def _shared(changed: Array, shape: tuple[int, ...]) -> Array:
    """h w -> shape: whether any of the pixels that share a sample was changed."""
    for axis in (0, 1):
        step = -(-changed.shape[axis] // shape[axis])
        if step > 1:
            lines = np.moveaxis(changed, axis, 0)
            shared = lines[::step].copy()
            for offset in range(1, step):
                part = lines[offset::step]
                shared[: len(part)] |= part
            changed = np.moveaxis(shared, 0, axis)
    return changed


def _turned(plane: Array, turn: Turn) -> Array:
    """What `upright` does, for h w of any type, without a copy."""
    transpose, across, down = turn
    plane = plane.T if transpose else plane
    return plane[:: -1 if down else 1, :: -1 if across else 1]


def _gbr(image: Tensor) -> av.VideoFrame:
    """3 h w, RGB, as a picture in planes."""
    _, h, w = image.shape
    picture = av.VideoFrame(w, h, "gbrp")
    for plane, channel in zip(picture.planes, (image[1], image[2], image[0]), strict=True):
        samples(plane, picture.format)[:] = channel.numpy()
    return picture
