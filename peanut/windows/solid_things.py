"""The things that move in one shot, remembered from frame to frame, so that they stay whole and while they rest."""

import attrs
import numpy as np

from peanut.vision.array import Array
from peanut.vision.morphology import components, open_close
from peanut.vision.solidity import TRAVELLED, Background, Carried, close_gaps

MOVES = 0.2
"""Share of a thing that must be found to move for all of it to count as moving."""


@attrs.frozen(eq=False)
class Step:
    """How a frame hangs together with its neighbor in time."""

    image: Array
    """The neighbor's: h w 3, uint8."""
    flow: Array
    """To the neighbor: h w 2, pixels."""
    back: Array
    """From the neighbor."""
    camera: Array
    """To the neighbor: 3 3."""

    def carry(self, known: Carried, image: Array) -> Carried:
        return known.along(image, self.image, self.flow, self.back, self.camera)


@attrs.define(eq=False)
class SolidThings:
    """What is known of the masks of a shot so far."""

    remember: float
    """Seconds for which something that rests stays masked."""
    size: tuple[int, ...]
    _known: Carried = attrs.field(init=False)
    _background: Background = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._known = Carried.nothing(self.size)
        self._background = Background(np.zeros((*self.size, 3), np.uint8), np.zeros(self.size, bool))

    def mask(self, image: Array, found: Array, matches: Array, now: float, step: Step | None) -> Array:
        """The whole mask of the next frame: h w, bool.

        found: h w, bool, what is seen to move. matches: h w, bool, where texture matches the background. now: seconds.
        step: to the frame before; None for the first.
        """
        if step is not None:
            self._known = step.carry(self._known, image)
            self._background.carry(step.camera)
        shown = self._background.shown(image, found | self._known.mask)
        rests = self._known.mask & ~shown & (self._known.travelled > TRAVELLED)
        rests &= now - self._known.since <= self.remember
        mask = open_close(found | rests) if rests.any() else found
        return close_gaps(mask, image, matches, shown)

    def learn(self, image: Array, mask: Array, found: Array, now: float) -> None:
        """Take in the mask that the frame has in the end."""
        moves = found.copy()
        for thing in components(mask):
            if np.count_nonzero(found & thing) >= MOVES * np.count_nonzero(thing):
                moves |= thing
        self._known = self._known.with_mask(mask, moves, now)
        self._background.learn(image, mask)


def track_back(images: list[Array], found: list[Array], steps: list[Step]) -> list[Array]:
    """What is found later in a shot, tracked back: per frame h w, bool, without what was found there itself.

    images, found: of the first frames of the shot. steps: from each of them but the last to the next.
    """
    known = Carried.nothing(found[-1].shape).with_mask(found[-1], found[-1], 0.0)
    back = [np.zeros_like(found[-1])]
    for image, here, step in zip(images[-2::-1], found[-2::-1], steps[::-1], strict=True):
        known = step.carry(known, image)
        back.append(known.mask & (known.travelled > TRAVELLED))
        known = known.with_mask(here | known.mask, here, 0.0)
    return back[::-1]
