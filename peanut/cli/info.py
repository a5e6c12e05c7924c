"""`peanut info`: what a video is."""

import click

import peanut


@click.command()
@click.argument("source", metavar="IN")
def info(source: str) -> None:
    """Say what IN is: size, frames per second, length, codec, colors, sound."""
    click.echo(peanut.info(source))
