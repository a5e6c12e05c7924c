"""How far a flow is from the true one."""

import attrs
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.metrics.images import fitting
from peanut.metrics.running import Mean


def endpoint_error(flow: Tensor, truth: Tensor, where: Tensor | None = None) -> Tensor:
    """Mean Euclidean distance to the true flow, in pixels: 0 for the same flow, no upper bound.

    flow, truth: ... 2 h w, floating, in pixels. where: ... h w, or h w for all, bool: the pixels whose flow is known,
    or that are to be measured; None: all. Returns ..., float64; nan where `where` is empty.
    Raises UsageError for flows that do not fit each other.
    Source: Baker et al., A Database and Evaluation Methodology for Optical Flow, IJCV 2011.
    """
    for each in (flow, truth):
        if each.ndim < 3 or each.shape[-3] != 2 or not each.is_floating_point() or each.shape != flow.shape:
            got = " and ".join(f"{str(x.dtype).removeprefix('torch.')} {tuple(x.shape)}" for x in (flow, truth))
            raise UsageError(f"endpoint_error: both flows must be ... 2 h w, floating and of one shape, got {got}.")
    right, down = (flow - truth).unbind(-3)
    distance = torch.hypot(right, down)
    if where is None:
        return distance.mean(dim=(-2, -1), dtype=torch.float64)
    at = fitting("endpoint_error", where, distance.shape)
    return torch.where(at, distance, 0).sum(dim=(-2, -1), dtype=torch.float64) / at.count_nonzero(dim=(-2, -1))


@attrs.define
class EndpointError:
    """`endpoint_error` over pairs: `value` has "endpoint_error", the mean over the pairs. Holds: a sum."""

    _mean: Mean = attrs.field(factory=Mean, init=False)

    def add(self, flow: Tensor, truth: Tensor, where: Tensor | None = None) -> None:
        """One flow: 2 h w. Raises UsageError as `endpoint_error` does."""
        self._mean.add(endpoint_error(flow, truth, where))

    @property
    def value(self) -> dict[str, float]:
        """Pixels; nan before the first pair."""
        return {"endpoint_error": self._mean.value}
