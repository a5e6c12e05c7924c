"""Pictures of two fields, taken one after the other: which comes first, keeping it so, or making whole pictures."""

import logging
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
import av.filter

log = logging.getLogger(__name__)

CODING_FIELDS = {"libx264", "mpeg2video", "mpeg4", "prores", "prores_ks", "prores_aw", "ffv1", "dnxhd"}
"""Encoders that keep fields apart and say so in what they write."""
BY_FIELDS = 1 << 18 | 1 << 29
"""FFmpeg's flags for coding with interlaced transforms and motion."""
ORDERS = {2: "top", 4: "top", 3: "bottom", 5: "bottom"}
"""FFmpeg's AVFieldOrder, by the field that is shown first."""
TOLD = {"top": (2, "tff"), "bottom": (3, "bff")}
"""The same the other way, and as its filters call it."""


def first_field(stream: Any, picture: Any) -> str | None:
    """The field of an interlaced picture that is shown first, "top" or "bottom"; None for a whole picture."""
    if not picture.interlaced_frame:
        return ORDERS.get(int(getattr(stream.codec_context, "field_order", 0)))
    graph = _graph(picture, "select", "eq(interlace_type,TOPFIRST)")
    graph.push(picture)
    try:
        graph.pull()
    except (av.error.BlockingIOError, av.error.EOFError):
        return "bottom"
    return "top"


def tell_interlaced(name: str, field: str) -> None:
    """Say that pictures are interlaced, and what could be done."""
    log.warning(
        "%s: its pictures are interlaced (%s field first) and are taken as they are, combs and all;"
        " read(path, deinterlace=True), --deinterlace, makes whole pictures of them.",
        name,
        field,
    )


def deinterlaced(pictures: Iterable[Any]) -> Iterator[Any]:
    """Whole pictures out of fields, by FFmpeg's bwdif: one for each, with its time. Holds: 2 pictures."""
    graph, made_for = None, None
    times: deque[int | None] = deque()
    for picture in pictures:
        like = (picture.width, picture.height, picture.format.name)
        if graph is None or like != made_for:
            yield from _timed(graph, times)
            graph, made_for = _graph(picture, "bwdif", "mode=send_frame:deint=all"), like
        times.append(picture.pts)
        graph.push(picture)
        yield from _timed(graph, times, end=False)
    yield from _timed(graph, times)


def _timed(graph: Any, times: deque[int | None], end: bool = True) -> Iterator[Any]:
    """What a filter has ready, with the time stamps that the pictures went in with."""
    if graph is None:
        return
    if end:
        graph.push(None)
    while True:
        try:
            picture = graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
        picture.pts = times.popleft()
        yield picture


class Fields:
    """Marks pictures as made of two fields, of which `first` ("top" or "bottom") is shown first."""

    def __init__(self, first: str) -> None:
        self.order, self._name = TOLD[first]
        self._graph: Any = None

    def __call__(self, picture: Any) -> Any:
        """The same picture, marked."""
        time_base = picture.time_base
        if self._graph is None:
            self._graph = _graph(picture, "setfield", self._name)
        self._graph.push(picture)
        marked = self._graph.pull()
        marked.time_base, marked.pict_type = time_base, 0
        return marked


def _graph(picture: Any, name: str, settings: str) -> Any:
    """One filter for pictures like this one."""
    graph = av.filter.Graph()
    tick = picture.time_base or Fraction(1, 90_000)  # the last pictures of a decoder have none
    begin = graph.add_buffer(width=picture.width, height=picture.height, format=picture.format, time_base=tick)
    graph.link_nodes(begin, graph.add(name, settings), graph.add("buffersink"))
    graph.configure()
    return graph
