"""Whether there are as many masks as frames, seen before anything is computed, as far as the files tell."""

import logging
from fractions import Fraction
from typing import Any

from peanut.errors import UsageError
from peanut.frame import Frame, Source
from peanut.video.container import expected_frames, video_stream
from peanut.video.file import open_video
from peanut.video.images import files, is_pictures
from peanut.video.mask_numbers import CHOICES, FORGIVEN
from peanut.video.media import Media, View

log = logging.getLogger(__name__)


def length_of_source(source: Source | None) -> int | None:
    """Frames of the whole source, also where only a part of it is read; None where it does not tell."""
    if source is None:
        return None
    if not isinstance(source, Media):
        return len(files(source.path)) if is_pictures(source.path) else source.frames
    if not _opens_again(source):
        return source.frames
    with open_video(_another(source)) as container:
        return expected_frames(container, Fraction(0), None)


def frames_wanted(first: Frame) -> range | None:
    """The numbers of the frames that come, from the first one; None where the source does not tell."""
    if first.source is None or first.source.frames is None:
        return None
    return range(first.index, first.index + first.source.frames)


def pictures_in(path: Any) -> int:
    """Pictures in a video, counted without decoding them; only mp4 and mov list each of them."""
    with open_video(path) as container:
        stream = video_stream(container)
        listed = int(stream.frames) if container.format.name.startswith("mov") else 0
        return listed or sum(packet.size > 0 for packet in container.demux(stream))


def check_count(path: str, count: int, first: Frame, length: int | None) -> None:
    """Compare how many masks there are, one for each frame from frame 0, with how many frames come.

    first: the first frame that came. length: of its whole source. More masks than frames, and one or two less, are
    told.
    Raises UsageError where masks are missing for more than the last few frames, or there are twice as many.
    """
    source, coming = first.source, frames_wanted(first)
    if source is None or coming is None or length is None:
        return
    wanted = coming.stop
    if count < wanted and isinstance(source, Media) and _opens_again(source):
        wanted = min(wanted, pictures_in(_another(source)))  # what was known may be a guess, from length and rate
    both = f"{path} has {count} mask{'s' if count != 1 else ''} and {source.path} {length} frames"
    if count < wanted - FORGIVEN:
        raise UsageError(f"{both}: {_too_few(path, count, length, source)}")
    if abs(count - 2 * length) <= FORGIVEN and count > length + FORGIVEN:
        raise UsageError(f"{both}, half as many: they would fall on wrong frames. {_at_rate(path, 2, length, source)}")
    if count < wanted:
        log.warning("%s: the last mask will be repeated.", both)
    if count > length + FORGIVEN:
        log.warning("%s: the last %d masks are not used.", both, count - length)


def _too_few(path: str, count: int, length: int, source: Source) -> str:
    if count == 1:
        return f"give the picture itself for the same mask in all frames; {CHOICES}."
    if abs(2 * count - length) <= FORGIVEN:
        return f"with half as many they would fall on wrong frames. {_at_rate(path, Fraction(1, 2), length, source)}"
    return f"too few; {CHOICES}."


def _at_rate(path: str, times: Fraction | int, length: int, source: Source) -> str:
    """What would work for `times` as many masks as frames."""
    if is_pictures(path):
        if times > 1:
            return "Take out every second one."
        return (
            "Name each by the number of its frame; missing='carry' (--missing-masks carry) gives it to the next, too."
        )
    fps = source.fps or Fraction(25)
    command = f"ffmpeg -r {fps * times} -i {path} -vf fps={fps}:round=up -frames:v {length} -c:v ffv1 all-masks.mkv"
    return f"`{command}` makes as many as there are frames."


def _opens_again(source: Media) -> bool:
    """Whether the source is a file, or a file object that can seek."""
    return not source.live and source.again is not None and "://" not in source.path


def _another(source: Media) -> Any:
    return source.again.another() if isinstance(source.again, View) else source.again
