"""`peanut dataset`: choose the clips of a test set, check their masks, count them, look at them."""

import json
from collections.abc import Iterable
from typing import Any

import click
from tqdm import tqdm

import peanut
from peanut.cli.chosen import built
from peanut.cli.job import FILE
from peanut.cli.prompt import reader_of
from peanut.data import Clip, open_dataset
from peanut.errors import UsageError, pick
from peanut.pipeline import FrameStage
from peanut.test_set import tables
from peanut.test_set.check import check as check_clip
from peanut.test_set.choose import BY, nanodet
from peanut.test_set.choose import choose as choose_clips
from peanut.test_set.plots import plots
from peanut.test_set.sheet import before_after_sheet, frames_sheet, prompts_sheet, write_sheet
from peanut.test_set.statistics import statistics as statistics_of

DATASET = click.argument("name", metavar="DATASET", type=FILE)
EVERY = click.option(
    "--every", type=click.IntRange(1), default=1, show_default=True, metavar="N", help="Look at every N-th frame only."
)
SPLIT = click.option("--split", metavar="NAME", help="Of a dataset that has splits: which one.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
SHEETS = {"frames": frames_sheet, "prompts": prompts_sheet, "before-after": before_after_sheet}


@click.group()
def dataset() -> None:
    """Make a test set, and look at others: choose clips, check their masks, count, show.

    \b
    peanut dataset choose videos/ --by time             which clips move most
    peanut dataset check davis:data/DAVIS               which masks would mislead, and why
    peanut dataset statistics davis:data/DAVIS ours.toml --plot old-and-new.png
    peanut dataset sheet ours.toml -o prompts.png --kind prompts
    """


@dataset.command()
@DATASET
@SPLIT
@click.option(
    "--by",
    type=click.Choice(list(BY)),
    default="all",
    show_default=True,
    help="What to rank by: an ability, a figure, or the mean of the four abilities.",
)
@click.option("--detect", is_flag=True, help="Count objects of one class as alike, whatever they look like (NanoDet).")
@EVERY
@JSON
def choose(name: str, split: str | None, by: str, detect: bool, every: int, as_json: bool) -> None:
    """Rank the clips of DATASET by what a test set is to ask for: alike objects, motion, structure, clear subjects.

    A dataset is a manifest (.toml), a folder of clips, or KIND:PATH, such as davis:data/DAVIS.
    """
    clips = _clips(name, split)
    found = choose_clips(clips, by=by, every=every, detector=nanodet() if detect else None)
    _print([tables.of_candidate(one) for one in found] if as_json else tables.of_candidates(found))


@dataset.command()
@DATASET
@SPLIT
@click.option(
    "--with",
    "second",
    metavar="FINDER",
    help="Compare the masks with those of a second finder, too: moving, named:WORD,WORD or prompt:TEXT.",
)
@EVERY
@JSON
def check(name: str, split: str | None, second: str | None, every: int, as_json: bool) -> None:
    """Find the clips of DATASET whose masks would mislead: shifted, grown, flickering, swapped; and say why.

    A dataset is a manifest (.toml), a folder of clips, or KIND:PATH, such as davis:data/DAVIS.
    """
    finder = None if second is None else _finder(second)
    found = [check_clip(clip, every=every, finder=finder) for clip in _clips(name, split)]
    _print([tables.of_check(one) for one in found] if as_json else tables.of_checked(found))


@dataset.command()
@click.argument("names", metavar="DATASET...", nargs=-1, required=True, type=FILE)
@click.option("--title", "titles", multiple=True, metavar="TEXT", help="What a DATASET is called, once for each.")
@click.option("--plot", metavar="OUT", type=FILE, help="Draw them side by side, too: png, pdf or svg.")
@EVERY
@JSON
def statistics(names: tuple[str, ...], titles: tuple[str, ...], plot: str | None, every: int, as_json: bool) -> None:
    """Count and measure datasets side by side: lengths, sizes, objects, motion, texture, sentences.

    A dataset is a manifest (.toml), a folder of clips, or KIND:PATH, such as davis:data/DAVIS.
    """
    if titles and len(titles) != len(names):
        raise UsageError(f"--title is given {len(titles)} times for {len(names)} DATASET: give it once for each.")
    called = titles or tuple(open_dataset(name).name for name in names)
    if len(set(called)) < len(called):
        raise UsageError("two datasets are called the same: --title tells them apart.")
    found = statistics_of({one: _clips(name) for one, name in zip(called, names, strict=True)}, every=every)
    _print([tables.of_dataset(one) for one in found.values()] if as_json else tables.of_statistics(found))
    if plot is not None:
        plots(found, plot)
        click.echo(plot, err=as_json)


@dataset.command()
@DATASET
@click.option("-o", "--output", required=True, metavar="OUT", type=FILE, help="png, jpg or webp.")
@SPLIT
@click.option(
    "--clip", "wanted", multiple=True, metavar="NAME", help="Show this clip alone; more than once for several."
)
@click.option(
    "--kind",
    type=click.Choice(list(SHEETS)),
    default="frames",
    show_default=True,
    help="Five frames of each clip; one frame under each sentence; or five frames before and after.",
)
@click.option(
    "--width", type=click.IntRange(32, 4096), default=320, show_default=True, metavar="PIXELS", help="Of each image."
)
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
def sheet(
    name: str, output: str, split: str | None, wanted: tuple[str, ...], kind: str, width: int, overwrite: bool
) -> None:
    """Show the clips of DATASET as one picture.

    A dataset is a manifest (.toml), a folder of clips, or KIND:PATH, such as davis:data/DAVIS.
    """
    opened = open_dataset(name, split)
    clips = [opened[clip] for clip in wanted] if wanted else opened
    write_sheet(output, lambda: SHEETS[kind](clips, width), overwrite=overwrite)
    click.echo(output)


def _clips(name: str, split: str | None = None) -> Iterable[Clip]:
    """The clips of a dataset, with a bar on a terminal."""
    shown: Iterable[Clip] = tqdm(open_dataset(name, split), unit=" clips", disable=None)
    return shown


def _print(found: Any) -> None:
    click.echo(found if isinstance(found, str) else json.dumps(found, indent=1))


def _finder(text: str) -> FrameStage:
    """The second finder that `--with` names."""
    kind, _, words = text.partition(":")
    make = pick("finder", kind, {"moving": _moving, "named": _named, "prompt": _prompt})
    if kind != "moving" and not words:
        raise UsageError(f"--with {kind} needs words: --with {kind}:{'dog,person' if kind == 'named' else 'TEXT'}.")
    return make(words)


def _moving(_: str) -> FrameStage:
    return peanut.MovingObjects(grow=0)


def _named(words: str) -> FrameStage:
    return peanut.Named(*(word.strip() for word in words.split(",")), grow=0)


def _prompt(text: str) -> FrameStage:
    chosen = reader_of(text, "auto", {"grow": 0, "shadows": False}, explain=False)
    stage: FrameStage
    (stage,) = built(chosen, device=None, preset=None)
    return stage
