"""From a phrase to its meaning: recursive descent over the words, with the tables of `lexicon`.

    phrase     = ["not" | "all but"] group {and group} [except group {and group}]
    group      = {determiner | number} {adjective} noun {modifier}
    modifier   = [who] [is | does] ["not"] predicate, more of them joined by "and", "but" or a comma
    predicate  = color, adjective                         after "who is"
               | ("in" | "wearing" | "with") color [clothes] {"and" color [clothes]}
               | place | relation group | verb {where to} | verb group

What comes after a noun belongs to the noun before it ("the man next to the car on the left": the car is); "who" and
what is worn belong to the nearest person. "Or" joins nouns and colors.
"""

from peanut.errors import UsageError
from peanut.words import descriptions as desc
from peanut.words import lexicon as lex
from peanut.words.attributes import Attributes
from peanut.words.inflection import singular
from peanut.words.meaning import Condition, Group, Meaning, Relation, Trait
from peanut.words.tokens import known, refuse_unknown, shortened, tokenize
from peanut.words.vocabulary import MOVERS, NOUNS, Entry, Noun

DEEPEST = 4
"""Relations inside each other ("next to the man next to the car": 2)."""
ANAPHORS = frozenset({"one", "ones", "those", "these", "they", "them", "it"})
"""After another noun they mean the same kind; alone, anything."""
BOTH_NUMBERS = frozenset({"sheep", "aircraft", "skis", "scissors"})
"""Without a determiner they mean all."""
EXAMPLE = "'the man in red', 'all cars on the left', 'the dog that runs'"


def parse(text: str) -> Meaning:
    """What an English phrase means.

    Raises UsageError, one sentence, for a phrase that is empty, has no noun, has a word that is not known, or is not
    built as the grammar says. Takes 0.1 ms for ten words, and time in proportion for more.

    >>> meaning = parse("all cars but the red one")
    >>> len(meaning.groups), meaning.excluded[0].conditions
    (1, (Color(names=('red',), negated=False),))
    """
    words = tokenize(text)
    if not words:
        raise UsageError(f"the phrase is empty: say what is meant, as in {EXAMPLE}.")
    for word in words:
        if not known(word):
            raise refuse_unknown(word, words)
        if word in lex.UNSEEN:
            raise UsageError(f"{word!r} in {shortened(words)} {lex.WHY_UNSEEN[lex.UNSEEN[word]]}.")
    return _Parser(words).phrase(text)


