"""Options that say what to remove, and the stages that options choose."""

import functools
import re
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import chain
from math import ceil, floor
from typing import Any

import click

import peanut
from peanut.cli.chosen import Chosen
from peanut.cli.job import with_options
from peanut.cli.prompt import READERS, reader_of
from peanut.errors import UsageError

FINDING = (
    click.option("--moving", is_flag=True, help="Find what moves against the camera's own motion."),
    click.option("--shadows", is_flag=True, help="With --moving or --prompt: find the shadows of what moves, too."),
    click.option("--faces", is_flag=True, help="Find faces (CenterFace: fetches weights). No finder finds all."),
    click.option(
        "--prompt",
        metavar="TEXT",
        help="Find what this sentence means: read by SAMWISE or SAM 3 where their weights are on this machine, else by "
        "a grammar, with nothing to fetch.",
    ),
    click.option(
        "--prompt-by",
        type=click.Choice(["auto", *READERS]),
        help="With --prompt: what reads it. auto takes the first that is on this machine.",
    ),
    click.option(
        "--explain",
        is_flag=True,
        help="With --prompt: erase nothing, but say how it was understood and what was measured, and write a sheet.",
    ),
    click.option(
        "--box",
        "boxes",
        multiple=True,
        metavar="X,Y,W,H",
        help="Take a rectangle, the same in all frames: left, top, width and height, each in pixels of the frame or in "
        "percent of its width or height (80%,5%,15%,10%); more than once for several.",
    ),
    click.option("--color", metavar="COLOR", help="Find what has this color: green, blue (the screens) or #rrggbb."),
    click.option(
        "--tolerance",
        type=click.FloatRange(0),
        metavar="DISTANCE",
        help="With --color: how far a color may lie from it (0.07; 0.02 is about a visible step).",
    ),
    click.option(
        "--grow",
        type=click.IntRange(0),
        metavar="PIXELS",
        help="Make the masks larger on all sides. Not given: what is found by --moving or --prompt by 1/160 of the "
        "longer side, all others by nothing.",
    ),
)
LEARNED = (
    click.option(
        "--device", metavar="DEVICE", help="Where networks compute: auto (the default), cpu, cuda, cuda:1, mps."
    ),
    click.option(
        "--preset",
        metavar="NAME",
        help="How much work is done: quality, fast; with --model nof also balanced and live.",
    ),
)


def finder_of(given: dict[str, Any], *, masks: str | None = None, **of_masks: Any) -> Chosen:
    """The stage that makes the masks, of the options in FINDING; exactly one way must be given.

    masks, of_masks: of `erase`, masks made before and what is said of them.
    """
    ways = {
        "--masks": masks is not None,
        "--moving": given["moving"],
        "--faces": given["faces"],
        "--prompt": given["prompt"] is not None,
        "--box": bool(given["boxes"]),
        "--color": given["color"] is not None,
    }
    named = [option for option, is_given in ways.items() if is_given]
    if not named:
        known = "--moving, --faces, --prompt TEXT, --box X,Y,W,H or --color COLOR"
        raise UsageError(f"say what to remove, in one way: {'--masks PATH, ' if of_masks else ''}{known}.")
    if len(named) > 1:
        raise UsageError(f"{named[0]} and {named[1]} are two ways to say what to remove: choose one.")
    if given["shadows"] and not given["moving"] and given["prompt"] is None:
        raise UsageError("--shadows goes with --moving and --prompt: other masks are taken as they are.")
    if (given["explain"] or given["prompt_by"] is not None) and given["prompt"] is None:
        raise UsageError("--explain and --prompt-by go with --prompt.")
    if given["tolerance"] is not None and given["color"] is None:
        raise UsageError("--tolerance goes with --color alone.")
    told = {name: value for name, value in of_masks.items() if value}
    if told and masks is None:
        raise UsageError("--object, --masks-by and --missing-masks go with --masks alone.")
    return _chosen(named[0], given, masks, told)


def _chosen(option: str, given: dict[str, Any], masks: str | None, of_masks: dict[str, Any]) -> Chosen:
    grow = given["grow"]
    if option == "--masks":
        made = functools.partial(peanut.masks, str(masks), **of_masks)
        return Chosen(option, lambda: made() | peanut.grow(grow) if grow else made())
    if option == "--moving":
        return Chosen(option, peanut.MovingObjects, {"grow": grow, "shadows": given["shadows"]})
    if option == "--faces":
        return Chosen(option, lambda: peanut.Faces() | peanut.grow(grow) if grow else peanut.Faces())
    if option == "--prompt":
        settings = {"grow": grow, "shadows": given["shadows"]}
        return reader_of(given["prompt"], given["prompt_by"] or "auto", settings, explain=given["explain"])
    if option == "--box":
        return Chosen(option, boxes, {"given": [_box(text) for text in given["boxes"]], "grow": grow or 0})
    near = {} if given["tolerance"] is None else {"tolerance": given["tolerance"]}
    return Chosen(option, peanut.ColorKey, {"color": given["color"], "grow": grow or 0, **near})


Edge = tuple[Fraction, bool]
"""A number, and whether it is in percent."""


def _box(text: str) -> tuple[Edge, ...]:
    """The left, top, width and height that a user wrote. Raises UsageError for anything else."""
    parts = [re.fullmatch(r"\s*(-?\d+(?:\.\d+)?)\s*(%?)\s*", part) for part in text.split(",")]
    numbers = [(Fraction(part[1]), bool(part[2])) for part in parts if part is not None]
    if len(parts) != 4 or len(numbers) != 4 or any(n.denominator > 1 and not percent for n, percent in numbers):
        raise UsageError(
            f"--box {text}: a box is x,y,w,h, in whole pixels or percent, as 1600,40,300,120 or 80%,5%,15%,10%."
        )
    if numbers[2][0] <= 0 or numbers[3][0] <= 0:
        raise UsageError(f"--box {text}: its width and height must be above 0.")
    return tuple(numbers)


@peanut.stage(latency=0, memory=1)
def boxes(frames: peanut.FrameStream, given: list[tuple[Edge, ...]], grow: int) -> Iterator[peanut.Frame]:
    """FixedRegion with boxes that become pixels when the first frame tells the size; parts of pixels are covered."""
    first = next(frames, None)
    if first is None:
        return
    h, w = first.size
    region = peanut.FixedRegion(*(_pixels(box, h, w) for box in given), grow=grow)
    yield from region(chain([first], frames))


def _pixels(box: tuple[Edge, ...], h: int, w: int) -> tuple[int, int, int, int]:
    x, y, width, height = (
        number * whole / 100 if percent else number for (number, percent), whole in zip(box, (w, h, w, h), strict=True)
    )
    return floor(x), floor(y), ceil(x + width), ceil(y + height)


def finding(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of FINDING, as one dict `given`, and those of LEARNED."""
    names = ("moving", "shadows", "faces", "prompt", "prompt_by", "explain", "boxes", "color", "tolerance", "grow")

    @functools.wraps(command)
    def gathered(**options: Any) -> Any:
        return command({name: options.pop(name) for name in names}, **options)

    return with_options((*FINDING, *LEARNED), gathered)
