"""The type of an array; shapes and types of values stand in docstrings."""

from typing import Any

import numpy.typing as npt

Array = npt.NDArray[Any]
