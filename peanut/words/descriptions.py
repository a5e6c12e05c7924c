"""Words for how a thing looks, where it is and what it does, in tables: what is written -> what it is measured as.

Keys may be several words; the longest that fits wins. Values name traits and ranks of `measures`, relations of
`relations`, and colors of `colors`.
"""

from collections.abc import Mapping
from itertools import product

from peanut.words.colors import NAMES, SHADES
from peanut.words.inflection import forms


def split(text: str) -> tuple[str, ...]:
    """The words of a line; where entries are of several words, a comma stands between them."""
    return tuple(entry.strip() for entry in text.split("," if "," in text else None))


def turned(table: Mapping[str, str]) -> dict[str, str]:
    """Meaning -> its words, turned to word -> its meaning.

    >>> turned({"largest": "big large", "leftmost": "leftmost, far left"})
    {'big': 'largest', 'large': 'largest', 'leftmost': 'leftmost', 'far left': 'leftmost'}
    """
    return {word: meaning for meaning, words in table.items() for word in split(words)}


COLORS = {
    **{name: name for name in NAMES},
    **{f"{shade} {name}": f"{shade} {name}" for shade in ("dark", "light") for name in SHADES},
    **{f"pale {name}": f"light {name}" for name in SHADES},
    **{f"deep {name}": f"dark {name}" for name in SHADES},
    **turned(
        {
            "red": "crimson scarlet",
            "dark red": "maroon burgundy",
            "dark blue": "navy, navy blue",
            "light blue": "sky blue, powder blue",
            "blue": "cyan turquoise teal",
            "purple": "violet magenta mauve",
            "light purple": "lilac lavender",
            "yellow": "golden gold blond blonde",
            "gray": "silver",
            "light brown": "beige tan",
            "brown": "khaki",
            "green": "olive",
            "light green": "lime",
            "pink": "rose salmon",
            "orange": "amber",
            "black": "dark",
            "white": "light",
        }
    ),
}
"""Colors, plain and in shades; "dark" and "light" alone are black and white."""
COLORS.update({f"{name} colored": color for name, color in tuple(COLORS.items())})
CLOTHES = frozenset(
    split(
        "jacket coat shirt t-shirt tshirt dress skirt trousers pants jeans shorts hat cap helmet scarf sweater jumper "
        "pullover hoodie suit vest uniform jersey clothes clothing outfit shoes boots socks gloves blouse leggings "
        "costume robe gown apron cloak raincoat pajamas swimsuit bikini hair fur coloring color paint roof stripes "
        "feathers jackets shirts dresses coats hats suits uniforms helmets beard mask overalls tracksuit anorak "
        "sneakers trainers"
    )
)
"""What people wear, and parts of things: passes as part of a color phrase, only the color is measured."""

ADJECTIVES = turned(
    {
        "largest": "largest biggest big large huge bigger larger main",
        "smallest": "smallest small little tiny smaller",
        "tallest": "tall tallest taller high highest",
        "shortest": "short shortest shorter low",
        "widest": "wide widest broad broadest long longest",
        "left": "left, left-hand, left hand",
        "right": "right, right-hand, right hand",
        "leftmost": "leftmost, left-most, left most, most left, far left",
        "rightmost": "rightmost, right-most, right most, most right, far right",
        "top": "top upper",
        "topmost": "topmost uppermost",
        "bottom": "bottom lower",
        "bottommost": "bottommost lowest lowermost",
        "middle": "middle center central centered",
        "front": "front foremost",
        "nearest": "nearest closest nearer closer frontmost",
        "back": "back rear distant background",
        "farthest": "farthest furthest farther hindmost",
        "fastest": "fastest quickest",
        "fast": "fast quick speeding",
        "slowest": "slowest",
        "slow": "slow",
        "still": "still stationary motionless static idle immobile parked stopped",
        "moving": "mobile",
    }
)
"""Before the noun, or after "is"."""
ADVERBS = turned(
    {
        "fast": "fast, quickly, rapidly, at speed",
        "slow": "slow slowly",
        "still": "still",
        "fastest": "fastest, the fastest",
        "slowest": "slowest, the slowest",
    }
)
"""After a verb of motion."""

