"""The things that move in one shot, remembered from frame to frame, so that they stay whole and while they rest."""

import attrs
import numpy as np

from peanut.vision.array import Array
from peanut.vision.morphology import components, grow_mask, hysteresis, open_close
from peanut.vision.solidity import Background, Carried, close_gaps, reach_of

MOVING = 0.2
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

    def carry(self, known: Carried, image: Array, flat: Array) -> Carried:
        return known.along(image, flat, self.image, self.flow, self.back, self.camera)


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

    def mask(self, image: Array, found: Array, flat: Array, matches: Array, now: float, step: Step | None) -> Array:
        """The whole mask of the next frame: h w, bool.

        found: h w, bool, what is seen to move. flat: h w, bool. matches: h w, bool, where texture matches the
        background. now: seconds. step: to the frame before; None for the first.
        """
        if step is not None:
            if not np.array_equal(step.camera, np.eye(3)):  # parallax would leave ghosts
                self.__attrs_post_init__()
            self._known = step.carry(self._known, image, flat)
            self._background.carry(step.camera)
        known = self._known
        shown, other = self._background.compare(image, found | known.mask)
        kept = known.mask & (now - known.since <= self.remember)
        kept &= np.where(self._background.known, other, known.proven & ~flat)
        rests = hysteresis(kept, known.proven)
        mask = found
        if rests.any():
            near = grow_mask(rests, 4 * reach_of(rests))
            mask = open_close(found | rests | hysteresis(other & near, rests))
        return close_gaps(mask, image, matches, shown)

    def learn(self, image: Array, mask: Array, found: Array, now: float) -> None:
        """Take in the mask that the frame has in the end."""
        moves = found.copy()
        for thing in components(mask):
            if np.count_nonzero(found & thing) >= MOVING * np.count_nonzero(thing):
                moves |= thing
        self._known = self._known.with_mask(mask, moves, now)
        self._background.learn(image, mask)


def track_back(images: list[Array], found: list[Array], flat: list[Array], steps: list[Step]) -> list[Array]:
    """What is found later in a shot, tracked back: per frame h w, bool, without what was found there itself.

    images, found, flat: of the first frames of the shot; what is flat cannot be tracked. steps: from each of them but
    the last to the next.
    """
    known = Carried.nothing(found[-1].shape).with_mask(found[-1], found[-1], 0.0)
    back = [np.zeros_like(found[-1])]
    for image, here, even, step in zip(images[-2::-1], found[-2::-1], flat[-2::-1], steps[::-1], strict=True):
        known = step.carry(known, image, even)
        back.append(known.proven & ~even)
        known = known.with_mask(here | known.mask, here, 0.0)
    return back[::-1]
