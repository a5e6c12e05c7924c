"""What is measured of an erased clip whose truth is known. Clips are t h w 3, uint8, RGB, masks t h w, bool."""

import cv2
import numpy as np
import torch

from benchmarks.structure import structure
from peanut import metrics
from peanut.flow.dis import DIS
from peanut.vision.array import Array

STRUCTURED = 5
"""Every so many frames structure is measured."""


def psnr(result: Array, truth: Array, masks: Array) -> float:
    """Mean over the frames of the PSNR inside the hole: dB, at most 100 for a frame."""
    return float(metrics.psnr(*_tensors(result, truth), torch.from_numpy(masks)).nanmean())


def seam(result: Array, truth: Array, masks: Array) -> float:
    """Mean absolute step from a pixel of the hole to a neighbor outside, over the truth's: 1 shows no seam, 2 one."""
    return _steps(result, masks) / max(_steps(truth, masks), 1e-6)


def _steps(clip: Array, masks: Array) -> float:
    total, count = 0.0, 0
    for axis in (1, 2):
        here, there = (np.take(masks, range(n, masks.shape[axis] - 1 + n), axis) for n in (0, 1))
        edge = here != there
        a, b = (np.take(clip, range(n, clip.shape[axis] - 1 + n), axis)[edge] for n in (0, 1))
        total, count = total + float(cv2.absdiff(a, b).mean(axis=-1).sum()), count + int(edge.sum())
    return total / max(count, 1)


def flicker(result: Array, truth: Array, masks: Array) -> float:
    """Mean absolute change between neighboring frames inside the hole along the truth's own flow, over the truth's."""
    return float(metrics.flicker(*_tensors(result, truth), torch.from_numpy(masks), DIS()))


def light(result: Array, truth: Array, masks: Array) -> float:
    """How far the mean of the hole is from the truth's: grey levels, mean over the frames."""
    pairs = zip(result, truth, masks, strict=True)
    return float(np.mean([abs(image[mask].mean() - true[mask].mean()) for image, true, mask in pairs if mask.any()]))


def structure_of_clip(result: Array, truth: Array, masks: Array) -> float:
    """`benchmarks.structure`, mean over every fifth frame."""
    some = [t for t in range(0, len(result), STRUCTURED) if masks[t].any()]
    return float(np.mean([structure(result[t], truth[t], masks[t]) for t in some]))


def _tensors(*clips: Array) -> list[torch.Tensor]:
    """t h w 3 -> t 3 h w."""
    return [torch.from_numpy(clip).permute(0, 3, 1, 2) for clip in clips]
