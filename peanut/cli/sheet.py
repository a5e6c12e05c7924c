"""`peanut sheet`: look at it as one picture."""

from pathlib import Path
from typing import Any

import click

import peanut
from peanut.cli.job import FILE, SECONDS
from peanut.errors import UsageError
from peanut.video.target import Target


@click.command()
@click.argument("sources", metavar="IN...", type=FILE, nargs=-1, required=True)
@click.option("-o", "--output", required=True, metavar="OUT", type=FILE, help="png, jpg or webp.")
@click.option(
    "--every", type=click.IntRange(1), metavar="N", help="Show every N-th frame; not given, they spread evenly."
)
@click.option(
    "--rows",
    type=click.IntRange(1),
    metavar="N",
    help="How many rows, at most; not given, 6, and with --every as many as come.",
)
@click.option(
    "--columns",
    type=click.IntRange(1),
    metavar="N",
    help="Frames in a row; not given, 3, or 1 where a frame is more than one image.",
)
@click.option(
    "--width", type=click.IntRange(1), default=320, show_default=True, metavar="PIXELS", help="Width of each image."
)
@click.option(
    "--masks", metavar="PATH", help="Masks of the first IN, shown in color; a color and a name for each object."
)
@click.option("--title", "titles", multiple=True, metavar="TEXT", help="What stands over an IN, once for each.")
@click.option("--start", metavar="TIME", help=f"Where to begin, in every IN. {SECONDS}")
@click.option("--stop", metavar="TIME", help=f"Where to end, in every IN. {SECONDS}")
@click.option("--blink", metavar="OUT.gif", type=FILE, help="Write a GIF, too, in which the first two IN alternate.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def sheet(
    sources: tuple[str, ...], masks: str | None, titles: tuple[str, ...], blink: str | None, output: str, **how: Any
) -> None:
    """Show frames of one or several IN as one picture: side by side those of the same number.

    \b
    peanut sheet street.mp4 -o sheet.png
    peanut sheet street.mp4 clean.mp4 -o sheet.png --masks masks.mkv --every 25 --blink blink.gif
    """
    names = _names(sources, titles)
    reading = {name: how.pop(name) for name in ("start", "stop")}
    streams = [peanut.read(source, **reading) for source in sources]
    if blink is not None and len(streams) < 2:
        raise UsageError(
            "--blink compares two videos: peanut sheet before.mp4 after.mp4 -o sheet.png --blink blink.gif."
        )
    if blink is not None:
        _refuse_early(blink, how["overwrite"])
    shown = dict(zip(names, streams, strict=True))
    layers = ["image"]
    if masks is not None:
        shown[names[0]] = streams[0] | peanut.masks(masks)
        layers.append("masks")
    peanut.sheet(shown if len(shown) > 1 or titles else shown[names[0]], layers=layers, path=output, **how)
    click.echo(output)
    if blink is not None:
        of_both = {name: how[name] for name in ("every", "rows", "overwrite")}
        peanut.blink(streams[0], streams[1], blink, titles=(names[0], names[1]), **of_both)
        click.echo(blink)


def _refuse_early(blink: str, overwrite: bool) -> None:
    """Raise UsageError where the GIF cannot go, before the sheet is drawn and written."""
    if Path(blink).suffix.lower() != ".gif":
        raise UsageError(f"--blink: {blink} must end in .gif.")
    with Target(blink, folder=False, overwrite=overwrite) as target:
        target.refuse_what_is_there()


def _names(sources: tuple[str, ...], titles: tuple[str, ...]) -> list[str]:
    """The titles: those given, else the names of the files, or the whole paths where names are the same."""
    if titles and len(titles) != len(sources):
        raise UsageError(f"--title is given {len(titles)} times for {len(sources)} IN: give it once for each.")
    short = [Path(source.rstrip("/")).name or source for source in sources]
    names = list(titles or (short if len(set(short)) == len(short) else sources))
    if len(set(names)) < len(names):
        raise UsageError(
            f"{next(name for name in names if names.count(name) > 1)} is there twice: --title tells them apart."
        )
    return names
