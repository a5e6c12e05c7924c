"""How a phrase was understood, and what was measured, in plain English."""

from collections.abc import Sequence

from peanut.words.candidate import Candidate
from peanut.words.choice import Verdict, article
from peanut.words.meaning import Color, Condition, Group, Meaning, Relation
from peanut.words.measures import RANKS, TRAITS, across, down, way_seen
from peanut.words.relations import RELATIONS
from peanut.words.vocabulary import Noun

ONE_OF = 4
"""Classes that are listed for a noun that means several."""
COLORS = 2
"""Colors that the table shows of each candidate."""


def explain(meaning: Meaning) -> str:
    """How a phrase was understood, a line for each noun and condition.

    >>> from peanut.words.grammar import parse
    >>> print(explain(parse("the man in red who goes left")))
    the best one:
      person (from 'man': men and women are not told apart)
      color red in its core
      moves left
    """
    lines: list[str] = []
    for number, group in enumerate(meaning.groups):
        lines += _lines(group, "" if number == 0 else "and ")
    for group in meaning.excluded:
        lines += _lines(group, "without ")
    return "\n".join(lines)


def _lines(group: Group, before: str) -> list[str]:
    many = {None: "all", 1: "the best one"}.get(group.count, f"the best {group.count}")
    said = [noun_text(group.noun), *(condition_text(condition) for condition in group.conditions)]
    return [f"{before}{many}:", *(f"  {line}" for line in said)]


def noun_text(noun: Noun) -> str:
    """What a noun is found as, and what it was taken from."""
    if noun.labels is None:
        return "anything that was found"
    labels = sorted(noun.labels)
    if len(labels) > ONE_OF:
        labels = [*labels[:ONE_OF], f"{len(labels) - ONE_OF} more"]
    found = ", ".join(labels[:-1]) + " or " + labels[-1] if labels[1:] else labels[0]
    if noun.note:
        return f"{found} (from {noun.word!r}: {noun.note})"
    return found if noun.word in noun.labels else f"{found} (from {noun.word!r})"


def condition_text(condition: Condition) -> str:
    """One condition as a line."""
    if isinstance(condition, Color):
        text = f"color {' or '.join(condition.names)} in its core"
    elif isinstance(condition, Relation):
        other = condition.other
        found = noun_text(other.noun)
        text = f"{RELATIONS[condition.kind].says} {'' if other.noun.labels is None else article(found) + ' '}{found}"
        if other.conditions:
            text += f" [{', '.join(condition_text(one) for one in other.conditions)}]"
    else:
        text = (TRAITS.get(condition.name) or RANKS[condition.name]).says
    return f"not: {text}" if condition.negated else text


def table(verdicts: Sequence[Verdict], candidates: Sequence[Candidate]) -> str:
    """The candidates in the order of their scores, with what was measured, and which were chosen."""
    by_number = {one.number: one for one in candidates}
    rows = [("", "no.", "found as", "score", "x, y", "area", "motion", "colors")]
    for verdict in sorted(verdicts, key=lambda verdict: (-verdict.chosen, -verdict.score)):
        one = by_number[verdict.number]
        plain = [(share, name) for name, share in one.colors.items() if share and " " not in name]
        rows.append(
            (
                "chosen" if verdict.chosen else "",
                str(one.number),
                f"{one.label} {one.score:.2f}" if one.label else "no name",
                f"{verdict.score:.2f}",
                f"{across(one):.2f}, {down(one):.2f}",
                f"{one.area:.3f}",
                f"{one.speed:.2f}/s, {way_seen(one).partition(',')[0]}",
                ", ".join(f"{name} {share:.2f}" for share, name in sorted(plain, reverse=True)[:COLORS]),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
