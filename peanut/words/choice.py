"""Which candidates a phrase means."""

from collections.abc import Callable, Container, Sequence

import attrs

from peanut.words.candidate import Candidate
from peanut.words.meaning import Color, Condition, Group, Meaning, Relation, Trait
from peanut.words.measures import RANKS, TRAITS, colored, ramp
from peanut.words.relations import RELATIONS

NAMED = (0.1, 0.4)
"""Scores of the detector from which on it is believed, not at all and fully."""
FEW, MANY = 0.25, 0.5
"""The least score to be chosen where a number of objects is meant, which are likely there, and where all are."""
AFOOT = 0.2
"""The score of a person where a rider is meant, and nothing is found to ride on: who was one stays one (`HELD`)."""
TIED = 0.05
"""Scores that differ by less are equally good."""
HELD = 0.15
"""By how much the score of what was chosen before counts more: twice the noise of a degree at a speed of 0.035."""

Degree = tuple[float, str]
"""0 to 1, and what was measured."""


@attrs.frozen
class Verdict:
    """Whether a candidate is meant."""

    number: int
    chosen: bool
    score: float
    """0 to 1: the product of the degrees of its noun and of each condition; less where the phrase excludes it."""
    reasons: tuple[str, ...]
    """What was measured, a short line each."""
    ambiguous: bool = False
    """Whether another was equally good, and the larger of them was chosen."""


@attrs.frozen
class _Scored:
    """A group, held against every candidate."""

    scores: list[float]
    reasons: list[list[str]]
    chosen: list[bool]
    ambiguous: list[bool]


def choose(meaning: Meaning, candidates: Sequence[Candidate], held: Container[int] | None = None) -> list[Verdict]:
    """A verdict for each candidate, in their order.

    Of a group that means a number of objects the best are chosen whose score is `FEW` or more; of those as good as
    the last one (within `TIED`) the largest, unless the phrase compares ("the largest", "on the left"). Of a group
    that means all, every one whose score is `MANY` or more. What an excluded group chooses is not chosen.

    held: the numbers that were chosen when it was last asked, None the first time. They stay while their score is
    within `HELD` of what would change it: noise does not turn the choice back and forth.

    Does not look at order or time; costs about 10 microseconds for each candidate and condition.
    """
    numbers = [one.number for one in candidates]
    bonus = [HELD * (held is not None and number in held) for number in numbers]
    malus = [HELD * (held is not None and number not in held) for number in numbers]
    wanted = _union([_choose_group(group, candidates, bonus) for group in meaning.groups], len(candidates))
    excluded = _union([_choose_group(group, candidates, malus) for group in meaning.excluded], len(candidates))
    return [
        Verdict(
            number,
            wanted.chosen[n] and not excluded.chosen[n],
            wanted.scores[n] * (1 - excluded.scores[n] if excluded.chosen[n] else 1),
            (*wanted.reasons[n], *(["excluded: " + ", ".join(excluded.reasons[n])] if excluded.chosen[n] else [])),
            wanted.ambiguous[n] or excluded.ambiguous[n],
        )
        for n, number in enumerate(numbers)
    ]


def _union(parts: list[_Scored], length: int) -> _Scored:
    """Of each candidate the part that chooses it, else the one with the best score."""
    if not parts:
        return _Scored([0.0] * length, [[]] * length, [False] * length, [False] * length)
    best = [max(parts, key=lambda part: (part.chosen[n], part.scores[n])) for n in range(length)]
    return _Scored(
        [part.scores[n] for n, part in enumerate(best)],
        [part.reasons[n] for n, part in enumerate(best)],
        [part.chosen[n] for n, part in enumerate(best)],
        [part.ambiguous[n] for n, part in enumerate(best)],
    )


def _choose_group(group: Group, candidates: Sequence[Candidate], bonus: list[float]) -> _Scored:
    scores, reasons = score_group(group, candidates)
    weighed = [score + more if score > 0 else 0.0 for score, more in zip(scores, bonus, strict=True)]
    if group.count is None:
        return _Scored(scores, reasons, [score >= MANY for score in weighed], [False] * len(scores))
    good = sorted((n for n, score in enumerate(weighed) if score >= FEW), key=lambda n: -weighed[n])
    near: list[int] = []
    if len(good) > group.count:
        last = good[group.count - 1]
        tied = 1e-9 if any(_compares(condition, group) for condition in group.conditions) else TIED
        near = [n for n in good if abs(scores[n] - scores[last]) < tied]
        near.sort(key=lambda n: (-bonus[n], -candidates[n].area))
        sure = [n for n in good if n not in near and weighed[n] > weighed[last]]
        good = [*sure, *near][: group.count]
    near = near if len(set(near) - set(good)) else []
    for n in near:
        reasons[n].append("equally good, larger" if n in good else "equally good, not the largest")
    places = range(len(scores))
    return _Scored(scores, reasons, [n in good for n in places], [n in near for n in places])


