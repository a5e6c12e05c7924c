"""Pipelines as the command line names them."""

import importlib
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import peanut
from peanut.errors import UsageError, pick
from peanut.evaluation.evaluate import built
from peanut.evaluation.task import Task
from peanut.pipeline import Pipeline, Stage

Part = Callable[[Task], Stage]


def _phrase(task: Task) -> Stage:
    return peanut.Phrase(_said(task))


def _p_mask(task: Task) -> Stage:
    return peanut.PMask(_said(task))


def _sam3(task: Task) -> Stage:
    return peanut.Sam3Mask(_said(task))


def _said(task: Task) -> str:
    if not task.text:
        raise UsageError(f"{task.name} has no sentence: nothing says what to look for.")
    return task.text


PROMPTED: Mapping[str, Part] = {"phrase": _phrase, "p-mask": _p_mask, "sam3": _sam3}
"""Built anew for every sentence."""
PLAIN: Mapping[str, Callable[[], Stage]] = {
    "moving": lambda: peanut.MovingObjects(),
    "faces": lambda: peanut.Faces(),
    "flow": lambda: peanut.FlowEraser(),
    "flow-fast": lambda: peanut.FlowEraser(preset="fast"),
    "nof": lambda: peanut.NOFEraser(),
    "telea": lambda: peanut.PerFrame(),
    "navier-stokes": lambda: peanut.PerFrame("navier-stokes"),
    "telea-every-5": lambda: peanut.PerFrame(every=5),
    "big-lama": lambda: peanut.PerFrame("big-lama"),
    "big-lama-every-5": lambda: peanut.PerFrame("big-lama", every=5),
    "lanczos": lambda: peanut.Enlarge(4),
    "ur-net": lambda: peanut.URNet(),
    "basicvsr-reds4": lambda: peanut.URNet("basicvsr-reds4"),
    "basicvsr-vimeo-bi": lambda: peanut.URNet("basicvsr-vimeo-bi"),
    "basicvsr-vimeo-bd": lambda: peanut.URNet("basicvsr-vimeo-bd"),
}
"""Built once."""


class NamedPipeline:
    """Stages by name, joined by `|`; those that read no sentence are built once, when the first task comes.

    text: names of `PROMPTED` and `PLAIN`, or MODULE:ATTRIBUTE: a stage, a class of stages, or a function that makes a
    stage for a task. Raises UsageError for a name that is not known.
    """

    def __init__(self, text: str) -> None:
        self._parts = [_part(name.strip()) for name in text.split("|")]
        self.__name__ = text
        self.weights: tuple[str, ...] = ()
        """The published weights of the stages that were built so far."""

    def __call__(self, task: Task) -> Pipeline:
        pipeline = Pipeline(stages=tuple(part(task) for part in self._parts))
        self.weights = tuple(dict.fromkeys((*self.weights, *pipeline.weights)))
        return pipeline


def _part(name: str) -> Part:
    if ":" in name:
        return partial(built, _imported(name))
    if name in PROMPTED:
        return PROMPTED[name]
    return _Once(pick("pipeline", name, PLAIN))


class _Once:
    """Builds a stage once; what it failed with then it fails with again."""

    def __init__(self, make: Callable[[], Stage]) -> None:
        self._make = make
        self._made: Stage | UsageError | None = None

    def __call__(self, task: Task) -> Stage:
        if self._made is None:
            try:
                self._made = self._make()
            except UsageError as error:
                self._made = error
        if isinstance(self._made, UsageError):
            raise self._made
        return self._made


def _imported(name: str) -> Any:
    """What `module:attribute` names; modules of the folder in which one works are found, too."""
    module, _, attribute = name.partition(":")
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        imported = importlib.import_module(module)
    except (Exception, SystemExit) as error:  # of a file of the user's
        raise UsageError(f"{name}: the module {module} cannot be imported: {type(error).__name__}: {error}.") from error
    if not hasattr(imported, attribute):
        raise UsageError(f"{name}: the module {module} has no {attribute or 'name after the colon'}.")
    return getattr(imported, attribute)
