"""`peanut erase`: masks and what is behind them, in one go."""

from functools import partial
from typing import Any

import click

import peanut
from peanut.cli.chosen import Chosen, built
from peanut.cli.finding import finder_of, finding
from peanut.cli.job import FILE, VIDEO_SUFFIXES, Job, job
from peanut.cli.prompt import explained
from peanut.cli.upscale import RESTORERS
from peanut.errors import UsageError


@click.command()
@job
@click.option(
    "--masks",
    metavar="PATH",
    type=FILE,
    help="Masks made before: a video, a folder of pictures, or one picture; white = remove.",
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
@finding
@click.option(
    "--model",
    type=click.Choice(["flow", "nof", "perframe"]),
    default="flow",
    show_default=True,
    help="flow: what the video shows at other times, no model files; nof: NOF-Eraser (E2FGVI-HQ, non-commercial);"
    " perframe: each frame alone, the baseline, flickers.",
)
@click.option("--blur", is_flag=True, help="Instead of --model: blur what is masked beyond recognition.")
@click.option("--pixelate", is_flag=True, help="Instead of --model: show what is masked in large squares.")
@click.option(
    "--restore",
    type=click.Choice(list(RESTORERS)),
    help="Afterwards: take away noise, blur or traces of compression, at the same size (BasicVSR++: fetches weights).",
)
@click.option(
    "--upscale",
    metavar="SCALE",
    help="Afterwards: 4 makes it four times as large and sharp, by BasicVSR++. In its place a name of `peanut weights "
    "list` or a file: basicvsr-reds4 comes from the package index.",
)
@click.option(
    "--crf",
    type=click.IntRange(0, 63),
    metavar="NUMBER",
    default=16,
    show_default=True,
    help="Quality of the video written, 0 to 63; lower is better and larger.",
)
@click.option(
    "--report",
    metavar="PAGE.html",
    type=FILE,
    help="Write a page of the frames in which most was invented, before and after, and of what the run is unsure of.",
)
@click.option("--audio/--no-audio", default=True, help="Carry the sound over (on by default).")
def erase(
    given: dict[str, Any],
    masks: str | None,
    objects: tuple[int, ...],
    masks_by: str | None,
    missing_masks: str | None,
    model: str,
    blur: bool,
    pixelate: bool,
    restore: str | None,
    upscale: str | None,
    crf: int,
    report: str | None,
    audio: bool,
    device: str | None,
    preset: str | None,
) -> Job:
    """Read IN, remove what the masks cover, write OUT. What is to be removed is said in exactly one way.

    \b
    peanut erase street.mp4 -o clean.mp4 --moving
    peanut erase street.mp4 -o clean.mp4 --masks masks.mkv --grow 2
    peanut erase street.mp4 -o clean.mp4 --masks logo.png
    peanut erase street.mp4 -o clean.mp4 --box 80%,5%,15%,10%
    peanut erase street.mp4 -o clean.mp4 --faces --blur
    peanut erase street.mp4 -o clean.mp4 --masks Annotations/street --object 2
    peanut erase videos/ -o clean/ --masks logo.png --preset fast
    peanut erase street.mp4 -o frames/ --moving --start 1:05 --stop 1:20 --max-size 960
    """
    finder = finder_of(given, masks=masks, object=objects, by=masks_by, missing=missing_masks)
    if given["explain"]:
        return explained(finder, device=device, preset=preset)
    stages = built(finder, _filler(model, blur, pixelate), *_sharpeners(restore, upscale), device=device, preset=preset)
    sink = partial(peanut.write, audio=audio, crf=crf)
    if report is not None:  # of what was erased: sharpening comes after it
        stages = [peanut.remember(), *stages[:2], peanut.report(report), *stages[2:]]
    return Job((peanut.prefetch(4), *stages, peanut.prefetch(4)), sink, VIDEO_SUFFIXES)


def _sharpeners(restore: str | None, upscale: str | None) -> list[Chosen]:
    """What comes after the eraser: restored first, then enlarged."""
    chosen: dict[str, dict[str, Any]] = {}
    if restore is not None:
        chosen["--restore"] = {"model": RESTORERS[restore]}
    if upscale is not None:
        if upscale.isdecimal() and upscale != "4":
            raise UsageError(f"--upscale is 4 (four times as large) or a name of `peanut weights list`, got {upscale}.")
        chosen["--upscale"] = {"scale": 4} | ({"model": upscale} if upscale != "4" else {})
    live = {"lookahead": 0}
    return [Chosen(option, peanut.URNet, settings, learned=True, live=live) for option, settings in chosen.items()]


def _filler(model: str, blur: bool, pixelate: bool) -> Chosen:
    """What becomes of the masked pixels. Raises UsageError where more than one way is given."""
    source = click.get_current_context().get_parameter_source("model")
    ways = {
        "--blur": blur,
        "--pixelate": pixelate,
        "--model": source is not click.core.ParameterSource.DEFAULT,
    }
    given = [option for option, is_given in ways.items() if is_given]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} are two ways to fill what is masked: choose one.")
    if given and given[0] != "--model":
        return Chosen(given[0], peanut.Blur if blur else peanut.Pixelate)
    eraser = {"flow": peanut.FlowEraser, "nof": peanut.NOFEraser, "perframe": peanut.PerFrame}[model]
    return Chosen(f"--model {model}", eraser, learned=model == "nof")
