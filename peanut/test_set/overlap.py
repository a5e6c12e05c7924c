"""What two masks have in common."""

from peanut.vision.array import Array


def overlap(a: Array, b: Array) -> float:
    """J of two masks, h w, bool: intersection over union, 0 to 1; unlike `metrics.jaccard` 0 where both are empty."""
    return float((a & b).sum() / max(1, (a | b).sum()))
