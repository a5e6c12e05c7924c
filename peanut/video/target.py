"""Where an output goes: under a name of its own until it is complete, and never over what a run reads.

A `Target` is a path, a `Stream` a file object; both take the same calls in the same order: `refuse` what would be
destroyed, `reserve` a place at the first frame, then `publish` what is complete or leave it where it is.
"""

import logging
import os
import re
import secrets
import stat
from pathlib import Path
from typing import Any, BinaryIO

from peanut.errors import ReaderGone, UsageError
from peanut.video.file import name_of
from peanut.video.lock import NameLock
from peanut.video.reading import Reading, marks, readings, stat_of
from peanut.video.rename import exchange, rename_new
from peanut.video.sync import sync

log = logging.getLogger(__name__)

OWN_PICTURE = re.compile(r"\d{6,}\.png")
KINDS = {stat.S_ISFIFO: "pipe (FIFO)", stat.S_ISSOCK: "socket", stat.S_ISCHR: "device", stat.S_ISBLK: "device"}


class Target:
    """The path of an output, locked from `with` on. Raises UsageError for what could not be written in the end.

    given: as the user named it. folder: whether a folder of pictures is meant.
    """

    def __init__(self, given: str, *, folder: bool, overwrite: bool) -> None:
        self.given, self.folder, self.overwrite = given, folder, overwrite
        path = Path(given).absolute()
        self.path = path.resolve() if path.name == ".." or (folder and path.is_dir()) else path
        self.partial: Path | None = None
        self._lock = NameLock(self.path)
        self._read: list[Reading] = []

    def __enter__(self) -> "Target":
        self._check_folder_above()
        try:
            free = self._lock.acquire()
        except OSError as error:
            raise UsageError(f"{self.given} cannot be written: {error.strerror or error}.") from error
        if not free:
            raise UsageError(f"{self.given} is being written by another run: wait for it, or choose another output.")
        self._there = stat_of(self.path)
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def _check_folder_above(self) -> None:
        above = self.path.parent
        if not above.is_dir():
            raise UsageError(f"{self.given} cannot be written: there is no folder {above}.")
        if not os.access(above, os.W_OK):
            raise UsageError(f"{self.given} cannot be written: the folder {above} is read-only.")

    def refuse(self, *reads: Any) -> None:
        """Refuse to replace what the run reads, whatever it is called; it is remembered until the end."""
        self._read += [one for what in reads for one in readings(what, folders=self.folder)]
        self._refuse_source(self._there, "exists already and is")

    def _refuse_source(self, there: os.stat_result | None, how: str) -> None:
        for read in self._read:
            if read.is_file(there):
                raise UsageError(f"{self.given} {how} what this run reads ({read.name}); choose another output.")

    def refuse_what_is_there(self) -> None:
        """Refuse to replace what was not made by `write`, and anything without `overwrite`."""
        if self._there is None and not os.path.lexists(self.path):
            return
        if self._there is None:
            raise UsageError(f"{self.given} is a link that leads nowhere and cannot be replaced.")
        mode = self._there.st_mode
        for is_kind, kind in KINDS.items():
            if is_kind(mode):
                raise UsageError(f"{self.given} is a {kind}, not a file; `-` writes to standard output.")
        if not self.overwrite:
            raise UsageError(f"{self.given} exists already; overwrite=True (--overwrite) replaces it.")
        if stat.S_ISDIR(mode) != self.folder:
            kind = "a file" if self.folder else "a folder"
            raise UsageError(f"{self.given} is {kind} and cannot be replaced.")
        if self.folder:
            self._refuse_foreign_pictures()

    def _refuse_foreign_pictures(self) -> None:
        for entry in os.scandir(self.path):
            if not entry.name.endswith(".png"):
                raise UsageError(
                    f"{self.given} holds other things than PNG and is not replaced; choose another folder."
                )
            if not (OWN_PICTURE.fullmatch(entry.name) and entry.is_file(follow_symlinks=False)):
                raise UsageError(
                    f"{self.given} holds {entry.name}, which write did not make, and is not replaced; choose another "
                    "folder."
                )

    @property
    def told(self) -> str:
        """Where the frames are until the output is complete."""
        return self.given if self.partial is None else str(Path(self.given).parent / self.partial.name)

    def reserve(self) -> str:
        """Make the file or folder that takes the frames: one that was not there, beside the target."""
        stem, suffix = (self.path.name, "") if self.folder else (self.path.stem, self.path.suffix)
        while self.partial is None:
            path = self.path.with_name(f"{stem}.partial-{secrets.token_hex(2)}{suffix}")
            try:
                if self.folder:
                    path.mkdir()
                else:
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
            except FileExistsError:
                continue  # that of an earlier run: it stays
            self.partial = path
        return str(self.partial)

    @property
    def lost(self) -> bool:
        """Whether somebody has removed what was being written."""
        return self.partial is not None and not self.partial.exists()

    def discard(self) -> None:
        """Remove what was reserved and holds no frame."""
        if self.partial is not None and not self.lost:
            self.partial.rmdir() if self.folder else self.partial.unlink()

    def publish(self) -> None:
        """Give the complete output its name. Raises UsageError if something has come or changed there since."""
        assert self.partial is not None
        if not self.folder:
            sync(self.partial)
        now = stat_of(self.path)
        self._refuse_source(now, "is now")
        if now is not None and marks(now) != marks(self._there):
            raise self._came_between()
        try:
            if now is None:
                rename_new(self.partial, self.path)
            elif self.folder:
                self._replace_folder(self.partial)
            else:
                self.partial.replace(self.path)
        except FileExistsError as error:
            raise self._came_between() from error
        sync(self.path.parent)

    def _came_between(self) -> UsageError:
        return UsageError(f"{self.given} was made or changed by another program meanwhile and is not replaced.")

    def _replace_folder(self, partial: Path) -> None:
        self._refuse_foreign_pictures()
        aside = self.path.with_name(partial.name.replace(".partial-", ".replaced-"))
        exchange(partial, self.path, aside)
        try:
            for entry in os.scandir(aside):
                if OWN_PICTURE.fullmatch(entry.name):
                    os.unlink(entry)
            aside.rmdir()
        except OSError as error:
            log.warning("%s is replaced; what it held before could not be removed from %s: %s", self.path, aside, error)


