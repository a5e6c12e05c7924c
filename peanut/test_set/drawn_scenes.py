"""Our own small test set: twelve drawn scenes, two sentences each, six for each ability."""

from math import sin
from typing import NamedTuple

import attrs

from peanut.test_set.actors import Actor

SIZE, LENGTH = (180, 320), 30
"""(h, w) of a scene in pixels; its frames."""
RED, BLUE, GREEN, YELLOW, WHITE = (205, 40, 35), (40, 70, 200), (40, 150, 60), (235, 200, 40), (235, 235, 230)


@attrs.frozen
class Camera:
    """Turns by so many pixels a frame, held by a hand that trembles by so many pixels."""

    x: float = 0.0
    y: float = 0.0
    shake: float = 0.0

    def at(self, t: int) -> tuple[float, float]:
        """Where it looks in frame t: pixels to the right and downwards; the middle of the clip looks straight."""
        past = t - (LENGTH - 1) / 2
        return self.x * past + self.shake * sin(1.1 * t), self.y * past + self.shake * sin(1.7 * t + 1)


class Said(NamedTuple):
    """A sentence about a scene: which actors it means, by their number from 1."""

    text: str
    objects: tuple[int, ...]


@attrs.frozen
class DrawnScene:
    """Actors before a background; those that come later are nearer."""

    name: str
    ability: str
    behind: str
    actors: tuple[Actor, ...]
    said: tuple[Said, Said]
    camera: Camera = Camera()
    pillar: int | None = None
    """The left edge of a pillar that stands before everything, in pixels of the first frame; None: there is none."""


SCENES = (
    DrawnScene(
        "three-balls",
        "language",
        "gravel",
        (
            Actor("ball", RED, 44, (60, 50), (3.0, 0.8)),
            Actor("ball", BLUE, 44, (250, 95), (-3.2, 0.4)),
            Actor("ball", GREEN, 44, (90, 145), (3.4, -0.6)),
        ),
        (Said("the red ball", (1,)), Said("the ball that goes left", (2,))),
    ),
    DrawnScene(
        "two-cars",
        "language",
        "bikes-137",
        (Actor("car", BLUE, 40, (70, 105), (4.0, 0.0)), Actor("car", RED, 46, (265, 160), (-4.5, 0.0))),
        (Said("the blue car", (1,)), Said("the car that drives to the left", (2,))),
    ),
    DrawnScene(
        "three-walkers",
        "language",
        "brick",
        (
            Actor("person", GREEN, 105, (60, 160), (1.2, 0.0)),
            Actor("person", YELLOW, 110, (150, 165), (1.0, 0.0)),
            Actor("person", RED, 105, (270, 160), (-1.6, 0.0)),
        ),
        (Said("the person in yellow", (2,)), Said("the rightmost person", (3,))),
        Camera(0.8),
    ),
    DrawnScene(
        "fast",
        "time",
        "coffee",
        (Actor("car", WHITE, 38, (40, 165), (3.0, 0.0)), Actor("ball", RED, 40, (-40, 60), (11.0, 1.0))),
        (Said("the fastest thing", (2,)), Said("the car", (1,))),
        Camera(2.4),
    ),
    DrawnScene(
        "behind-a-pillar",
        "time",
        "grass",
        (Actor("person", BLUE, 100, (60, 150), (5.5, 0.0)), Actor("person", RED, 110, (300, 168), (-5.0, 0.0))),
        (Said("the person who goes right", (1,)), Said("the person in red", (2,))),
        Camera(0.5),
        pillar=140,
    ),
    DrawnScene(
        "by-hand",
        "time",
        "bikes-000",
        (
            Actor("ball", YELLOW, 36, (20, 150), (8.0, 0.0), bounce=60),
            Actor("person", GREEN, 90, (370, 160), (-6.0, 0.0), enters=6),
        ),
        (Said("the ball", (1,)), Said("the person who comes in", (2,))),
        Camera(0.6, shake=2.5),
    ),
    DrawnScene(
        "tiles",
        "structure",
        "tiles",
        (Actor("person", RED, 120, (40, 170), (5.0, 0.0)), Actor("ball", BLUE, 40, (290, 40), (-6.0, 1.5))),
        (Said("the person", (1,)), Said("the ball", (2,))),
        Camera(0.7),
    ),
    DrawnScene(
        "fence",
        "structure",
        "fence",
        (Actor("car", YELLOW, 44, (-60, 165), (9.0, 0.0)), Actor("person", BLUE, 95, (250, 150), (-3.0, 0.0))),
        (Said("the yellow car", (1,)), Said("the person in blue", (2,))),
        Camera(-0.6),
    ),
    DrawnScene(
        "stripes",
        "structure",
        "stripes",
        (Actor("person", GREEN, 115, (120, 170), (0.6, 0.0)), Actor("ball", WHITE, 46, (300, 60), (-5.5, 1.0))),
        (Said("the person in green", (1,)), Said("the white ball", (2,))),
    ),
    DrawnScene(
        "race",
        "subject",
        "gravel",
        (
            Actor("car", BLUE, 34, (260, 70), (-4.0, 0.0)),
            Actor("car", RED, 42, (160, 120), (0.4, 0.0)),
            Actor("car", WHITE, 40, (20, 168), (5.0, 0.0)),
        ),
        (Said("all cars except the red one", (1, 3)), Said("the white car", (3,))),
        Camera(2.0),
    ),
    DrawnScene(
        "crowd",
        "subject",
        "bikes-137",
        (
            Actor("person", BLUE, 85, (330, 140), (-6.5, 0.0)),
            Actor("person", GREEN, 90, (-20, 150), (6.0, 0.0)),
            Actor("person", WHITE, 115, (160, 172), (0.3, 0.0)),
        ),
        (Said("all people except the one in white", (1, 2)), Said("the person in blue", (1,))),
    ),
    DrawnScene(
        "ball-game",
        "subject",
        "grass",
        (
            Actor("ball", YELLOW, 30, (30, 60), (7.0, 1.0), bounce=20),
            Actor("ball", RED, 34, (300, 150), (-7.5, -1.0)),
            Actor("person", BLUE, 115, (160, 168), (0.5, 0.0)),
        ),
        (Said("everything except the person", (1, 2)), Said("the yellow ball", (1,))),
        Camera(0.4),
    ),
)
