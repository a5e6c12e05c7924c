"""`peanut weights`: see, fetch, check, bring and remove published checkpoints."""

from pathlib import Path

import click

import peanut
from peanut.trial import PUBLISHED, trial
from peanut.weights import cache_folder, store
from peanut.weights import network as load_network
from peanut.weights.by_hand import add as add_file
from peanut.weights.licences import consequence
from peanut.weights.table import as_markdown, entries


@click.group()
def weights() -> None:
    """Published checkpoints: what there is, what is here, what it may be used for.

    \b
    peanut weights list --licence
    peanut weights pull basicvsr-reds4
    peanut weights try basicvsr-reds4                   see it at work
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


@weights.command("try")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--to",
    metavar="FOLDER",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("peanut-trials"),
    show_default=True,
    help="Folder for the pictures.",
)
@click.pass_context
def try_(context: click.Context, names: tuple[str, ...], to: Path) -> None:
    """See checkpoints at work on a real clip: what they measure, what was to be expected, and a picture.

    Exit status 1 if one does not reach what a right checkpoint does.
    """
    failed = False
    to.mkdir(parents=True, exist_ok=True)
    for name in names:
        network = load_network(name)
        parameters = sum(x.numel() for x in network.parameters())
        click.echo(f"{name}: loaded, {parameters / 1e6:.2f} million parameters")
        done = trial(name, network)
        if done is None:
            click.echo("  PEANUT has no trial for this kind of network.")
            continue
        picture = to / f"{name}.png"
        peanut.sheet(done.shown, rows=3, path=picture, overwrite=True)
        verdict = "as expected" if done.as_expected else "NOT as expected"
        bound = f"at {'least' if done.more_is_better else 'most'} {done.least:g}"
        click.echo(f"  {done.said.format(measured=done.measured)}; expected: {bound}: {verdict}")
        if name in PUBLISHED:
            click.echo(f"  published: {PUBLISHED[name]}, which this clip is not")
        click.echo(f"  {picture}")
        failed |= not done.as_expected
    context.exit(int(failed))


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
