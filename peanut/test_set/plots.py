"""Statistics of datasets drawn side by side, as papers show an old and a new one. Needs matplotlib."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from peanut.errors import UsageError
from peanut.test_set.statistics import QUANTITIES, Statistics

DRAWN = ("frames", "objects", "size", "object_speed", "camera_speed", "texture", "words", "height")
"""Which quantities are drawn, from the upper left on."""
COLUMNS = 4
COLORS = ("#4c78a8", "#e4572e", "#54a24b", "#b279a2", "#9d755d", "#72b7b2")
"""Of datasets, in their order; told apart in grey, too."""
ROOM = 20
"""Letters that the names of the datasets may have together to stand beside one another."""
LETTERS = 17
"""Size of the letters in points: legible where the picture is shown at half its size."""


def plots(found: Mapping[str, Statistics], path: str | Path) -> None:
    """Draw what `statistics` found: a violin of each quantity and dataset, the median and all values on it.

    path: png, pdf or svg. Quantities that no dataset has are left out. Raises UsageError if matplotlib is not
    installed, or the picture cannot be written.
    """
    figure_of = _matplotlib()
    drawn = [name for name in DRAWN if any(one.values[name] for one in found.values())]
    rows = -(-len(drawn) // COLUMNS)
    figure = figure_of(figsize=(4.6 * COLUMNS, 4.9 * rows), layout="constrained")
    for number, name in enumerate(drawn, start=1):
        _draw(figure.add_subplot(rows, COLUMNS, number), name, found)
    try:
        figure.savefig(path, dpi=100)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be written ({error}); png, pdf and svg can.") from error


def _matplotlib() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError("plots need matplotlib: pip install 'peanut-video[measure]'.") from error
    return Figure


def _draw(axes: Any, name: str, found: Mapping[str, Statistics]) -> None:
    """One quantity: a violin for each dataset that has it."""
    for place, one in enumerate(found.values()):
        values = np.array(one.values[name], float)
        if values.size:
            _violin(axes, place, values, COLORS[place % len(COLORS)])
    quantity = QUANTITIES[name]
    axes.set_title(quantity.title, fontsize=LETTERS + 1)
    axes.set_ylabel(quantity.unit, fontsize=LETTERS)
    slanted = 20 if sum(map(len, found)) > ROOM else 0
    axes.set_xticks(range(len(found)), list(found), fontsize=LETTERS, rotation=slanted)
    axes.set_xlim(-0.6, len(found) - 0.4)
    axes.set_ylim(bottom=0)
    axes.tick_params(axis="y", labelsize=LETTERS - 1)
    axes.locator_params(axis="y", nbins=5)
    axes.spines[["top", "right"]].set_visible(False)


def _violin(axes: Any, place: int, values: Any, color: str) -> None:
    if np.ptp(values) > 0:
        (body,) = axes.violinplot(values, [place], widths=0.8, showextrema=False)["bodies"]
        body.set(facecolor=color, edgecolor=color, alpha=0.35)
    aside = place + 0.12 * (
        np.random.default_rng(0).random(values.size) - 0.5
    )  # values that are the same, side by side
    axes.scatter(aside, values, s=16, color=color, alpha=0.7, linewidths=0)
    middle = float(np.median(values))
    axes.hlines(middle, place - 0.25, place + 0.25, color=color, linewidth=4)
