"""The words of a phrase, one by one, and matching them against tables."""

import re
from collections.abc import Collection, Mapping, Sequence
from difflib import get_close_matches
from typing import TypeVar

from peanut.errors import UsageError
from peanut.words.inflection import singular
from peanut.words.lexicon import LONGEST, SCENERY, SPELLINGS, WORDS
from peanut.words.vocabulary import NOUNS

T = TypeVar("T")

TOKEN = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*|\d+|,|[^\s.!?\"';:()]")
SHOWN = 60
"""Characters of a phrase that an error shows."""
NOUN_WORDS = frozenset(word for noun in NOUNS for word in noun.split())
THINGS_SEEN_OR_NOT = NOUN_WORDS | SCENERY
MOST_DIGITS = 2
"""Of a number written in digits."""


def tokenize(text: str) -> list[str]:
    """The words of a phrase in lower case, contractions spelled out; a comma is a word, other punctuation is dropped.

    >>> tokenize("The man who isn't in the non-red car, please!")
    ['the', 'man', 'who', 'is', 'not', 'in', 'the', 'not', 'red', 'car', ',', 'please']
    """
    words: list[str] = []
    for word in TOKEN.findall(text.lower().replace("’", "'").replace("olour", "olor")):
        parts = [word] if known(word) else word.split("-")
        words += [piece for part in parts for piece in SPELLINGS.get(part, part).split()]
    return words


def known(word: str) -> bool:
    """Whether a word stands in any table."""
    if word.isdecimal():
        return word.isascii() and len(word) <= MOST_DIGITS and int(word) > 0
    return word in WORDS or word in SPELLINGS or word in NOUN_WORDS or singular(word) in THINGS_SEEN_OR_NOT


def shortened(words: Sequence[str]) -> str:
    """The words in quotes, and not too many of them."""
    text = " ".join(words).replace(" ,", ",")
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def refuse_unknown(word: str, words: Sequence[str]) -> UsageError:
    """What to say of a word that no table has."""
    others = {noun for noun in NOUNS if " " not in noun} | WORDS
    near = get_close_matches(word[:SHOWN], sorted(others), n=1, cutoff=0.7)
    hint = (
        f": the nearest is {near[0]!r}, and 'thing' is anything that was found"
        if near
        else ("; 'thing' is anything that was found, as in 'the red thing'")
    )
    return UsageError(f"{shortened([word])} in {shortened(words)} is not a word that phrases know{hint}.")


class Cursor:
    """A place in the words of a phrase; tables are matched there, the longest entry first."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = tuple(words)
        self.at = 0

    def word(self, ahead: int = 0) -> str:
        """The word there, "" after the end."""
        place = self.at + ahead
        return self.words[place] if place < len(self.words) else ""

    def find(self, table: Collection[str], ahead: int = 0) -> str:
        """The longest entry of a table that stands there, "" if none does."""
        start = self.at + ahead
        for length in range(min(LONGEST, len(self.words) - start), 0, -1):
            if (entry := " ".join(self.words[start : start + length])) in table:
                return entry
        return ""

    def take(self, table: Collection[str]) -> str:
        """As `find`, and go on behind it."""
        found = self.find(table)
        self.at += len(found.split())
        return found

    def get(self, table: Mapping[str, T]) -> T | None:
        """What the longest entry there means, going on behind it; None if none stands there."""
        found = self.take(table)
        return table[found] if found else None
