"""What moved and rests, remembered from frame to frame while the camera stands still."""

import attrs
import numpy as np

from peanut.vision.array import Array
from peanut.vision.morphology import components, grow_mask, hysteresis, open_close
from peanut.vision.motion_segmentation import refine_outline
from peanut.vision.solidity import Background, Carried

MOVING = 0.2
"""Share of a thing that must be seen to move for all of it to count as moving."""
REGROWN = 2
"""Pixels around what rests that join it where they are not the background: a limb that sways."""


@attrs.define(eq=False)
class SolidThings:
    """What is known of the masks of a shot since the camera stands still."""

    remember: float
    """Seconds for which something that rests stays masked."""
    _image: Array | None = attrs.field(init=False, default=None)
    """The frame before."""
    _known: Carried = attrs.field(init=False)
    _background: Background = attrs.field(init=False)

    def stand_still(self, image: Array) -> bool:
        """Whether the camera stands as in the frames before `image`, h w 3, uint8; if it does not all is forgotten."""
        if self._image is not None and self._background.stands_still(image):
            return True
        self._known, self._background = Carried.nothing(image.shape[:2]), Background.nothing(image)
        return False

    def mask(self, image: Array, found: Array, flat: Array, now: float) -> Array:
        """The mask of the next frame, before a camera that stands still, with what rests: h w, bool.

        image: h w 3, uint8. found: h w, bool, what is seen to move. flat: h w, bool. now: seconds.
        """
        self._known = known = self._known.along(image, np.asarray(self._image), flat)
        other = self._background.other(image, found | known.mask)
        kept = known.mask & (now - known.since <= self.remember)
        kept &= np.where(self._background.known, other, known.proven & ~flat)
        rests = hysteresis(kept, known.proven)
        if not rests.any():
            return found
        return refine_outline(open_close(found | rests | (other & grow_mask(rests, REGROWN))), image)

    def learn(self, image: Array, mask: Array, found: Array, now: float) -> None:
        """Take in the mask that the frame has in the end.

        A thing moves still if flow says so: the look-ahead ceases to find it before it stops.
        """
        seen = found | self._known.moved
        moves = found.copy()
        for thing in components(mask):
            if np.count_nonzero(seen & thing) >= MOVING * np.count_nonzero(thing):
                moves |= thing
        self._image = image
        self._known = self._known.with_mask(mask, moves, now)
        self._background.learn(image, mask)
