"""Where motion is hard to tell: what MovingObjects masks for nothing, and whether it says so.

python -m benchmarks.hard_motion [PHOTOGRAPHS]

Drawn scenes of planes at several depths before a camera that moves, or of light that changes, with and without a mover
whose mask is known. Textures are drawn; PHOTOGRAPHS is a folder of pictures to take instead. Printed for every scene:
how much of the mover is found, how much is masked that does not move (mean and worst frame), what share of the image
is uncertain (confidence below the stage's least).
"""

import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import cv2
import numpy as np
import numpy.typing as npt

import peanut

Array = npt.NDArray[Any]
SIZE, LENGTH, MARGIN = (180, 320), 36, 200
GRAINS = 4, 12
"""Sizes of the texture, in pixels."""


@attrs.frozen
class Scene:
    """A camera before planes; the first depth is the farthest, and the plane that fills the image."""

    depths: tuple[float, ...] = (1.0,)
    path: Callable[[int], tuple[float, float, float]] = lambda t: (0.0, 0.0, 0.0)
    """The camera's place (pixels of a plane at depth 1, and depth) at a time."""
    turn: Callable[[int], tuple[float, float]] = lambda t: (0.0, 1.0)
    """Roll in degrees, and zoom."""
    light: Callable[[int], Array | float] = lambda t: 1.0
    """A factor of brightness; what is over 255 is lost."""
    blur: float = 0.0
    """Pixels of motion blur, sideways."""
    water: bool = False
    cut: int | None = None
    """The frame from which on all is another scene."""
    mover: bool = True


@cache
def photographs() -> list[Array]:
    paths = sorted(path for path in Path(sys.argv[1]).iterdir() if path.suffix in {".png", ".jpg"})
    images = [cv2.imread(str(path)) for path in paths]
    return [image for image in images if min(image.shape[:2]) >= SIZE[0]]


