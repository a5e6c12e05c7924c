"""How benchmarks compare: side by side in one run, as ratios."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch
from torch import Tensor


def ratio(
    ours: Callable[[], Tensor], theirs: Callable[[], Tensor], rounds: int = 9, tolerance: float | None = 1e-4
) -> str:
    """How many times faster `ours` is: same result, same process, in turns. Median (lowest to highest).

    tolerance: largest absolute difference between both results; None: another precision, not compared.
    """
    first, second = ours(), theirs()  # both are warm now
    if tolerance is not None:
        torch.testing.assert_close(first, second, rtol=0, atol=tolerance)

    def seconds(work: Callable[[], Tensor]) -> float:
        start = perf_counter()
        work().flatten()[0].item()  # waits for the device
        return perf_counter() - start

    times = sorted(seconds(theirs) / seconds(ours) for _ in range(rounds))
    return f"{median(times):.2f}x ({times[0]:.2f} to {times[-1]:.2f})"