def _compares(condition: Condition, group: Group) -> bool:
    if isinstance(condition, Trait):
        return condition.name in RANKS or (group.count is not None and bool(TRAITS[condition.name].rank))
    return isinstance(condition, Relation) and RELATIONS[condition.kind].compares


def score_group(group: Group, candidates: Sequence[Candidate]) -> tuple[list[float], list[list[str]]]:
    """For every candidate the product of its degrees, and what was measured; comparisons come last, among the good."""
    first = [_noun(group, one, candidates) for one in candidates]
    scores, reasons = [degree for degree, _ in first], [[text] for _, text in first]
    ranks = []
    for condition in group.conditions:
        if isinstance(condition, Trait) and _compares(condition, group):
            ranks.append(condition)
            continue
        measure = _measure(condition, candidates)
        for n, one in enumerate(candidates):
            if scores[n] > 0:
                degree, text = measure(one)
                scores[n] *= degree
                reasons[n].append(text)
    for trait in ranks:
        _compare(trait, candidates, scores, reasons)
    return scores, reasons


def _noun(group: Group, one: Candidate, candidates: Sequence[Candidate]) -> Degree:
    labels = group.noun.labels
    found = "has no name" if one.label is None else f"{one.label} {one.score:.2f}"
    if labels is None:
        return 1.0, found
    score = max([one.score if one.label in labels else 0.0, *(one.others.get(label, 0.0) for label in labels)])
    if score > 0:
        if one.label not in labels:
            found += f", also {group.noun.word} {score:.2f}"
        if not group.noun.rides:
            return ramp(score, *NAMED), found
        under = _rides(group, one, candidates)
        return ramp(score, *NAMED) * (AFOOT + (1 - AFOOT) * under), f"{found}, rides {under:.2f}"
    return 0.0, f"not {article(group.noun.word)} {group.noun.word}: {found}"


def _rides(group: Group, one: Candidate, candidates: Sequence[Candidate]) -> float:
    """The degree to which a person is on what a noun is expected on."""
    mounts = [other for other in candidates if {other.label, *other.others} & group.noun.rides]
    return max((RELATIONS["on"].degree(one, other) for other in mounts), default=0.0)


def article(word: str) -> str:
    """ "a" or "an", by the first letter."""
    return "an" if word[0] in "aeiou" else "a"


def _measure(condition: Condition, candidates: Sequence[Candidate]) -> Callable[[Candidate], Degree]:
    """How a condition that compares nothing is measured on a candidate."""
    if isinstance(condition, Trait):
        trait = TRAITS[condition.name]
        return lambda one: (_turned(trait.degree(one), condition.negated), trait.seen(one))
    if isinstance(condition, Color):
        return lambda one: _color(condition, one)
    scores, _ = score_group(condition.other, candidates)
    others = [(other, score) for other, score in zip(candidates, scores, strict=True) if score > 0]
    return lambda one: _relate(condition, one, others)


def _turned(degree: float, negated: bool) -> float:
    return 1 - degree if negated else degree


def _color(condition: Color, one: Candidate) -> Degree:
    shares = {name: one.colors.get(name, 0.0) for name in condition.names}
    text = " or ".join(f"{name} {share:.2f}" for name, share in shares.items())
    return _turned(colored(max(shares.values())), condition.negated), f"{text} of its core"


def _relate(condition: Relation, one: Candidate, others: Sequence[tuple[Candidate, float]]) -> Degree:
    tie = RELATIONS[condition.kind]
    best, which = 0.0, None
    for other, score in others:
        if other.number != one.number and (degree := score * tie.degree(one, other)) > best:
            best, which = degree, other
    if which is None:
        return _turned(0.0, condition.negated), f"{tie.says} no {condition.other.noun.word}"
    return _turned(best, condition.negated), f"{tie.says} {which.number} ({which.label or 'no name'}) {best:.2f}"


def _compare(trait: Trait, candidates: Sequence[Candidate], scores: list[float], reasons: list[list[str]]) -> None:
    """Multiply the scores of what is good enough by how far it comes first in a rank; write down what was measured.

    A place ("on the left") is half where it is in the image and half where it is among its like, if there are others.
    """
    good = [n for n, score in enumerate(scores) if score >= FEW]
    if not good:
        return
    measure = None if trait.name in RANKS else TRAITS[trait.name]
    rank = RANKS[measure.rank if measure else trait.name]
    degrees = dict(zip(good, rank.degrees([candidates[n] for n in good]), strict=True))
    for n, score in enumerate(scores):
        if score > 0:
            one, degree = candidates[n], degrees.get(n, 0.0)
            if measure:
                alone = measure.degree(one)
                degree = _turned((alone + degree) / 2 if len(good) > 1 else alone, trait.negated)
            elif trait.negated:
                degree = float(degree < 1 - 1e-9)
            scores[n] *= degree
            reasons[n].append((measure or rank).seen(one))
