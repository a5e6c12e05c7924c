"""Frames whose masks cover the whole image: what every eraser says of one that it cannot fill."""

import logging

import attrs

from peanut.frame import Frame

log = logging.getLogger(__name__)


@attrs.define
class Covered:
    """Tells once in a run that a frame stays as it is."""

    eraser: str
    told: bool = False

    def stays(self, frame: Frame) -> None:
        """`frame` is covered, and nothing shows what is behind its mask."""
        if not self.told:
            log.warning(
                "%s: the mask of frame %d covers the whole image and there is nothing to fill it from: it stays as it"
                " is, and so do others like it.",
                self.eraser,
                frame.index,
            )
        self.told = True
