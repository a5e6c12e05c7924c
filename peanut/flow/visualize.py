"""A flow as an image."""

import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError

WHEEL = ((255, 0, 0), (255, 255, 0), (0, 255, 0), (0, 255, 255), (0, 0, 255), (255, 0, 255), (255, 0, 0))
"""The corners of the wheel: red, yellow, green, cyan, blue, magenta, and red again."""
STEPS = (15, 6, 4, 11, 13, 6)
"""How many of the 55 colors lie between neighboring corners: as many as eyes tell apart."""


def flow_image(flow: Tensor, largest: float | None = None) -> Tensor:
    """A flow as colors: hue tells the direction, saturation the length. 2 h w, pixels -> 3 h w, uint8.

    Right is red, down yellow, left between cyan and blue, up violet; no motion is white. largest: the length in pixels
    that is fully saturated, by default that of the longest vector; longer ones are darker. What is no number is black.
    Source: Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011.
    Raises UsageError for another shape, and a `largest` that is not above 0.

    >>> right, still = torch.tensor([[[3.0]], [[0.0]]]), torch.zeros(2, 1, 1)
    >>> flow_image(torch.cat([right, still], dim=2))[:, 0].T.tolist()
    [[255, 0, 0], [255, 255, 255]]
    """
    if flow.ndim != 3 or flow.shape[0] != 2:
        raise UsageError(f"flow_image: a flow must be 2 h w, got {tuple(flow.shape)}.")
    if largest is not None and not largest > 0:
        raise UsageError(f"flow_image: largest must be above 0, got {largest}.")
    known = flow.isfinite().all(dim=0).cpu().numpy()
    x, y = np.where(known, flow.detach().cpu().double().numpy(), 0)
    length = np.hypot(x, y)
    length /= (length.max(initial=0) or 1) if largest is None else largest
    turn = np.arctan2(y, x) / (2 * np.pi) % 1  # from right over down
    corners = np.cumsum((0, *STEPS)) / sum(STEPS)
    color = np.stack([np.interp(turn, corners, channel) for channel in np.transpose(WHEEL)])
    color = np.where(length <= 1, 255 - length * (255 - color), 0.75 * color) * known
    return torch.from_numpy(np.rint(color).astype(np.uint8))
