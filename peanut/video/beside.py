"""The source of the frames once more: what it holds beside the pictures, and whether it is still the same."""

import logging
from contextlib import nullcontext
from typing import Any

import av
import av.error

from peanut.frame import Frame
from peanut.video.media import Media, View
from peanut.video.pipe import plain
from peanut.video.reading import marks, readings, stat_of

log = logging.getLogger(__name__)


class Beside:
    """The source, opened a second time for its sound and subtitles.

    reads: paths that are known before the first frame. Where the source is among them, one that was replaced since is
    not taken for it: pictures of one file and the sound of another must not be mixed.
    """

    def __init__(self, reads: tuple[Any, ...] = ()) -> None:
        self.reads = reads
        self._readings = [one for what in reads for one in readings(what, folders=False)]
        self._container: Any = nullcontext()

    def open(self, first: Frame, *, audio: bool, subtitles: bool) -> Any:
        """An open container, or None where there is none to be had: pictures, a pipe or stream that has passed."""
        media = first.source
        if not isinstance(media, Media):
            return None
        wanted = [kind for kind, yes in (("audio", audio), ("subtitle", subtitles)) if yes and kind in media.beside]
        lost = "it can be read only once" if media.again is None else ""
        if self._replaced(media):
            lost = "the file was replaced or changed after it was opened"
        if not lost:
            try:
                again = media.again.another() if isinstance(media.again, View) else plain(str(media.again))
                self._container = av.open(again, metadata_errors="replace")
                return self._container
            except (OSError, av.error.FFmpegError) as error:
                lost = f"it cannot be opened again ({error})"
        if wanted:
            log.warning("%s: its %s is not carried over: %s.", media.path, " and ".join(wanted), lost)
        return None

    def _replaced(self, media: Media) -> bool:
        before = [read for read in self._readings if read.name == media.path]
        return bool(before) and marks(before[0].stat) != marks(stat_of(media.path))

    def tell_changes(self, written: str) -> None:
        """Say which files were written into while they were read: what came of them may be of two versions."""
        for read in self._readings:
            if read.changed():
                log.warning("%s was changed while it was read: %s may hold some of both.", read.name, written)

    def __enter__(self) -> "Beside":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.__exit__(None, None, None)
