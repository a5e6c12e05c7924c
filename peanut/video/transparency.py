"""Transparency of a source, which frames do not have: where there is some, it is told."""

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np

log = logging.getLogger(__name__)

WITH_ALPHA = (4, 6)
"""Kinds of PNG that have a channel for it."""


class Transparency:
    """Looks at the pictures of a source until one is transparent somewhere, and tells it."""

    def __init__(self, name: str) -> None:
        self.name, self.told = name, False

    def of_stream(self, stream: Any) -> None:
        """Look at what the container says: VP8 and VP9 keep transparency beside what is decoded."""
        if {key.lower(): value for key, value in stream.metadata.items()}.get("alpha_mode") == "1":
            self._tell()

    def of_picture(self, picture: Any) -> None:
        """Look at a decoded picture."""
        alpha = not self.told and any(component.is_alpha for component in picture.format.components)
        if alpha and picture.reformat(format="rgba").to_ndarray()[..., 3].min() < 255:
            self._tell()

    def of_file(self, file: Path) -> None:
        """Look at a picture file."""
        if not self.told and is_transparent(file):
            self._tell()

    def _tell(self) -> None:
        self.told = True
        log.warning("%s: its transparency is dropped: what is transparent shows the color stored there.", self.name)


def is_transparent(file: Path) -> bool:
    """Whether a picture lets anything through; it is decoded for that only if its header does not deny it."""
    with file.open("rb") as opened:
        head = opened.read(4096)
    if head.startswith(b"\x89PNG"):
        possible = head[25] in WITH_ALPHA or b"tRNS" in head
    elif head[8:12] == b"WEBP":
        possible = head[12:16] == b"VP8L" or (head[12:16] == b"VP8X" and bool(head[20] & 0x10))
    else:
        possible = not head.startswith(b"\xff\xd8")  # JPEG
    stored = decoded(file, cv2.IMREAD_UNCHANGED) if possible else None
    if stored is None or stored.ndim != 3 or stored.shape[2] not in (2, 4):
        return False
    opaque = np.iinfo(stored.dtype).max if stored.dtype.kind == "u" else 1
    return bool((stored[..., -1] < opaque).any())


def decoded(file: Path, flags: int) -> Any:
    """A picture file by OpenCV, with its flags: h w 3 (BGR) or as it is stored; None if it cannot be had."""
    try:
        data = np.frombuffer(file.read_bytes(), np.uint8)
        return cv2.imdecode(data, flags) if data.size else None
    except OSError:  # gone, forbidden, or a folder: it counts as unreadable, like one whose data are damaged
        return None
    except cv2.error:  # larger than OpenCV reads at all
        return None
