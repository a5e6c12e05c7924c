"""Looking into the folders of a dataset, with a sentence where they are not laid out as published."""

import json
from pathlib import Path
from typing import Any

from peanut.data.annotations import LabelPictures, by_file_number
from peanut.errors import UsageError
from peanut.video.images import files


def folder(root: str | Path, *parts: str, of: str) -> Path:
    """A folder of the dataset `of`. Raises UsageError where it is not there, with where it should be."""
    path = Path(root, *parts)
    if not path.is_dir():
        raise UsageError(f"{path} is not there: {of} has it in the layout in which it is published (docs/datasets.md).")
    return path


def lines(path: Path, of: str) -> list[str]:
    """The lines of a list, without empty ones. Raises UsageError where it is not there or no text."""
    try:
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {of} lists its clips there.") from error


def table(path: Path, of: str) -> dict[str, Any]:
    """What a JSON file says. Raises UsageError where it is not there or not such a file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read as JSON: {of} describes its clips there.") from error
    if not isinstance(found, dict):
        raise UsageError(f"{path} holds no table: {of} describes its clips there.")
    return found


def names(path: Path) -> list[str]:
    """The names of the folders in a folder, sorted."""
    return sorted(entry.name for entry in path.iterdir() if entry.is_dir() and not entry.name.startswith("."))


def only_picture(folder: Path) -> Path | None:
    """The picture of a folder that has one alone. Raises UsageError for a folder without pictures."""
    found = files(str(folder))
    return found[0] if len(found) == 1 else None


def label_pictures(frames: Path, masks: Path, known: tuple[int, ...] | None = None) -> LabelPictures | None:
    """The masks of a folder of frames, or of a video, matched by file number; None where there are none."""
    if not masks.is_dir() or not any(masks.iterdir()):
        return None
    return LabelPictures(by_file_number(files(str(frames)) if frames.is_dir() else None, masks), known)
