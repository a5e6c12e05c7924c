"""What an object is and does, as degrees from 0 to 1: soft limits, because what is measured is noisy."""

from collections.abc import Callable, Sequence

import attrs

from peanut.words.candidate import Candidate


def ramp(value: float, low: float, high: float) -> float:
    """0 up to `low`, 1 from `high` on, a straight line between; low > high: the other way round.

    >>> ramp(0.5, 0.25, 0.75), ramp(1, 0, 0.5), ramp(0.1, 0.5, 0)
    (0.5, 1.0, 0.8)
    """
    return min(1.0, max(0.0, (value - low) / (high - low)))


@attrs.frozen
class Measure:
    """A trait that is measured on one object alone."""

    degree: Callable[[Candidate], float]
    """0 to 1."""
    seen: Callable[[Candidate], str]
    """What was measured, with its value."""
    says: str
    """The trait, as a phrase is explained."""
    how: str
    """From what it is measured."""
    rank: str = ""
    """For one object ("the man on the left"): the key of `RANKS` by which it is compared with its like as well."""


@attrs.frozen
class Rank:
    """A trait by which objects of one kind are compared: the degree is 1 for the first of them."""

    value: Callable[[Candidate], float]
    seen: Callable[[Candidate], str]
    says: str
    how: str
    least: bool = False
    """Whether the lowest value is the first."""
    ratio: bool = False
    """Whether the degree is the ratio to the first; else it falls with the distance to it, to 0 at the last."""

    def degrees(self, peers: Sequence[Candidate]) -> list[float]:
        """For each of the peers, 0 to 1; all 1 if they are as good as the same."""
        values = [self.value(one) for one in peers]
        first, last = (min(values), max(values)) if self.least else (max(values), min(values))
        if self.ratio:
            floor = 1e-6
            return [
                max(floor, first) / max(floor, value) if self.least else max(floor, value) / max(floor, first)
                for value in values
            ]
        spread = abs(first - last)
        return [1 - abs(value - first) / spread if spread > SAME_PLACE else 1.0 for value in values]


SAME_PLACE = 0.02
"""Shares of the image by which places must differ to be compared."""


def across(one: Candidate) -> float:
    """The middle of its box, 0 at the left edge of the image and 1 at the right."""
    return (one.box[0] + one.box[2]) / 2 / one.size[1]


def off_center(one: Candidate) -> float:
    """How far the middle of its box lies from the middle of the image, across, 0 to 0.5."""
    return abs(across(one) - 0.5)


def down(one: Candidate) -> float:
    """The middle of its box, 0 at the top of the image and 1 at the bottom."""
    return (one.box[1] + one.box[3]) / 2 / one.size[0]


def foot(one: Candidate) -> float:
    """The lower edge of its box, 0 to 1: what stands on level ground is the nearer the lower it ends."""
    return one.box[3] / one.size[0]


def height(one: Candidate) -> float:
    """Of its box, as a share of the image's."""
    return (one.box[3] - one.box[1]) / one.size[0]


def width(one: Candidate) -> float:
    """Of its box, as a share of the image's."""
    return (one.box[2] - one.box[0]) / one.size[1]


def own_heights(one: Candidate) -> float:
    """Its speed in its own heights per second: a walking person makes 0.8, a running one 1.5 and more."""
    return one.speed * one.size[1] / max(1.0, one.box[3] - one.box[1])


def towards(one: Candidate, x: int, y: int) -> float:
    """The speed in a direction, less half of that across it, in image widths per second."""
    right, downwards = one.velocity
    return right * x + downwards * y - 0.5 * abs(right * y + downwards * x)


MOVING = (0.02, 0.05)
"""Image widths per second: noise is about 0.02, a walking person 0.05 to 0.3."""
FAST = (0.1, 0.25)
WAY = (0.01, 0.04)
"""Image widths per second in a direction: noise that goes to and fro cancels out of a mean velocity."""
RUNNING = (1.0, 1.8)
"""Own heights per second: people walk at 0.6 to 1.0."""
LOOSELY = 0.35
"""The degree to which who walks runs, and who runs walks: distance and camera hide it, and people say it loosely."""
GROWTH = (0.03, 0.12)
"""Per second: someone who comes from 10 m to the camera at walking speed grows by 0.14 in the first second."""


