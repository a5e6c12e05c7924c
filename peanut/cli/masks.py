"""`peanut masks`: find, look, keep, use again."""

from typing import Any

import click

import peanut
from peanut.cli.chosen import built
from peanut.cli.finding import finder_of, finding
from peanut.cli.job import VIDEO_SUFFIXES, Job, job
from peanut.cli.prompt import explained


@click.command()
@job
@finding
@click.option("--overlay", is_flag=True, help="Write the video with the masks tinted, to look at them.")
def masks(given: dict[str, Any], overlay: bool, device: str | None, preset: str | None) -> Job:
    """Find what is to be removed in IN and write the masks to OUT, lossless: look at them, use them many times.

    \b
    peanut masks street.mp4 -o masks.mkv --moving
    peanut masks street.mp4 -o masks.mkv --prompt "the man in the red jacket"
    peanut masks street.mp4 -o look.mp4 --moving --overlay
    """
    finder = finder_of(given)
    if given["explain"]:
        return explained(finder, device=device, preset=preset)
    stages = (peanut.prefetch(4), *built(finder, device=device, preset=preset))
    if overlay:
        return Job((*stages, peanut.overlay()), peanut.write, VIDEO_SUFFIXES)
    return Job(stages, peanut.write_masks, (".mkv", ".mp4"))
