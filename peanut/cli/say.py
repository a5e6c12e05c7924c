"""What went wrong, in words."""

import click


def say(sentence: str, error: BaseException | None) -> None:
    """One sentence, and below it the notes of the error and of those that it came from, each once."""
    click.echo(f"peanut: {sentence}", err=True)
    told: dict[str, None] = {}
    while error is not None:
        told |= dict.fromkeys(getattr(error, "__notes__", ()))
        error = error.__cause__ or error.__context__
    for note in told:
        click.echo(f"        {note}", err=True)
