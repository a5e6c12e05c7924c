"""Dense optical flow as a choice: estimators that are called alike and give the same kind of flow.

Convention: a flow is 2 h w, float32, on the CPU, in pixels; channel 0 to the right, channel 1 downwards. It names where
to look: out[p] = x[p + flow(p)], as in `peanut.ops.warp`.
"""

from abc import ABC, abstractmethod
from typing import Protocol

import cv2
import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError
from peanut.vision.array import Array
from peanut.vision.optical_flow import SMALLEST


class FlowEstimator(Protocol):
    """Anything that tells, for two images, where each pixel of the first is found in the second.

    image, other: 3 h w, uint8, RGB, on the CPU, of one size. Returns 2 h w, float32, on the CPU, in pixels; channel 0
    to the right, channel 1 downwards: image[p] looks like other[p + flow(p)], as in `peanut.ops.warp`.
    """

    def __call__(self, image: Tensor, other: Tensor, /) -> Tensor: ...


class PairwiseEstimator(ABC):
    """What all estimators here share: images are checked at the door, and tiny ones do not move."""

    @property
    def weights(self) -> tuple[str, ...]:
        """The published weights that it computes with: names in the table of `peanut weights list`."""
        return ()

    def __call__(self, image: Tensor, other: Tensor, /) -> Tensor:
        name = type(self).__name__
        for each in (image, other):
            if not isinstance(each, Tensor):
                raise UsageError(f"{name}: images must be tensors 3 h w, uint8, RGB, got a {type(each).__name__}.")
            if each.dtype != torch.uint8 or each.ndim != 3 or each.shape[0] != 3:
                got = f"{str(each.dtype).removeprefix('torch.')} {tuple(each.shape)}"
                raise UsageError(f"{name}: images must be 3 h w, uint8, RGB, got {got}.")
            if each.device.type != "cpu":
                raise UsageError(f"{name}: images must be on the CPU, got one on {each.device}.")
        if image.shape != other.shape:
            sizes = f"{tuple(image.shape)} and {tuple(other.shape)}"
            raise UsageError(f"{name}: both images must have one size, got {sizes}.")
        if min(image.shape[1:]) < SMALLEST:
            return torch.zeros(2, *image.shape[1:])
        return self._flow(image, other)

    @abstractmethod
    def _flow(self, image: Tensor, other: Tensor) -> Tensor:
        """The flow between two images that were checked."""


def grey_of(image: Tensor) -> Array:
    return np.asarray(cv2.cvtColor(interleaved(image), cv2.COLOR_RGB2GRAY))


def interleaved(image: Tensor) -> Array:
    """An image 3 h w, on the CPU, as h w 3, its pixels one after the other: as OpenCV takes it."""
    return np.asarray(cv2.merge([np.ascontiguousarray(plane) for plane in image.numpy()]))


def as_tensor(flow: Array) -> Tensor:
    """A flow h w 2 as 2 h w."""
    return torch.from_numpy(np.ascontiguousarray(flow.transpose(2, 0, 1), np.float32))
