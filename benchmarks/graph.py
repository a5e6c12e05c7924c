"""What the graph itself costs: ten stages that do nothing, against the same ten generators chained by hand.

python -m benchmarks.graph
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from statistics import median
from time import perf_counter

import torch

from peanut import Frame, Pipeline, stage

STAGES, FRAMES, ROUNDS = 10, 20_000, 9


def nothing(frames: Iterable[Frame]) -> Iterator[Frame]:
    for frame in frames:  # noqa: UP028  (`yield from` would skip what is measured)
        yield frame


def seconds(frames: Iterable[Frame]) -> float:
    start = perf_counter()
    for _ in frames:
        pass
    return perf_counter() - start


def chained(frames: Iterable[Frame]) -> Iterable[Frame]:
    for _ in range(STAGES):
        frames = nothing(frames)
    return frames


def main() -> None:
    image = torch.zeros(3, 2, 2, dtype=torch.uint8)
    frames = [Frame(index=index, time=Fraction(index, 25), image=image) for index in range(FRAMES)]
    pipeline = Pipeline(stages=tuple(stage(nothing)() for _ in range(STAGES)))
    extra = sorted(
        (seconds(pipeline(iter(frames))) - seconds(chained(iter(frames)))) / FRAMES / STAGES * 1e6
        for _ in range(ROUNDS)
    )
    spread = f"{extra[0]:.2f} to {extra[-1]:.2f}"
    print(f"graph, per stage and frame: {median(extra):.2f} us more than bare generators ({spread})")
    with pipeline.session() as session:
        start = perf_counter()
        for frame in frames:
            session.push(frame)
        took = perf_counter() - start
    pushed = (took - seconds(pipeline(iter(frames)))) / FRAMES * 1e6
    print(f"session, per push: {pushed:.1f} us more than pulling through the same pipeline")


if __name__ == "__main__":
    main()
