"""Dense optical flow and looking pixels up along it, on NumPy arrays.

Convention: a flow is h w 2, float32, in pixels, x before y, and names where to look: out[p] = x[p + flow(p)].
Sampling is bilinear with pixel centres at whole numbers, as in `peanut.ops.warp`.
"""

from typing import Any, Literal

import cv2
import numpy as np

from peanut.vision.array import Array

_PRESETS = {
    "ultrafast": cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST,
    "fast": cv2.DISOPTICAL_FLOW_PRESET_FAST,
    "medium": cv2.DISOPTICAL_FLOW_PRESET_MEDIUM,
}
SMALLEST = 16
"""Pixels per side below which no flow is sought: DIS matches patches of 8 on images halved at least once."""


def dense_flow(grey: Array, other: Array, preset: Literal["ultrafast", "fast", "medium"] = "medium") -> Array:
    """Where each pixel of `grey` is found in `other`: h w 2, float32, pixels; zeros for images under 16 pixels.

    grey, other: h w, uint8. The same arrays give the same flow, whatever was computed before and on how many threads.
    Source: Kroeger et al., Fast Optical Flow using Dense Inverse Search, ECCV 2016 (OpenCV's DIS).
    """
    if grey.shape != other.shape:
        raise ValueError(f"dense_flow: both images must have one size, got {grey.shape} and {other.shape}.")
    if min(grey.shape) < SMALLEST:
        return np.zeros((*grey.shape, 2), np.float32)
    grey, other = np.ascontiguousarray(grey), np.ascontiguousarray(other)
    start = np.zeros((*grey.shape, 2), np.float32)
    return np.asarray(cv2.DISOpticalFlow_create(_PRESETS[preset]).calc(grey, other, start))  # type: ignore[attr-defined]


def grid(rows: slice, columns: slice) -> Array:
    """The positions (x, y) of the pixels of a box: h w 2, float32."""
    x = np.arange(columns.start, columns.stop, dtype=np.float32)
    y = np.arange(rows.start, rows.stop, dtype=np.float32)
    return np.dstack(np.meshgrid(x, y))


def sample(
    x: Array,
    at: Array,
    nearest: bool = False,
    padding: Literal["border", "zeros"] = "border",
    cubic: bool = False,
) -> Array:
    """Look `x` up at positions `at`, bilinear, nearest, or bicubic, which is sharper and may overshoot.

    x: h w or h w c (c at most 4), uint8 or float32. at: m n 2, float32, pixels of x. padding: what lies outside the
    image, its nearest border pixel or zeros. Returns m n or m n c, type of x.
    """
    method = cv2.INTER_NEAREST if nearest else cv2.INTER_CUBIC if cubic else cv2.INTER_LINEAR
    mode = cv2.BORDER_REPLICATE if padding == "border" else cv2.BORDER_CONSTANT
    no_second: Any = None  # both coordinates are in the first
    return np.asarray(cv2.remap(x, at, no_second, method, borderMode=mode))


def within(at: Array, size: tuple[int, int]) -> Array:
    """Which positions (m n 2, pixels) lie inside an image of `size` (h, w): m n, bool."""
    h, w = size
    x, y = at[..., 0], at[..., 1]
    return (x >= 0) & (y >= 0) & (x <= w - 1) & (y <= h - 1)
