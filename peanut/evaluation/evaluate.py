"""Pipelines side by side on a dataset: measured, kept, resumed, told."""

import logging
import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from tqdm.auto import tqdm

from peanut.data.dataset import Dataset
from peanut.errors import StageError, UsageError
from peanut.evaluation.machine import machine
from peanut.evaluation.pictures import Pictures, sheet_of
from peanut.evaluation.protocols import protocol_for
from peanut.evaluation.results import Result, Results, alone_in
from peanut.evaluation.tables import Evaluation
from peanut.evaluation.task import Expected, Protocol, Task
from peanut.frame import Frame
from peanut.labels import label
from peanut.pipeline import Pipeline, Stage, _Unbuilt

log = logging.getLogger(__name__)

Made = Stage | type[Stage] | Callable[[Task], Stage]
"""A stage or pipeline, a class of stages, or a function that makes one for a task (from `task.text`, say)."""


def evaluate(
    pipelines: Mapping[str, Made],
    on: Dataset,
    to: str | Path,
    *,
    protocol: Protocol | str | None = None,
    only: Sequence[str] = (),
    overwrite: bool = False,
    progress: bool = True,
) -> Evaluation:
    """Measure pipelines, by the names of their rows, on every task of a dataset.

    on: what `peanut.data` reads. to: a folder for `results.md`, `.csv` and `.json`, a sheet of every task in `sheets/`,
        and `results.jsonl`: called again with the same folder, what is measured there already is not done again.
    protocol: one of `Find`, `Erase`, `Remove`, `Enlarge`, its name, or None: the published one of the dataset.
    only: names of clips; empty: all. overwrite: begin anew.

    A pipeline that fails on a task gets no figure there; the tables say why, and how often; called again, it is tried
    again. One frame after the other is measured: memory does not grow with the length of a clip.
    Returns the tables. Raises UsageError for a dataset that cannot be measured so, and for a folder with another
    evaluation in it.
    """
    chosen = protocol if isinstance(protocol, Protocol) else protocol_for(on, protocol)
    tasks = [task for task in chosen.tasks(on) if not only or task.clip.name in only]
    _refuse_nothing(pipelines, on, tasks, only)
    about = {
        "dataset": f"{on.name}, {len(on)} clips",
        "protocol": chosen.told,
        "pipelines": {name: _told(made) for name, made in pipelines.items()},
    }
    folder = Path(to)
    with alone_in(folder):
        if overwrite:
            _clear(folder)
        rows = _rows(pipelines, chosen, tasks, folder, Results(folder, about), progress)
        evaluation = Evaluation({**about, **machine(pipelines.values())}, chosen, rows)
        evaluation.write(folder)
    return evaluation


def _rows(
    pipelines: Mapping[str, Made],
    protocol: Protocol,
    tasks: Sequence[Task],
    folder: Path,
    results: Results,
    progress: bool,
) -> dict[str, list[tuple[Task, Result]]]:
    """Every pipeline on every task, as far as that is not done yet; a bar tells how long it will take."""
    rows: dict[str, list[tuple[Task, Result]]] = {name: [] for name in pipelines}
    with tqdm(total=len(tasks) * len(pipelines), unit=" tasks", disable=None if progress else True) as bar:
        for name, made in pipelines.items():
            for task in tasks:
                bar.set_postfix_str(f"{name}: {task.name}")
                result = results.get(name, task.name)
                if result is None or result.error:
                    result = _measured(name, made, protocol, task, folder)
                    results.add(result)
                rows[name].append((task, result))
                bar.update()
    return rows


def _measured(name: str, made: Made, protocol: Protocol, task: Task, folder: Path) -> Result:
    """One pipeline on one task. What fails becomes a sentence."""
    start = perf_counter()
    meter, pictures = protocol.meter(task), Pictures()
    try:
        frames = Pipeline(source=protocol.given(task)) | built(made, task)
        with iter(frames) as run:
            for result, expected in _in_step(run, protocol.expected(task)):
                meter.add(result, expected)
                pictures.add(result, expected)
    except Exception as error:  # of code of the user's, too: it must not cost the other pipelines their figures
        said = _said(error)
        log.warning("%s on %s: %s", name, task.name, said)
        return Result(name, task.name, error=said, seconds=perf_counter() - start)
    pictures.write(folder / sheet_of(name, task), name, task.text)
    values = {figure: value for figure, value in meter.value.items() if math.isfinite(value)}
    return Result(name, task.name, values, features=meter.features, seconds=perf_counter() - start)


def _in_step(run: Iterator[Frame], expected: Iterable[Expected]) -> Iterator[tuple[Frame, Expected]]:
    """Each frame that comes with what it should be. Raises UsageError where another one comes, one too few or many."""
    for one in expected:
        result = next(run, None)
        if result is None or result.index != one.given.index:
            came = "none" if result is None else f"number {result.index}"
            raise UsageError(f"instead of frame {one.given.index} came {came}.")
        yield result, one
    more = next(run, None)
    if more is not None:
        raise UsageError(f"after the last frame came number {more.index}.")


def _said(error: Exception) -> str:
    """An error in one line; what was not meant for the user begins with its kind."""
    lines = str(error).splitlines()
    if lines and isinstance(error, UsageError | StageError):
        return lines[0]
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def built(made: Made, task: Task) -> Stage:
    """The stage for a task; of a function with `@peanut.stage`, or a class, that without settings.

    Raises UsageError for what gives none."""
    stage: Any = made
    if isinstance(made, type | _Unbuilt):
        stage = made()
    elif callable(made) and not isinstance(made, Stage):
        stage = made(task)
    if not isinstance(stage, Stage):
        raise UsageError(
            f"{label(made)} gave {label(stage)}: a stage or pipeline is wanted, or a function that makes one."
        )
    return stage


def _told(made: Made) -> str:
    """How a pipeline is told in the tables, and known again when an evaluation goes on."""
    return str(made) if isinstance(made, Stage) else label(made)


def _refuse_nothing(pipelines: Mapping[str, Made], on: Dataset, tasks: Sequence[Task], only: Sequence[str]) -> None:
    for name in only:
        on[name]  # raises for a clip that is not there
    if not pipelines:
        raise UsageError("evaluate: there is no pipeline to measure.")
    if not tasks:
        raise UsageError(f"evaluate: {on.name} has no clip.")
    twice = next((name for name, count in Counter(task.name for task in tasks).items() if count > 1), None)
    if twice is not None:
        raise UsageError(f"evaluate: {on.name} has {twice!r} twice, and results are kept by name: give each its own.")


def _clear(folder: Path) -> None:
    """Remove an earlier evaluation, and nothing else."""
    for name in ("results.jsonl", "results.md", "results.csv", "results.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "sheets", ignore_errors=True)
