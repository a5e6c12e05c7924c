"""Pipelines side by side on a dataset, in the published protocols."""

from peanut.evaluation.evaluate import evaluate as evaluate
from peanut.evaluation.holes import Holes as Holes
from peanut.evaluation.measure import measure as measure
from peanut.evaluation.protocols import Enlarge as Enlarge
from peanut.evaluation.protocols import Erase as Erase
from peanut.evaluation.protocols import Find as Find
from peanut.evaluation.protocols import Remove as Remove
from peanut.evaluation.task import Protocol as Protocol
from peanut.evaluation.task import Task as Task
