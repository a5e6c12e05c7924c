"""NIQE: how far an image is from natural ones, without a truth to compare it with."""

import math
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from zipfile import BadZipFile

import attrs
import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.errors import UsageError
from peanut.metrics.images import PEAK, array, check_images, levels
from peanut.metrics.running import Mean
from peanut.vision.array import Array

BLOCK = 96
"""Pixels per side of the blocks that are described; half of it at half the size."""
FEATURES = 36
"""Of a block, 18 at each of two sizes."""
GRAY = (0.2989, 0.5870, 0.1140)
"""Of red, green and blue, as MATLAB's rgb2gray weighs them."""
WINDOW = np.exp(-(np.arange(-3, 4) ** 2) / (2 * (7 / 6) ** 2))
WINDOW /= WINDOW.sum()
NEIGHBORS = (0, 1), (1, 0), (1, 1), (1, -1)
"""Rows and columns away lie those whose product with a pixel is described."""
SHAPES = np.arange(200, 10001) / 1000
"""Shape parameters that are told apart."""


@attrs.frozen(eq=False)
class Natural:
    """What natural images look like: the Gaussian of their features."""

    mean: Array
    """36, float64: of a block, 18 at each of two sizes."""
    covariance: Array
    """36 36, float64."""

    @classmethod
    def read(cls, path: str | Path) -> "Natural":
        """From a .npz with mu_pris_param and cov_pris_param, as the source package of BasicSR has the published one.

        Raises UsageError for another file.
        """
        try:
            with np.load(path, allow_pickle=False) as held:
                mean, covariance = held["mu_pris_param"].reshape(FEATURES), held["cov_pris_param"]
                return cls(mean, covariance.reshape(FEATURES, FEATURES))
        except (OSError, EOFError, KeyError, TypeError, ValueError, BadZipFile) as error:
            raise UsageError(
                f"{path} is no model of natural images: a .npz with mu_pris_param and cov_pris_param is."
            ) from error


@cache
def own_model() -> Natural:
    """The one that comes with PEANUT, fitted by `benchmarks/natural_images.py`."""
    return Natural.read(Path(__file__).with_name("niqe.npz"))


def niqe(image: Tensor, model: Natural | None = None) -> Tensor:
    """Distance of an image's statistics from those of natural images: 0 is best.

    sqrt(d^T ((C + C')/2)^-1 d), d the difference of the means, C and C' the covariances, of 36 features of blocks of 96
    x 96 pixels: fitted shapes and scales of the locally normalized gray levels, and of their products with neighbors.
    image: ... 3 h w, RGB, uint8 (0 to 255) or floating (0 to 1), at least 96 x 96. model: `Natural.read(path)`; by
    default one fitted on a few freely licensed photographs. Its values differ from those of the published model,
    and can be compared with one another alone.
    Returns ..., float64. Raises UsageError for images that do not fit.
    Source: Mittal, Soundararajan and Bovik, Making a Completely Blind Image Quality Analyzer, SPL 2013.
    """
    check_images("niqe", image, color=True)
    if min(image.shape[-2:]) < BLOCK:
        raise UsageError(f"niqe: images must be at least {BLOCK} x {BLOCK}, got {tuple(image.shape[-2:])}.")
    model = own_model() if model is None else model
    each = image.reshape(-1, *image.shape[-3:])
    return torch.tensor([_distance(features(one), model) for one in each], dtype=torch.float64).view(image.shape[:-3])


@attrs.define
class Niqe:
    """NIQE of a clip, frame by frame: `value` has "niqe", the mean over the frames. Holds: a sum."""

    model: Natural = attrs.field(factory=own_model, repr=False)
    _mean: Mean = attrs.field(factory=Mean, init=False)

    def add(self, image: Tensor) -> None:
        """One frame: 3 h w. Raises UsageError as `niqe` does."""
        self._mean.add(niqe(image, self.model))

    @property
    def value(self) -> dict[str, float]:
        """nan before the first frame."""
        return {"niqe": self._mean.value}


def features(image: Tensor) -> Array:
    """What is measured of the blocks of an image, 3 h w: n 36, float64. What is left of the image is not looked at."""
    first, second = (normalized(grey, size)[0] for grey, size in _sizes(image))
    return np.concatenate([_described(first), _described(second)], axis=1)


