"""What `erase`, `masks` and `upscale` have in common: they read IN, run stages, write OUT; folders of videos too."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, get_args

import attrs
import click

import peanut
from peanut.cli.dry_run import plan
from peanut.cli.folder import each, videos_in
from peanut.video.encode import FORMATS
from peanut.video.file import Gaps

SECONDS = "Seconds, or minutes and seconds as m:ss."
FILE = click.Path(allow_dash=True)
"""A file, for the completion of names in a shell; addresses and patterns pass as well."""
VIDEO_SUFFIXES = tuple(FORMATS)
"""How what `write` makes may end; the first is its usual kind."""


@attrs.frozen
class Job:
    """What the options of a command come to: it can run on one video after the other."""

    stages: tuple[Any, ...]
    """From frames to frames."""
    sink: Callable[..., Any]
    """`write` or `write_masks`, called with OUT and `overwrite`."""
    suffixes: tuple[str, ...]
    """How OUT may end, where a folder of videos is read; the first is for videos that end otherwise."""
    writes: bool = True
    """Whether OUT is written; else `sink` says itself what it did."""


READING = (
    click.argument("source", metavar="IN", type=FILE),
    click.option("--start", metavar="TIME", help=f"Where to begin. {SECONDS}"),
    click.option("--stop", metavar="TIME", help=f"Where to end. {SECONDS}"),
    click.option("--max-size", type=int, metavar="PIXELS", help="Reduce so that the longest side is at most this."),
    click.option("--deinterlace", is_flag=True, help="Make whole pictures of interlaced ones (bwdif)."),
    click.option(
        "--gaps",
        type=click.Choice(get_args(Gaps)),
        default="tell",
        show_default=True,
        help="Where frames are missing, numbers keep their place, close up, or the last frame is repeated.",
    ),
)
WRITING = (
    click.option(
        "-o",
        "--output",
        required=True,
        metavar="OUT",
        type=FILE,
        help="mp4, mkv, webm, a folder of PNG (ends in /), or - (standard output, Matroska); a folder, where IN is one "
        "of videos.",
    ),
    click.option("--overwrite", is_flag=True, help="Replace OUT if it exists."),
    click.option("--dry-run", is_flag=True, help="Say what would be read, written and kept, and how long it takes."),
)


def with_options(options: Iterable[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    """A command with more options, shown in their order."""
    return functools.reduce(lambda decorated, option: option(decorated), reversed(tuple(options)), command)


def job(command: Callable[..., Job]) -> Callable[..., Any]:
    """Give a command, which makes a job of its own options, IN and OUT, and have it run."""

    @functools.wraps(command)
    def run(source: str, output: str, overwrite: bool, dry_run: bool, **others: Any) -> None:
        reading = {name: others.pop(name) for name in ("start", "stop", "max_size", "deinterlace", "gaps")}
        videos = videos_in(source)
        peanut.read(videos[0] if videos else source, **reading)  # mistakes are told before the stages fetch weights
        made = command(**others)

        def one(source: str, output: str) -> None:
            pipeline = functools.reduce(lambda made, stage: made | stage, made.stages, peanut.read(source, **reading))
            _run(pipeline, made.sink(output, overwrite=overwrite), output if made.writes else None, dry_run)

        if videos:
            each(videos, output, made.suffixes, one, overwrite=overwrite, dry_run=dry_run)
        else:
            one(source, output)

    return with_options((*READING, *WRITING), run)


def _run(pipeline: peanut.Pipeline, sink: Any, output: str | None, dry_run: bool) -> None:
    if dry_run:
        click.echo(plan(pipeline, sink))
        return
    statistics = (pipeline | sink).run()
    if output is None:
        return
    click.echo(f"{output}: {statistics.frames} frames in {statistics.seconds:.1f} s", err=output == "-")
    if statistics.unsure:
        click.echo(statistics.unsure, err=True)
