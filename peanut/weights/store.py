"""The cache folder: files are fetched once, verified, and moved into place whole.

Beside every file lies `FILE.json` with the sha256 and size that it had when it was verified. Without it a file counts
for nothing; where no hash is published it is also the memory of the first one seen.
"""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

from peanut.errors import UsageError, pick
from peanut.weights.http import Failed
from peanut.weights.licences import consequence
from peanut.weights.sources import cache_folder, fetch, locked, mirrored, sha256_of
from peanut.weights.table import Entry, File, entries

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).parent / "shipped"
"""The folder of the few small files that come with PEANUT."""


def is_shipped(file: File) -> bool:
    """Whether a file comes with PEANUT."""
    return file.sources[:1] == ("package:",)


def pull(name: str) -> Path:
    """The published file of a checkpoint, from the cache or fetched into it: verified, whole, its licence told.

    Raises UsageError for a name that the table does not have, and if no source gives the file that was published.
    """
    entry = pick("weights", name, entries())
    for file in entry.files:
        fetched(entry, file)
    return kept_at(entry, entry.file)


def fetched(entry: Entry, file: File) -> Path:
    """One file of an entry; two processes at once fetch it once."""
    kept = kept_at(entry, file)
    if is_here(kept):
        return kept
    if is_shipped(file):
        raise UsageError(f"{entry.name} came with PEANUT and is missing: install PEANUT again.")
    with locked(kept):
        if is_here(kept) or _came_by_hand(kept, file):
            return kept
        size = "size not published" if file.size is None else f"{file.size / 1e6:.1f} MB"
        log.warning("%s: fetching %s (%s). Licence: %s.", entry.name, file.name, size, consequence(entry.licence))
        _obtain(entry, file, kept)
    return kept


def kept_at(entry: Entry, file: File) -> Path:
    """Where a file lies or would lie: entries of the same file share it; what came with PEANUT lies there."""
    if is_shipped(file):
        return SHIPPED / file.name
    first = entry.file.sha256
    return cache_folder() / "weights" / (first[:16] if len(first) == 64 else entry.name) / file.name


def here(name: str) -> bool:
    """Whether all files of a checkpoint are on this machine. Raises UsageError for a name that the table has not."""
    entry = pick("weights", name, entries())
    return all(is_here(kept_at(entry, file)) for file in entry.files)


def record_of(kept: Path) -> dict[str, Any]:
    """What was noted when a file was verified: `sha256`, `bytes`, `source`; empty if it never was."""
    try:
        return dict(json.loads(_note(kept).read_text()))
    except (OSError, ValueError):  # none, or the machine went down while it was written: the file is verified again
        return {}


def is_here(kept: Path) -> bool:
    """Whether a file was verified and still has its size; its hash is computed again by `verify` alone."""
    if kept.parent == SHIPPED:
        return kept.exists()
    return kept.exists() and record_of(kept).get("bytes") == kept.stat().st_size


def verify(name: str) -> None:
    """Compute the hashes of what is in the cache again. Raises UsageError if it is not there, or not what it was."""
    entry = pick("weights", name, entries())
    for file in entry.files:
        kept = kept_at(entry, file)
        if is_shipped(file):
            _verify_shipped(entry, file, fetched(entry, file))
            continue
        if not kept.exists():
            raise UsageError(f"{name} is not on this machine: `peanut weights pull {name}` fetches it.")
        try:
            _check(kept, file, record_of(kept))
        except Failed as error:
            raise UsageError(
                f"{kept} is damaged: {error}. `peanut weights remove {name}` removes it, `pull` fetches it again."
            ) from error


def _verify_shipped(entry: Entry, file: File, kept: Path) -> None:
    try:
        _check(kept, file, {})
    except Failed as error:
        raise UsageError(f"{entry.name} came with PEANUT and is damaged ({error}): install PEANUT again.") from error


