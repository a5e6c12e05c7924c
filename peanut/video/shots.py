"""Finding cuts, at the frame where they happen."""

from collections.abc import Iterator
from typing import Any

import attrs
import cv2
from scenedetect import FrameTimecode
from scenedetect.detectors import ContentDetector

from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.validators import above
from peanut.video.file import reduced
from peanut.vision.registration import corners, registered

LONGEST_SIDE = 256
"""Pixels to which pictures are reduced: a cut is as plain there, and reducing costs far more than finding it."""


@attrs.frozen(repr=False)
class shots(Stage):
    """Number the shots: a new one begins with a cut, with a change of size, and where the frames tell of one already.

    threshold: mean change of hue, saturation and brightness between two frames, 0 to 255, above which there is a cut
        (PySceneDetect's content detector, which calls 27 a good value).
    Where the camera's motion leads from one picture to the next there is no cut, however much changes: a fast pan.
    Numbers count on from the shot of the first frame. A cut is known at the frame where it happens, however close to
    another one (PySceneDetect by itself would leave out those within 15 frames).
    Raises UsageError if threshold is not above 0. Latency: 0. Holds: 1 frame. Changes the shot alone.
    """

    threshold: float = attrs.field(default=27.0, validator=above(0))
    latency, memory = 0, 1

    def __str__(self) -> str:
        return "shots()" if self.threshold == 27 else f"shots(threshold={self.threshold:g})"

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        shot, detector = 0, self._detector()
        before: tuple[tuple[int, int], int] | None = None  # size and shot of the frame before, as it came
        last: Any = None  # the frame before, reduced
        for number, frame in enumerate(frames):
            here = frame.size, frame.shot
            if before is not None and frame.size != before[0]:
                detector = self._detector()
            small = _small(frame)
            cut = bool(detector.process_frame(_timecode(number), small)) and not _moved(last, small)
            shot = frame.shot if before is None else shot + (cut or here != before)
            before, last = here, small
            yield frame.with_shot(shot)

    def _detector(self) -> Any:
        return ContentDetector(threshold=self.threshold, min_scene_len=0)


def _timecode(number: int) -> Any:
    return FrameTimecode(number, fps=25.0)


def _moved(before: Any, here: Any) -> bool:
    """Whether one homography leads most corners of a picture (h w 3) to the other."""
    if before is None or before.shape != here.shape:
        return False
    grey, other = (cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY) for picture in (before, here))
    return registered(grey, other, corners(grey)) is not None


def _small(frame: Frame) -> Any:
    """h w 3, BGR, at most 256 pixels on its longest side."""
    h, w = reduced(*frame.size, LONGEST_SIDE) or frame.size
    planes = [cv2.resize(plane, (w, h), interpolation=cv2.INTER_AREA) for plane in frame.image.numpy()]
    return cv2.merge(planes[::-1])
