"""Clips that tests draw, and how they read and measure what came out."""

from fractions import Fraction

import cv2
import numpy as np
import torch
import torch.nn.functional as F

import peanut
from peanut import Frame


def texture(h: int, w: int, seed: int = 0) -> np.ndarray:
    """An unrepeated pattern with details of all sizes: h w 3, uint8."""
    random = np.random.default_rng(seed)
    total = np.zeros((h, w, 3))
    for size in (3, 8, 24):
        noise = random.uniform(0, 255, (h // size + 2, w // size + 2, 3))
        total += cv2.resize(noise, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)[:h, :w] / 3
    return np.clip(total, 0, 255).astype(np.uint8)


def panning(length: int, h: int = 72, w: int = 96, speed: int = 1) -> np.ndarray:
    """A camera that moves sideways over a still pattern: t h w 3."""
    wide = texture(h, w + speed * length)
    return np.stack([wide[:, speed * t : speed * t + w] for t in range(length)])


def red_holes(images: np.ndarray, masks: np.ndarray, shots: list[int] | None = None) -> list[Frame]:
    """Frames in whose holes stands a loud red."""
    painted = np.where(masks[..., None], np.uint8([255, 0, 0]), images)
    frames = [Frame.from_numpy(p, index=i, mask=m) for i, (p, m) in enumerate(zip(painted, masks, strict=True))]
    return [f.with_shot(s) for f, s in zip(frames, shots or [0] * len(frames), strict=True)]


def noise_with_holes(lengths, size=(60, 108), seed=1):
    """Shots of noise that moves, each frame with a hole (some without)."""
    rng = np.random.default_rng(seed)
    frames = []
    for shot, length in enumerate(lengths):
        image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
        for number in range(length):
            mask = np.zeros(size, bool)
            if number % 4 != 3:
                mask[10 + number % 9 : 30, 20 + number : 44 + number] = True
            index = len(frames)
            frame = Frame.from_numpy(np.roll(image, number, axis=1), index=index, time=Fraction(index, 25), mask=mask)
            frames.append(frame.with_shot(shot))
    return frames


def drifting(length, size=(18, 20)):
    """A smooth pattern that drifts: t 3 h w in [0, 1]."""
    torch.manual_seed(length)
    wide = F.interpolate(torch.rand(1, 3, 8, 20), (size[0], size[1] + 2 * length), mode="bilinear")[0]
    return torch.stack([wide[..., 2 * t : 2 * t + size[1]] for t in range(length)])


def rolling(lengths=(9,), size=(60, 80)):
    """Frames, in shots of the lengths given, of one smooth pattern that rolls on across the cuts."""
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, 8, 10, generator=generator)
    image = (255 * F.interpolate(coarse, size, mode="bilinear")[0]).to(torch.uint8)
    shots = [shot for shot, length in enumerate(lengths) for _ in range(length)]
    return [Frame(index=n, time=Fraction(n, 25), image=image.roll(2 * n, 2), shot=shot) for n, shot in enumerate(shots)]


def drawn(count, size=(64, 96), fps=25):
    """Frames that differ and compress badly, so that fragments reach the disk."""
    noise = np.random.default_rng(3).integers(0, 256, (*size, 3), dtype=np.uint8)
    return [
        Frame.from_numpy(np.roll(noise, 3 * number, axis=1), index=number, time=Fraction(number, fps))
        for number in range(count)
    ]


def read(path):
    return list(peanut.read(path, shots=False))


def partial(folder, name="clean.mp4"):
    """The one file that a run which did not end left for `name`."""
    stem, dot, suffix = name.partition(".")
    (path,) = folder.glob(f"{stem}.partial-[0-9a-f][0-9a-f][0-9a-f][0-9a-f]{dot}{suffix}")
    return path


def psnr(a, b):
    """Peak signal-to-noise ratio of two uint8 arrays or tensors, in dB: 138 where they are equal."""
    error = np.mean((np.asarray(a, float) - np.asarray(b, float)) ** 2)
    return float(10 * np.log10(255**2 / max(1e-9, error)))
