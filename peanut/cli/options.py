"""Options that several commands share, and how a command ends: run, or only told what it would do."""

import functools
from collections.abc import Callable
from typing import Any, get_args

import click

import peanut
from peanut.cli.dry_run import plan
from peanut.errors import UsageError
from peanut.video.file import Gaps

SECONDS = "Seconds, or minutes and seconds as m:ss."


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the frames of IN, read as the options say."""

    @functools.wraps(command)
    def with_frames(
        source: str,
        start: str | None,
        stop: str | None,
        max_size: int | None,
        deinterlace: bool,
        gaps: Gaps,
        **others: Any,
    ) -> None:
        frames = peanut.read(source, start=start, stop=stop, max_size=max_size, deinterlace=deinterlace, gaps=gaps)
        command(frames, **others)

    options = [
        click.argument("source", metavar="IN"),
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
    ]
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_frames)


def writing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option(
            "-o",
            "--output",
            required=True,
            metavar="OUT",
            help="mp4, mkv, webm, a folder of PNG (ends in /), or - (standard output, Matroska).",
        ),
        click.option("--overwrite", is_flag=True, help="Replace OUT if it exists."),
        click.option(
            "--dry-run", is_flag=True, help="Say what would be read, written and kept, and how long it takes."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def finder_of(masks: str | None, moving: bool, prompt: str | None, shadows: bool, grow: int, **settings: Any) -> Any:
    """The stage that makes the masks; exactly one way must be given. settings: of masks made before."""
    if [masks is not None, moving, prompt is not None].count(True) != 1:
        raise UsageError("say what to remove in one of three ways: --masks PATH, --moving or --prompt TEXT.")
    if shadows and not moving:
        raise UsageError("--shadows goes with --moving alone: other masks are taken as they are.")
    settings = {name: value for name, value in settings.items() if value}
    if settings and masks is None:
        raise UsageError("--object, --masks-by and --missing-masks go with --masks alone.")
    if prompt is not None:
        return peanut.PMask(prompt, grow=grow)
    if masks is not None:
        made = peanut.masks(masks, **settings)
        return made | peanut.grow(grow) if grow else made
    return peanut.MovingObjects(grow=grow, shadows=shadows)


def run(pipeline: Any, sink: Any, output: str, dry_run: bool) -> None:
    if dry_run:
        click.echo(plan(pipeline, sink))
        return
    statistics = (pipeline | sink).run()
    click.echo(f"{output}: {statistics.frames} frames in {statistics.seconds:.1f} s", err=output == "-")
