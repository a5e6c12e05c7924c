"""A folder of PNG being written, a file for every frame, named by its number."""

import shutil
from pathlib import Path

from peanut.frame import Frame


class PictureFolder:
    """Takes frames of any size; `folder` is made anew."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir()

    def add(self, frame: Frame) -> None:
        """Write a frame; a file is there whole or not at all. Raises OSError if it cannot be written."""
        import cv2

        done, data = cv2.imencode(".png", frame.numpy(bgr=True))
        if not done:
            raise OSError(f"frame {frame.index} could not be encoded as PNG.")
        path = self.folder / f"{frame.index:06d}.png"
        unfinished = path.with_suffix(".unfinished")
        unfinished.write_bytes(data.tobytes())
        unfinished.replace(path)
        self.count += 1

    def close(self) -> None:
        """Nothing is left to do: every file is complete."""
