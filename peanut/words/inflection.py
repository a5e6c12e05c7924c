"""English endings, by a few rules: enough for nouns one can point at and verbs of motion."""

IN_IE = ("tie", "necktie", "doggie", "hoodie", "goalie", "budgie", "collie", "magpie", "pie", "cookie", "veggie")
"""Nouns whose plural ends in -ies though they do not end in -y."""
IRREGULAR_NOUNS = {
    "people": "person",
    "persons": "person",
    "children": "child",
    "mice": "mouse",
    "geese": "goose",
    "feet": "foot",
    "oxen": "ox",
    "knives": "knife",
    "calves": "calf",
    "wolves": "wolf",
    "loaves": "loaf",
    "leaves": "leaf",
    "scarves": "scarf",
    **{f"{noun}s": noun for noun in IN_IE},
}
"""Plural -> singular."""
INVARIABLE = frozenset({"sheep", "aircraft", "cattle", "skis", "scissors", "bus", "tennis", "glass", "wildlife", "us"})
"""Nouns that end like a plural or have none of their own."""
ENDINGS = (
    *(("men", "man"), ("buses", "bus"), ("sses", "ss"), ("shes", "sh"), ("ches", "ch"), ("xes", "x"), ("zzes", "z")),
    ("ies", "y"),
)
"""The ending of a plural -> that of its singular; the first that fits."""
DOUBLED = frozenset(
    {"run", "stop", "sit", "jog", "swim", "step", "get", "hit", "skip", "drop", "grab", "hug", "pet", "drag"}
)
"""Verbs whose last letter doubles before -ing and -ed."""
IRREGULAR_VERBS = {
    "go": ("went", "gone"),
    "come": ("came",),
    "run": ("ran",),
    "drive": ("drove", "driven"),
    "rise": ("rose",),
    "ride": ("rode", "ridden"),
    "hold": ("held",),
    "wear": ("wore",),
    "stand": ("stood",),
    "sit": ("sat",),
    "lie": ("lay", "lying"),
    "fall": ("fell",),
    "fly": ("flew",),
    "leave": (),
    "have": ("has", "had"),
    "swim": ("swam",),
    "sleep": ("slept",),
    "lead": ("led",),
    "throw": ("threw",),
    "eat": ("ate",),
}
"""Forms that the rules do not make; such a verb has no past in -ed."""


def singular(noun: str) -> str:
    """The singular of a noun, which may be one already.

    >>> [singular(noun) for noun in ("dogs", "buses", "people", "puppies", "glass", "benches", "bus")]
    ['dog', 'bus', 'person', 'puppy', 'glass', 'bench', 'bus']
    """
    if noun in IRREGULAR_NOUNS:
        return IRREGULAR_NOUNS[noun]
    if noun in INVARIABLE or noun.endswith("ss") or len(noun) < 3:
        return noun
    for plural, ending in ENDINGS:
        if noun.endswith(plural):
            return noun.removesuffix(plural) + ending
    return noun.removesuffix("s")


def forms(verb: str) -> tuple[str, ...]:
    """A verb as it stands in phrases: itself, the third person, the participle, the past.

    >>> forms("ride"), forms("stop")
    (('ride', 'rides', 'riding', 'rode', 'ridden'), ('stop', 'stops', 'stopping', 'stopped'))
    """
    stem = verb + verb[-1] if verb in DOUBLED else verb.removesuffix("e")
    third = verb[:-1] + "ies" if verb[-1] == "y" and verb[-2] not in "aeiou" else verb + _s(verb)
    past = IRREGULAR_VERBS[verb] if verb in IRREGULAR_VERBS else (stem + "ed",)
    return (verb, third, stem + "ing", *past)


def _s(verb: str) -> str:
    return "es" if verb.endswith(("s", "sh", "ch", "x", "z", "o")) else "s"
