"""DIS: dense inverse search."""

from typing import Literal

import attrs
from torch import Tensor

from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.validators import one_of
from peanut.vision.optical_flow import dense_flow


@attrs.frozen
class DIS(PairwiseEstimator):
    """Patches matched from coarse to fine, made dense: fast, and good enough for most. On grey images.

    preset: "ultrafast", "fast" or "medium". The same images give the same flow, on any number of threads.
    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016 (OpenCV's).
    Raises UsageError for another preset, and for images that do not fit.
    """

    preset: Literal["ultrafast", "fast", "medium"] = attrs.field(
        default="medium", validator=one_of("ultrafast", "fast", "medium")
    )

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        return as_tensor(dense_flow(grey_of(image), grey_of(other), self.preset))
