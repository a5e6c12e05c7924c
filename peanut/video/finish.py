"""How an output ends: complete under its name, or as far as it came, with a word on how many frames are where."""

import logging
from typing import Protocol

import av
import av.error

from peanut.frame import Frame
from peanut.interrupts import held
from peanut.video.target import Stream, Target

log = logging.getLogger(__name__)


class Output(Protocol):
    """What frames are written into."""

    failed: bool
    """Writing has failed: `count` says what was tried."""

    @property
    def count(self) -> int: ...

    def add(self, frame: Frame) -> None: ...

    def close(self) -> None: ...


def finish(output: Output, place: Target | Stream) -> None:
    """Close the output and give it its name; an interrupt waits for that."""
    complete = False
    try:
        with held():
            try:
                output.close()
                place.publish()
                complete = True
            except BaseException as error:
                _tell(error, _what_is_where(output, place))
                raise
    except BaseException as error:
        if complete:
            _tell(error, f"{place.given} is complete: {output.count} frames")
        raise


def finish_early(output: Output | None, place: Target | Stream, error: BaseException) -> None:
    """Close what was written before `error` came and note on it how many frames are where."""
    if output is None:
        return
    with held(deliver=not isinstance(error, KeyboardInterrupt)):
        try:
            output.close()
        except Exception as late:
            _tell(error, f"{place.told} could not be finished: {late}")
        told = _what_is_where(output, place)
        _tell(error, told)
        if isinstance(error, GeneratorExit):
            log.warning("stopped early: %s.", told)


def _what_is_where(output: Output, place: Target | Stream) -> str:
    """How many frames are in what is left of an output that is not complete; none at all are not left lying about."""
    if place.lost:
        return f"{place.told} was removed by another program while it was written: its {output.count} frames are gone"
    if isinstance(place, Stream):
        return f"{'at most ' if output.failed else ''}{output.count} frames went to {place.told}"
    count = _readable_frames(str(place.partial)) if output.failed else output.count
    if count == 0:
        place.discard()
        return f"no frame could be finished: {place.given} is not written"
    return f"{count} frames are in {place.told}"


def _readable_frames(path: str) -> int:
    """Frames that a player finds in a file whose writing failed: what a muxer was given may not have reached it."""
    count = 0
    try:
        with av.open(path) as container:
            for packet in container.demux(video=0):
                count += bool(packet.size) and not packet.is_corrupt
    except (av.error.FFmpegError, OSError, IndexError):
        return count  # cut off: so far it is good
    return count


def _tell(error: BaseException, note: str) -> None:
    """Add a note to an error; one of a class that takes none gets it as a warning beside it."""
    try:
        error.add_note(note)
    except Exception:
        log.warning("%s", note)
