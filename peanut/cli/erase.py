"""`peanut erase`: masks and what is behind them, in one go."""

import click

import peanut
from peanut.cli.options import finder_of, reading_options, run, writing_options


@click.command()
@reading_options
@writing_options
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
    finder = finder_of(masks, moving, prompt, shadows, grow, **chosen)
    eraser = {"flow": peanut.FlowEraser, "nof": peanut.NOFEraser, "perframe": peanut.PerFrame}[model]()
    pipeline = frames | peanut.prefetch(4) | finder | eraser | peanut.prefetch(4)
    run(pipeline, peanut.write(output, overwrite=overwrite, audio=audio, crf=crf), output, dry_run)
