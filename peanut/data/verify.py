"""What is wrong with a test set of one's own, before anything is measured on it."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from peanut.data.clip import Clip
from peanut.data.manifest import ABILITIES, Entry, clip_of, digest, read_entries
from peanut.errors import UsageError


def verify(path: str | Path) -> list[str]:
    """One sentence for everything that is wrong with a manifest, with its entry; none if it can be used.

    Checked are: names and sentences that come twice, abilities and licences, that clips, masks and truth are there and
    fit in number and size, that the objects are in the masks, and the sha256 of the files.
    Raises UsageError for a file that is no manifest.
    """
    folder, entries = Path(path).parent, read_entries(path)
    wrong = [f"{name}: {count} entries have this name." for name, count in _twice(entry.name for entry in entries)]
    said = _twice((entry.clip, entry.range, entry.expression) for entry in entries)
    wrong += [f"{expression!r} is said {count} times of {clip}." for (clip, _, expression), count in said]
    for entry in entries:
        try:
            wrong += [f"{entry.name}: {what}" for what in _wrong(folder, entry)]
        except UsageError as error:
            wrong.append(f"{entry.name}: {error}")
    return wrong


def _twice(values: Iterable[Any]) -> list[tuple[Any, int]]:
    return [(value, count) for value, count in Counter(values).items() if count > 1]


def _wrong(folder: Path, entry: Entry) -> Iterator[str]:
    if entry.ability not in ABILITIES:
        yield f"ability must be one of {', '.join(ABILITIES)}, got {entry.ability!r}."
    if not entry.expression.strip():
        yield "it has no expression."
    if not entry.licence.strip():
        yield "it has no licence."
    if not entry.object:
        yield "it names no object."
    clip = clip_of(folder, [entry])
    yield from _unfit(clip, entry)
    found = digest(folder, entry)
    if not entry.sha256:
        yield f"it has no sha256; that of its files is {found}."
    elif entry.sha256 != found:
        yield f"its files are not those that were annotated: their sha256 is {found}, not {entry.sha256}."


def _unfit(clip: Clip, entry: Entry) -> Iterator[str]:
    """What does not fit together of frames, masks and truth."""
    sizes = [frame.size for frame in clip.frames]
    if clip.length is not None and len(sizes) < clip.length:
        yield f"range ends at frame {clip.start + clip.length - 1}, the clip at frame {clip.start + len(sizes) - 1}."
    annotations = clip.annotations
    if annotations is None or not annotations.frames:
        yield "no frame has a mask."
        return
    beyond = [number for number in annotations.frames if number >= len(sizes)]
    if beyond:
        yield f"there is a mask of frame {beyond[0]}, the last frame is {len(sizes) - 1}: masks count from 0."
    seen: set[int] = set()
    for number in (number for number in annotations.frames if number < len(sizes)):
        masks = annotations.at(number)
        seen |= set(masks)
        unfit = next((mask.shape for mask in masks.values() if tuple(mask.shape) != sizes[number]), None)
        if unfit is not None:
            h, w = sizes[number]
            yield f"the mask of frame {number} is {unfit[1]}x{unfit[0]}, the frame {w}x{h}."
            return
    if set(entry.object) - seen:
        yield f"object {sorted(set(entry.object) - seen)} is in no mask; there are {sorted(seen)}."
    if entry.truth is not None:
        true = [frame.size for frame in clip.true_frames(clip.expressions[0])]
        if true != sizes:
            yield f"its truth has {len(true)} frames, or of another size; the clip has {len(sizes)}."
