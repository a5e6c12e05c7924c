"""Writing one picture, or one that moves: under its name when it is complete, and never over what is read."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.video.target import Target

STILL, MOVING = (".png", ".jpg", ".jpeg", ".webp"), (".gif",)
"""How the name of a sheet may end, and that of a comparison that blinks."""


@contextmanager
def written(
    who: str, path: str | Path, streams: Iterable[Iterable[Frame]], endings: tuple[str, ...], overwrite: bool
) -> Iterator[Callable[[], str]]:
    """Where a picture goes: what this gives makes, when called, the file to save to, which is renamed at the end.

    Raises UsageError, before anything is read, where it cannot go there, and if it cannot be written.
    """
    if Path(path).suffix.lower() not in endings:
        raise UsageError(f"{who}: {path} must end in {' or '.join(endings)}.")
    with Target(str(path), folder=False, overwrite=overwrite) as target:
        target.refuse(*(file for stream in streams for read in getattr(stream, "reads", ()) for file in _files(read)))
        target.refuse_what_is_there()
        try:
            yield target.reserve
            target.publish()
        except OSError as error:
            target.discard()
            raise UsageError(f"{who}: {path} cannot be written ({error.strerror or error}).") from error


def _files(read: Any) -> list[Any]:
    """What is read, and of a folder all that is in it."""
    return [read, *(Path(read).iterdir() if isinstance(read, str | Path) and Path(read).is_dir() else ())]