GO = "moving"
VERBS = turned(
    {
        GO: "go move travel come drive roll fly swim sail slide skate ski cycle surf jump dance float drift turn head "
        "pass cross hop crawl spin play ride work bounce march race",
        "running": "run sprint jog rush gallop",
        "walking": "walk stroll step wander hike",
        "still": "stand stay stop wait park sit lie rest pause remain sleep",
        "upwards": "rise climb ascend",
        "downwards": "fall descend drop sink",
        "enters": "enter appear arrive",
        "leaves": "leave exit disappear vanish",
        "towards": "approach",
        "away": "recede retreat",
    }
)
"""A verb without an object -> the trait that it is measured as."""
TRANSITIVE = turned(
    {
        "on": "ride",
        "in": "drive sail steer",
        "holding": "hold carry use eat drink read hug wear",
        "with": "have throw catch kick hit fly play bounce",
        "beside": "push pull drag lead follow chase accompany touch walk pet feed approach pass cross",
    }
)
"""A verb with an object -> the relation to it."""
POSTURES = frozenset(form for verb in split("stand sit lie rest sleep wait stay") for form in forms(verb))
"""Before a relation ("sitting on the bench") they say nothing of motion: a bench is still, a boat is not."""
VERB_FORMS = {form: verb for verb in dict.fromkeys((*VERBS, *TRANSITIVE)) for form in forms(verb)}
"""A form -> its verb."""
PARTICIPLES = frozenset(form for form in VERB_FORMS if form.endswith("ing"))
ADJECTIVAL = {
    form: VERBS[VERB_FORMS[form]]
    for form in PARTICIPLES
    if VERB_FORMS[form] in VERBS and VERB_FORMS[form] not in {"ride", "approach", "pass", "cross"}
}
"""Participles that may stand before a noun ("running dogs", not "riding bikes") -> the trait."""
ENTRY, EXIT = (
    ", ".join(f"{way} {view}" for view in split("view, sight, the picture, the image, the scene, the frame"))
    for way in ("into", "out of")
)
TAILS = {
    **turned(
        {
            "enters": f"in, inside, {ENTRY}",
            "leaves": f"out, {EXIT}",
            "leftwards": "left, leftward, leftwards, from the right, from right to left, right to left",
            "rightwards": "right, rightward, rightwards, from the left, from left to right, left to right",
            "upwards": "up, upward, upwards, from the bottom",
            "downwards": "down, downward, downwards, from the top",
            "towards": "near, nearer, closer, forward, forwards",
            "away": "away, away from the camera, away from us, away from me, back, backwards, into the distance",
        }
    ),
    **{f"{to} {us}": "towards" for to in ("to", "towards", "toward") for us in split("the camera, the viewer, us, me")},
    **{
        f"{to} the {side}{more}": trait
        for to, (side, trait), more in product(
            ("to", "towards", "toward"),
            (("left", "leftwards"), ("right", "rightwards"), ("top", "upwards"), ("bottom", "downwards")),
            ("", " side", " edge"),
        )
    },
}
"""After a verb of motion: where it goes."""
BARE_TAILS = frozenset(split("in out back near left right up down inside away still"))
"""Those of them that mean something else before a noun."""

SIDES = {
    **{word: (side,) for word, side in turned(
        {"left": "left left-hand", "right": "right right-hand", "top": "top", "bottom": "bottom",
         "middle": "middle center", "front": "front foreground", "back": "back rear background distance"}
    ).items()},
    **{
        f"{high} {wide}": (up, wide)
        for (high, up), wide in product(
            (("top", "top"), ("upper", "top"), ("bottom", "bottom"), ("lower", "bottom")), ("left", "right")
        )
    },
}  # fmt: skip
PLACES = {
    **{
        f"{at} the {side}{more}": traits
        for at, (side, traits), more in product(
            ("on", "at", "in", "to", "near"), SIDES.items(), ("", " side", " corner", " edge", " half", " part")
        )
    },
    **{f"in {side}": (side,) for side in ("front", "back")},
    **{f"on the far {side}": (f"{side}most",) for side in ("left", "right")},
    **{
        f"{most} {to}{side}": (f"{side}most",)
        for most, to, side in product(("farthest", "furthest", "most"), ("", "to the ", "on the "), ("left", "right"))
    },
    **{
        place: (trait,)
        for place, trait in turned(
            {
                "nearest": "closest to the camera, nearest to the camera, nearest the camera, closest to us",
                "front": "close to the camera, near the camera",
                "farthest": "farthest away, furthest away, farthest from the camera",
                "back": "far away, far from the camera",
                "moving": "in motion, moving along",
                "still": "at rest, in place",
            }
        ).items()
    },
}
"""Where in the image -> traits."""
SCENES = frozenset(split("picture image video frame shot scene view clip"))
"""A place may add "of the picture"."""
RELATIONS = {
    **turned(
        {
            "on": "on, on top of, on the back of, onto, upon, astride, aboard",
            "in": "in, inside, within, inside of, at the wheel of",
            "beside": "next to, beside, near, by, close to, at, along with, alongside, nearby, around, against, "
            "adjacent to, together with, over by, after",
            "far from": "far from, away from, far away from",
            "closest to": "closest to, nearest to, nearest",
            "with": "with",
            "behind": "behind, in back of, at the back of",
            "in front of": "in front of, before",
            "above": "above over",
            "below": "below under beneath underneath",
        }
    ),
    **{
        f"{at}{side}{more} of": f"{side} of"
        for at, side, more in product(
            ("", "to the ", "on the ", "at the "), ("left", "right"), ("", " side", " hand side")
        )
    },
}
"""Before another noun phrase."""
