"""What a run would do, measured on its first frames: `--dry-run`."""

from time import perf_counter

from peanut.errors import UsageError
from peanut.labels import label
from peanut.pipeline import Pipeline, Stage

FRAMES, SECONDS = 40, 15.0


def plan(pipeline: Pipeline, sink: Stage) -> str:
    """Run the first frames of `pipeline`, without writing, and say what the whole would read, write, keep and take.

    pipeline: with its source, without its sink. Returns a few lines of text. Raises what the pipeline raises.
    """
    start = perf_counter()
    with iter(pipeline) as run:
        first = next(run, None)
        if first is None:
            raise UsageError("the source has no frame in what was asked for: nothing would be written.")
        measured = 1
        warm, after_first = perf_counter(), 0
        for _ in run:
            measured, after_first = measured + 1, after_first + 1
            if measured == FRAMES or perf_counter() - start > SECONDS:
                break
        statistics = run.statistics
    per_frame = (perf_counter() - warm) / after_first if after_first else perf_counter() - start
    held = sum(part.most_held for part in statistics.stages)
    coded = 0 if first.coded is None else first.coded.nbytes
    megabytes = held * (first.image.numel() + coded) / 1e6
    h, w = first.size
    total = first.source.frames if first.source is not None else None
    return "\n".join(
        [
            f"reads   {label(pipeline.source)}: {w}x{h}, {'length not known' if total is None else f'{total} frames'}",
            f"runs    {' | '.join(label(stage) for stage in pipeline.stages)}",
            f"writes  {label(sink)}",
            f"keeps   at most about {held} frames in its windows, {megabytes:.0f} MB",
            f"takes   {_length(per_frame, total)} ({per_frame:.3f} s a frame, measured on {measured} frames)",
        ]
    )


def _length(per_frame: float, total: int | None) -> str:
    if total is None:
        return "as long as the source lasts"
    minutes, seconds = divmod(round(per_frame * total), 60)
    return f"about {minutes}:{seconds:02d} min"
