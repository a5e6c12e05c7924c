"""`peanut upscale`: large and sharp."""

from typing import Any

import click

import peanut
from peanut.cli.options import reading_options, run, writing_options


@click.command()
@reading_options
@writing_options
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
    run(frames | peanut.prefetch(4) | network, peanut.write(output, overwrite=overwrite), output, dry_run)
