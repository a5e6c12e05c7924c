"""A folder of PNG being written, a file for every frame, named by its number."""

from pathlib import Path

import cv2

from peanut.frame import Frame
from peanut.video.sync import sync


class PictureFolder:
    """Takes frames of any size; `folder` is there and empty."""

    failed = False
    """What `count` says is in the folder, whatever went wrong."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0

    def add(self, frame: Frame) -> None:
        """Write a frame; a file is there whole or not at all. Raises OSError if it cannot be written."""
        done, data = cv2.imencode(".png", frame.numpy(bgr=True))
        if not done:
            raise OSError(f"frame {frame.index} could not be encoded as PNG.")
        path = self.folder / f"{frame.index:06d}.png"
        unfinished = path.with_suffix(".unfinished")
        try:
            unfinished.write_bytes(data.tobytes())
            unfinished.replace(path)
        except BaseException:
            unfinished.unlink(missing_ok=True)
            raise
        self.count += 1

    def close(self) -> None:
        """Have every file on the disk itself. Raises OSError if one cannot be."""
        for path in sorted(self.folder.iterdir()):
            sync(path)
        sync(self.folder)