class _Parser(Attributes):
    """One phrase."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.last: Noun | None = None
        """The noun that "the red one" refers to."""

    def phrase(self, text: str) -> Meaning:
        while self.word() in lex.COMMANDS:
            self.at += 1
        if self.all_but():
            meaning = Meaning(text, (Group(NOUNS["everything"]),), self.groups())
        else:
            groups = self.groups()
            meaning = Meaning(text, groups, self.groups() if self.take(lex.EXCEPT) else ())
        while self.word() in {",", "please"}:
            self.at += 1
        if self.word():
            raise UsageError(
                f"{shortened([self.word()])} does not fit after {shortened(self.words[: self.at])}: after a noun come "
                "'in red', 'on the left', 'next to the car', 'who goes left', 'and the dog' or 'except the dog'."
            )
        return meaning

    def all_but(self) -> bool:
        """Skip "all but", or a "not" before a whole noun phrase: "not the dog", but "not red cars"."""
        denied = self.word() in lex.NOT and (self.word(1) in lex.DETERMINERS or self.noun_here(1) is not None)
        self.at += denied
        return denied or bool(self.take(lex.ALL_BUT))

    def groups(self) -> tuple[Group, ...]:
        """Groups joined by "and", "or" or commas."""
        found = [self.group()]
        while (joint := self.find(lex.AND)) and not self.find(lex.EXCEPT):
            after = self.find(lex.AND, ahead=len(joint.split()))
            if self.find(lex.EXCEPT, len(joint.split())) or not self.word(len(joint.split()) + len(after.split())):
                self.at += len(joint.split())
                break
            self.at += len(joint.split()) + len(after.split())
            found.append(self.group())
        return tuple(found)

    def group(self, depth: int = 0) -> Group:
        """A noun phrase with all that belongs to it."""
        if depth > DEEPEST:
            raise UsageError(
                f"{shortened(self.words)} nests more than {DEEPEST} relations: name fewer things beside each other."
            )
        start = self.at
        number, every = self.determiners()
        bare = self.at == start
        adjectives = self.adjectives()
        if adjectives and self.word() == "of":
            self.at += 1
            number = number or 1
            self.determiners()
        entry = self.noun(counted=not adjectives and (every or number is not None))
        count = number or (None if every or (bare and entry.noun.word in BOTH_NUMBERS) else entry.count)
        joined = [condition for color in adjectives for condition in color.conditions(either=count != 1)]
        if depth == 0:
            self.last = entry.noun
        return Group(entry.noun, (*joined, *self.modifiers(entry.noun, depth)), count)

    def determiners(self) -> tuple[int | None, bool]:
        """The number, and whether it is all of them."""
        number, every = None, False
        while word := self.word():
            if word in ANAPHORS and self.word(1) != "of" and not self.starts_noun_phrase(1):
                break
            if word.isdecimal():
                number = int(word)
                self.at += 1
            elif found := self.get(lex.NUMBERS):
                number = found
            elif self.take(lex.EVERY):
                every = True
            elif word in lex.SINGLE or word in lex.FILLERS or (word == "of" and (every or number)):
                self.at += 1
            else:
                break
        return number, every and number is None

    def noun(self, counted: bool) -> Entry:
        """The noun there; "two on the left" has none, and means what was named before, or anything."""
        here = self.noun_here()
        if here:
            length, entry = here
            anaphor = self.word() in ANAPHORS
            self.at += length
            return Entry(self.last, entry.count) if anaphor and self.last else entry
        if counted:
            return Entry(self.last or NOUNS["thing"], None)
        raise self.without_noun()

    def without_noun(self) -> UsageError:
        """What to say where a noun should stand."""
        whole, here = shortened(self.words), self.word()
        if here in desc.CLOTHES:
            return self.bare_clothes()
        if singular(here) in lex.SCENERY:
            return UsageError(
                f"{here!r} in {whole} is scenery, which is not looked for: leave it out, or say where in the picture, "
                "as in 'the car on the left'."
            )
        if here and here not in lex.WORDS:
            return refuse_unknown(here, self.words)
        if self.at and self.words[self.at - 1] == "or":
            return UsageError(
                f"'or' before {here!r} in {whole} joins nouns and colors, not what they do or where they are."
            )
        where = f"before {here!r}" if here else "at its end"
        return UsageError(
            f"{whole} lacks a noun {where}: say what is meant, as in {EXAMPLE}, or 'the red one' for anything."
        )

    def modifiers(self, noun: Noun, depth: int) -> list[Condition]:
        """All that is said after a noun."""
        found: list[Condition] = []
        said = noun.word in lex.POSTPOSED
        while self.word():
            start = self.at
            if self.goes_on():
                self.take(lex.JOINTS)
                self.take(lex.JOINTS)
            if depth and self.suits_the_noun_before(noun):
                self.at = start
                break
            marker = self.markers()
            said = said or bool(marker)
            negated = bool(self.take(lex.NOT))
            more = self.leaving(marker) or self.predicate(noun, negated, depth, said)
            if more is None:
                self.at = start
                break
            found += more
        return found

    def goes_on(self) -> bool:
        """Whether "and", "but" or a comma is there and what follows still belongs to the noun before."""
        first = self.find(lex.JOINTS)
        ahead = len(first.split())
        ahead += len(self.find(lex.JOINTS, ahead).split())
        word = self.word(ahead)
        if not first or not word or self.starts_noun_phrase(ahead + (word in lex.NOT)):
            return False
        return word not in lex.SINGLE or (word in lex.WHO and not self.starts_noun_phrase(ahead + 1))

    def suits_the_noun_before(self, noun: Noun) -> bool:
        """Whether what comes is not said of such a thing: "who" and "in red" of no car, "running" of no bag."""
        if noun.labels is None or "person" in noun.labels:
            return False
        verb = desc.VERB_FORMS.get(self.word(), "")
        if verb:
            return verb not in desc.VERBS or verb == "ride" or not noun.labels & MOVERS
        if self.word() == "who":
            return True
        start = self.at
        worn = self.worn(negated=False)
        self.at = start
        return bool(worn)

    def markers(self) -> str:
        """Skip "who", "is", "does", in any order; the last of them."""
        marker = ""
        while found := (self.take(lex.WHO) or self.take(lex.IS) or self.take(lex.DO)):
            marker = found
            while self.word() in lex.FILLERS:
                self.at += 1
        return marker

    def leaving(self, marker: str) -> list[Condition] | None:
        """ "who left": after "is" it would be a place."""
        if marker not in lex.WHO or self.word() != "left" or self.find(desc.RELATIONS):
            return None
        self.at += 1
        self.scene()
        return [Trait("leaves")]

    def predicate(self, noun: Noun, negated: bool, depth: int, said: bool) -> list[Condition] | None:
        """One thing that is said of the noun; None if nothing known stands there."""
        if self.word() in lex.WITHOUT and noun.labels is not None:
            self.at += 1
            return self.worn_words(not negated) or [self.relation("with", not negated, depth)]
        worn = self.worn(negated)
        if worn is not None:
            return worn
        if self.word() in desc.VERB_FORMS:
            return self.verb(negated, depth)
        traits = self.place()
        if traits is not None:
            return [Trait(name, negated) for name in traits]
        kind = self.get(desc.RELATIONS)
        if kind:
            return [] if self.scene() else [self.relation(kind, negated, depth)]
        return self.quality(negated) if said else None

    def relation(self, kind: str, negated: bool, depth: int) -> Relation:
        return Relation(kind, self.group(depth + 1), negated)

    def done_to(self, kind: str, negated: bool, depth: int) -> list[Condition]:
        """What follows a verb with an object: that, and where it goes with it ("rides a bicycle to the left")."""
        if self.scene():
            return []
        self.heads, outer = True, self.heads
        relation = self.relation(kind, negated, depth)
        self.heads = outer
        return [relation, *(Trait(name, negated) for name in self.ways())]

    def verb(self, negated: bool, depth: int) -> list[Condition]:
        """A verb with where it goes or what it is done to."""
        form = self.word()
        verb = desc.VERB_FORMS[form]
        self.at += 1
        trait = desc.VERBS.get(verb)
        ways = self.ways()
        if not ways and verb in desc.TRANSITIVE and (self.word() in lex.DETERMINERS or self.starts_noun_phrase()):
            return self.done_to(desc.TRANSITIVE[verb], negated, depth)
        if trait is None:
            raise UsageError(
                f"{form!r} in {shortened(self.words)} lacks what it is done to: say so, as in "
                "'the woman who holds a phone'."
            )
        if trait in {"enters", "leaves"}:
            self.scene()
            ways += self.ways()
        if form in desc.POSTURES and not ways and self.place_or_relation() == "relation":
            return []
        names = ways if ways and (trait == desc.GO or negated) else [trait, *ways]
        return [Trait(name, negated) for name in dict.fromkeys(names)]
