"""Making sides fit."""

import torch.nn.functional as F
from torch import Tensor


def pad_to_multiple(x: Tensor, multiple: int) -> Tensor:
    """Extend b c h w below and to the right, with the border pixel, to sides that are multiples of `multiple`.

    Undone by `[..., :h, :w]`. Raises ValueError if multiple < 1.
    """
    if multiple < 1:
        raise ValueError(f"pad_to_multiple: multiple must be at least 1, got {multiple}.")
    h, w = x.shape[-2:]
    below, right = -h % multiple, -w % multiple
    return F.pad(x, (0, right, 0, below), mode="replicate") if below or right else x
