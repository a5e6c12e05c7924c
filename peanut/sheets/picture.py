"""Writing one picture, or one that moves: under its name when it is complete, and never over what is read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.video.target import Target

STILL, MOVING = (".png", ".jpg", ".jpeg", ".webp"), (".gif",)
"""How the name of a sheet may end, and that of a comparison that blinks."""
LONGEST = {".jpg": 65500, ".jpeg": 65500, ".webp": 16383, ".gif": 65535}
"""Pixels of a side that a format holds at most."""


@contextmanager
def written(
    who: str, path: str | Path, streams: Iterable[Iterable[Frame]], endings: tuple[str, ...], overwrite: bool
) -> Iterator[Callable[..., None]]:
    """Where a picture goes: `save(image, **options)` inside.

    Raises UsageError before anything is read where it cannot go there.
    """
    if not isinstance(path, str | Path) or Path(path).suffix.lower() not in endings:
        raise UsageError(f"{who}: {path} must end in {' or '.join(endings)}.")
    with Target(str(path), folder=False, overwrite=overwrite) as target:
        target.refuse(*(file for stream in streams for read in getattr(stream, "reads", ()) for file in _files(read)))
        target.refuse_what_is_there()
        yield partial(_save, who, path, target)


def _save(who: str, path: str | Path, target: Target, image: Image.Image, **options: Any) -> None:
    suffix = Path(path).suffix.lower()
    if max(image.size) > LONGEST.get(suffix, max(image.size)):
        w, h = image.size
        other = "" if suffix == ".gif" else "write a png, or "
        raise UsageError(
            f"{who}: {path} would be {w}x{h}, and {suffix} holds at most {LONGEST[suffix]} pixels a side: {other}make "
            "it smaller."
        )
    try:
        try:
            image.save(target.reserve(), **options)
        except BaseException:  # also Ctrl-C: half a picture is none
            target.discard()
            raise
        target.publish()
    except OSError as error:
        raise UsageError(f"{who}: {path} cannot be written ({error.strerror or error}).") from error


def _files(read: Any) -> list[Any]:
    """What is read, and of a folder all that is in it."""
    return [read, *(Path(read).iterdir() if isinstance(read, str | Path) and Path(read).is_dir() else ())]
