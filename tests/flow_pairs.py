"""Drawn pairs of images whose flow is known."""

import functools

import cv2
import numpy as np
import torch

H, W = 96, 128


@functools.cache
def texture() -> np.ndarray:
    """A smooth unrepeated pattern, wider than the images by 64 pixels on every side: h w 3, float32."""
    random = np.random.default_rng(0)
    total = np.zeros((H + 128, W + 128, 3), np.float32)
    for size in (8, 20):
        noise = random.uniform(0, 255, (H // size + 20, W // size + 20, 3)).astype(np.float32)
        whole = cv2.resize(noise, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)
        total += whole[: H + 128, : W + 128] / 2
    return np.clip(total, 0, 255)


def pair(matrix):
    """Two images and the flow from the first to the second, which is p -> matrix p (3 3, pixels)."""
    places = np.dstack(np.meshgrid(np.arange(W, dtype=float), np.arange(H, dtype=float)))

    def seen(at):
        image = cv2.remap(texture(), (at + 64).astype(np.float32), None, cv2.INTER_CUBIC)
        return torch.from_numpy(np.clip(np.rint(image), 0, 255).astype(np.uint8).transpose(2, 0, 1).copy())

    there, back = (cv2.perspectiveTransform(places, m) for m in (matrix, np.linalg.inv(matrix)))
    return seen(places), seen(back), torch.from_numpy((there - places).transpose(2, 0, 1)).float()


def shifted(right, down):
    return np.array([[1, 0, right], [0, 1, down], [0, 0, 1]], float)


def turned(degrees):
    return np.vstack([cv2.getRotationMatrix2D((W / 2, H / 2), degrees, 1.03), [0, 0, 1]])


def error(flow, truth):
    """The mean distance from 8 pixels off the border, in pixels."""
    return (flow - truth)[:, 8:-8, 8:-8].norm(dim=0).mean().item()
