"""Transparency of a source, which frames do not carry: where there is some, it is told."""

import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np

log = logging.getLogger(__name__)

WITH_ALPHA = (4, 6)
"""Kinds of PNG that have a channel for it."""

OPAQUE = {"uint8": 255, "uint16": 65535}


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
        if self.told or file.suffix.lower() != ".png":
            return
        data = np.fromfile(file, np.uint8)
        if data.size > 25 and data[25] in WITH_ALPHA:
            picture = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            if picture is not None and picture.ndim == 3 and picture[..., 3].min() < OPAQUE[picture.dtype.name]:
                self._tell()

    def _tell(self) -> None:
        self.told = True
        log.warning("%s: its transparency is dropped: what is transparent shows the colour stored there.", self.name)
