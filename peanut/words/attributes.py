"""The parts of a phrase that hold no noun phrase: adjectives, colors that are worn, places, directions."""

from collections.abc import Sequence

import attrs

from peanut.errors import UsageError
from peanut.words import descriptions as desc
from peanut.words import lexicon as lex
from peanut.words.meaning import Color, Condition, Trait
from peanut.words.tokens import Cursor, shortened
from peanut.words.vocabulary import LONGEST, Entry, look_up

AHEAD = 8
"""Words that may stand before a noun, as far as is looked."""


@attrs.frozen
class Quality:
    """An adjective, or colors joined by "and": of one object all of them, of several any."""

    parts: tuple[Condition, ...]

    def conditions(self, either: bool) -> tuple[Condition, ...]:
        """What it means; either: whether colors joined by "and" are those of different objects."""
        colors = [part for part in self.parts if isinstance(part, Color)]
        if either and len(colors) > 1:
            return (Color(tuple(name for color in colors for name in color.names), colors[0].negated),)
        return self.parts


class Attributes(Cursor):
    """A cursor that knows what can be said of one object."""

    def __init__(self, words: Sequence[str]) -> None:
        super().__init__(words)
        self.heads = False
        """Whether "to the left" says where a verb goes, not where a thing is."""

    def noun_here(self, ahead: int = 0) -> tuple[int, Entry] | None:
        """How many words the longest noun there has, and what it is."""
        start = self.at + ahead
        for length in range(min(LONGEST, len(self.words) - start), 0, -1):
            if entry := look_up(" ".join(self.words[start : start + length])):
                return length, entry
        return None

    def starts_noun_phrase(self, ahead: int = 0) -> bool:
        """Whether a noun stands there, or comes after determiners and then adjectives."""
        described = False
        for place in range(ahead, ahead + AHEAD):
            if self.noun_here(place):
                return True
            word = self.word(place)
            if word in lex.DETERMINERS or word.isdecimal():
                if described:
                    return False
            elif word in BEFORE_NOUNS or self.find(desc.COLORS, place):
                described = True
            else:
                return False
        return False

    def starts_bare_noun(self) -> bool:
        """Whether a noun phrase without a determiner stands there, so that "the left" before it is its adjective."""
        return self.word() not in lex.DETERMINERS | desc.PARTICIPLES and self.starts_noun_phrase()

    def adjectives(self) -> list[Quality]:
        """What stands before a noun."""
        found: list[Quality] = []
        while True:
            here = self.noun_here()
            color = len(self.find(desc.COLORS).split())
            if here and (here[0] > 1 or not self.starts_noun_phrase(max(1, color))):
                return found
            start = self.at
            if found and self.word() in {"and", ","}:
                self.at += 1
            negated = bool(self.take(lex.NOT))
            self.fillers()
            one = self.colors(negated) or self.adjective(negated)
            if one is None:
                self.at = start
                return found
            found.append(one)

    def fillers(self) -> None:
        while self.word() in lex.FILLERS:
            self.at += 1

    def colors(self, negated: bool) -> Quality | None:
        """Colors, joined by "and" or "or"."""
        first = self.get(desc.COLORS)
        if first is None:
            return None
        names: list[tuple[str, ...]] = [(first,)]
        while joint := self.find(lex.AND):
            ahead = len(joint.split())
            ahead += len(self.find(lex.AND, ahead).split())
            if not self.find(desc.COLORS, ahead):
                break
            self.at += ahead
            more = self.get(desc.COLORS) or first
            names = [*names[:-1], (*names[-1], more)] if joint == "or" else [*names, (more,)]
        return Quality(tuple(Color(tuple(dict.fromkeys(one)), negated) for one in names))

    def adjective(self, negated: bool) -> Quality | None:
        """A size, a place, a motion: also "running"."""
        name = self.get(desc.ADJECTIVES) or self.get(desc.ADJECTIVAL)
        return None if name is None else Quality((Trait(name, negated),))

    def quality(self, negated: bool) -> list[Condition] | None:
        """After "is": colors or an adjective, also "the largest"."""
        start = self.at
        while self.word() in {"the", "a", "an"} or self.word() in lex.FILLERS:
            self.at += 1
        one = self.colors(negated) or self.adjective(negated)
        if one is None or (self.at > start and self.noun_here()):
            self.at = start
            return None
        self.take(lex.ONES)
        return list(one.conditions(either=False))

    def worn(self, negated: bool) -> list[Condition] | None:
        """ "in red", "wearing a blue jacket and black trousers", "with the red hair"; None if it is something else."""
        start = self.at
        found = self.take(lex.WEARING) and self.worn_words(negated)
        if found:
            return found
        self.at = start
        return None

    def worn_words(self, negated: bool) -> list[Condition] | None:
        """The colors and clothes after "in"; None if a thing stands there."""
        found: list[Condition] = []
        while True:
            start = self.at
            if found and not self.take(lex.AND):
                break
            before = self.at
            while self.word() in lex.DETERMINERS or self.word() in lex.FILLERS:
                self.at += 1
            counted = self.at > before
            colors = self.colors(negated)
            if not found and not colors and self.word() in desc.CLOTHES:
                raise self.bare_clothes()
            if not colors or not (self.take(desc.CLOTHES) or self.is_color_alone(counted)):
                self.at = start
                break
            found += colors.conditions(either=False)
        return found or None

    def is_color_alone(self, counted: bool) -> bool:
        """Whether the color before is meant by itself ("in red"), not as a thing ("with an orange", "in red cars")."""
        return not self.starts_noun_phrase() and not (counted and look_up(self.words[self.at - 1]))

    def bare_clothes(self) -> UsageError:
        """What to say of clothes without a color."""
        return UsageError(
            f"{self.word()!r} in {shortened(self.words)} is worn or a part, of which only the color is seen: say its "
            "color, as in 'the man in the red jacket'."
        )

    def scene(self) -> bool:
        """Skip "the picture", "of the video"."""
        ahead = int(self.word() in {"of", "in", "from"})
        ahead += self.word(ahead) in {"the", "this"}
        if self.word(ahead) not in desc.SCENES:
            return False
        self.at += ahead + 1
        return True

    def place(self) -> tuple[str, ...] | None:
        """ "on the left", "at the top of the picture"; None if it is another thing's left or top."""
        start = self.at
        traits = None if self.heads and self.word() == "to" else self.get(desc.PLACES)
        if traits is None:
            return None
        if not self.scene() and (self.word() == "of" or self.starts_bare_noun()):
            self.at = start
            return None
        return traits

    def place_or_relation(self) -> str:
        """Which of the two stands there, "" if neither does."""
        start = self.at
        place = self.place()
        self.at = start
        return "place" if place else "relation" if self.find(desc.RELATIONS) else ""

    def ways(self) -> list[str]:
        """Where a verb goes, and how fast: traits."""
        found: list[str] = []
        while tail := self.find(TAILS):
            start = self.at
            other = self.find(desc.PLACES), self.find(desc.RELATIONS)
            if len(tail.split()) < max(len(one.split()) for one in other):
                break
            self.at += len(tail.split())
            meant = self.word() in lex.DETERMINERS or self.starts_noun_phrase() or self.find(desc.COLORS)
            if tail in desc.BARE_TAILS and meant:
                self.at = start
                break
            if self.word() == "of" and not self.scene():
                self.at = start
                break
            found.append(TAILS[tail])
        return found


TAILS = {**desc.TAILS, **desc.ADVERBS}
BEFORE_NOUNS = frozenset({*desc.ADJECTIVES, *desc.ADJECTIVAL, *lex.FILLERS})
