"""What was measured as tables: Markdown for people, CSV and JSON for programs."""

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from peanut.evaluation.pictures import sheet_of
from peanut.evaluation.results import Result
from peanut.evaluation.task import Figure, Protocol, Task
from peanut.markdown import table

WORST = 5
"""Tasks that are told as the worst of a pipeline."""
Row = Sequence[tuple[Task, Result]]


@attrs.frozen(repr=False)
class Evaluation:
    """Pipelines side by side; `print` shows the tables."""

    about: Mapping[str, Any]
    """Dataset, protocol, pipelines, versions, weights, machine."""
    protocol: Protocol
    rows: Mapping[str, Row]
    """By the names of the pipelines: every task with its result."""

    @property
    def means(self) -> dict[str, dict[str, float]]:
        """The figures of each pipeline over the tasks that it did, as the dataset averages them."""
        return {name: self._mean(row) for name, row in self.rows.items()}

    @property
    def abilities(self) -> tuple[str, ...]:
        """The abilities that tasks test, in the order in which they come."""
        said = [task.expression for row in self.rows.values() for task, _ in row]
        return tuple(dict.fromkeys(one.ability for one in said if one is not None and one.ability))

    def worst(self, name: str, count: int = WORST) -> list[tuple[Task, Result]]:
        """The tasks on which a pipeline did worst by the first figure, the worst first; those it failed on before."""
        first = self.protocol.figures[0]
        sign = 1 if first.larger_is_better else -1
        known = [one for one in self.rows[name] if one[1].error or first.name in one[1].values]
        return sorted(known, key=lambda one: (not one[1].error, sign * one[1].values.get(first.name, 0)))[:count]

    def markdown(self) -> str:
        """All tables, with what they were measured on."""
        parts = [f"{self.about['protocol']}, on {self.about['dataset']}", str(self)]
        parts += ["## By ability", self.by_ability()] if self.abilities else []
        parts += ["## Worst first", self.worst_table()]
        parts += ["## Failed", self.failed()] if self.failed() else []
        return "\n\n".join([*parts, "## Measured on", self._machine()]) + "\n"

    def by_ability(self) -> str:
        """The first figure of each pipeline, by what the tasks test."""
        first = self.protocol.figures[0]
        cells = []
        for name, row in self.rows.items():
            parts = ([one for one in row if _tests(one[0], ability)] for ability in self.abilities)
            cells.append([name, *(_cell(first, self._mean(part)) for part in parts)])
        return table([first.title, *self.abilities], cells)

    def csv(self) -> str:
        """A line for each pipeline and task, with all figures."""
        file = io.StringIO()
        names = [figure.name for figure in self.protocol.figures]
        lines = csv.writer(file, lineterminator="\n")
        lines.writerow(["pipeline", "task", "clip", "expression", "ability", *names, "error"])
        for name, row in self.rows.items():
            for task, result in row:
                ability = "" if task.expression is None else task.expression.ability
                figures = [result.values.get(one, "") for one in names]
                lines.writerow([name, task.name, task.clip.name, task.text, ability, *figures, result.error])
        return file.getvalue()

    def json(self) -> str:
        """Everything, with what it was measured on."""
        results = {
            name: {task.name: {"error": result.error} if result.error else result.values for task, result in row}
            for name, row in self.rows.items()
        }
        said = {**self.about, "means": self.means, "results": results}
        return json.dumps(said, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    def write(self, folder: Path) -> None:
        """Write `results.md`, `results.csv` and `results.json`."""
        for suffix, text in (("md", self.markdown()), ("csv", self.csv()), ("json", self.json())):
            unfinished = folder / f"results.{suffix}.unfinished"
            unfinished.write_text(text, encoding="utf-8")
            unfinished.replace(folder / f"results.{suffix}")

    def __str__(self) -> str:
        means = self.means
        figures = [one for one in self.protocol.figures if any(one.name in mean for mean in means.values())]
        cells = []
        for name, row in self.rows.items():
            done = sum(not result.error for _, result in row)
            count = str(done) if done == len(row) else f"{done} of {len(row)}"
            cells.append([name, count, *(_cell(one, means[name]) for one in figures)])
        return table(["pipeline", "tasks", *(figure.title for figure in figures)], cells)

    def _mean(self, row: Row) -> dict[str, float]:
        return self.protocol.mean([one for one in row if not one[1].error])

    def worst_table(self, count: int = WORST) -> str:
        """The worst tasks of each pipeline, with their sheets."""
        first = self.protocol.figures[0]
        cells = []
        for name in self.rows:
            for task, result in self.worst(name, count):
                shown = "failed" if result.error else _cell(first, result.values)
                picture = f"[{task.name}]({sheet_of(name, task)})"
                cells.append([name, task.name if result.error else picture, task.text, shown])
        return table(["pipeline", "task", "sentence", first.title], cells)

    def failed(self) -> str:
        """Why pipelines failed, on how many tasks; nothing if none did."""
        reasons = Counter((name, result.error) for name, row in self.rows.items() for _, result in row if result.error)
        told = reasons.items()
        return "\n".join(f"- {name}, {n} {'task' if n == 1 else 'tasks'}: {reason}" for (name, reason), n in told)

    def _machine(self) -> str:
        about = self.about
        packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items())
        weights = "".join(f"\n- weights {name}: sha256 {sha256}" for name, sha256 in about["weights"].items())
        made = "".join(f"\n- {name}: `{told}`" for name, told in about["pipelines"].items())
        return f"- PEANUT {about['peanut']}, {packages}, Python {about['python']}\n- {about['machine']}{weights}{made}"


def _cell(figure: Figure, values: Mapping[str, float]) -> str:
    return f"{values[figure.name]:.{figure.digits}f}" if figure.name in values else ""


def _tests(task: Task, ability: str) -> bool:
    return task.expression is not None and task.expression.ability == ability
