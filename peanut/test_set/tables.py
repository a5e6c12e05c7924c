"""Candidates, checks and statistics as tables for people (Markdown), and as values for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from peanut.markdown import table
from peanut.test_set.check import Checked
from peanut.test_set.choose import Candidate
from peanut.test_set.statistics import QUANTITIES, Statistics

LOW, HIGH = 5, 95
"""Percentiles between which nine of ten values lie."""
COUNTED = ("clips", "frames", "objects", "sentences")


def of_candidates(found: Sequence[Candidate]) -> str:
    """Candidates in their order, with the four abilities and what they come from."""
    figures = ("alike", "camera", "moving", "occlusion", "structure", "clear")
    head = ["clip", "all", "language", "time", "structure", "subject", *figures, "views", "masks"]
    rows = []
    for one in found:
        values = [one.total, *one.abilities.values(), *(getattr(one, name) for name in figures)]
        said = [str(one.views), "given" if one.annotated else "found"]
        rows.append([one.name, *(f"{value:.2f}" for value in values), *said])
    return table(head, rows, figures=True)


def of_candidate(one: Candidate) -> dict[str, Any]:
    """A candidate for a program."""
    return {**attrs.asdict(one), "motion": one.motion, "abilities": one.abilities, "all": one.total}


def of_checked(found: Sequence[Checked]) -> str:
    """A line for each clip: good, or why it is left out."""
    lines = [f"{one.name}: {'good' if one.good else ' '.join(one.reasons)}" for one in found]
    good = sum(one.good for one in found)
    return "\n".join([*lines, f"{good} of {len(found)} clips have good masks."])


def of_check(one: Checked) -> dict[str, Any]:
    """A check for a program."""
    return {"name": one.name, "good": one.good, **attrs.asdict(one)}


def of_statistics(found: Mapping[str, Statistics]) -> str:
    """Two tables, a column for each dataset: how much there is, and the median of each quantity with nine of ten."""
    counts = [[what, *(str(getattr(one, what)) for one in found.values())] for what in COUNTED]
    spreads = []
    for name, quantity in QUANTITIES.items():
        title = f"{quantity.title}, {quantity.unit}" if quantity.unit else quantity.title
        spreads.append([title, *(_spread(one.values[name], quantity.digits) for one in found.values())])
    told = f"Median, and the range of nine of ten values ({LOW}th to {HIGH}th percentile)."
    return "\n\n".join([_table(found, counts), told, _table(found, spreads)])


def _table(found: Mapping[str, Statistics], rows: Sequence[Sequence[str]]) -> str:
    return table(["", *found], rows, figures=True)


def _spread(values: Sequence[float], digits: int) -> str:
    if not values:
        return "not known"
    low, middle, high = (f"{value:.{digits}f}" for value in np.percentile(values, [LOW, 50, HIGH]))
    return middle if low == high else f"{middle} ({low} to {high})"


def of_dataset(one: Statistics) -> dict[str, Any]:
    """The statistics of a dataset for a program."""
    counts = {what: getattr(one, what) for what in COUNTED}
    return {"name": one.name, **counts, "values": {name: list(values) for name, values in one.values.items()}}
