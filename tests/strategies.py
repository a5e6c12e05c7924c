"""What the tests draw from."""

from collections.abc import Iterator
from fractions import Fraction

import torch
from hypothesis import strategies as st

from peanut import Frame, Source, StageError, stage
from peanut.buffers import chunks, sliding

shot_lengths = st.lists(st.integers(1, 20), max_size=5)


def make_frames(
    lengths: list[int], size: tuple[int, int] = (4, 6), fps: int = 25, source: Source | None = None
) -> list[Frame]:
    """One frame after the other, in shots of the lengths given; the picture tells the number."""
    shots = [shot for shot, length in enumerate(lengths) for _ in range(length)]
    return [
        Frame(
            index=index,
            time=Fraction(index, fps),
            image=torch.full((3, *size), index % 256, dtype=torch.uint8),
            mask=torch.zeros(size, dtype=torch.bool),
            shot=shot,
            source=source,
        )
        for index, shot in enumerate(shots)
    ]


@stage
def windowed(frames, radius=2, stride=1):
    for window, core in sliding(frames, radius, stride):
        yield from window[core]


@stage
def chunked(frames, length=3, before=1, after=1):
    for window, core in chunks(frames, length, before, after):
        yield from window[core]


@stage
def brighter(frames, by=1):
    for frame in frames:
        yield frame.with_image(frame.image + by)


stages = st.one_of(
    st.builds(windowed, radius=st.integers(0, 5)),
    st.builds(chunked, length=st.integers(1, 5), before=st.integers(0, 3), after=st.integers(0, 3)),
    st.builds(brighter, by=st.integers(1, 3)),
)


class Breaks(Exception):
    """What the tests break a stream with."""


def breaking(frames: list[Frame], at: int) -> Iterator[Frame]:
    """The first `at` frames, then an error."""
    yield from frames[:at]
    raise Breaks(f"broken at {at}")


def drain(run: Iterator[Frame]) -> tuple[list[Frame], Exception | None]:
    """All that comes out, and what it ended with."""
    out = []
    try:
        for frame in run:
            out.append(frame)
    except (StageError, ValueError) as error:
        return out, error
    return out, None
