"""`peanut dataset annotate`, `verify` and `make`: the manifest of a test set of one's own."""

from pathlib import Path
from typing import Any

import attrs
import click

from peanut.cli.job import FILE
from peanut.data.manifest import ABILITIES, Entry, as_toml, digest, read_entries
from peanut.data.verify import verify as wrong_with
from peanut.errors import UsageError
from peanut.test_set.make import make as made


class NotRight(Exception):
    """What `verify` finds wrong, when it has been said."""


@click.command()
@click.argument("manifest", metavar="MANIFEST", type=FILE)
@click.option("--name", required=True, metavar="NAME", help="Of the entry, unique.")
@click.option("--clip", required=True, metavar="PATH", help="Pictures or a video, from MANIFEST's folder on.")
@click.option("--masks", required=True, metavar="PATH", help="Label pictures, matched by file number, likewise.")
@click.option("--truth", metavar="PATH", help="The clip without the object, likewise; if it is known.")
@click.option("--first", type=click.IntRange(0), metavar="N", help="The first frame that belongs to it.")
@click.option("--last", type=click.IntRange(0), metavar="N", help="The last one.")
@click.option("--expression", required=True, metavar="TEXT", help="What one says to have the object removed.")
@click.option(
    "--object", type=click.IntRange(1), multiple=True, required=True, metavar="N", help="Its number in the masks."
)
@click.option("--ability", required=True, type=click.Choice(list(ABILITIES)), help="What the entry tests.")
@click.option("--licence", required=True, metavar="TEXT", help="Of the clip.")
def annotate(manifest: str, first: int | None, last: int | None, **said: Any) -> None:
    """Add an entry to MANIFEST, with the sha256 of its files. What is there already stays as it is."""
    if (first is None) != (last is None):
        raise UsageError("--first and --last go together.")
    entry = Entry(**said, range=None if first is None or last is None else (first, last))
    if Path(manifest).exists() and any(one.name == entry.name for one in read_entries(manifest)):
        raise UsageError(f"{manifest} has an entry {entry.name} already: give another --name.")
    entry = attrs.evolve(entry, sha256=digest(Path(manifest).parent, entry))
    with Path(manifest).open("a", encoding="utf-8") as file:
        file.write(("\n" if file.tell() else "") + as_toml(entry))
    for sentence in wrong_with(manifest):
        if sentence.startswith(f"{entry.name}:"):
            click.echo(sentence)
    click.echo(f"{manifest}: {entry.name}")


@click.command()
@click.argument("manifest", metavar="MANIFEST", type=FILE)
def verify(manifest: str) -> None:
    """Say what is wrong with a test set: names, files, masks, objects, truths, sha256. Exit status 1 if anything is."""
    wrong = wrong_with(manifest)
    for sentence in wrong:
        click.echo(sentence)
    if wrong:
        raise NotRight(f"{manifest}: {len(wrong)} things are wrong.")
    click.echo(f"{manifest} is right.")


@click.command()
@click.argument("folder", metavar="FOLDER", type=FILE)
def make(folder: str) -> None:
    """Make our own small test set in a new FOLDER: 12 clips, 24 sentences, with truth (120 MB, about a minute)."""
    click.echo(made(folder))
