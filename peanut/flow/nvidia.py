"""The optical flow engine of NVIDIA's processors."""

from typing import Literal

import attrs
import cv2
import numpy as np
from torch import Tensor

from peanut.errors import UsageError
from peanut.flow.estimator import PairwiseEstimator, as_tensor, grey_of
from peanut.validators import one_of


@attrs.frozen
class NvidiaFlow(PairwiseEstimator):
    """The optical flow engine of NVIDIA's processors (Turing and newer), where OpenCV was built with CUDA.

    preset: "slow" (the best), "medium" or "fast". grid: pixels per side that share a vector, 4, 2 or 1; Turing has 4
    alone. Vectors are enlarged to the size of the image. On grey images; an engine is made for every pair.
    Source: NVIDIA Optical Flow SDK 2, by OpenCV's `cuda.NvidiaOpticalFlow_2_0`.
    Raises UsageError where there is no such OpenCV or GPU, and for images that do not fit.
    """

    preset: Literal["slow", "medium", "fast"] = attrs.field(default="slow", validator=one_of("slow", "medium", "fast"))
    grid: int = attrs.field(default=4, validator=one_of(1, 2, 4))

    def __attrs_post_init__(self) -> None:
        cuda = getattr(cv2, "cuda", None)
        if not hasattr(cuda, "NvidiaOpticalFlow_2_0_create"):
            raise UsageError("NvidiaFlow needs an OpenCV built with CUDA, and this one is not: DIS() runs everywhere.")
        if cuda.getCudaEnabledDeviceCount() == 0:  # type: ignore[union-attr]
            raise UsageError("NvidiaFlow needs an NVIDIA GPU, and OpenCV finds none: DIS() runs everywhere.")

    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        h, w = image.shape[1:]
        preset = {"slow": 5, "medium": 10, "fast": 20}[self.preset]  # the SDK's numbers
        create = cv2.cuda.NvidiaOpticalFlow_2_0_create  # type: ignore[attr-defined]
        engine = create((w, h), perfPreset=preset, outputGridSize=self.grid)
        raw = engine.calc(grey_of(image), grey_of(other), None)[0]
        flow = np.asarray(engine.convertToFloat(raw, None), np.float32)
        engine.collectGarbage()
        return as_tensor(flow if flow.shape[:2] == (h, w) else np.asarray(cv2.resize(flow, (w, h))))
