"""Two subjects in one clip, and sentences that mean one of them: the truth is known in every pixel.

CLIPS has `tennis` and `bmx-trees` (frames and masks) and `blocks.mp4`; the photographs behind come from the wheel
scikit-image. Each scene pastes movers, real ones cut out by their masks and drawn ones, along straight paths over a
clip or a slowly panned photograph; sentences name the movers that they mean.
"""

from functools import cache
from pathlib import Path
from typing import Any, Literal

import attrs
import cv2
import numpy as np
import numpy.typing as npt

import peanut
from peanut.data.packages import bikes, photograph

Array = npt.NDArray[Any]
SIZE = 244, 432
LENGTH = 48


@attrs.frozen
class Mover:
    """A thing on a straight path."""

    what: Literal["player", "rider", "box", "disc"]
    start: tuple[float, float]
    """Its centre in the first frame: shares of width and height."""
    end: tuple[float, float]
    """Its centre in the last."""
    height: float = 0.5
    """Share of the height of the image."""
    flip: bool = False
    tint: tuple[int, int, int] | None = None
    """A color that its own is mixed with."""
    frozen: bool = False
    """Whether it is the same picture in every frame."""
    offset: int = 0
    """Frame of its own clip at which it begins."""


@attrs.frozen
class Scene:
    name: str
    behind: str
    movers: dict[str, Mover]
    """Later ones lie before earlier ones."""
    sentences: dict[str, tuple[str, ...]]
    """Which movers each sentence means."""
    pan: tuple[float, float] = (0.7, 0.0)
    """Pixels per frame, of a photograph."""


RED, BLUE, GREEN, YELLOW = (225, 25, 25), (30, 50, 220), (25, 170, 40), (240, 220, 30)

