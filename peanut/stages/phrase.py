"""Masks of what a sentence means, by a grammar and measured attributes, with nothing to download."""

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import attrs

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.objects.candidates import Measured
from peanut.objects.tracked_object import Labels
from peanut.stages.object_finder import ObjectFinder
from peanut.words.candidate import Candidate
from peanut.words.choice import Verdict, choose
from peanut.words.grammar import parse
from peanut.words.meaning import Group, Meaning, Relation

log = logging.getLogger(__name__)


@attrs.frozen(init=False, repr=False)
class Phrase(ObjectFinder):
    """Mask what English phrases mean, with nothing to download: `Phrase("the man in red who goes left")`.

    The grammar is small and documented (docs/words.md): nouns for the 80 classes of COCO, colors, size, place, motion,
    number, relations, "not", "everything except". The objects are found and followed as `Named` does it; each attribute
    is measured on their pixels, against the background. No network reads the phrase: what it does not know it says.

    phrases: what is masked is the union of what they mean. but_not: what these mean is taken out again.
    All else is as in `Named`.

    Replaces the mask of a frame; where nothing fits the mask is empty. What is chosen at a frame is chosen from what
    was seen up to 12 frames after it. Latency: 27 frames. Holds: 43 frames.
    Raises UsageError for a phrase that is empty, has no noun or a word that is not known.
    """

    phrases: tuple[str, ...]
    but_not: tuple[str, ...]
    meanings: tuple[Meaning, ...]
    """How the phrases were understood; `but_not` is part of each."""

    def __init__(self, *phrases: str, but_not: str | Sequence[str] = (), **settings: Any) -> None:
        if not phrases:
            raise UsageError('Phrase needs a phrase: Phrase("the man in red").')
        for text in (*phrases, *([but_not] if isinstance(but_not, str) else but_not)):
            if not isinstance(text, str):
                raise UsageError(f'Phrase takes phrases, such as "the man in red", got {text!r}.')
        without = (but_not,) if isinstance(but_not, str) else tuple(but_not)
        excluded = tuple(group for text in without for group in parse(text).groups)
        meanings = (attrs.evolve(one, excluded=one.excluded + excluded) for one in map(parse, phrases))
        self.__attrs_init__(phrases, without, tuple(meanings), **settings)

    @property
    def asked_for(self) -> frozenset[str]:
        groups = [group for one in self.meanings for group in (*one.groups, *one.excluded)]
        return frozenset(label for group in groups for label in _labels(group))

    def chooser(self) -> "Chooser":
        return Chooser(self.meanings)

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        yield from self.run_with(self.chooser(), frames)

    def run_with(self, chooser: "Chooser", frames: Iterable[Frame]) -> Iterator[Frame]:
        """As the stage itself; `chooser` holds, frame by frame, what was measured and chosen."""
        yield from self.chosen(frames, chooser)
        chooser.tell(" or ".join(map(repr, self.phrases)))

    def __str__(self) -> str:
        without = f", but_not={list(self.but_not)!r}" if self.but_not else ""
        return f"Phrase({', '.join(map(repr, self.phrases))}{without})"


def _labels(group: Group) -> Iterator[str]:
    yield from group.noun.labels or ()
    yield from group.noun.rides
    for condition in group.conditions:
        if isinstance(condition, Relation):
            yield from _labels(condition.other)


class Chooser:
    """The choice of one run. Holds what was measured in the last frame, and how often what was there."""

    def __init__(self, meanings: Sequence[Meaning]) -> None:
        self.meanings = meanings
        self.candidates: list[Candidate] = []
        """Of the last frame."""
        self.verdicts: list[Verdict] = []
        """On them: of the first phrase that means each, or else of the first."""
        self._shot: int | None = None
        self._measured = Measured()
        self._held: list[Collection[int] | None] = []
        self._frames = self._found = 0
        self._there: Counter[str] = Counter()

    def __call__(self, window: Sequence[Labels]) -> Collection[int]:
        if window[0].shot != self._shot:
            self._shot, self._measured = window[0].shot, Measured()
            self._held = [None] * len(self.meanings)
        self.candidates = self._measured.candidates(window)
        each = [choose(one, self.candidates, held) for one, held in zip(self.meanings, self._held, strict=True)]
        self._held = [{verdict.number for verdict in verdicts if verdict.chosen} for verdicts in each]
        self.verdicts = [max(of_one, key=lambda verdict: verdict.chosen) for of_one in zip(*each, strict=True)]
        self._frames += 1
        self._there.update({one.label for one in self.candidates if one.label is not None})
        chosen = {verdict.number for verdict in self.verdicts if verdict.chosen}
        self._found += bool(chosen)
        return chosen

    def tell(self, phrases: str) -> None:
        """Say in the log if nothing was found, and what was there."""
        if not self._frames or self._found:
            return
        there = ", ".join(f"{name} in {count}" for name, count in self._there.most_common(5)) or "nothing with a name"
        log.warning("Phrase: nothing in %d frames fits %s; found: %s.", self._frames, phrases, there)
