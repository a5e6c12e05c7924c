"""The words that hold a phrase together, and the list of all words that are known."""

from peanut.words import descriptions as desc
from peanut.words.descriptions import split
from peanut.words.inflection import forms

SPELLINGS = desc.turned(
    {
        "is not": "isn't isnt",
        "are not": "aren't arent",
        "was not": "wasn't",
        "does not": "doesn't doesnt cannot",
        "do not": "don't dont",
        "did not": "didn't",
        "who is": "who's",
        "that is": "that's",
        "it is": "it's",
        "gray": "grey greyish",
        "center": "centre",
        "pajamas": "pyjamas",
        "and": "&",
        "not": "non",
    }
)
"""A word -> the words that it is read as."""
COUNTED = (
    "one",
    "two, both, a pair of, the pair of, a couple of, the couple of",
    *split("three four five six seven eight nine ten"),
)
NUMBERS = {word: number for number, words in enumerate(COUNTED, start=1) for word in split(words)}
SINGLE = frozenset(split("the a an this that another single his her its their my our"))
"""Determiners that leave the number to the noun."""
EVERY = frozenset(
    split(
        "all, every, each, any, several, some, many, these, those, whatever, a group of, the group of, a bunch of, "
        "lots of, a lot of, a number of"
    )
)
"""Determiners that mean all."""
DETERMINERS = SINGLE | EVERY | frozenset(NUMBERS)
FILLERS = frozenset(split("very really quite just only bright please also then"))
"""Words that add nothing that could be measured; skipped before an adjective, a noun or a predicate."""
COMMANDS = frozenset(split("remove erase delete hide find select mask take out please get rid of"))
"""Words that a phrase may start with, for people who give orders."""

WEARING = frozenset(split("wearing, wears, wear, wore, dressed in, clothed in, clad in, in, with, has, have"))
"""Before a color phrase: "in red", "wearing the blue jacket"."""
WHO = frozenset({"who", "that", "which"})
IS = frozenset(split("is, are, was, were, be, being, am, looks, has been, keeps"))
DO = frozenset({"does", "do", "did", "will", "can"})
NOT = frozenset({"not", "never"})
WITHOUT = frozenset({"without"})
AND = frozenset((",", *split("and, or, plus, as well as, and also")))
"""Between two groups, or two colors."""
JOINTS = AND - {"or", "plus", "as well as"} | {"but"}
"""Between two things that are said of one noun."""
EXCEPT = frozenset(
    split("except, except for, but, but not, and not, apart from, other than, excluding, without, save, minus, not")
)
ALL_BUT = frozenset(split("all but, all except, everything but, everything except"))
"""At the start: all that was found, without what follows."""
ONES = frozenset({"one", "ones"})
POSTPOSED = frozenset(f"{who}{kind}" for who in ("some", "any", "every") for kind in ("thing", "one", "body"))
"""Nouns that an adjective follows: "something red"."""

UNSEEN = {
    **desc.turned(
        {
            "how": "old young pretty beautiful ugly nice fat thin thick happy sad angry new dirty clean",
            "compare": "than between among",
            "order": "first second third fourth last",
            "keep": "keep",
        }
    ),
    **{
        form: "do"
        for verb in split("talk speak smile laugh look watch sing cry think face point")
        for form in forms(verb)
    },
}
del UNSEEN["looks"]
WHY_UNSEEN = {
    "how": "cannot be measured: say a color, a size, a place or how it moves",
    "compare": "relates more than two things, which is not measured: name one thing that it is next to, or "
    "'the largest'",
    "order": "counts, which phrases cannot: say 'the leftmost' or 'the nearest'",
    "keep": "turns the phrase round: say 'everything except the dog' to keep the dog",
    "do": "cannot be measured: say how it moves, where it is or what it is next to",
}
"""Words that are known and not understood -> why."""
SCENERY = frozenset(
    split(
        "road street sidewalk pavement path floor ground grass field lawn beach sand snow ice water sea lake river "
        "pool sky cloud wall building house door window room kitchen stage court pitch tree forest bush stairs fence "
        "gate bridge mountain hill rock sun shadow background"
    )
)
"""What the detector does not look for."""


def _all_words() -> frozenset[str]:
    tables = (
        *(
            SPELLINGS,
            NUMBERS,
            SINGLE,
            EVERY,
            FILLERS,
            COMMANDS,
            WEARING,
            WHO,
            IS,
            DO,
            NOT,
            WITHOUT,
            AND,
            EXCEPT,
            ALL_BUT,
        ),
        *(UNSEEN, desc.COLORS, desc.CLOTHES, desc.ADJECTIVES, desc.ADVERBS, desc.VERB_FORMS, desc.TAILS),
        *(SCENERY, desc.PLACES, desc.SCENES, desc.RELATIONS, desc.SIDES),
    )
    return frozenset(word for table in tables for key in table for word in key.split())


WORDS = _all_words()
"""Every word that is written in a table of this file or of `descriptions`."""
LONGEST = max(len(key.split()) for table in (desc.PLACES, desc.RELATIONS, desc.TAILS, desc.COLORS) for key in table)
"""Words in the longest key."""