class Stream:
    """A file object, standard output among them: what is written is there at once, and stays."""

    partial, folder, lost = None, False, False

    def __init__(self, file: BinaryIO, *, standard: bool) -> None:
        self.file, self.standard = file, standard
        self.given = self.told = "standard output" if standard else name_of(file)

    def __enter__(self) -> "Stream":
        if getattr(self.file, "closed", False):
            raise UsageError(f"{self.given} is closed; nothing can be written to it.")
        if getattr(self.file, "isatty", bool)():
            raise UsageError(f"{self.given} is a terminal: send the video into a file or a pipe (-o - > clean.mkv).")
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def refuse(self, *reads: Any) -> None:
        """Refuse to write into the file that the run reads."""
        there = stat_of(self.file)
        for read in (one for what in reads for one in readings(what, folders=False)):
            if stat.S_ISREG(read.stat.st_mode) and read.is_file(there):
                raise UsageError(f"{self.given} is what this run reads ({read.name}); choose another output.")

    def refuse_what_is_there(self) -> None:
        """Whoever opened it has decided."""

    def reserve(self) -> Any:
        """What takes the bytes."""
        return StandardOutput(self.file) if self.standard else self.file

    def discard(self) -> None:
        """What has gone through is gone."""

    def publish(self) -> None:
        """Send what the file object holds back."""
        if hasattr(self.file, "flush"):
            self.file.flush()


class StandardOutput:
    """Standard output as PyAV writes into what cannot seek, whatever it was redirected to."""

    name = "standard output"

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, data: bytes) -> int:
        """Write all of it. Raises ReaderGone where nobody reads any more."""
        try:
            return self._file.write(data)
        except BrokenPipeError as error:
            raise ReaderGone("the program that read standard output has ended.") from error

    def seekable(self) -> bool:
        return False
