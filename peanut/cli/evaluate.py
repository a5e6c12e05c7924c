"""`peanut evaluate`: pipelines side by side on a dataset."""

from typing import Any

import attrs
import click

from peanut.cli.job import FILE
from peanut.data.named import KINDS, open_dataset
from peanut.errors import UsageError
from peanut.evaluation.evaluate import evaluate as evaluated
from peanut.evaluation.holes import Holes
from peanut.evaluation.named import PLAIN, PROMPTED, NamedPipeline
from peanut.evaluation.protocols import protocol_for
from peanut.evaluation.task import Protocol


class NothingMeasured(Exception):
    """No pipeline came through any task; why was said."""


class _Size(click.ParamType):  # type: ignore[type-arg]
    """WIDTHxHEIGHT -> (h, w)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        width, cross, height = str(value).partition("x")
        if isinstance(value, tuple) or not (cross and width.isdecimal() and height.isdecimal()):
            self.fail(f"{value!r} is no size: write WIDTHxHEIGHT, such as 432x240.", param, ctx)
        if not int(width) or not int(height):
            self.fail("a size must be at least 1x1.", param, ctx)
        return int(height), int(width)


@click.command(
    epilog=f"Kinds of datasets: {', '.join(KINDS)}. Names of pipelines: {', '.join([*PROMPTED, *PLAIN])}.",
)
@click.argument("pipelines", metavar="PIPELINE...", nargs=-1, required=True)
@click.option(
    "--on",
    "dataset",
    required=True,
    metavar="DATASET",
    help="KIND:PATH (davis:data/DAVIS), the manifest of a test set (.toml), or a folder of clips.",
)
@click.option("-o", "--output", required=True, metavar="FOLDER", type=FILE, help="For tables and sheets.")
@click.option("--split", metavar="NAME", help="Not given: the one that is usually measured.")
@click.option(
    "--protocol",
    type=click.Choice(["find", "erase", "remove", "enlarge"]),
    help="What is measured: masks (J&F); erased frames, the masks given; both together, from a sentence; enlarged "
    "frames. Not given: what the dataset is for.",
)
@click.option(
    "--holes",
    metavar="KIND",
    help="With erase: own (the dataset's masks and truth), stationary or objects (the clip itself is the truth), or a "
    "folder with masks for each clip.",
)
@click.option("--size", type=_Size(), metavar="WIDTHxHEIGHT", help="With erase: resize all; 432x240 as published.")
@click.option("--every", type=click.IntRange(1), metavar="N", help="Run every N-th frame alone. Not with enlarge.")
@click.option("--only", multiple=True, metavar="CLIP", help="This clip alone; more than once for several.")
@click.option("--overwrite", is_flag=True, help="Begin anew; else what FOLDER has already is not measured again.")
def evaluate(
    pipelines: tuple[str, ...],
    dataset: str,
    output: str,
    split: str | None,
    protocol: str | None,
    only: tuple[str, ...],
    overwrite: bool,
    **how: Any,
) -> None:
    """Measure each PIPELINE on a dataset: a name, several joined with "|", or MODULE:ATTRIBUTE of your own, a stage or
    a function that makes one for a task.

    \b
    peanut evaluate flow telea mine:MyEraser --on composites/ -o results/
    peanut evaluate moving phrase --on ref-davis:data/DAVIS -o results/ --every 5
    peanut evaluate "phrase | flow" --on test-set.toml -o results/
    peanut evaluate flow nof --on davis:data/DAVIS --protocol erase -o results/
    peanut evaluate lanczos ur-net --on reds4:data/REDS -o results/
    """
    clips = open_dataset(dataset, split)
    chosen = adjusted(protocol_for(clips, protocol), **how)
    named = {text: NamedPipeline(text) for text in pipelines}
    found = evaluated(named, clips, output, protocol=chosen, only=only, overwrite=overwrite)
    click.echo(found)
    click.echo(f"{output.rstrip('/')}/results.md")
    if all(result.error for row in found.rows.values() for _, result in row):
        raise NothingMeasured(f"every task failed; {output.rstrip('/')}/results.md says why.")


def adjusted(protocol: Protocol, **how: Any) -> Protocol:
    """The protocol with what the options say. Raises UsageError for an option that it has no use for."""
    settings = {name: value for name, value in how.items() if value is not None}
    if "holes" in settings:
        settings["holes"] = Holes(settings["holes"])
    known = attrs.fields_dict(type(protocol))  # type: ignore[arg-type]
    for name in settings:
        if name not in known:
            raise UsageError(f"--{name} has no meaning for --protocol {type(protocol).__name__.lower()}.")
    return attrs.evolve(protocol, **settings)  # type: ignore[misc]
