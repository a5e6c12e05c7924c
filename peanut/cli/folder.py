"""A folder of videos: one after the other, and one that fails does not stop the others."""

import os
from collections.abc import Callable
from pathlib import Path

import click

from peanut.cli.say import say
from peanut.errors import UsageError
from peanut.video.patterns import SUFFIXES, VIDEOS


class SomeFailed(Exception):
    """Videos of a folder that could not be done; what went wrong was said when it happened."""


def videos_in(source: str) -> list[Path]:
    """The videos of a folder, by name; none where `source` is anything but a folder of videos.

    Raises UsageError for a folder that holds pictures, too.
    """
    if not os.path.isdir(source):
        return []
    here = sorted(path for path in Path(source).iterdir() if path.is_file() and not path.name.startswith("."))
    videos = [path for path in here if path.suffix.lower() in VIDEOS]
    pictures = [path for path in here if path.suffix.lower() in SUFFIXES]
    if videos and pictures:
        raise UsageError(
            f"{source} holds videos ({videos[0].name}) and pictures ({pictures[0].name}): name one video, or the "
            f"pictures by a pattern ({Path(source) / ('*' + pictures[0].suffix)}), or put them in folders of their own."
        )
    return videos


def each(
    videos: list[Path],
    output: str,
    suffixes: tuple[str, ...],
    do: Callable[[str, str], None],
    *,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Do one video after the other, into the folder `output`, under its own name.

    A video that ends in none of `suffixes` gets the first of them added: tape.avi becomes tape.avi.mp4. What is there
    already is passed over, unless `overwrite`. Raises UsageError for what cannot be such a folder, and SomeFailed at
    the end.
    """
    folder = _folder(output, videos, make=not dry_run)
    failed = []
    for video in videos:
        target = str(folder / (video.name if video.suffix.lower() in suffixes else video.name + suffixes[0]))
        if os.path.lexists(target) and not overwrite:
            click.echo(f"{target}: there already, passed over (--overwrite replaces it)")
            continue
        try:
            do(str(video), target)
        except Exception as error:
            failed.append(video.name)
            say(f"{video.name}: {error}", error)
    if failed:
        raise SomeFailed(f"{len(failed)} of {len(videos)} videos failed: {', '.join(failed)}.")


def _folder(output: str, videos: list[Path], *, make: bool) -> Path:
    folder, source = Path(output), videos[0].parent
    if output == "-" or (folder.suffix and not output.endswith("/") and not folder.is_dir()):
        raise UsageError(f"{source} is a folder of {len(videos)} videos: OUT must be a folder, too (-o clean/).")
    if folder.exists() and folder.samefile(source):
        raise UsageError(f"{output} is the folder that is read; choose another one for what is written.")
    try:
        if make:
            folder.mkdir(exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output} cannot be made: {error.strerror or error}.") from error
    return folder