@cache
def texture(grain: int, seed: int) -> Array:
    """A plane, float32, 0 to 200: grains of the size given, and coarser ones."""
    h, w = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    if len(sys.argv) > 1:
        every = photographs()
        image = cv2.resize(every[seed % len(every)], (w, h), interpolation=cv2.INTER_AREA)
        return (np.roll(image, seed * grain, axis=1) * 0.8).astype(np.float32)
    random, total = np.random.default_rng(seed), np.zeros((h, w, 3), np.float32)
    for size, share in ((grain, 0.4), (3 * grain, 0.3), (9 * grain, 0.3)):
        noise = random.uniform(0, 200, (h // size + 2, w // size + 2, 3)).astype(np.float32)
        total += share * cv2.resize(noise, None, fx=size, fy=size, interpolation=cv2.INTER_CUBIC)[:h, :w]
    return np.clip((total - 100) * 1.5 + 100, 0, 200)


@cache
def shape(seed: int, share: float = 0.25) -> Array:
    """Where a plane before the farthest one is: blobs, trees of a kind."""
    h, w = SIZE[0] + 2 * MARGIN, SIZE[1] + 2 * MARGIN
    noise = np.random.default_rng(1000 + seed).uniform(0, 1, (h // 60 + 2, w // 30 + 2)).astype(np.float32)
    wide = cv2.resize(noise, (w, h), interpolation=cv2.INTER_CUBIC)
    return (wide > np.quantile(wide, 1 - share)).astype(np.float32)


def seen(scene: Scene, t: int, depth: float) -> Array:
    """The positions on a plane of the pixels of a frame: h w 2."""
    x, y, z = scene.path(t)
    roll, zoom = scene.turn(t)
    h, w = SIZE
    grid = np.dstack(np.meshgrid(np.arange(w) - w / 2, np.arange(h) - h / 2)).astype(np.float32)
    c, s = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    grid = grid @ np.array([[c, -s], [s, c]], np.float32) * ((depth - z) / depth / zoom)
    return (grid + np.float32([x / depth + w / 2 + MARGIN, y / depth + h / 2 + MARGIN])).astype(np.float32)


def draw(scene: Scene, t: int, grain: int) -> tuple[Array, Array]:
    """A frame, and the mask of its mover."""
    seed = 0 if scene.cut is None or t < scene.cut else 100
    image, truth = np.zeros((*SIZE, 3), np.float32), np.zeros(SIZE, bool)
    for number, depth in enumerate(scene.depths):
        at = seen(scene, t, depth)
        plane = cv2.remap(texture(grain, seed + number), at, None, cv2.INTER_LINEAR)
        if scene.water and not number:
            below = np.arange(SIZE[0])[:, None] > SIZE[0] * 0.6
            ripples = ((0.3, 0.5), 1.1), ((-0.4, 0.7), 1.7), ((0.1, 1.1), 2.3)
            waves = sum(np.sin(at @ np.float32(k) + p * t) for k, p in ripples)
            plane = np.where(below[..., None], 90 + 25 * waves[..., None] * np.float32([0.8, 1, 1.1]), plane)
        there = np.ones(SIZE) if not number else cv2.remap(shape(seed + number), at, None, cv2.INTER_LINEAR)
        image += there[..., None] * (plane - image)
    if scene.mover:
        at = seen(scene, t, scene.depths[0]) - np.float32([SIZE[1] / 2 + MARGIN, SIZE[0] / 2 + MARGIN])
        at -= np.float32([-90 + 5 * t + scene.path(t)[0] * 0.8, 18 * np.sin(t / 9)])
        truth = (np.abs(at[..., 0]) < 17) & (np.abs(at[..., 1]) < 26)
        own = cv2.remap(texture(grain, seed + 50), at + MARGIN, None, cv2.INTER_LINEAR)
        image = np.where(truth[..., None], 230 - own, image)
    if scene.blur:
        image = cv2.blur(image, (round(scene.blur) | 1, 1))
    image = image * np.asarray(scene.light(t), np.float32)
    noise = np.random.default_rng(t).normal(0, 1.5, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8), truth


def shaken(t: int, size: float = 1.0) -> float:
    return size * float(np.sin(0.9 * t) + 0.7 * np.sin(2.1 * t + 1))


def half_lamp(t: int) -> Array:
    at = np.linspace(-1, 1, SIZE[1])[None, :, None]
    return 1 - 0.35 * (1 + np.sin(2.4 * t)) / 2 / (1 + np.exp(-12 * at))


def ahead(t: int) -> tuple[float, float, float]:
    return 0.0, 0.0, 0.006 * t


LAYERS = {2: (1.0, 0.5), 3: (1.0, 0.6, 0.35), 5: (1.0, 0.8, 0.6, 0.45, 0.3)}


def scenes() -> Iterator[tuple[str, Scene]]:
    """Every scene by its name."""
    yield "still", Scene()
    yield "pan", Scene(path=lambda t: (2.0 * t, 0, 0))
    for number, depths in LAYERS.items():
        yield f"sideways, {number} layers", Scene(depths, lambda t: (1.5 * t, shaken(t), 0))
    yield "sideways, slow, 3 layers", Scene(LAYERS[3], lambda t: (0.5 * t, 0, 0))
    yield "forward, 3 layers", Scene(LAYERS[3], ahead)
    yield "blurred pan", Scene(path=lambda t: (6.0 * t - 80, 0, 0), blur=13)
    yield "blurred sideways, 3 layers", Scene(LAYERS[3], lambda t: (2.0 * t, 0, 0), blur=9)
    yield (
        "handheld",
        Scene(path=lambda t: (shaken(t, 3), shaken(t + 5, 3), 0), turn=lambda t: (shaken(t), 1 + 0.01 * t)),
    )
    yield "water", Scene(water=True)
    yield "missed cut", Scene(path=lambda t: (1.0 * t, 0, 0), cut=18)
    yield "fade in", Scene(light=lambda t: min(1.0, t / 20))
    yield "fade out", Scene(light=lambda t: min(1.0, (LENGTH - 1 - t) / 20), path=lambda t: (1.0 * t, 0, 0))
    yield "flash, 1 frame", Scene(light=lambda t: 1.6 if t == 17 else 1.0)
    yield "flash, 3 frames", Scene(light=lambda t: 1.6 if 16 <= t <= 18 else 1.0, path=lambda t: (1.0 * t, 0, 0))
    yield "exposure ramp", Scene(light=lambda t: 0.6 + 0.6 * t / LENGTH, path=lambda t: (1.0 * t, 0, 0))
    yield "lamp in one half", Scene(light=half_lamp)


def measure(scene: Scene, grain: int, **settings: Any) -> str:
    """A line of figures, in percent."""
    drawn = [draw(scene, t, grain) for t in range(LENGTH)]
    stage = peanut.MovingObjects(grow=0, **settings)
    found, false, uncertain = [], [], []
    frames = (peanut.Frame.from_numpy(image, index=t) for t, (image, _) in enumerate(drawn))
    for frame, (_, truth) in zip(stage(frames), drawn, strict=True):
        mask = frame.mask.numpy()
        if truth.any():
            found.append((mask & truth).sum() / truth.sum())
        rim = cv2.dilate(truth.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
        false.append((mask & ~rim).mean())
        sure = frame.layers.get("motion_confidence")
        uncertain.append(0.0 if sure is None else float((sure < stage.min_confidence).float().mean()))
    here = f"found {100 * np.mean(found):5.1f}, worst {100 * min(found):5.1f}" if found else " " * 25
    wrong = f"false {100 * np.mean(false):5.2f}, worst {100 * max(false):5.2f}"
    return f"{here}; {wrong}; uncertain {100 * np.mean(uncertain):5.1f}, worst {100 * max(uncertain):5.1f}"


def main() -> None:
    cv2.setNumThreads(1)
    for name, scene in scenes():
        for grain in GRAINS:
            for mover in (True, False):
                line = measure(attrs.evolve(scene, mover=mover), grain)
                print(f"{name:26} grain {grain:2} {'mover' if mover else 'none ':5}: {line}", flush=True)


if __name__ == "__main__":
    main()
