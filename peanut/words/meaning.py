"""What a phrase means, as records: groups of objects, each a noun with conditions, less other groups."""

import attrs

from peanut.words.vocabulary import Noun


@attrs.frozen
class Trait:
    """Something that a single object is or does: a key of `measures.TRAITS` or `measures.RANKS`."""

    name: str
    negated: bool = False


@attrs.frozen
class Color:
    """Its core has one of these colors, which are keys of `colors.color_shares`."""

    names: tuple[str, ...]
    negated: bool = False


@attrs.frozen
class Relation:
    """How it lies to another object: `kind` is a key of `relations.RELATIONS`."""

    kind: str
    other: "Group"
    negated: bool = False


Condition = Trait | Color | Relation


@attrs.frozen
class Group:
    """The objects of one noun that fulfill all conditions."""

    noun: Noun
    conditions: tuple[Condition, ...] = ()
    count: int | None = None
    """How many are meant, the best ones; None: all."""


@attrs.frozen
class Meaning:
    """All objects of `groups`, without those of `excluded`."""

    text: str
    groups: tuple[Group, ...]
    excluded: tuple[Group, ...] = ()
