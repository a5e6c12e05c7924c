"""Clips of a test set whose ingredients are known: things over a textured scene, before a camera that moves."""

from fractions import Fraction

import attrs
import cv2
import numpy as np
import torch
from clips import texture

from peanut.data.clip import Clip
from peanut.vision.morphology import grow_mask

H, W = 120, 160


@attrs.frozen(eq=False)
class Thing:
    """Something that moves over the scene: a textured ellipse or box."""

    at: tuple[float, float] = (80, 60)
    """Its middle in the first frame, (x, y) in pixels of it."""
    speed: tuple[float, float] = (0.0, 0.0)
    """Pixels per frame over the scene."""
    size: tuple[float, float] = (18, 26)
    """Half its width and height."""
    color: tuple[int, int, int] = (200, 60, 40)
    contrast: float = 0.3
    """Of its texture: 0 is flat."""
    seed: int = 1
    box: bool = False
    turn: float = 0.0
    """Degrees per frame."""
    breath: float = 0.0
    """Share by which it grows and shrinks."""

    def drawn(self, t: int, camera: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Its image h w 3, float, and how far it covers each pixel: h w, 0 to 1."""
        reach = int(2 * max(self.size)) + 4
        pattern = self.color + self.contrast * (texture(2 * reach, 2 * reach, self.seed).astype(float) - 127)
        canvas = np.zeros((2 * reach, 2 * reach), np.uint8)
        w, h = (round(side) for side in self.size)
        if self.box:
            cv2.rectangle(canvas, (reach - w, reach - h), (reach + w, reach + h), 255, -1)
        else:
            cv2.ellipse(canvas, (reach, reach), (w, h), 0, 0, 360, 255, -1)
        scale = 1 + self.breath * np.sin(0.4 * t)
        matrix = cv2.getRotationMatrix2D((reach, reach), self.turn * t, scale)
        matrix[:, 2] += [self.at[k] + (self.speed[k] - camera[k]) * t - reach for k in (0, 1)]
        image = cv2.warpAffine(pattern.clip(0, 255), matrix, (W, H), borderMode=cv2.BORDER_REPLICATE)
        return image, cv2.warpAffine(canvas / 255.0, matrix, (W, H))


@attrs.frozen(eq=False)
class Scene:
    """What is drawn. Later things cover earlier ones; covers stand still in the scene and before all of them."""

    things: tuple[Thing, ...]
    camera: tuple[float, float] = (0.0, 0.0)
    """Pixels per frame."""
    background: np.ndarray | None = None
    """What is behind: h w 3, float, larger than a frame on all sides; None: a texture."""
    covers: tuple[Thing, ...] = ()
    seed: int = 0
    noise: float = 2.0
    length: int = 16

    def draw(self) -> tuple[list[np.ndarray], list[dict[int, np.ndarray]]]:
        """The images (h w 3, uint8), and the masks of the things in each, by number from 1 on."""
        random = np.random.default_rng(self.seed)
        behind = texture(3 * H, 3 * W, self.seed).astype(float) if self.background is None else self.background
        images, masks = [], []
        for t in range(self.length):
            shift = np.array([[1, 0, -W / 2 - self.camera[0] * t], [0, 1, -H / 2 - self.camera[1] * t]])
            image = cv2.warpAffine(behind, shift, (W, H), borderMode=cv2.BORDER_REFLECT)
            seen: dict[int, np.ndarray] = {}
            for number, thing in enumerate((*self.things, *self.covers), start=1):
                drawn, cover = thing.drawn(t, self.camera)
                image = image + (drawn - image) * cover[..., None]
                seen = {n: mask & (cover < 0.5) for n, mask in seen.items()}
                if number <= len(self.things):
                    seen[number] = cover >= 0.5
            images.append((image + random.normal(0, self.noise, image.shape)).clip(0, 255).astype(np.uint8))
            masks.append(seen)
        return images, masks


@attrs.frozen
class Drawn:
    """Masks of a clip that were drawn with it."""

    masks: list[dict[int, np.ndarray]]

    @property
    def frames(self):
        return tuple(range(len(self.masks)))

    @property
    def objects(self):
        return tuple(sorted({number for masks in self.masks for number in masks}))

    def at(self, frame):
        return {number: torch.from_numpy(mask) for number, mask in self.masks[frame].items()}


def written(folder, name, images, masks=None, **more) -> Clip:
    """A clip of pictures in a folder of its name."""
    path = folder / name
    path.mkdir()
    for number, image in enumerate(images):
        cv2.imwrite(str(path / f"{number:05d}.png"), image[..., ::-1])
    annotations = None if masks is None else Drawn(masks)
    return Clip(name=name, path=str(path), fps=Fraction(25), annotations=annotations, **more)


def clip_of(folder, name, scene: Scene, annotated=True, **more) -> Clip:
    images, masks = scene.draw()
    return written(folder, name, images, masks if annotated else None, **more)


def ranks_alike(a, b):
    """Spearman's rank correlation of two rows of numbers without ties."""
    return float(np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1])


