"""A mean of numbers that come one by one, of which it holds two."""

import math

import attrs
from torch import Tensor


@attrs.define
class Mean:
    """The mean of numbers that come one by one. Those that are no number (nothing to measure) are left out.

    >>> mean = Mean()
    >>> mean.add(1.0), mean.add(float("nan")), mean.add(4.0)
    (None, None, None)
    >>> mean.value
    2.5
    """

    total: float = 0.0
    count: int = 0

    def add(self, number: float | Tensor) -> None:
        """One number, or a tensor of them."""
        for one in number.flatten().tolist() if isinstance(number, Tensor) else (number,):
            if not math.isnan(one):
                self.total += one
                self.count += 1

    @property
    def value(self) -> float:
        """nan before the first number."""
        return self.total / self.count if self.count else math.nan
