"""What a run reads, as the file system sees it: `./clip.mp4`, a hard link and a redirected `-` are one file."""

import os
import sys
from pathlib import Path
from stat import S_ISREG
from typing import Any

import attrs

from peanut.video.patterns import is_pattern, matching


@attrs.frozen
class Reading:
    """A file or folder that the run reads, as it was when the run began."""

    name: str
    stat: os.stat_result

    def is_file(self, other: os.stat_result | None) -> bool:
        """Whether `other` is the same file or folder, whatever it is called now."""
        return other is not None and os.path.samestat(self.stat, other)

    def changed(self) -> bool:
        """Whether a file has been written into since; one that was put in its place is another, and no change."""
        now = stat_of(self.name)
        return S_ISREG(self.stat.st_mode) and self.is_file(now) and marks(now) != marks(self.stat)


def readings(what: Any, *, folders: bool) -> list[Reading]:
    """The files that `what` names: a path, a pattern, `-`, a file object. Addresses other than file:// give none.

    folders: their folders too, for an output that is a folder.
    """
    names: list[Any] = [what]
    if isinstance(what, str | Path) and is_pattern(str(what)):
        names = list(matching(str(what)))
    if folders:
        names += sorted({os.path.dirname(os.path.abspath(name)) for name in names if isinstance(name, str | Path)})
    found = [(name, stat_of(name)) for name in names]
    return [Reading(_told(name), stat) for name, stat in found if stat is not None]


def _told(name: Any) -> str:
    return "standard input" if name == "-" else str(getattr(name, "name", name))


def stat_of(what: Any) -> os.stat_result | None:
    """What the system knows of a path, `-` or file object; None where there is nothing on a disk."""
    try:
        if isinstance(what, str | Path):
            standard = what == "-" and sys.stdin is not None
            return os.fstat(sys.stdin.fileno()) if standard else os.stat(str(what).removeprefix("file://"))
        return os.fstat(what.fileno())
    except (OSError, ValueError, AttributeError):  # not there, no path, closed, or without a number
        return None


def marks(stat: os.stat_result | None) -> tuple[int, ...] | None:
    """What changes when a file is written into or another one is put in its place."""
    return None if stat is None else (stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)
