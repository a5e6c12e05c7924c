"""SSIM: structural similarity, in the window of its paper and in that of the papers on video inpainting."""

from collections.abc import Callable
from typing import Literal

import attrs
import cv2
import numpy as np
import torch
from torch import Tensor

from peanut.errors import UsageError, pick
from peanut.metrics.images import PEAK, array, check_images, levels
from peanut.metrics.running import Mean
from peanut.vision.array import Array

Window = Literal["gaussian-11", "uniform-65"]
Mean2D = Callable[[Array], Array]
"""The mean of the window around every pixel."""
SIGMA = 1.5
"""Standard deviation of the Gaussian window, pixels."""
STABLE = (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2
"""c1 and c2 of the paper."""


def ssim(x: Tensor, y: Tensor, window: Window = "gaussian-11") -> Tensor:
    """Structural similarity: (2 m_x m_y + c1)(2 s_xy + c2) / ((m_x^2 + m_y^2 + c1)(s_x^2 + s_y^2 + c2)), mean over all.

    x, y: ... c h w, uint8 (0 to 255) or floating (0 to 1). m and s: means, variances and covariance in a window around
    each pixel, c1 = (0.01 255)^2, c2 = (0.03 255)^2. The mean is taken over the pixels whose window lies within the
    image, and over the channels, each on its own.
    window: "gaussian-11", the paper's, 11 x 11 with a deviation of 1.5 pixels; "uniform-65", 65 x 65 with the sample
    covariance, which papers on video inpainting report (FuseFormer, E2FGVI). Both as scikit-image computes them.
    Returns ..., float64, -1 to 1, 1 for equal images. Raises UsageError for images that do not fit each other or the
    window. Source: Wang et al., Image Quality Assessment: From Error Visibility to Structural Similarity, TIP 2004.
    """
    check_images("ssim", x, y)
    size, band, mean, sample = pick("window of ssim", window, WINDOWS)
    if min(x.shape[-2:]) < size:
        raise UsageError(f"ssim: images must be at least {size} x {size} for {window!r}, got {tuple(x.shape[-2:])}.")
    planes = zip(*(array(levels(image).float()).reshape(-1, *x.shape[-2:]) for image in (x, y)), strict=True)
    found = [_of_plane(a, b, size // 2, band, mean, sample) for a, b in planes]
    return torch.tensor(found, dtype=torch.float64).view(x.shape[:-2]).mean(dim=-1)


@attrs.define
class Ssim:
    """SSIM of a clip, frame by frame: `value` has "ssim", the mean over the frames. Holds: a sum, no frames."""

    window: Window = "gaussian-11"
    _mean: Mean = attrs.field(factory=Mean, init=False)

    def add(self, result: Tensor, truth: Tensor) -> None:
        """One frame: 3 h w each. Raises UsageError as `ssim` does."""
        self._mean.add(ssim(result, truth, self.window))

    @property
    def value(self) -> dict[str, float]:
        """-1 to 1; nan before the first frame."""
        return {"ssim": self._mean.value}


def _of_plane(x: Array, y: Array, margin: int, band: int, mean: Mean2D, sample: float) -> float:
    """The mean of one channel, h w, in levels. sample: by how much variances grow to those of a sample.

    Computed in bands of rows that stay in the processor's cache.
    """
    middle = float(x.mean() + y.mean()) / 2  # variances do not know it: single precision is enough for what is left
    total = 0.0
    for top in range(0, len(x) - 2 * margin, band):
        rows = slice(top, top + band + 2 * margin)
        total += _similarity(x[rows] - middle, y[rows] - middle, margin, mean, sample, middle)
    count = (x.shape[0] - 2 * margin) * (x.shape[1] - 2 * margin)
    return float(total / count)


def _similarity(x: Array, y: Array, margin: int, mean: Mean2D, sample: float, middle: float) -> float:
    """The formula, summed over the pixels whose window lies within; x and y: levels less `middle`, overwritten."""
    c1, c2 = STABLE
    product = x * y
    m_x, m_y, both = mean(x), mean(y), mean(product)
    variances = mean(_squares(x, y))
    both -= np.multiply(m_x, m_y, out=product)  # in place: what is at hand stays in the cache
    both *= 2 * sample
    both += c2
    variances -= np.multiply(m_x, m_x, out=x)
    variances -= np.multiply(m_y, m_y, out=y)
    variances *= sample
    variances += c2
    m_x += middle
    m_y += middle
    similarity = np.multiply(m_x, m_y, out=product)
    similarity *= 2
    similarity += c1
    similarity *= both
    lengths = _squares(m_x, m_y)
    lengths += c1
    lengths *= variances
    similarity /= lengths
    h, w = similarity.shape
    return float(similarity[margin : h - margin, margin : w - margin].sum(dtype=np.float64))


def _squares(x: Array, y: Array) -> Array:
    """x^2 + y^2, in x; y is overwritten."""
    np.multiply(y, y, out=y)
    np.multiply(x, x, out=x)
    x += y
    return x


def _gaussian(image: Array) -> Array:
    return np.asarray(cv2.sepFilter2D(image, -1, KERNEL, KERNEL))


def _uniform(image: Array) -> Array:
    return np.asarray(cv2.boxFilter(image, -1, (65, 65)))


KERNEL = np.exp(-(np.arange(-5, 6) ** 2) / (2 * SIGMA**2))
KERNEL /= KERNEL.sum()
WINDOWS: dict[str, tuple[int, int, Mean2D, float]] = {
    "gaussian-11": (11, 64, _gaussian, 1.0),
    "uniform-65": (65, 192, _uniform, 65**2 / (65**2 - 1)),
}
"""Size, rows computed at once, filter, and the factor of the variances."""
