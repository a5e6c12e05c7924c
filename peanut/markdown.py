"""Tables in Markdown."""

from collections.abc import Iterable, Sequence


def table(titles: Sequence[str], rows: Iterable[Sequence[str]], *, figures: bool = False) -> str:
    """A table of cells that are written already. figures: all columns but the first are numbers, to the right.

    >>> print(table(["clip", "motion"], [["a|b", "0.25"]], figures=True))
    | clip | motion |
    | --- | ---: |
    | a\\|b | 0.25 |
    """
    others = "---:" if figures else "---"
    lines = [titles, ["---", *[others] * (len(titles) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
