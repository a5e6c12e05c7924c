"""Three steps joined by hand: flow, then pixels along it, then an image inpainter. A baseline.

A plain reimplementation of an idea, from the papers alone: Xu et al., Deep Flow-Guided Video Inpainting, CVPR 2019;
Gao et al., Flow-edge Guided Video Completion (FGVC), ECCV 2020. Each step takes the one before it as it is: wrong flow
leads to wrong pixels, and what was inpainted in one frame is spread as if it had been seen. What the papers learn (how
flow goes on inside a hole, flow edges) is smooth interpolation here, pixels are blended and not gradients, and there is
no seam and no temporal correction. Numbers say what the joining costs, not how good the papers' systems are.
"""

from collections.abc import Callable

import attrs
import cv2
import numpy as np
import torch

import peanut
from peanut.flow.estimator import FlowEstimator
from peanut.vision.array import Array
from peanut.vision.inpainting import fill_smooth
from peanut.vision.morphology import grow_mask
from peanut.vision.optical_flow import grid, sample, within

Inpaint = Callable[[Array, Array], Array]
"""From an image (h w 3, uint8) and what is missing of it (h w, bool) to an image."""
MARGIN = 12
"""Pixels around the hole of a frame, and that of the other, whose flow is that of the thing in it, and not taken;
chosen on three composites."""
APART = 3.0
"""Pixels by which flow there and back may miss the start."""


def telea(image: Array, missing: Array) -> Array:
    return np.asarray(cv2.inpaint(np.ascontiguousarray(image), missing.astype(np.uint8), 3, cv2.INPAINT_TELEA))


def hand_joined(images: Array, masks: Array, inpaint: Inpaint = telea, estimator: FlowEstimator | None = None) -> Array:
    """The images (t h w 3, uint8, one shot) with what the masks (t h w, bool) cover filled; all are held at once."""
    clip = Clip(images.astype(np.float32), ~masks, np.zeros(masks.shape, np.float32))
    flows = completed(images, masks, estimator or peanut.DIS())
    propagate(clip, flows)
    while not clip.known.all():
        worst = int(np.argmin(clip.known.mean(axis=(1, 2))))  # the key frame: most of it is missing
        image, missing = np.rint(clip.images[worst]).astype(np.uint8), ~clip.known[worst]
        clip.images[worst][missing] = inpaint(image, missing)[missing]
        clip.known[worst] = True
        propagate(clip, flows)
    return np.where(masks[..., None], np.clip(np.rint(clip.images), 0, 255), images).astype(np.uint8)


@attrs.define(eq=False)
class Clip:
    """What is known so far."""

    images: Array
    """t h w 3, float32."""
    known: Array
    """t h w, bool."""
    away: Array
    """t h w, float32: frames that a pixel came."""

    def copy(self) -> "Clip":
        return Clip(self.images.copy(), self.known.copy(), self.away.copy())


def completed(images: Array, masks: Array, estimator: FlowEstimator) -> dict[tuple[int, int], Array]:
    """Step 1: the flow from each frame to its neighbors, h w 2, smooth inside the holes."""
    tensors = [torch.from_numpy(image).permute(2, 0, 1) for image in images]
    flows = {}
    for here in range(len(images)):
        for there in (here - 1, here + 1):
            if 0 <= there < len(images):
                unreliable = grow_mask(masks[here] | masks[there], MARGIN)
                flow = estimator(tensors[here], tensors[there]).permute(1, 2, 0).numpy().astype(np.float32)
                flows[here, there] = fill_smooth(flow, ~unreliable)
    return flows


def propagate(clip: Clip, flows: dict[tuple[int, int], Array]) -> None:
    """Step 2: pixels along the flow, from the past and from the future; where both come, the nearer counts more."""
    past, future = clip.copy(), clip.copy()
    for number in range(1, len(clip.images)):
        _take(past, number, number - 1, flows)
    for number in range(len(clip.images) - 2, -1, -1):
        _take(future, number, number + 1, flows)
    found = ~clip.known & (past.known | future.known)
    weights = [(side.known / np.maximum(side.away, 1))[found][:, None] for side in (past, future)]
    both = weights[0] * past.images[found] + weights[1] * future.images[found]
    clip.images[found] = both / (weights[0] + weights[1])
    away = [np.where(side.known, side.away, np.inf)[found] for side in (past, future)]
    clip.away[found] = np.minimum(*away)
    clip.known |= found


def _take(clip: Clip, here: int, there: int, flows: dict[tuple[int, int], Array]) -> None:
    """Fill what is missing of a frame with what its neighbor knows, where the flow leads there and back."""
    missing = ~clip.known[here]
    if not missing.any():
        return
    h, w = missing.shape
    start = grid(slice(0, h), slice(0, w))
    at = start + flows[here, there]
    back = at + sample(flows[there, here], at) - start
    shown = within(at, (h, w)) & (sample(clip.known[there].astype(np.float32), at) > 0.99)
    taken = missing & shown & (np.linalg.norm(back, axis=-1) < APART)
    clip.images[here][taken] = sample(clip.images[there], at)[taken]
    clip.away[here][taken] = sample(clip.away[there], at, nearest=True)[taken] + 1
    clip.known[here] |= taken
