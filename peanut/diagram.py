"""A pipeline drawn as a Mermaid graph."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, Protocol, runtime_checkable

from peanut.labels import label


@runtime_checkable
class Branching(Protocol):
    """A stage, as far as a drawing needs it: what it runs inside itself."""

    @property
    def branches(self) -> Mapping[str, Any]: ...


def mermaid(pipeline: Any) -> str:
    """A `graph LR` of a pipeline: one box a stage; branches leave the box before their stage and come back to it."""
    numbers = count()
    lines = ["graph LR"]

    def box(text: str) -> str:
        name = f"s{next(numbers)}"
        shown = text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
        lines.append(f'    {name}["{shown}"]')
        return name

    def draw(pipeline: Any, before: str | None) -> str:
        for part in _parts(pipeline):
            branches = part.branches if isinstance(part, Branching) else {}
            name = box(type(part).__name__ if branches else label(part))
            if before is not None:
                lines.append(f"    {before} --> {name}")
            before = name
            if branches:
                joined = box("join") if len(branches) > 1 else None
                for title, branch in branches.items():
                    end = name if branch is None else draw_branch(branch, name, title)
                    if joined is not None:
                        lines.append(f"    {end} --> {joined}")
                before = joined or name
        return before or box("nothing")

    def draw_branch(branch: Any, start: str, title: str) -> str:
        entry = box(title)
        lines.append(f"    {start} -.-> {entry}")
        return draw(branch, entry)

    draw(pipeline, None)
    return "\n".join(lines)


def _parts(pipeline: Any) -> Iterator[Any]:
    if pipeline.source is not None:
        yield pipeline.source
    yield from pipeline.stages
