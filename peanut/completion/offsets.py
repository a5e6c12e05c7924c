"""Offsets by which an image repeats itself, from the statistics of how well it fits onto itself."""

import cv2
import numpy as np

from peanut.vision.array import Array

LONGEST = 256
"""Longer side to which images are reduced for the search, pixels."""
NEAR = 2
"""Pixels of the reduced image within which two offsets are one."""
PER_WINDOW = 8
"""Offsets kept per window."""


def offsets(image: Array, known: Array, hole: Array) -> Array:
    """Offsets (x, y) to where an image looks alike: n 2, float32, pixels, best first in each window.

    For every offset s at once, E(s) = sum_p w(p) k(p + s) |I(p) - I(p + s)|^2 / sum_p w(p) k(p + s), by Fourier
    transform; w is what is known near the hole: all around it, and above, below, left and right of it. Local minima
    of E are the candidates. After He and Sun, Statistics of Patch Offsets for Image Completion, ECCV 2012.
    image: h w 3, uint8. known, hole: h w, bool.
    """
    h, w = hole.shape
    factor = max(1.0, max(h, w) / LONGEST)
    size = max(1, round(w / factor)), max(1, round(h / factor))
    share = cv2.resize(known.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    sure = (share > 0.99).astype(np.float32)
    x = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    small = cv2.resize(hole.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0
    found = []
    mean = (x * sure[..., None]).sum((0, 1)) / max(float(sure.sum()), 1)
    x = ((x - mean) * sure[..., None]).astype(np.float32)
    spectra = _spectra(x, sure)
    for weight in _windows(small, sure):
        found += _minima(x, weight, spectra)
    scale = np.array([w / size[0], h / size[1]])
    unique: list[Array] = []
    for offset in found:
        if all(np.abs(offset - other).max() > NEAR - 1 for other in unique):
            unique.append(offset)
    return np.asarray(np.array(unique).reshape(-1, 2) * scale, np.float32)


def _windows(hole: Array, sure: Array) -> list[Array]:
    """What is known near the hole: all of it, and what lies to each side."""
    x, y, width, height = cv2.boundingRect(hole.astype(np.uint8))
    reach = max(8, min(height, width) // 2)
    rows, columns = np.mgrid[: hole.shape[0], : hole.shape[1]]
    near = cv2.distanceTransform((~hole).astype(np.uint8), cv2.DIST_L2, 3) <= reach
    middle, centre = y + height / 2, x + width / 2
    across, down = (columns - centre) / width, (rows - middle) / height
    sides = [across < -abs(down), across > abs(down), down < -abs(across), down > abs(across)]
    windows = [sure, near * sure, *(near * sure * side for side in sides)]
    return [window.astype(np.float32) for window in windows if window.any()]


def _spectra(x: Array, sure: Array) -> tuple[Array, Array, Array]:
    size = tuple(cv2.getOptimalDFTSize(2 * n) for n in sure.shape)
    known, square, content = (np.fft.rfft2(z, size, axes=(0, 1)) for z in (sure, (x**2).sum(2), x))
    return known, square, content


def _minima(x: Array, weight: Array, spectra: tuple[Array, Array, Array]) -> list[Array]:
    """The best local minima of E for one window."""
    known, square, content = spectra
    h, w = weight.shape
    size = tuple(cv2.getOptimalDFTSize(2 * n) for n in weight.shape)
    own = np.conj(np.fft.rfft2(weight, size))
    own_square = np.conj(np.fft.rfft2(weight * (x**2).sum(2), size))
    own_content = np.conj(np.fft.rfft2(x * weight[..., None], size, axes=(0, 1)))
    overlap = np.fft.irfft2(own * known, size)
    error = np.fft.irfft2(own_square * known + own * square - 2 * (own_content * content).sum(2), size)
    total = float(weight.sum())
    mean = np.where(overlap > 0.25 * total, error / np.maximum(overlap, 1), np.inf)
    mean = np.fft.fftshift(mean)
    zero = size[0] // 2, size[1] // 2
    mean = mean[zero[0] - h + 1 : zero[0] + h, zero[1] - w + 1 : zero[1] + w].astype(np.float32)
    mean[~np.isfinite(mean)] = 1e30
    lowest = cv2.erode(mean, np.ones((2 * NEAR + 1, 2 * NEAR + 1), np.uint8))
    rows, columns = np.nonzero((mean == lowest) & (mean < 1e29))
    rows, columns = rows - (h - 1), columns - (w - 1)
    far = np.maximum(np.abs(rows), np.abs(columns)) > NEAR
    rows, columns = rows[far], columns[far]
    order = np.argsort(mean[rows + h - 1, columns + w - 1], kind="stable")[:PER_WINDOW]
    return [np.array([columns[n], rows[n]], float) for n in order]
