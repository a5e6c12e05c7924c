"""Drawn sequences whose optical flow is known, seen under several conditions.

A textured background under a camera that pans, turns and zooms, and textured blocks before it that move on their own.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import attrs
import cv2
import numpy as np
import torch
from torch import Tensor

from peanut.vision.array import Array

WIDTH, HEIGHT, PAIRS = 320, 180, 10


@attrs.frozen
class Block:
    """A textured rectangle: height and width, its upper left corner (x, y) at first, and pixels per frame."""

    size: tuple[int, int]
    at: tuple[float, float]
    motion: tuple[float, float]
    seed: int


ONE = (Block((64, 96), (60, 40), (5.4, 2.3), seed=2),)
FIVE = (
    Block((70, 50), (30, 20), (7, 2), seed=2),
    Block((60, 80), (200, 30), (-6, 3), seed=3),
    Block((80, 60), (120, 80), (-1, -6), seed=4),
    Block((50, 50), (240, 110), (-8, -2), seed=5),
    Block((40, 70), (20, 120), (6, -4), seed=6),
)


def texture(h: int, w: int, seed: int) -> Array:
    """A pattern with details of many sizes: h w 3, float32, 0 to 255."""
    random = np.random.default_rng(seed)
    total = np.zeros((h, w, 3), np.float32)
    for size, share in ((6, 0.25), (16, 0.35), (48, 0.4)):
        noise = random.uniform(0, 255, (h // size + 3, w // size + 3, 3)).astype(np.float32)
        total += share * cv2.resize(noise, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)[:h, :w]
    muted = 0.4 * total + 0.6 * total.mean(axis=2, keepdims=True)
    return np.asarray(np.clip(128 + 2 * (muted - 128), 0, 255))


def camera(t: int) -> Array:
    """From the pixels of frame t to those of the wide background: 3 3."""
    angle, zoom = np.radians(0.6 * (t - PAIRS / 2)), 1.01**t
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / zoom
    center = np.array([WIDTH / 2, HEIGHT / 2])
    whole: Array = np.eye(3)
    whole[:2, :2], whole[:2, 2] = turn, (140, 100) + center + np.array([3.3, 1.2]) * t - turn @ center
    return whole


def places() -> Array:
    """The pixels' own places: h w 2, x before y."""
    return np.dstack(np.meshgrid(np.arange(WIDTH, dtype=float), np.arange(HEIGHT, dtype=float)))


def on_block(block: Block, t: int) -> tuple[Array, Array]:
    """How much of each pixel of frame t a block covers, h w, 0 to 1, and the place on it, h w 2."""
    there = places() - (np.array(block.at) + np.array(block.motion) * t)
    x, y = np.moveaxis(there, 2, 0)
    h, w = block.size
    across = [np.clip(side + 1, 0, 1) * np.clip(end - side, 0, 1) for side, end in ((x, w), (y, h))]
    return np.asarray(across[0] * across[1]), there


def moved(points: Array, matrix: Array) -> Array:
    return np.asarray(points @ matrix[:2, :2].T + matrix[:2, 2])


def looked_up(x: Array, at: Array) -> Array:
    nothing: Any = None
    return np.asarray(cv2.remap(x, at.astype(np.float32), nothing, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE))


def drawn(blocks: tuple[Block, ...], t: int) -> Array:
    """The picture at time t before any camera: h w 3, 0 to 255."""
    picture = looked_up(texture(420, 620, seed=1), moved(places(), camera(t)))
    for block in blocks:
        share, there = on_block(block, t)
        picture = (1 - share[..., None]) * picture + share[..., None] * looked_up(
            texture(*block.size, block.seed), there
        )
    return picture


def true_flow(blocks: tuple[Block, ...], t: int, later: int) -> Tensor:
    """From frame t to another: 2 h w, pixels; of what is covered there, where it is all the same."""
    flow = moved(moved(places(), camera(t)), np.linalg.inv(camera(later))) - places()
    for block in blocks:
        flow = np.where(on_block(block, t)[0][..., None] > 0.5, np.array(block.motion) * (later - t), flow)
    return torch.from_numpy(flow.transpose(2, 0, 1).astype(np.float32).copy())


def grainy(picture: Array, t: int, grain: float = 2.0) -> Array:
    """With noise of so many grey levels, standard deviation."""
    return np.asarray(picture + np.random.default_rng(100 + t).normal(0, grain, picture.shape))


def with_impulses(picture: Array, t: int) -> Array:
    """Every twentieth pixel black or white."""
    lot = np.random.default_rng(7 + t).uniform(size=picture.shape[:2])[..., None]
    return np.asarray(np.where(lot < 0.025, 0, np.where(lot > 0.975, 255, grainy(picture, t))))


def blurred(picture: Array, t: int) -> Array:
    """Out of focus: a Gaussian of 2 pixels."""
    return grainy(np.asarray(cv2.GaussianBlur(picture, (0, 0), 2)), t)


def in_changing_light(picture: Array, t: int) -> Array:
    """Every second frame a fifth flatter, and lifted by 10 grey levels."""
    return grainy(0.8 * picture + 10 if t % 2 else picture, t)


def in_low_light(picture: Array, t: int) -> Array:
    """A tenth of the light, with the noise of few photons."""
    little = 0.1 * picture
    noise = np.random.default_rng(300 + t).normal(0, 1, picture.shape) * np.sqrt(1 + little / 4)
    return np.asarray(little + noise)


@attrs.frozen
class Condition:
    """What is drawn, how it is seen, and how many frames apart the two images of a pair are."""

    name: str
    seen: Callable[[Array, int], Array] = grainy
    blocks: tuple[Block, ...] = ONE
    step: int = 1

    def frame(self, t: int) -> Tensor:
        """3 h w, uint8."""
        picture = np.clip(np.rint(self.seen(drawn(self.blocks, t), t)), 0, 255).astype(np.uint8)
        return torch.from_numpy(picture.transpose(2, 0, 1).copy())

    def pairs(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Image, other, and the true flow."""
        frames = [self.frame(t) for t in range(PAIRS + self.step)]
        return [
            (frames[t], frames[t + self.step], true_flow(self.blocks, t, t + self.step))
            for t in range(len(frames) - self.step)
        ]


CONDITIONS = (
    Condition("clear"),
    Condition("noise", partial(grainy, grain=16.0)),
    Condition("impulses", with_impulses),
    Condition("blur", blurred),
    Condition("change of light", in_changing_light),
    Condition("low light", in_low_light),
    Condition("large motion", step=4),
    Condition("occlusion", blocks=FIVE),
)
