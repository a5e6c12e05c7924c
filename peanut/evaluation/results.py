"""What was measured, kept in a file that grows by a line a task: a run that was killed goes on where it was."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import attrs
from filelock import FileLock, Timeout

import peanut
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


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Alone in the folder of an evaluation. Raises UsageError if another one writes there now, or none can."""
    lock = FileLock(folder / ".lock", timeout=0)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout as error:
        raise UsageError(f"another evaluation is writing into {folder} now: choose another folder, or wait.") from error
    except OSError as error:
        raise UsageError(f"{folder} cannot be a folder of results: {error.strerror or error}.") from error
    try:
        yield
    finally:
        lock.release()


class Results:
    """The lines of `results.jsonl` in a folder. Raises UsageError if the folder holds another evaluation."""

    def __init__(self, folder: Path, about: dict[str, Any]) -> None:
        self.path = folder / "results.jsonl"
        self._done: dict[tuple[str, str], Result] = {}
        self._pipelines: dict[str, str] = about["pipelines"]
        own = {"dataset": about["dataset"], "protocol": about["protocol"], "peanut": peanut.__version__}
        lines = self._begun(folder)
        if not lines:
            self._append(own)
            return
        head = lines.pop(0)
        if head.get("peanut") not in (None, own["peanut"]) and "dataset" in head:
            raise UsageError(
                f"{folder} was measured by PEANUT {head['peanut']}, this is {own['peanut']}, and figures may differ:"
                " choose another folder, or overwrite it."
            )
        if {**head, "peanut": own["peanut"]} != own:
            raise UsageError(
                f"{folder} holds another evaluation ({head.get('protocol')} on {head.get('dataset')}): choose another"
                " folder, or overwrite it."
            )
        for number, line in enumerate(lines, 2):
            found = self._kept(number, line)
            if found is not None:
                self._done[found.pipeline, found.task] = found

    def get(self, pipeline: str, task: str) -> Result | None:
        """What was measured already, with the same settings."""
        return self._done.get((pipeline, task))

    def add(self, result: Result) -> None:
        """Keep a result; it is on the disk when this returns."""
        self._done[result.pipeline, result.task] = result
        self._append({**attrs.asdict(result), "made": self._pipelines[result.pipeline]})

    def _kept(self, number: int, line: dict[str, Any]) -> Result | None:
        """What a line keeps; None if its pipeline is not asked for, or was another."""
        try:
            made = line.pop("made")
            found = Result(**line)
        except (KeyError, TypeError) as error:
            raise self._damaged(number) from error
        return found if self._pipelines.get(found.pipeline) == made else None

    def _damaged(self, number: int) -> UsageError:
        return UsageError(
            f"line {number} of {self.path} is damaged: without it, only its task is measured again; or overwrite all."
        )

    def _append(self, line: dict[str, Any]) -> None:
        try:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(
                f"{self.path} cannot be written: {error.strerror}. What is in it is kept: say the same again."
            ) from error

    def _begun(self, folder: Path) -> list[dict[str, Any]]:
        """The lines that are there; none in a new folder."""
        try:
            return self._lines() if self.path.exists() else []
        except OSError as error:
            raise UsageError(f"{folder} cannot be a folder of results: {error.strerror}.") from error

    def _lines(self) -> list[dict[str, Any]]:
        """The whole lines; one that was being written when the process died is cut off."""
        text = self.path.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if len(whole) < len(text):
            with self.path.open("r+b") as file:
                file.truncate(len(whole))
        return [self._parsed(number, line) for number, line in enumerate(whole.split(b"\n")[:-1], 1)]

    def _parsed(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            found = json.loads(line)
        except ValueError as error:
            raise self._damaged(number) from error
        if not isinstance(found, dict):
            raise self._damaged(number)
        return found
