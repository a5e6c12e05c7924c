"""RoBERTa's byte-level BPE from its two published files."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peanut.errors import UsageError

LONGEST = 512
"""Tokens that RoBERTa has positions for, <s> and </s> included."""


class Tokenizer:
    """A sentence -> token ids, and the places of words in them."""

    def __init__(self, vocabulary: Path, merges: Path) -> None:
        try:
            from tokenizers import ByteLevelBPETokenizer
        except ImportError as error:
            raise UsageError(
                "finding things by text needs the package transformers: pip install 'peanut-video[p-mask]'."
            ) from error
        self._bpe: Any = ByteLevelBPETokenizer(str(vocabulary), str(merges))
        self._start, self._end = (self._bpe.token_to_id(mark) for mark in ("<s>", "</s>"))
        if self._start is None or self._end is None:
            raise UsageError(f"{vocabulary}: no <s> and </s> in it, which RoBERTa's vocabulary has.")

    def __call__(self, text: str, words: Sequence[str] = ()) -> tuple[list[int], tuple[int, ...], bool]:
        """Ids with <s> and </s>, the places of the tokens of `words`, and whether the text was cut to fit.

        Raises UsageError for a word that the text does not contain.
        """
        encoded = self._bpe.encode(text)
        ids, spans = encoded.ids[: LONGEST - 2], encoded.offsets[: LONGEST - 2]
        places: list[int] = []
        for word in words:
            found = [match.span() for match in re.finditer(rf"\b{re.escape(word)}\b", text)]
            if not found:
                raise UsageError(f"the verb {word!r} is not in the prompt {text!r}.")
            for start, end in found:
                places += [n for n, (a, b) in enumerate(spans, start=1) if a < end and b > start]
        return [self._start, *ids, self._end], tuple(dict.fromkeys(places)), len(encoded.ids) > len(ids)
