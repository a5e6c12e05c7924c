"""Finding cuts, at the frame where they happen."""

from collections.abc import Iterator
from typing import Any

import attrs
import cv2

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage

LONGEST_SIDE = 256
"""Pixels to which pictures are reduced: a cut is as plain there, and costs a tenth of a millisecond."""


@attrs.frozen(repr=False)
class shots(Stage):
    """Number the shots: a new one begins with a cut, and with a change of size.

    threshold: mean change of hue, saturation and brightness between two frames, 0 to 255, above which there is a cut
        (PySceneDetect's content detector, which calls 27 a good value).
    Raises UsageError if threshold is not above 0. Latency: 0. Holds: 1 frame. Changes the shot alone.
    """

    threshold: float = 27.0

    def __attrs_post_init__(self) -> None:
        if not self.threshold > 0:
            raise UsageError(f"shots: threshold must be above 0, got {self.threshold}.")

    def __str__(self) -> str:
        return "shots()" if self.threshold == 27 else f"shots(threshold={self.threshold:g})"

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        shot, number = 0, 0
        size: tuple[int, int] | None = None
        detector = self._detector()
        for frame in frames:
            if size is not None and frame.size != size:
                shot, number, detector = shot + 1, 0, self._detector()
            size = frame.size
            shot += bool(detector.process_frame(_timecode(number), _small(frame)))
            number += 1
            yield frame.with_shot(shot) if frame.shot != shot else frame

    def _detector(self) -> Any:
        from scenedetect.detectors import ContentDetector

        return ContentDetector(threshold=self.threshold, min_scene_len=0)


def _timecode(number: int) -> Any:
    from scenedetect import FrameTimecode

    return FrameTimecode(number, fps=25.0)


def _small(frame: Frame) -> Any:
    """h w 3, BGR, at most 256 pixels on its longest side."""
    picture = frame.numpy(bgr=True)
    scale = LONGEST_SIDE / max(frame.size)
    return picture if scale >= 1 else cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