def moving(one: Candidate) -> float:
    """The degree to which it moves."""
    return ramp(one.speed, *MOVING)


def running(one: Candidate) -> float:
    """The degree to which a person runs, a little also if it walks; anything else runs if it moves."""
    return moving(one) * (LOOSELY + (1 - LOOSELY) * ramp(own_heights(one), *RUNNING) if one.label == "person" else 1)


def walking(one: Candidate) -> float:
    """The degree to which a person walks, a little also if it runs; anything else walks if it moves."""
    return moving(one) * (1 - (1 - LOOSELY) * ramp(own_heights(one), *RUNNING) if one.label == "person" else 1)


def speed_seen(one: Candidate) -> str:
    return f"speed {one.speed:.2f} image widths per second"


def gait_seen(one: Candidate) -> str:
    return f"speed {own_heights(one):.1f} of its heights per second"


def way_seen(one: Candidate) -> str:
    """The direction in which it mostly moves, and how fast."""
    right, downwards = one.velocity
    most = max(abs(right), abs(downwards))
    if most < WAY[0]:
        return f"moves nowhere, {most:.2f} image widths per second"
    way = ("right" if right > 0 else "left") if abs(right) >= abs(downwards) else ("down" if downwards > 0 else "up")
    return f"moves {way}, {most:.2f} image widths per second"


def place_seen(one: Candidate) -> str:
    return f"at {across(one):.2f} of the width"


def level_seen(one: Candidate) -> str:
    return f"at {down(one):.2f} of the height"


def foot_seen(one: Candidate) -> str:
    return f"ends at {foot(one):.2f} of the height"


def growth_seen(one: Candidate) -> str:
    return f"grows by {one.growth:.2f} per second"


def area_seen(one: Candidate) -> str:
    return f"covers {one.area:.3f} of the image"


def height_seen(one: Candidate) -> str:
    return f"{height(one):.2f} of the image high"


def width_seen(one: Candidate) -> str:
    return f"{width(one):.2f} of the image wide"


def _way(x: int, y: int, name: str) -> Measure:
    return Measure(
        lambda one: ramp(towards(one, x, y), *WAY), way_seen, f"moves {name}",
        f"mean velocity that way, less half of that across it: {span(WAY)}",
    )  # fmt: skip


def _place(value: Callable[[Candidate], float], limits: tuple[float, float], seen: Callable[[Candidate], str],
           says: str, how: str, rank: str) -> Measure:  # fmt: skip
    return Measure(lambda one: ramp(value(one), *limits), seen, says, f"{how}: {span(limits)}", rank)


def span(limits: tuple[float, float]) -> str:
    """The limits of a ramp in words."""
    return f"0 at {limits[0]:g}, 1 at {limits[1]:g}"


