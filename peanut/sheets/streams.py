"""Streams side by side, and the few frames of them that are shown; no video is ever held."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Pipeline
from peanut.video.live import Live
from peanut.video.read import read

log = logging.getLogger(__name__)

T = TypeVar("T")
Shown = str | Path | Iterable[Frame]
"""What can be shown: what `read` takes, a pipeline with a source, frames."""
Together = tuple[Frame, ...]
"""The frame of the same number of each stream."""
MOST = 1000
"""Images on one sheet, or in one GIF."""
SPARE = 2
"""How many times as many drawings as are wanted are kept, at least, from a stream whose length nobody knows: the more,
the more evenly those wanted can be spread."""


def opened(who: str, shown: Mapping[str, Shown], every: int | None, rows: int | None) -> dict[str, Iterable[Frame]]:
    """The streams by their titles. Raises UsageError for what is none, or has no end and would be read to its end."""
    if not shown:
        raise UsageError(f"{who}: there is nothing to show: the mapping is empty.")
    streams: dict[str, Iterable[Frame]] = {}
    for title, one in shown.items():
        stream = read(one) if isinstance(one, str | Path | int) else one
        if not isinstance(stream, Iterable) or (isinstance(stream, Pipeline) and stream.source is None):
            raise UsageError(f"{who} shows a path, frames, or a pipeline that begins with read(path); got {one!r}.")
        if isinstance(stream, Pipeline) and isinstance(stream.source, Live) and None in (every, rows):
            raise UsageError(
                f"{who}: {stream.source} is live and has no end: give both every and rows (the first ones)."
            )
        streams[str(title)] = stream
    return streams


def chosen(
    who: str, streams: Mapping[str, Iterable[Frame]], every: int | None, most: int | None, draw: Callable[[Together], T]
) -> list[T]:
    """What `draw` makes of some frames: of every n-th up to `most` (None: to the end), or of `most`, evenly spread.

    Evenly spread are those of a stream that is read to its end; at most four times as many drawings are held meanwhile.
    Raises UsageError where no frame came, and where there would be more than 1000.
    """
    with ExitStack() as stack:
        frames = _together(who, {title: _closed(stack, stream) for title, stream in streams.items()})
        if every is None:
            drawn = _spread(frames, most or MOST, draw)
        else:
            stop = (MOST if most is None else most - 1) * every + 1
            drawn = [draw(one) for one in islice(frames, 0, stop, every)]
    if not drawn:
        raise UsageError(f"{who}: no frame came from {', '.join(map(repr, streams))}.")
    if len(drawn) > MOST:
        raise UsageError(f"{who}: every={every} gives more than {MOST} images: make it larger, or say how many rows.")
    return drawn


def _spread(frames: Iterator[Together], most: int, draw: Callable[[Together], T]) -> list[T]:
    drawn: list[T] = []
    step = 1
    for number, one in enumerate(frames):
        if number % step == 0:
            drawn.append(draw(one))
        if len(drawn) == 2 * SPARE * most:
            drawn, step = drawn[::2], 2 * step
    count = min(most, len(drawn))
    return [drawn[number * len(drawn) // count] for number in range(count)]


def _together(who: str, streams: Mapping[str, Iterator[Frame]]) -> Iterator[Together]:
    """The frames of the same number, until one of the streams ends; the log says which, if others go on."""
    number = 0
    while True:
        frames = [next(stream, None) for stream in streams.values()]
        ended = [title for title, frame in zip(streams, frames, strict=True) if frame is None]
        if ended:
            if len(ended) < len(streams):
                log.warning("%s ends with %r, after %d frames; the others go on.", who, ended[0], number)
            return
        for frame in frames:
            if not isinstance(frame, Frame):
                raise UsageError(f"{who} shows frames, got {type(frame).__name__}: Frame.from_numpy makes one.")
        yield tuple(frame for frame in frames if frame is not None)
        del frame, frames
        number += 1


def _closed(stack: ExitStack, stream: Iterable[Frame]) -> Iterator[Any]:
    """The frames, closed with the stack where a run of their own was begun for them."""
    return stack.enter_context(closing(iter(stream))) if isinstance(stream, Pipeline) else iter(stream)
