"""Sound made even for an encoder: one format, one rate, one layout of channels, no gaps."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av.error
import av.filter

RATE = 48_000
"""Samples a second; every encoder takes it."""
JUMP = Fraction(5, 1000)
"""Seconds by which sound may miss its time stamp before silence is put in or samples are left out."""


class EvenSound:
    """Sound in one format, rate and layout, without gaps: what is missing becomes silence, what is double goes."""

    def __init__(self, format: str, layout: str) -> None:
        self.format, self.layout = format, layout
        self._made_for: tuple[Any, ...] = ()
        self._graph: Any = None

    def add(self, sound: Any) -> Iterator[Any]:
        """Put in a decoded sound; gives what is ready."""
        like = (sound.format.name, sound.layout.name, sound.sample_rate)
        if like != self._made_for:  # a broadcast changes from stereo to 5.1 and back
            yield from self.rest()
            self._made_for, self._graph = like, self._resampler(sound)
        self._graph.push(sound)
        yield from _ready(self._graph)

    def rest(self) -> Iterator[Any]:
        """What is still held."""
        if self._graph is not None:
            self._graph.push(None)
            yield from _ready(self._graph)
        self._graph, self._made_for = None, ()

    def _resampler(self, sound: Any) -> Any:
        graph = av.filter.Graph()
        begin = graph.add(
            "abuffer",
            sample_rate=str(sound.sample_rate),
            sample_fmt=sound.format.name,
            channel_layout=sound.layout.name,
            time_base=str(sound.time_base),
        )
        even = graph.add("aresample", f"{RATE}:async=1:min_hard_comp={float(JUMP)}")
        form = graph.add("aformat", f"sample_fmts={self.format}:channel_layouts={self.layout}")
        graph.link_nodes(begin, even, form, graph.add("abuffersink"))
        graph.configure()
        return graph


def _ready(graph: Any) -> Iterator[Any]:
    while True:
        try:
            yield graph.pull()
        except (av.error.BlockingIOError, av.error.EOFError):
            return
