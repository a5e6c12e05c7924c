"""A test set of one's own: a TOML file with an entry for every sentence, and what is checked of it."""

import hashlib
import json
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, get_type_hints

import attrs

from peanut.data.annotations import LabelPictures, by_file_number
from peanut.data.clip import Clip, Expression
from peanut.data.dataset import Dataset
from peanut.errors import UsageError, pick
from peanut.video.images import files
from peanut.weights.sources import sha256_of

ABILITIES = {
    "language": "several of one class are told apart: by attribute, place or action",
    "time": "large motion of the object and of the camera",
    "structure": "repeated or regular structure behind the object",
    "subject": "the subject is kept, and the others around it are erased",
}
"""What an entry can test. Source: PEANUT's paper, the new test set."""


def _numbers(value: int | Iterable[int]) -> tuple[int, ...]:
    return (value,) if isinstance(value, int) else tuple(value)


def _pair(value: Sequence[int] | None) -> tuple[int, int] | None:
    return None if value is None else (value[0], value[1])


@attrs.frozen(kw_only=True)
class Entry:
    """One sentence about one clip. Paths are relative to the manifest's folder.

    name: unique. clip: a folder of pictures or a video. range: its first and last frame, both included; None: all.
    expression: what a user would say to have the object removed. object: the numbers in the masks that it means.
    ability: a key of `ABILITIES`. licence: of the clip, by its SPDX name or in words. masks: a folder of label
    pictures, matched by file number. truth: the clip without those objects, a folder or a video. sha256: of all these
    files together, as `digest` has it.
    """

    name: str
    clip: str
    masks: str
    expression: str
    object: tuple[int, ...] = attrs.field(converter=_numbers)
    ability: str
    licence: str
    range: tuple[int, int] | None = attrs.field(default=None, converter=_pair)
    truth: str | None = None
    sha256: str = ""


KINDS = get_type_hints(Entry)


@attrs.frozen
class Manifest(Dataset):
    """The test set of a TOML file: entries on the same frames and masks are one clip with several sentences.

    Raises UsageError, when its clips are asked for, for a file that cannot be read as one, and for masks or clips that
    are not there. `verify` checks everything else.
    """

    path: str | Path

    @property
    def name(self) -> str:
        return Path(self.path).stem

    def read_clips(self) -> Sequence[Clip]:
        together: dict[Any, list[Entry]] = {}
        for entry in read_entries(self.path):
            together.setdefault((entry.clip, entry.range, entry.masks), []).append(entry)
        return [clip_of(Path(self.path).parent, entries) for entries in together.values()]


def read_entries(path: str | Path) -> list[Entry]:
    """The entries of a manifest. Raises UsageError, with the entry and the field, for what is none."""
    try:
        said = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not a TOML file: {error}.") from error
    entries = said.get("entry", [])
    if not isinstance(entries, list) or not entries:
        raise UsageError(f"{path} has no [[entry]].")
    return [_entry(path, number, table) for number, table in enumerate(entries, 1)]


def _entry(path: str | Path, number: int, table: Any) -> Entry:
    if not isinstance(table, dict):
        raise UsageError(f"{path}: entry {number} is not a table.")
    name = table.get("name", number)
    for key, value in table.items():
        pick(f"field of entry {name} in {path}", key, KINDS)
        wanted = {"object": "a number or a list of numbers", "range": "[first, last]"}.get(key, "a text")
        if key in ("clip", "masks", "truth") and Path(str(value)).is_absolute():
            raise UsageError(
                f"{path}: entry {name}: {key} must be relative to the folder of the manifest, got {value!r}."
            )
        if not _fits(key, value):
            raise UsageError(f"{path}: entry {name}: {key} must be {wanted}, got {value!r}.")
    needed = [field.name for field in attrs.fields(Entry) if field.default is attrs.NOTHING]
    missing = [one for one in needed if one not in table]
    if missing:
        raise UsageError(f"{path}: entry {name} lacks {', '.join(missing)}.")
    return Entry(**table)


def _fits(key: str, value: Any) -> bool:
    whole = isinstance(value, list) and all(isinstance(one, int) and not isinstance(one, bool) for one in value)
    if key == "object":
        return whole or (isinstance(value, int) and not isinstance(value, bool))
    if key == "range":
        return whole and len(value) == 2 and 0 <= value[0] <= value[1]
    return isinstance(value, str)


def write_entries(path: str | Path, entries: Iterable[Entry]) -> None:
    """Write a manifest anew. Raises OSError where that cannot be done."""
    Path(path).write_text("\n".join(as_toml(entry) for entry in entries), encoding="utf-8")


def as_toml(entry: Entry) -> str:
    """An entry as it stands in a manifest; JSON's texts and lists of numbers are TOML's."""
    said = {key: value for key, value in attrs.asdict(entry).items() if value not in (None, "")}
    return "[[entry]]\n" + "".join(f"{key} = {json.dumps(value, ensure_ascii=False)}\n" for key, value in said.items())


def clip_of(folder: Path, entries: Sequence[Entry]) -> Clip:
    """The clip of entries that have the same frames and masks. Raises UsageError for what is not there."""
    first = entries[0]
    path, start = folder / first.clip, 0 if first.range is None else first.range[0]
    length = None if first.range is None else first.range[1] - start + 1
    said = [
        Expression(
            name=entry.name,
            text=entry.expression,
            objects=entry.object,
            ability=entry.ability,
            truth=None if entry.truth is None else str(folder / entry.truth),
        )
        for entry in entries
    ]
    where = "" if first.range is None else f" {first.range[0]}-{first.range[1]}"
    return Clip(
        name=first.clip.removesuffix("/frames") + where,
        path=str(path),
        start=start,
        length=length,
        annotations=_annotations(path, folder / first.masks, start, length),
        expressions=tuple(said),
        licence=first.licence,
    )


def _annotations(frames: Path, masks: Path, start: int, length: int | None) -> LabelPictures:
    """The masks of a range, by the number of the frame in it."""
    for one in (frames, masks):
        if not one.exists():
            raise UsageError(f"{one} is not there.")
    of_frames = files(str(frames)) if frames.is_dir() else None
    found = by_file_number(of_frames, masks)
    stop = None if length is None else start + length
    return LabelPictures({n - start: mask for n, mask in found.items() if n >= start and (stop is None or n < stop)})


def digest(folder: Path, entry: Entry) -> str:
    """The sha256 of an entry's files, in hexadecimal digits: of `path sha256` for each, a line each, sorted by path.

    Raises UsageError for what is not there.
    """
    found: set[Path] = set()
    for part in (entry.clip, entry.masks, entry.truth):
        if part is not None:
            path = folder / part
            if not path.exists():
                raise UsageError(f"{path} is not there.")
            found |= set(files(str(path))) if path.is_dir() else {path}
    told = sorted((path.relative_to(folder).as_posix(), sha256_of(path)) for path in found)
    return hashlib.sha256("".join(f"{path} {one}\n" for path, one in told).encode()).hexdigest()
