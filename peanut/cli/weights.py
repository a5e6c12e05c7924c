"""`peanut weights`: see, fetch, check, bring and remove published checkpoints."""

from pathlib import Path

import click

from peanut.weights import cache_folder, store
from peanut.weights.by_hand import add as add_file
from peanut.weights.licences import consequence
from peanut.weights.table import as_markdown, entries


@click.group()
def weights() -> None:
    """Published checkpoints: what there is, what is here, what it may be used for.

    \b
    peanut weights list --licence
    peanut weights pull basicvsr-reds4
    peanut weights add E2FGVI-HQ-CVPR22.pth --as e2fgvi-hq
    \b
    PEANUT_CACHE            the folder they are kept in
    PEANUT_OFFLINE=1        forbids the network
    PEANUT_WEIGHTS_MIRROR   a folder or an address that is tried first
    """


@weights.command("list")
@click.option("--licence", is_flag=True, help="Say what each may be used for.")
@click.option("--markdown", is_flag=True, help="Print the table of the documentation.")
def list_(licence: bool, markdown: bool) -> None:
    """All checkpoints: name, size, whether they are on this machine, licence, network."""
    if markdown:
        click.echo(as_markdown())
        return
    for entry in entries().values():
        sizes = [file.size for file in entry.files]
        size = "?" if None in sizes else f"{sum(filter(None, sizes)) / 1e6:.1f} MB"
        here = "here" if all(store.is_here(store.kept_at(entry, file)) for file in entry.files) else ""
        click.echo(f"{entry.name:32} {size:>10}  {here:5} {entry.licence:12} {entry.network}")
        if licence:
            click.echo(f"    {consequence(entry.licence)}")


@weights.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def pull(names: tuple[str, ...]) -> None:
    """Fetch checkpoints, verify them, and say where they are."""
    for name in names:
        click.echo(store.pull(name))


@weights.command()
def where() -> None:
    """The folder that they are kept in."""
    click.echo(cache_folder())


@weights.command()
@click.argument("name")
def path(name: str) -> None:
    """The file of one checkpoint, fetched if it is not here."""
    click.echo(store.pull(name))


@weights.command()
@click.argument("names", nargs=-1, metavar="[NAME...]")
def verify(names: tuple[str, ...]) -> None:
    """Compute the hashes of what is here again: of all, or of those named."""
    here = [entry.name for entry in entries().values() if store.kept_at(entry, entry.file).exists()]
    for name in names or here:
        store.verify(name)
        click.echo(f"{name}: unchanged")


@weights.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "name", required=True, metavar="NAME", help="Which checkpoint it is.")
def add(file: Path, name: str) -> None:
    """Take a file that came another way, after verifying it."""
    click.echo(add_file(file, name))


@weights.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--forget", is_flag=True, help="Forget the hash of the first file that came, too: it was a wrong one.")
def remove(names: tuple[str, ...], forget: bool) -> None:
    """Remove checkpoints from this machine."""
    for name in names:
        store.remove(name, forget=forget)
        click.echo(f"{name}: removed")
