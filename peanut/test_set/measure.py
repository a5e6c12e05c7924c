"""What a figure of a clip is: it sees one view after the other and then tells a number from 0 to 1."""

from collections.abc import Sized
from typing import Protocol, TypeVar

import numpy as np

from peanut.test_set.view import View

T = TypeVar("T", bound=Sized)
LASTING = 0.25
"""Share of the views in which an object must be seen to count: found pieces come and go."""


class Measure(Protocol):
    """A figure on its way; it keeps a few numbers of each view, and no image."""

    def see(self, view: View) -> None:
        """The next view of the clip."""

    @property
    def figure(self) -> float:
        """What the views so far come to: 0 (nothing of it) to 1."""


def saturated(amount: float, half: float) -> float:
    """An amount from 0 on as a figure below 1: a half where it is `half`, so that no amount is too much.

    >>> [saturated(amount, half=2.0) for amount in (0, 2, 6)]
    [0.0, 0.5, 0.75]
    """
    return float(amount / (amount + half))


def mean(values: list[float]) -> float:
    """The mean; 0 of nothing."""
    return float(np.mean(values)) if values else 0.0


def median(values: list[float]) -> float:
    """The median; 0 of nothing."""
    return float(np.median(values)) if values else 0.0


def lasting(seen: dict[int, T], views: int) -> dict[int, T]:
    """Of what is known of objects, by number and view, that of those seen in a quarter of the views or more."""
    return {number: of for number, of in seen.items() if len(of) >= LASTING * views}