SCENES = (
    Scene(
        "red-and-white",
        "gravel",
        {
            "red": Mover("player", (0.25, 0.5), (0.4, 0.5), 0.6, tint=RED),
            "white": Mover("player", (0.8, 0.5), (0.6, 0.5), 0.6, offset=20),
        },
        {
            "the man in red": ("red",),
            "the person on the right": ("white",),
            "everyone": ("red", "white"),
            "all people except the red one": ("white",),
        },
    ),
    Scene(
        "player-and-box",
        "bikes-137",
        {
            "box": Mover("box", (0.85, 0.3), (0.25, 0.35), 0.25, tint=YELLOW),
            "player": Mover("player", (0.2, 0.55), (0.65, 0.55), 0.6),
        },
        {
            "the man": ("player",),
            "the person who goes right": ("player",),
            "the tennis player": ("player",),
            "the yellow thing": ("box",),
        },
    ),
    Scene(
        "rider-and-player",
        "brick",
        {
            "player": Mover("player", (0.25, 0.5), (0.3, 0.5), 0.6),
            "rider": Mover("rider", (0.9, 0.5), (0.5, 0.55), 0.55, flip=True),
        },
        {
            "the person on the left": ("player",),
            "the person on the bicycle and the bicycle": ("rider",),
            "the man who does not ride a bicycle": ("player",),
            "the fastest person and the bicycle": ("rider",),
        },
    ),
    Scene(
        "two-ways",
        "grass",
        {
            "right": Mover("player", (0.15, 0.4), (0.75, 0.4), 0.45, tint=BLUE),
            "left": Mover("player", (0.85, 0.6), (0.3, 0.6), 0.5, flip=True, offset=15, tint=YELLOW),
        },
        {
            "the man who goes left": ("left",),
            "the person running right": ("right",),
            "the man in blue": ("right",),
            "both people": ("left", "right"),
        },
        pan=(-0.6, 0.0),
    ),
    Scene(
        "still-and-moving",
        "coffee",
        {
            "still": Mover("player", (0.3, 0.5), (0.3, 0.5), 0.65, frozen=True, offset=12),
            "moving": Mover("player", (0.9, 0.5), (0.6, 0.5), 0.6, offset=30),
        },
        {
            "the man who stands still": ("still",),
            "the moving person": ("moving",),
            "the person who moves left": ("moving",),
            "the leftmost person": ("still",),
        },
        pan=(0.0, 0.0),
    ),
    Scene(
        "big-and-small",
        "bikes-000",
        {
            "small": Mover("player", (0.75, 0.4), (0.6, 0.4), 0.35, tint=GREEN, offset=5),
            "big": Mover("player", (0.2, 0.5), (0.4, 0.55), 0.75, offset=25),
        },
        {
            "the largest person": ("big",),
            "the smallest person": ("small",),
            "the man in green": ("small",),
            "everyone": ("big", "small"),
        },
    ),
    Scene(
        "disc-and-rider",
        "gravel",
        {
            "rider": Mover("rider", (0.2, 0.5), (0.6, 0.5), 0.5),
            "disc": Mover("disc", (0.8, 0.2), (0.3, 0.25), 0.2, tint=RED),
        },
        {
            "the red thing": ("disc",),
            "the cyclist and the bike": ("rider",),
            "everything except the red thing": ("rider",),
            "the thing that goes left": ("disc",),
        },
        pan=(0.5, 0.2),
    ),
    Scene(
        "crossing",
        "brick",
        {
            "behind": Mover("player", (0.2, 0.48), (0.8, 0.48), 0.55, tint=RED),
            "before": Mover("player", (0.85, 0.55), (0.2, 0.55), 0.6, offset=18, tint=BLUE),
        },
        {
            "the man in red": ("behind",),
            "the person in blue": ("before",),
            "the man who goes left": ("before",),
            "the man who goes right": ("behind",),
        },
        pan=(0.0, 0.0),
    ),
    Scene(
        "three",
        "grass",
        {
            "one": Mover("player", (0.15, 0.5), (0.25, 0.5), 0.45, offset=3),
            "two": Mover("player", (0.5, 0.5), (0.55, 0.5), 0.5, offset=22, tint=YELLOW),
            "three": Mover("player", (0.9, 0.5), (0.8, 0.5), 0.45, offset=10, flip=True),
        },
        {
            "the person in the middle": ("two",),
            "the rightmost man": ("three",),
            "all people but not the one in yellow": ("one", "three"),
            "the man on the left": ("one",),
        },
        pan=(0.4, 0.0),
    ),
    Scene(
        "coming-in",
        "coffee",
        {
            "there": Mover("player", (0.35, 0.5), (0.4, 0.5), 0.6, offset=20),
            "comes": Mover("rider", (1.2, 0.5), (0.7, 0.5), 0.5, flip=True),
        },
        {
            "the person who comes in and the bicycle": ("comes",),
            "the man next to the bicycle": ("there",),
            "the cyclist and the bicycle": ("comes",),
            "the man in white on the left": ("there",),
        },
        pan=(0.3, 0.0),
    ),
)
HELD_OUT = (
    Scene(
        "street",
        "brick",
        {
            "box": Mover("box", (0.1, 0.25), (0.55, 0.25), 0.2, tint=GREEN),
            "red": Mover("player", (0.3, 0.55), (0.35, 0.55), 0.55, offset=8, tint=RED),
            "rider": Mover("rider", (0.95, 0.6), (0.6, 0.6), 0.5, flip=True),
        },
        {
            "the green thing": ("box",),
            "the man in red": ("red",),
            "all people and the bicycle, but not the one in red": ("rider",),
            "the thing that goes right": ("box",),
        },
        pan=(0.3, 0.0),
    ),
    Scene(
        "meeting",
        "gravel",
        {
            "blue": Mover("player", (0.1, 0.5), (0.42, 0.5), 0.55, offset=30, tint=BLUE),
            "white": Mover("player", (0.9, 0.52), (0.6, 0.52), 0.6, offset=2),
        },
        {
            "the person who walks to the left": ("white",),
            "the man who is not in blue": ("white",),
            "the guy in the blue suit": ("blue",),
            "two people": ("blue", "white"),
        },
        pan=(-0.5, 0.1),
    ),
    Scene(
        "one-stays",
        "grass",
        {
            "stays": Mover("player", (0.7, 0.5), (0.7, 0.5), 0.7, frozen=True, offset=33, tint=RED),
            "goes": Mover("player", (0.1, 0.5), (0.42, 0.5), 0.5, offset=12),
        },
        {
            "the man who stands still": ("stays",),
            "the person who is moving": ("goes",),
            "the person in red": ("stays",),
            "the smaller person on the left": ("goes",),
        },
        pan=(0.0, 0.0),
    ),
    Scene(
        "behind-a-ball",
        "bikes-137",
        {
            "player": Mover("player", (0.75, 0.55), (0.35, 0.55), 0.65, offset=16),
            "ball": Mover("disc", (0.1, 0.3), (0.8, 0.35), 0.22, tint=RED),
        },
        {
            "the red thing": ("ball",),
            "the person": ("player",),
            "the woman who goes left": ("player",),
            "everyone": ("player",),
        },
    ),
    Scene(
        "far-and-near",
        "coffee",
        {
            "far": Mover("player", (0.8, 0.3), (0.65, 0.3), 0.35, offset=26),
            "near": Mover("player", (0.15, 0.55), (0.35, 0.55), 0.8, offset=4, tint=GREEN),
        },
        {
            "the largest person": ("near",),
            "the person in the background": ("far",),
            "the man in green on the left": ("near",),
            "everybody except the tallest person": ("far",),
        },
        pan=(0.2, 0.0),
    ),
)
"""Written after everything was tuned, and measured once."""


def rendered(scene: Scene, clips: Path) -> tuple[Array, dict[str, Array]]:
    """The frames of a scene, t h w 3, and which pixels show each mover, t h w, bool."""
    frames = _behind(scene, clips).copy()
    masks = {name: np.zeros(frames.shape[:3], bool) for name in scene.movers}
    for number, frame in enumerate(frames):
        for name, mover in scene.movers.items():
            share = number / max(1, len(frames) - 1)
            image, cut = _mover(mover, number, clips)
            at = [a + (b - a) * share for a, b in zip(mover.start, mover.end, strict=True)]
            shown = _pasted(frame, image, cut, round(at[0] * SIZE[1]), round(at[1] * frame.shape[0]))
            for other in masks.values():
                other[number][shown] = False
            masks[name][number] = shown
    return frames, masks