def sharpness(image: Tensor) -> Array:
    """The mean local deviation of gray levels of each block: n."""
    grey, size = next(_sizes(image))
    return np.asarray(normalized(grey, size)[1].mean(axis=(1, 2)))


def _sizes(image: Tensor) -> Iterator[tuple[Array, int]]:
    """The gray levels of the blocks, h w, and the side of a block: at full size, and at half of it."""
    rows, columns = (side // BLOCK * BLOCK for side in image.shape[-2:])
    weights = torch.tensor(GRAY).view(3, 1, 1)
    grey = (levels(image[:, :rows, :columns]).float().cpu() * weights).sum(dim=0).round().clamp(0, PEAK)
    yield array(grey), BLOCK
    half = F.interpolate(grey[None, None], scale_factor=0.5, mode="bicubic", antialias=True)
    yield array(half[0, 0]), BLOCK // 2


def normalized(grey: Array, size: int) -> tuple[Array, Array]:
    """Levels less the local mean, over the local deviation and 1; and that deviation: n size size each, in blocks."""
    border = cv2.BORDER_REPLICATE
    mean, square = (cv2.sepFilter2D(x, -1, WINDOW, WINDOW, borderType=border) for x in (grey, grey * grey))
    deviation = np.sqrt(np.abs(square - mean * mean))
    return _blocks((grey - mean) / (deviation + 1), size), _blocks(deviation, size)


def _blocks(x: Array, size: int) -> Array:
    h, w = x.shape
    return x.reshape(h // size, size, w // size, size).swapaxes(1, 2).reshape(-1, size, size)


def _described(blocks: Array) -> Array:
    """The 18 features of blocks n s s at one size: n 18."""
    maps = np.concatenate([blocks, *(blocks * np.roll(blocks, step, axis=(1, 2)) for step in NEIGHBORS)])
    shape, left, right = (x.reshape(-1, len(blocks)) for x in fitted(maps))  # 5 n each
    mean = (right - left) * np.exp(_log_gamma(2 / shape) - _log_gamma(1 / shape))
    found = [shape[0], (left[0] + right[0]) / 2]
    for row in range(1, len(shape)):
        found += [shape[row], mean[row], left[row], right[row]]
    return np.stack(found, axis=1)


def fitted(x: Array) -> tuple[Array, Array, Array]:
    """Shape, and scale to the left and to the right, of the asymmetric generalized Gaussian of each block: n each.

    By its moments: Lasmar et al., Multiscale Skewed Heavy Tailed Model for Texture Analysis, ICIP 2009.
    """
    x = x.reshape(len(x), -1)
    below = np.minimum(x, 0)
    square, square_below = (np.einsum("nk,nk->n", side, side).astype(np.float64) for side in (x, below))
    count_below, count_above = ([max(1, np.count_nonzero(row)) for row in side] for side in (x < 0, x > 0))
    left, right = np.sqrt(square_below / count_below), np.sqrt((square - square_below).clip(min=0) / count_above)
    mean = (x.sum(axis=1) - 2 * below.sum(axis=1)).astype(np.float64) / x.shape[1]
    share = mean**2 / np.maximum(square / x.shape[1], 1e-12)
    ratio = left / np.maximum(right, 1e-12)
    share = share * (ratio**3 + 1) * (ratio + 1) / (ratio**2 + 1) ** 2
    shape = SHAPES[np.searchsorted(_between_shapes(), share)]
    scale = np.exp((_log_gamma(1 / shape) - _log_gamma(3 / shape)) / 2)
    return shape, left * scale, right * scale


@cache
def _between_shapes() -> Array:
    """Mean squared over mean of squares, which rises with the shape, half way from each shape to the next."""
    shares = np.exp(2 * _log_gamma(2 / SHAPES) - _log_gamma(1 / SHAPES) - _log_gamma(3 / SHAPES))
    return np.asarray((shares[1:] + shares[:-1]) / 2)


def _log_gamma(x: Array) -> Array:
    return torch.lgamma(torch.from_numpy(x)).numpy()


def _distance(found: Array, model: Natural) -> float:
    mean = found.mean(axis=0)
    covariance = np.cov(found, rowvar=False) if len(found) > 1 else np.zeros_like(model.covariance)
    apart = mean - model.mean
    return math.sqrt(max(0.0, float(apart @ np.linalg.pinv((covariance + model.covariance) / 2) @ apart)))
