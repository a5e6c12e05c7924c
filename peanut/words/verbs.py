"""Which words of a prompt are verbs: what SAMWISE's motion prompts are made of."""

import re
from collections.abc import Sequence

from peanut.words.descriptions import VERB_FORMS


def verbs_of(text: str) -> Sequence[str]:
    """The verbs of an English sentence, in their order.

    By the part-of-speech tagger of the package textblob, where that is installed (its lexicon comes with it); otherwise
    those of PEANUT's own table of verbs of motion and posture.

    >>> verbs_of("the man who walks past the running dog")
    ['walks', 'running']
    >>> verbs_of("Running dogs")
    ['Running']
    """
    try:
        from textblob.en import tag
    except ImportError:
        return [word for word in re.findall(r"[A-Za-z]+", text) if word.lower() in VERB_FORMS]
    return [
        word for word, kind in tag(text) if kind.startswith("VB") and is_word(word, text)
    ]  # not the "do" of "don't"


def is_word(word: str, text: str) -> bool:
    """Whether a text has a word as a whole: "walks" has no "walk"."""
    return re.search(rf"\b{re.escape(word)}\b", text) is not None