def remove(name: str, *, forget: bool = False) -> None:
    """Remove an entry's files and what was converted from them.

    A hash that nobody published stays remembered, unless `forget`: then the next file that comes is the first again.
    Raises UsageError if nothing is there.
    """
    entry = pick("weights", name, entries())
    if is_shipped(entry.file):
        raise UsageError(f"{name} came with PEANUT, and stays.")
    places = [kept_at(entry, file) for file in entry.files]
    remembered = forget and any(_note(kept).exists() for kept in places)
    if not remembered and not any(kept.exists() or list(kept.parent.glob(f"{kept.name}.part*")) for kept in places):
        raise UsageError(f"{name} is not on this machine.")
    for kept, file in zip(places, entry.files, strict=True):
        with locked(kept):
            for converted in kept.parent.glob(f"{record_of(kept).get('sha256', '?')[:16]}-*.safetensors"):
                converted.unlink()
            _clear(part_of(kept))
            kept.unlink(missing_ok=True)
            if forget or len(file.sha256) == 64:
                _note(kept).unlink(missing_ok=True)


def _came_by_hand(kept: Path, file: File) -> bool:
    """Whether a file lies there that was put there by hand and is right; another is removed."""
    if not kept.exists():
        return False
    try:
        admit(kept, kept, file, "by hand")
    except Failed as error:
        log.warning("%s: %s; it was removed.", kept, error)
        return False
    return True


def _obtain(entry: Entry, file: File, kept: Path) -> None:
    """Fetch from the first source that gives the published file. Raises UsageError that says what each one said."""
    part, reasons = part_of(kept), []
    for source in mirrored(_names(entry, file), file.sources):
        if not file.sha256:
            _clear(part)  # only a hash can tell that a continued file is of one piece
        try:
            fetch(source, part, size=file.size)
            admit(part, kept, file, source)
            return _clear(part)
        except Failed as error:
            reasons.append(f"{source}: {error}")
            log.info("%s: %s", entry.name, reasons[-1])
        except OSError as error:
            raise UsageError(f"{part} cannot be written ({error.strerror or error}).") from error
    raise UsageError(
        f"{entry.name}: {file.name} cannot be had. {'; '.join(reasons)}. If you have the file:"
        f" `peanut weights add {file.name} --as {entry.name}`."
    )


def _names(entry: Entry, file: File) -> tuple[str, ...]:
    """What a file is called at a mirror. Of files that belong together many have the same names, such as config.json:
    they lie in a folder of the row's name, and outside of it only a hash can tell whose they are.
    """
    inside = f"{entry.name}/{file.name}"
    if len(entry.files) == 1:
        return (file.name,)
    return (inside, file.name) if len(file.sha256) == 64 else (inside,)


def admit(came: Path, kept: Path, file: File, source: str) -> None:
    """Move a file that came to its place, and note its hash. Raises Failed, and removes it, if it is another."""
    try:
        found = _check(came, file, record_of(kept))
    except Failed:
        came.unlink()
        raise
    if len(file.sha256) < 64:
        known = f"of which {file.sha256} is published" if file.sha256 else "which nobody published"
        log.warning("%s: its sha256, %s, is remembered from now on: %s.", file.name, known, found)
    note = {"sha256": found, "bytes": came.stat().st_size, "source": source}
    _note(kept).write_text(json.dumps(note))
    came.replace(kept)


def _check(path: Path, file: File, record: dict[str, Any]) -> str:
    """The sha256 of a file, compared with what was published, or seen first. Raises Failed if it is another."""
    size, found = path.stat().st_size, sha256_of(path)
    if file.size is not None and size != file.size:
        raise Failed(f"it has {size} bytes, not {file.size}")
    if not found.startswith(file.sha256):
        raise Failed(f"its sha256 is {found}, not {file.sha256}")
    first = record.get("sha256", "") if len(file.sha256) < 64 else ""
    if not found.startswith(first):
        raise Failed(
            f"its sha256 is {found}, not {first} as of the first file that came (noted in {file.name}.json); if that"
            " was a wrong one, `peanut weights remove NAME --forget` forgets it"
        )
    return found


def part_of(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.part")


def _note(kept: Path) -> Path:
    return kept.with_name(f"{kept.name}.json")


def _clear(part: Path) -> None:
    """Remove a half file, and what clients keep beside it to go on."""
    for path in part.parent.glob(f"{part.name}*"):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
