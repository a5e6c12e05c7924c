"""Cutting an image into overlapping tiles, and blending what became of them."""

from collections.abc import Sequence

import attrs
import torch
from torch import Tensor


@attrs.frozen
class Tile:
    """A box of an image, in pixels."""

    top: int
    left: int
    height: int
    width: int

    def of(self, x: Tensor) -> Tensor:
        """The box of ... h w."""
        return x[..., self.top : self.top + self.height, self.left : self.left + self.width]

    def scaled(self, scale: int) -> "Tile":
        """The same box of an image `scale` times as large."""
        return Tile(self.top * scale, self.left * scale, self.height * scale, self.width * scale)


def tiles(size: tuple[int, int], side: int, overlap: int) -> list[Tile]:
    """Boxes of at most `side` pixels that cover an image of `size` (h, w); neighbors share `overlap` pixels or more.

    Raises ValueError unless 0 <= 2 overlap <= side and side >= 1.

    >>> [(tile.left, tile.width) for tile in tiles((4, 10), side=6, overlap=2)]
    [(0, 6), (4, 6)]
    """
    if side < 1 or not 0 <= 2 * overlap <= side:
        raise ValueError(f"tiles: overlap must be 0 to half the side, got {overlap} of {side}.")
    rows, columns = (_cuts(length, side, overlap) for length in size)
    return [Tile(top, left, height, width) for top, height in rows for left, width in columns]


def _cuts(length: int, side: int, overlap: int) -> list[tuple[int, int]]:
    """Starts and lengths of equal pieces that cover `length`, spread evenly."""
    if length <= side:
        return [(0, length)]
    count = -(-(length - overlap) // max(1, side - overlap))
    return [(round(number * (length - side) / (count - 1)), side) for number in range(count)]


def blend(pieces: Sequence[Tensor], boxes: Sequence[Tile], overlap: int) -> Tensor:
    """One image from the tiles' own, b c h w; the weight of each falls to its inner edges over `overlap` pixels."""
    h, w = max(box.top + box.height for box in boxes), max(box.left + box.width for box in boxes)
    total = pieces[0].new_zeros(*pieces[0].shape[:-2], h, w)
    weights = pieces[0].new_zeros(h, w)
    for piece, box in zip(pieces, boxes, strict=True):
        rows = _ramp(box.height, overlap, box.top > 0, box.top + box.height < h, piece)
        columns = _ramp(box.width, overlap, box.left > 0, box.left + box.width < w, piece)
        weight = rows[:, None] * columns
        box.of(total).add_(piece * weight)
        box.of(weights).add_(weight)
    return total / weights


def _ramp(length: int, overlap: int, first: bool, last: bool, like: Tensor) -> Tensor:
    """Weights along one side: rising over `overlap` behind a neighbor, falling before one."""
    place = torch.arange(length, device=like.device, dtype=like.dtype)
    rise = (place + 1) / (overlap + 1) if first else torch.ones_like(place)
    fall = (length - place) / (overlap + 1) if last else torch.ones_like(place)
    return torch.minimum(rise, fall).clamp(max=1)
