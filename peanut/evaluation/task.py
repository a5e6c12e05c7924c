"""What a pipeline is asked to do once, what should come out, and what is measured of it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence

import attrs
from torch import Tensor

from peanut.data.clip import Clip, Expression
from peanut.data.dataset import Dataset
from peanut.evaluation.results import Result
from peanut.frame import Frame
from peanut.metrics import over_objects


@attrs.frozen
class Task:
    """One clip, or one sentence about it."""

    clip: Clip
    expression: Expression | None = None

    @property
    def name(self) -> str:
        """Unique in a dataset: `clip`, or `clip/expression`."""
        return self.clip.name if self.expression is None else f"{self.clip.name}/{self.expression.name}"

    @property
    def text(self) -> str:
        """The sentence; empty without one."""
        return "" if self.expression is None else self.expression.text

    @property
    def objects(self) -> tuple[int, ...]:
        """The objects that are meant: those of the sentence, or all."""
        return self.clip.objects if self.expression is None else self.expression.objects


@attrs.frozen
class Expected:
    """A frame as a pipeline was given it, and how it should come out."""

    given: Frame
    image: Tensor | None = None
    """3 h w, uint8; None where nobody knows, or only masks are asked for."""
    mask: Tensor | None = None
    """h w, bool: what was to be found, or erased; None where that is not known."""


@attrs.frozen
class Figure:
    """One column of the tables."""

    name: str
    title: str
    digits: int
    larger_is_better: bool = True


class Meter(ABC):
    """Measures the frames of one task, one after the other."""

    @abstractmethod
    def add(self, result: Frame, expected: Expected) -> None:
        """One frame that came out, with what should have."""

    @property
    @abstractmethod
    def value(self) -> dict[str, float]:
        """The figures by name; nan where there was nothing to measure."""

    @property
    def features(self) -> tuple[list[float], list[float]] | None:
        """What `Result.features` keeps; None for most."""
        return None


class Protocol(ABC):
    """How something is measured on a dataset."""

    figures: tuple[Figure, ...]
    """What is measured; the first is what "worst" means."""

    @property
    @abstractmethod
    def told(self) -> str:
        """What is done, in a line: it stands above the tables."""

    @abstractmethod
    def tasks(self, dataset: Dataset) -> Sequence[Task]:
        """What is to be done on a dataset. Raises UsageError where it cannot be done there."""

    @abstractmethod
    def given(self, task: Task) -> Iterable[Frame]:
        """The frames that the pipeline gets."""

    @abstractmethod
    def expected(self, task: Task) -> Iterator[Expected]:
        """How they should come out, one for each frame that the pipeline gets."""

    @abstractmethod
    def meter(self, task: Task) -> Meter:
        """What measures a task."""

    def mean(self, results: Sequence[tuple[Task, Result]]) -> dict[str, float]:
        """The figures over several tasks; each task counts once unless a dataset has its own way."""
        return over_objects(result.values for _, result in results)
