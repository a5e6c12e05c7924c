"""What was measured, kept in a file that grows by a line a task: a run that was killed goes on where it was."""

import json
import os
from pathlib import Path
from typing import Any

import attrs

from peanut.errors import UsageError


@attrs.frozen
class Result:
    """One pipeline on one task: its figures, or the sentence that says why there are none."""

    pipeline: str
    task: str
    values: dict[str, float] = attrs.field(factory=dict)
    error: str = ""
    features: tuple[list[float], list[float]] | None = None
    """Of the clip that came out and of the true one, where they are measured: VFID compares those of all clips."""
    seconds: float = 0.0
    """Of a clock on the wall, for the whole task, decoding and measuring included; not in the tables."""


class Results:
    """The lines of `results.jsonl` in a folder. Raises UsageError if the folder holds another evaluation."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.path = folder / "results.jsonl"
        self._done: dict[tuple[str, str], Result] = {}
        self._pipelines: dict[str, str] = about["pipelines"]
        own = {"dataset": about["dataset"], "protocol": about["protocol"]}
        if not self.path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            self._append(own)
            return
        head, *lines = self._lines()
        if head != own:
            raise UsageError(
                f"{folder} holds another evaluation ({head.get('protocol')} on {head.get('dataset')}): choose another"
                " folder, or overwrite it."
            )
        for line in lines:
            if self._pipelines.get(line["pipeline"]) == line.pop("made"):
                found = Result(**line)
                self._done[found.pipeline, found.task] = found

    def get(self, pipeline: str, task: str) -> Result | None:
        """What was measured already, with the same settings."""
        return self._done.get((pipeline, task))

    def add(self, result: Result) -> None:
        """Keep a result; it is on the disk when this returns."""
        self._done[result.pipeline, result.task] = result
        self._append({**attrs.asdict(result), "made": self._pipelines[result.pipeline]})

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _lines(self) -> list[dict[str, Any]]:
        """The whole lines; one that was being written when the process died is cut off."""
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        try:
            return [json.loads(line) for line in whole.splitlines()] or [{}]
        except ValueError as error:
            raise UsageError(f"{self.path} is damaged; overwrite it, or choose another folder.") from error
