"""Checkpoints that came another way than by `pull`."""

import shutil
from pathlib import Path

from peanut.errors import UsageError, pick
from peanut.weights.http import Failed
from peanut.weights.loading import check_fit
from peanut.weights.sources import locked
from peanut.weights.store import admit, is_shipped, kept_at, part_of
from peanut.weights.table import entries


def add(path: Path, name: str) -> Path:
    """Take a file from elsewhere into the cache as that of `name`. Raises UsageError if it is another file.

    Where no hash is published, a file that does not fit the network is another one.
    """
    entry = pick("weights", name, entries())
    if is_shipped(entry.file):
        raise UsageError(f"{name} came with PEANUT: there is nothing to add.")
    named = [file for file in entry.files if file.name == path.name]
    if len(entry.files) > 1 and not named:
        raise UsageError(f"{name} has the files {', '.join(file.name for file in entry.files)}: {path.name} is none.")
    file = named[0] if named else entry.file
    kept = kept_at(entry, file)
    with locked(kept):
        part = part_of(kept).with_suffix(f".part{kept.suffix}")  # its suffix says how it is opened
        try:
            shutil.copyfile(path, part)
            if len(file.sha256) < 64 and file == entry.file:
                check_fit(part, entry)
            admit(part, kept, file, str(path))
        except Failed as error:
            raise UsageError(f"{path} cannot be added as {name}: {error}.") from error
        except UsageError as error:
            raise UsageError(f"{path} cannot be added as {name}. {error}") from error
        except OSError as error:
            raise UsageError(
                f"{path} cannot be added as {name}: {error.strerror or error} ({error.filename or part})."
            ) from error
        finally:
            part.unlink(missing_ok=True)
    return kept
