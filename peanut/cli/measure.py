"""`peanut measure`: how near a video comes to the truth."""

import json

import click

from peanut.cli.job import FILE
from peanut.evaluation.measure import measure as measured


@click.command()
@click.argument("result", metavar="RESULT", type=FILE)
@click.argument("truth", metavar="TRUTH", type=FILE)
@click.option(
    "--masks",
    metavar="PATH",
    type=FILE,
    help="What was erased, white: PSNR is then measured inside it, in a ring around it and outside, and flicker, too.",
)
@click.option(
    "--of",
    type=click.Choice(["images", "masks"]),
    default="images",
    show_default=True,
    help="masks: both are masks, white = masked; J, F and J&F are measured.",
)
@click.option(
    "--perceptual/--no-perceptual",
    default=None,
    help="Measure LPIPS, and fetch its weights (244 MB); not given, it is measured if they are here.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def measure(result: str, truth: str, masks: str | None, of: str, perceptual: bool | None, as_json: bool) -> None:
    """Compare RESULT with TRUTH, frame by frame: videos, folders of pictures, or patterns, of the same size and length.

    \b
    peanut measure clean.mp4 background.mp4 --masks masks.mkv
    peanut measure found/ Annotations/bear/ --of masks --json
    """
    found = measured(result, truth, masks, of=of, perceptual=perceptual)  # type: ignore[arg-type]
    click.echo(json.dumps({"frames": found.frames, **found.figures}) if as_json else str(found))