def _pasted(frame: Array, image: Array, cut: Array, x: int, y: int) -> Array:
    """Paste with the centre at (x, y), in place; where: h w, bool."""
    shown = np.zeros(frame.shape[:2], bool)
    h, w = cut.shape
    left, top = x - w // 2, y - h // 2
    rows, columns = slice(max(0, top), max(0, top + h)), slice(max(0, left), max(0, left + w))
    size = shown[rows, columns].shape
    part = np.s_[max(0, -top) : max(0, -top) + size[0], max(0, -left) : max(0, -left) + size[1]]
    shown[rows, columns] = cut[part]
    frame[rows, columns][cut[part]] = image[part][cut[part]]
    return shown


def _mover(mover: Mover, number: int, clips: Path) -> tuple[Array, Array]:
    """A mover in a frame: h w 3 and h w, bool, of its own size."""
    number = mover.offset + (0 if mover.frozen else number)
    height = round(mover.height * SIZE[0])
    if mover.what in ("box", "disc"):
        return _drawn(mover, height)
    image, cut = _subject(mover.what, clips)[number % 70]
    scale = height / 150
    small = max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale))
    image = cv2.resize(image, small, interpolation=cv2.INTER_AREA)
    cut = cv2.resize(cut.astype(np.float32), small, interpolation=cv2.INTER_AREA) > 0.5
    if mover.flip:
        image, cut = image[:, ::-1], cut[:, ::-1]
    return _tinted(image, mover.tint), cut


def _tinted(image: Array, tint: tuple[int, int, int] | None) -> Array:
    if tint is None:
        return image
    light = cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)[..., None] / 255
    return np.clip(0.25 * image + 0.75 * (0.25 + 0.75 * light) * np.array(tint), 0, 255).astype(np.uint8)


def _drawn(mover: Mover, height: int) -> tuple[Array, Array]:
    """A striped box or a ball."""
    y, x = np.mgrid[:height, :height]
    color = np.array(mover.tint or YELLOW)
    stripes = np.where((x // 6 + y // 10) % 2, 1.0, 0.6)[..., None]
    if mover.what == "box":
        return np.asarray(stripes * color, np.uint8), np.ones((height, height), bool)
    distance = np.hypot(x - height / 2, y - height / 2)
    shaded = (1 - 0.5 * distance / height)[..., None] * (0.85 + 0.15 * stripes)
    return np.asarray(np.clip(shaded * color, 0, 255), np.uint8), distance < height / 2


@cache
def _subject(name: str, clips: Path) -> list[tuple[Array, Array]]:
    """A cut-out per frame, 160 pixels high and centred: of the player without his long shadow, of rider and bicycle."""
    folder = clips / {"player": "tennis", "rider": "bmx-trees"}[name]
    found = []
    for frame in peanut.read(folder / "frames") | peanut.masks(folder / "masks"):
        cut = frame.mask.numpy().copy() if frame.mask is not None else np.zeros(frame.size, bool)
        _, parts, stats, _centres = cv2.connectedComponentsWithStats(cut.astype(np.uint8))
        largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
        if name == "player":
            cut = parts == largest
            body = np.nonzero(cut.sum(axis=0) > 26)[0]
            cut[:, : max(0, body[0] - 14)] = cut[:, body[-1] + 14 :] = False
        x, y = (int(n) for n in (np.mean(np.nonzero(cut)[1]), np.mean(np.nonzero(cut)[0])))
        image = np.pad(frame.numpy(), ((90, 90), (90, 90), (0, 0)))[y + 10 : y + 170, x + 20 : x + 160]
        found.append((image, np.pad(cut, 90)[y + 10 : y + 170, x + 20 : x + 160]))
    return found


def _behind(scene: Scene, clips: Path) -> Array:
    """What stands behind: t h w 3."""
    if scene.behind.startswith("bikes"):
        first = int(scene.behind.split("-")[1])
        frames = peanut.read(bikes(), start=first / 25, stop=(first + LENGTH) / 25, shots=False)
        shots = 30 if first == 0 else LENGTH
        reduced = [cv2.resize(frame.numpy(), (432, 184), interpolation=cv2.INTER_AREA) for frame in frames]
        return np.stack(reduced[:shots])
    image = cv2.imread(str(photograph(scene.behind)))
    h, w = SIZE
    scale = max((h + 40) / image.shape[0], (w + 60) / image.shape[1])
    large = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[..., ::-1]
    frames = []
    for number in range(LENGTH):
        x, y = (15 + max(0, -LENGTH * pan) + number * pan for pan in scene.pan)
        moved = np.array([[1, 0, -x], [0, 1, -y]], np.float32)
        frames.append(cv2.warpAffine(np.ascontiguousarray(large), moved, (w, h), flags=cv2.INTER_LINEAR))
    return np.stack(frames)
