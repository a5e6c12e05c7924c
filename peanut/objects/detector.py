"""Detecting the 80 classes of COCO in an image, with the small network that comes with PEANUT."""

from pathlib import Path

import attrs
import cv2
import numpy as np
import torch
from torch import nn

from peanut.devices import pick_device
from peanut.networks.nanodet import DEVIATION, MEAN, STRIDES, NanoDet
from peanut.vision.array import Array
from peanut.vision.detection import Detection, suppress
from peanut.weights import resolve
from peanut.words.vocabulary import CLASSES

WEIGHTS = "nanodet-g"
LONGEST = 416
"""Pixels of the longer side that the network was trained on."""
GREY = 114
"""What is around an image, in grey levels."""


@attrs.frozen(eq=False)
class ObjectDetector:
    """NanoDet-g on images of any size, reduced to its own.

    network: a NanoDet, the name of its weights or their path. device: where it computes, in float32.
    """

    network: NanoDet = attrs.field()
    device: torch.device

    @classmethod
    def of(cls, model: str | Path | nn.Module = WEIGHTS, device: str | torch.device = "auto") -> "ObjectDetector":
        on = pick_device(device)
        return cls(resolve("ObjectDetector", model, NanoDet, device=on, dtype=torch.float32), on)

    @torch.no_grad()
    def detect(self, image: Array, min_score: float = 0.35) -> list[Detection]:
        """What lies in an image, h w 3, uint8, RGB: best first, boxes in its pixels, within it."""
        padded, share, (left, top) = _fitted(image)
        x = (
            torch.from_numpy(padded)
            .permute(2, 0, 1)[None]
            .to(self.device)
            .contiguous(memory_format=torch.channels_last)
        )
        scores, boxes = (found[0].cpu().numpy() for found in self.network(x))
        h, w = image.shape[:2]
        shift, most = np.array([left, top] * 2), np.array([w, h] * 2)
        boxes = np.clip((boxes - shift) / share, 0, most)
        cells, labels = np.nonzero(scores >= min_score)
        found = [
            Detection(_as_box(boxes[cell]), float(scores[cell, label]), CLASSES[label])
            for cell, label in zip(cells, labels, strict=True)
        ]
        return suppress(found)


def _as_box(box: Array) -> tuple[float, float, float, float]:
    left, top, right, bottom = (float(edge) for edge in box)
    return left, top, right, bottom


def _fitted(image: Array) -> tuple[Array, float, tuple[int, int]]:
    """An image as the network wants it: h w 3, float32, blue, green, red, normalized, on grey.

    Reduced to `LONGEST`, on sides that are multiples of 32. Beside it the scale, and where its left top lies.
    """
    h, w = image.shape[:2]
    share = LONGEST / max(h, w)
    small = max(1, round(w * share)), max(1, round(h * share))
    reduced = cv2.resize(image, small, interpolation=cv2.INTER_AREA if share < 1 else cv2.INTER_LINEAR)
    multiple = STRIDES[-1]
    full_w, full_h = (-(-side // multiple) * multiple for side in small)
    left, top = (full_w - small[0]) // 2, (full_h - small[1]) // 2
    padded = np.full((full_h, full_w, 3), GREY, np.float32)
    padded[top : top + small[1], left : left + small[0]] = reduced[..., ::-1]
    return (padded - np.array(MEAN, np.float32)) / np.array(DEVIATION, np.float32), share, (left, top)
