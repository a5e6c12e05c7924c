"""The table of published checkpoints, read from `table.md`."""

from functools import cache
from importlib.resources import files

import attrs


@attrs.frozen
class File:
    """One published file."""

    name: str
    size: int | None
    """Bytes; None: not published."""
    sha256: str
    """Hexadecimal digits; only the first ones, or none, where no more is published."""
    sources: tuple[str, ...]
    """Where the same bytes lie, tried in order; see `sources.py` for how they are written."""


@attrs.frozen
class Entry:
    """One row of the table: a checkpoint, or files that belong together."""

    name: str
    network: str
    files: tuple[File, ...]
    licence: str
    """Keys of `licences.LICENCES`."""
    layout: str
    """Key of `layouts.LAYOUTS`."""
    reached: bool
    """Whether the first source was really fetched by us."""

    @property
    def file(self) -> File:
        """The file with the tensors."""
        return self.files[0]


@cache
def entries() -> dict[str, Entry]:
    """All rows by name."""
    found: dict[str, Entry] = {}
    for line in files("peanut.weights").joinpath("table.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("| ") or line.startswith(("| name", "| ---")):
            continue
        name, network, file, size, sha256, licence, layout, reached, sources = (
            cell.strip() for cell in line.strip("|").split("|")
        )
        row = File(file, int(size) if size else None, sha256, tuple(sources.split()))
        if name:
            found[name] = Entry(name, network, (row,), licence, layout, reached == "yes")
        else:
            last = next(reversed(found))
            found[last] = attrs.evolve(found[last], files=(*found[last].files, row))
    return found


def as_markdown() -> str:
    """The table for readers: what, how large, which licence, where from, how far its bytes are known."""
    lines = [
        "| name | network | size | licence | from | sha256 | reached by us |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for entry in entries().values():
        sizes = [file.size for file in entry.files]
        size = "not published" if None in sizes else f"{sum(filter(None, sizes)) / 1e6:.1f} MB"
        places = dict.fromkeys(_place(source) for source in entry.file.sources)
        known = {0: "first seen", 64: "published"}.get(len(entry.file.sha256), f"{len(entry.file.sha256)} digits")
        reached = "yes" if entry.reached else "no"
        cells = (f"`{entry.name}`", entry.network, size, entry.licence, ", ".join(places), known, reached)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _place(source: str) -> str:
    """Who keeps a source."""
    kind, _, rest = source.partition(":")
    names = {"hub": "Hugging Face", "drive": "Google Drive", "pypi": "package index", "package": "comes with PEANUT"}
    return names[kind] if kind in names else rest.removeprefix("//").split("/")[0]