def color_beside(random, color, least):
    """A color at least so far from another."""
    while True:
        other = random.integers(20, 236, 3)
        if np.linalg.norm(other - color) >= least:
            return tuple(int(value) for value in other)


def good_scene(seed: int, least: int = 1) -> Scene:
    """One to three things of any shape, color, texture, speed before any background, some hidden for a while."""
    random = np.random.default_rng(seed)
    ground = random.integers(60, 196, 3)
    contrast = random.uniform(0.1, 0.8)
    background = ground + contrast * (texture(3 * H, 3 * W, 1000 + seed).astype(float) - 127)
    things = []
    for number in range(int(random.integers(least, 4))):
        angle = random.uniform(0, 2 * np.pi)
        speed = random.uniform(0.5, 3.5)
        things.append(
            Thing(
                at=(random.uniform(40, 120), random.uniform(35, 85)),
                speed=(speed * np.cos(angle), speed * np.sin(angle) / 2),
                size=(random.uniform(10, 22), random.uniform(12, 28)),
                color=color_beside(random, ground, 60),
                contrast=random.uniform(0, 0.6),
                seed=10 * seed + number,
                box=bool(random.integers(2)),
                turn=random.uniform(-2, 2),
                breath=random.uniform(0, 0.1),
            )
        )
    cover = Thing(
        at=(80, 60), size=(random.uniform(4, 10), 50), color=color_beside(random, ground, 60), seed=seed, box=True
    )
    camera = tuple(random.uniform(-2, 2, 2))
    covers = (cover,) if random.random() < 0.3 else ()
    return Scene(tuple(things), camera, background.clip(0, 255), covers, seed, random.uniform(1, 4))


def shifted(masks, random):
    """All masks lie aside by a fifth to two fifths of their side."""
    angle, share = random.uniform(0, 2 * np.pi), random.uniform(0.2, 0.4)
    side = np.sqrt(max(mask.sum() for seen in masks for mask in seen.values()))
    matrix = np.array([[1, 0, share * side * np.cos(angle)], [0, 1, share * side * np.sin(angle)]])
    return [
        {n: cv2.warpAffine(mask.astype(np.uint8), matrix, (W, H)) > 0 for n, mask in seen.items()} for seen in masks
    ]


def dilated(masks, random):
    """All masks are larger on all sides by a sixth to a third of their side."""
    share = random.uniform(0.16, 0.33)
    return [{n: grow_mask(mask, round(share * np.sqrt(mask.sum()))) for n, mask in seen.items()} for seen in masks]


def flickering(masks, random):
    """In a third of the frames masks are gone, cut in halves or far too large."""
    out = []
    for seen in masks:
        out.append(dict(seen))
        for n, mask in seen.items():
            if random.random() < 0.35:
                half = mask.copy()
                half[: int(np.nonzero(mask)[0].mean()) if mask.any() else 0] = False
                large = grow_mask(mask, round(0.3 * np.sqrt(mask.sum())))
                out[-1][n] = (np.zeros_like(mask), half, large)[random.integers(3)]
    return out


def swapped(masks, random):
    """From a frame in the middle on the numbers of two objects have changed places."""
    at = int(random.integers(len(masks) // 3, 2 * len(masks) // 3))
    return [seen if t < at else {**seen, 1: seen[2], 2: seen[1]} for t, seen in enumerate(masks)]


CORRUPTED = {"shifted": shifted, "dilated": dilated, "flickering": flickering, "swapped": swapped}
