"""`peanut upscale`: large and sharp."""

from typing import Any

import click

import peanut
from peanut.cli.job import VIDEO_SUFFIXES, Job, job

RESTORERS = {
    "denoise": "basicvsrpp-denoise",
    "deblur": "basicvsrpp-deblur-gopro",
    "compressed": "basicvsrpp-decompress-3",
}
"""What is wrong with a video -> the published BasicVSR++ that mends it, at its own size."""


@click.command()
@job
@click.option("--scale", type=click.Choice(["4", "1"]), help="4 enlarges, 1 restores compressed video at its own size.")
@click.option("--model", metavar="NAME", help="A name of `peanut weights list`, or a file; it decides the scale.")
@click.option(
    "--fidelity",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    default=1.0,
    show_default=True,
    help="0 to 1; less than 1 mixes in the plain enlargement.",
)
@click.option("--live", is_flag=True, help="No look-ahead: every frame comes out at once, a little less sharp.")
@click.option(
    "--device", metavar="DEVICE", help="Where the network computes: auto (the default), cpu, cuda, cuda:1, mps."
)
def upscale(scale: str | None, model: str | None, fidelity: float, live: bool, device: str | None) -> Job:
    """Make IN sharp with BasicVSR++ or BasicVSR and write OUT.

    \b
    peanut upscale clean.mp4 -o sharp.mp4 --scale 4
    peanut upscale clean.mp4 -o sharp.mp4 --model basicvsr-reds4     (comes from the package index)
    """
    enlarged = None if scale is None else int(scale)
    settings: dict[str, Any] = {"lookahead": 0} if live else {}
    network = peanut.URNet(model, scale=enlarged, fidelity=fidelity, device=device or "auto", **settings)
    return Job((peanut.prefetch(4), network), peanut.write, VIDEO_SUFFIXES)
