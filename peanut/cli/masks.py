"""`peanut masks`: find, look, keep, use again."""

import click

import peanut
from peanut.cli.options import finder_of, reading_options, run, writing_options


@click.command()
@reading_options
@writing_options
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
    finder = finder_of(None, moving, prompt, shadows, grow)
    masked = frames | peanut.prefetch(4) | finder
    if overlay:
        sink = peanut.write(output, overwrite=overwrite)
        run(masked | peanut.overlay(), sink, output, dry_run)
    else:
        run(masked, peanut.write_masks(output, overwrite=overwrite), output, dry_run)