BOX_X, BOX_Y = "middle of its box across, 0 left to 1 right", "middle of its box, 0 top to 1 bottom"
FOOT = "lower edge of its box, 0 top to 1 bottom (lower is nearer, as on level ground)"
CENTER = "distance of its middle across from the middle of the image"
SPEED = "mean speed in image widths per second"
GAIT = f"of a person, if it moves: mean speed in its own heights per second, {span(RUNNING)}"
TRAITS = {
    "moving": Measure(moving, speed_seen, "moves", f"{SPEED}: {span(MOVING)}"),
    "still": Measure(lambda one: 1 - moving(one), speed_seen, "stands still", "1 less the degree of moving"),
    "fast": Measure(lambda one: ramp(one.speed, *FAST), speed_seen, "moves fast", f"{SPEED}: {span(FAST)}", "fastest"),
    "slow": Measure(
        lambda one: moving(one) * (1 - ramp(one.speed, *FAST)), speed_seen, "moves slowly", "moves, and not fast",
        "slowest",
    ),
    "running": Measure(running, gait_seen, "runs", f"{GAIT}; of anything else: moves"),
    "walking": Measure(walking, gait_seen, "walks", "of a person: moves, rather slowly; of anything else: moves"),
    "leftwards": _way(-1, 0, "left"),
    "rightwards": _way(1, 0, "right"),
    "upwards": _way(0, -1, "up"),
    "downwards": _way(0, 1, "down"),
    "towards": Measure(
        lambda one: ramp(one.growth, *GROWTH), growth_seen, "comes nearer",
        f"growth of its height per second: {span(GROWTH)}",
    ),
    "away": Measure(
        lambda one: ramp(-one.growth, *GROWTH), growth_seen, "goes away from the camera",
        f"shrinking of its height per second: {span(GROWTH)}",
    ),
    "enters": Measure(
        lambda one: float(one.entered), lambda one: "came in" if one.entered else "was there from the start",
        "comes into the picture", "whether it was first seen after the shot began",
    ),
    "leaves": Measure(
        lambda one: float(one.left), lambda one: "went out" if one.left else "was not seen to go out",
        "leaves the picture", "whether it was seen to go out",
    ),
    "left": _place(across, (0.6, 0.35), place_seen, "on the left of the picture", BOX_X, "leftmost"),
    "right": _place(across, (0.4, 0.65), place_seen, "on the right of the picture", BOX_X, "rightmost"),
    "top": _place(down, (0.6, 0.35), level_seen, "at the top of the picture", BOX_Y, "topmost"),
    "bottom": _place(down, (0.4, 0.65), level_seen, "at the bottom of the picture", BOX_Y, "bottommost"),
    "middle": _place(off_center, (0.35, 0.1), place_seen, "in the middle of the picture", CENTER, "central"),
    "front": _place(foot, (0.4, 0.8), foot_seen, "in front", FOOT, "nearest"),
    "back": _place(foot, (0.9, 0.6), foot_seen, "in the background", FOOT, "farthest"),
}  # fmt: skip
"""What is measured on one object."""
RANKS = {
    "largest": Rank(lambda one: one.area, area_seen, "the largest", "area, as a ratio to the largest", ratio=True),
    "smallest": Rank(
        lambda one: one.area, area_seen, "the smallest", "area, as a ratio to the smallest", least=True, ratio=True
    ),
    "tallest": Rank(height, height_seen, "the tallest", "height of its box in the image", ratio=True),
    "shortest": Rank(height, height_seen, "the shortest", "height of its box in the image", least=True, ratio=True),
    "widest": Rank(width, width_seen, "the widest", "width of its box in the image", ratio=True),
    "fastest": Rank(lambda one: one.speed, speed_seen, "the fastest", SPEED, ratio=True),
    "slowest": Rank(
        lambda one: max(one.speed, MOVING[0]), speed_seen, "the slowest", SPEED, least=True, ratio=True
    ),
    "leftmost": Rank(across, place_seen, "the leftmost", BOX_X, least=True),
    "rightmost": Rank(across, place_seen, "the rightmost", BOX_X),
    "topmost": Rank(down, level_seen, "the topmost", BOX_Y, least=True),
    "bottommost": Rank(down, level_seen, "the bottommost", BOX_Y),
    "central": Rank(off_center, place_seen, "the most central", CENTER, least=True),
    "nearest": Rank(foot, foot_seen, "the nearest", FOOT),
    "farthest": Rank(foot, foot_seen, "the farthest", FOOT, least=True),
}  # fmt: skip
"""By what objects of one kind are compared."""

COLORED = (0.08, 0.30)
"""Shares of the core: a jacket is a third of a person, a tie or a shoe is not the color of it."""


def colored(share: float) -> float:
    """The degree to which an object has a color that this share of its core has; more is better even above the ramp."""
    return 0.85 * ramp(share, *COLORED) + 0.15 * min(1.0, share)
