"""Bilinear lookups at scattered places on the CPU, for inference: what `grid_sample` does, several times as fast.

The pixels become rows of a table, with zeros around the image, and every lookup a bag of four weighted rows: all
channels of a pixel are read at once, instead of one by one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.ops.fast_paths import allowed


def serves(*tensors: Tensor) -> bool:
    """Whether lookups can go this way: on the CPU, without gradients."""
    differentiated = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in tensors)
    return tensors[0].device.type == "cpu" and not differentiated and not torch.compiler.is_compiling() and allowed()


class Table:
    """The pixels of one image as rows, one for each group of its channels.

    image: c h w, float, of any strides; kept as float32.
    """

    def __init__(self, image: Tensor, groups: int = 1) -> None:
        c, self.h, self.w = image.shape
        self.groups, self.pitch = groups, self.w + 3  # zeros: a column on the left and two on the right
        rows = torch.zeros(self.h + 3, self.pitch, c)
        rows[1 : self.h + 1, 1 : self.w + 1] = image.permute(1, 2, 0)
        self.rows = rows.view(-1, c // groups)
        self._indices, self._weights = torch.empty(0, dtype=torch.int32), torch.empty(0)

    def read(self, y: Tensor, x: Tensor, weight: Tensor | None = None) -> Tensor:
        """The pixels at (y, x) times `weight`, zeros outside the image: n groups k c, float32.

        y, x, weight: n groups k, contiguous float32, in pixels; k lookups of every group. All three are overwritten.
        """
        if self._indices.numel() < 4 * y.numel():  # kept from call to call: fresh memory costs as much as the sums
            self._indices, self._weights = (
                self._indices.new_empty(4 * y.numel()),
                self._weights.new_empty(4 * y.numel()),
            )
        indices, weights = (kept[: 4 * y.numel()].view(*y.shape, 4) for kept in (self._indices, self._weights))
        top, left = _whole(y, self.h), _whole(x, self.w)  # y and x are left with the rest, in [0, 1)
        first = top.add_(1).mul_(self.pitch).add_(left).add_(1).mul_(self.groups)
        first += torch.arange(self.groups, dtype=torch.int32)[:, None]
        for corner, step in enumerate((0, 1, self.pitch, self.pitch + 1)):
            torch.add(first, step * self.groups, out=indices[..., corner])
        lower = y if weight is None else y.mul_(weight)
        upper = 1 - y if weight is None else weight.sub_(lower)
        for place, both in ((0, upper), (2, lower)):
            torch.mul(both, x, out=weights[..., place + 1])
            torch.sub(both, weights[..., place + 1], out=weights[..., place])
        bags = F.embedding_bag(indices.view(-1, 4), self.rows, per_sample_weights=weights.view(-1, 4), mode="sum")
        return bags.view(*y.shape, -1)


def _whole(places: Tensor, size: int) -> Tensor:
    """The pixels at or before `places`, int32; the places keep the rest. Beyond one pixel outside all is zero."""
    whole = places.clamp_(-1, size).nan_to_num_(-1).floor()
    places.sub_(whole)
    return whole.to(torch.int32)
