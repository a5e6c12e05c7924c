"""What one mask picture says: which pixels are to be removed, and which object each belongs to."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import attrs
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from peanut.errors import UsageError

Array = npt.NDArray[Any]

EXACT = {"PNG", "TIFF", "BMP", "PPM"}
"""Formats whose small values are meant, not noise of a codec."""
FEW = 63
"""Up to this value the grey levels of a whole folder are taken for the numbers of objects."""
COLORLESS = 16
"""How far red, green and blue of a grey may lie apart."""
SPEAKS = 0.5
"""Share of opaque pixels between black and white from which on a picture is a photograph, and no mask."""

Kind = Literal["white on black", "label pictures", "the alpha channel", "grey levels"]


@attrs.frozen(eq=False)
class MaskPicture:
    """A picture as a mask: `values` above half of `white` are masked, in label pictures all above 0."""

    values: Array
    """h w: brightness, opacity, or the number of an object."""
    white: float
    kind: Kind = "white on black"
    exact: bool = False
    """Stored without loss, in grey: small values may be numbers of objects."""

    @property
    def is_dark(self) -> bool:
        """Whether something is in it and nothing would be masked: the rest of its folder tells how it is meant."""
        return self.exact and self.kind == "white on black" and 0 < self.values.max() <= self.white / 2

    def meant(self, largest: float) -> "MaskPicture":
        """The same picture, if `largest` is the largest value of all in its folder and all are dark."""
        if largest <= FEW and np.array_equal(self.values, np.rint(self.values)):
            return attrs.evolve(self, kind="grey levels", white=largest)
        return attrs.evolve(self, white=255.0) if 127 < largest <= 255 else self  # 8 bits, stored in 16

    @property
    def has_objects(self) -> bool:
        """Whether its values are numbers of objects."""
        return self.kind in ("label pictures", "grey levels")

    def masked(self, objects: Iterable[int] | None = None) -> Array:
        """h w, bool; of label pictures only the objects asked for, or all."""
        if not self.has_objects:
            return np.asarray(self.values > self.white / 2)
        return np.asarray(self.values > 0 if objects is None else np.isin(self.values, list(objects)))


def mask_picture(file: Path) -> MaskPicture:
    """Read a picture as a mask. Raises UsageError if it cannot be read."""
    try:
        with Image.open(file) as opened:
            exact = opened.format in EXACT
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except Exception as error:  # a damaged file can bring Pillow to raise anything
        raise UsageError(f"{file} cannot be read as a picture.") from error
    if picture.mode in ("P", "PA"):
        labels = _labels(picture)
        if labels is not None:
            return MaskPicture(labels, white=255, kind="label pictures")
    if picture.mode == "F" or picture.mode.startswith("I"):
        values = np.nan_to_num(np.asarray(picture))
        return MaskPicture(values, _white(values, picture.mode), exact=exact)
    if picture.mode == "L" and "transparency" not in picture.info:
        return MaskPicture(np.asarray(picture), white=255, exact=exact)
    rgba = np.asarray(picture.convert("RGBA"))
    return _of_colors(rgba[..., :3].max(axis=2), rgba[..., 3], exact)


def _white(values: Array, mode: str) -> float:
    """What is white in numbers of more than 8 bits."""
    largest = float(values.max())
    if mode == "F":
        return next((white for white in (1.0, 255.0, 65535.0) if largest <= white), largest)
    return max(65535.0, largest)


def _labels(picture: Any) -> Array | None:
    """The numbers of objects in a label picture: h w; None if its palette is one of greys, or does not begin black.

    Data sets (DAVIS, YouTube-VOS, VOC) give black to what is no object and put it first. What else has the same black
    is no object either; entries that the palette leaves out are.
    """
    stored = np.array(picture.getpalette(), np.uint8).reshape(-1, 3)
    grey = (stored.max(axis=1) - stored.min(axis=1) <= COLORLESS).all()
    if grey or stored[0].any():
        return None
    numbers = np.arange(256, dtype=np.uint8)
    numbers[: len(stored)][~stored.any(axis=1)] = 0
    entries = np.asarray(picture)
    return np.asarray(numbers[entries if entries.ndim == 2 else entries[..., 0]])


def _of_colors(bright: Array, alpha: Array, exact: bool) -> MaskPicture:
    """bright, alpha: h w, uint8. The alpha channel is taken where the colors of what is opaque say nothing."""
    opaque = alpha > 127
    if opaque.all():
        return MaskPicture(bright, white=255, exact=exact)
    seen = bright[opaque]
    if seen.size == 0 and bright.min() < bright.max():  # whoever wrote it forgot the alpha channel
        return MaskPicture(bright, white=255, exact=exact)
    lit, between = seen > 127, (seen > 31) & (seen < 224)
    if seen.size == 0 or lit.all() or not lit.any() or between.mean() > SPEAKS:
        return MaskPicture(alpha, white=255, kind="the alpha channel")
    return MaskPicture(np.where(opaque, bright, 0), white=255, exact=exact)
