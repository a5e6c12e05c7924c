"""Drawn movers whose truth is known in every pixel: found whole, while they rest, and from the first frame?

python -m benchmarks.movers [NAME...] [--preset=fast] [--sheets FOLDER]

Children made of limbs, heads and clothes, over photographs of the wheel scikit-image and over a drawn room of flat
walls, a bed and a patterned carpet; the camera stands still or pans.
"""

import sys
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import starmap
from math import cos, sin
from pathlib import Path
from time import process_time
from typing import Any

import attrs
import cv2
import numpy as np
import numpy.typing as npt

import peanut
from peanut.data.packages import photograph

Array = npt.NDArray[Any]
Point = tuple[float, float]
SIZE = 198, 352
FINE = 4
"""Subpixels per side of a pixel."""
SPECK = 0.0002
"""Share of the image below which a component or a hole does not count."""
SKIN, HAIR = (214, 160, 130), (70, 45, 30)


@attrs.frozen
class Child:
    """Someone of limbs and clothes."""

    at: Callable[[int], Point]
    """Frame -> the place of the feet: x, y in pixels."""
    height: float
    dress: tuple[int, int, int]
    """Color of what is worn above; without pattern."""
    legs: tuple[int, int, int] = (60, 60, 90)
    arms: str = "swing"
    """swing, akimbo (hands on the hips: two rings) or up."""
    pace: Callable[[int], float] = lambda number: number * 0.35
    """Frame -> phase of the step."""
    stripes: bool = False
    skirt: float = 0.17
    """Half the width of the hem, as a share of the height."""

    def drawn(self, number: int, size: tuple[int, ...] = SIZE) -> tuple[Array, Array]:
        """What it looks like and its cover, 0 to 1: h w 3 and h w 1, float32."""
        h, w = size
        image, cover = np.zeros((h * FINE, w * FINE, 3), np.uint8), np.zeros((h * FINE, w * FINE), np.uint8)
        (x, y), u, phase = self.at(number), self.height, self.pace(number)
        lean = 0.03 * sin(phase)
        hip, neck = (x, y - 0.45 * u), (x + lean * u, y - 0.8 * u)
        for side in (-1, 1):
            foot = (x + side * 0.06 * u + 0.12 * u * sin(phase + (side > 0) * np.pi), y)
            knee = ((hip[0] + foot[0]) / 2 + 0.03 * u, y - 0.24 * u)
            self._line(image, cover, [hip, knee, foot], 0.07, self.legs)
        hem = y - 0.33 * u
        outline = [(neck[0] - 0.09 * u, neck[1]), (neck[0] + 0.09 * u, neck[1])]
        outline += [(x + self.skirt * u, hem), (x - self.skirt * u, hem)]
        self._cloth(image, cover, outline)
        for side in (-1, 1):
            self._line(image, cover, self._arm(neck, hip, side, phase), 0.05, SKIN)
        head = (neck[0], neck[1] - 0.1 * u)
        self._disc(image, cover, (head[0], head[1] - 0.025 * u), 0.1, HAIR)
        self._disc(image, cover, head, 0.08, SKIN)
        small = cv2.resize(image.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)
        share = cv2.resize(cover.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)[..., None]
        return np.asarray(small / np.maximum(share, 1e-3)), share

    def _arm(self, neck: Point, hip: Point, side: int, phase: float) -> list[Point]:
        u = self.height
        shoulder = (neck[0] + side * 0.08 * u, neck[1] + 0.03 * u)
        if self.arms == "akimbo":
            elbow = (shoulder[0] + side * (0.19 + 0.02 * sin(phase)) * u, shoulder[1] + 0.13 * u)
            return [shoulder, elbow, (hip[0] + side * 0.07 * u, hip[1] - 0.05 * u)]
        swing = 0.5 * sin(phase + (side > 0) * np.pi) + (2.3 if self.arms == "up" else 0.25)
        elbow = (shoulder[0] + side * 0.17 * u * sin(swing), shoulder[1] + 0.17 * u * cos(swing))
        bent = swing + 0.5
        return [shoulder, elbow, (elbow[0] + side * 0.15 * u * sin(bent), elbow[1] + 0.15 * u * cos(bent))]

    def _line(self, image: Array, cover: Array, points: list[Point], width: float, color: Any) -> None:
        path = [np.int32(np.array(points) * FINE)]
        thick = max(1, round(width * self.height * FINE))
        cv2.polylines(image, path, False, color, thick)
        cv2.polylines(cover, path, False, 1, thick)

    def _disc(self, image: Array, cover: Array, at: Point, radius: float, color: Any) -> None:
        where = round(at[0] * FINE), round(at[1] * FINE)
        cv2.circle(image, where, round(radius * self.height * FINE), color, cv2.FILLED)
        cv2.circle(cover, where, round(radius * self.height * FINE), 1, cv2.FILLED)

    def _cloth(self, image: Array, cover: Array, outline: list[Point]) -> None:
        inside = np.zeros(cover.shape, np.uint8)
        cv2.fillPoly(inside, [np.int32(np.array(outline) * FINE)], 1)
        top, bottom = (int(pick(y for _, y in outline) * FINE) for pick in (min, max))
        rows = np.arange(inside.shape[0], dtype=np.float32)
        shade = 1 - 0.1 * (rows - top) / max(1, bottom - top)
        if self.stripes:
            shade *= np.where(((rows - top) // (0.04 * self.height * FINE)) % 2, 1.0, 0.6)
        colors = np.clip(shade[:, None, None] * np.float32(self.dress), 0, 255).astype(np.uint8)
        image[inside > 0] = np.broadcast_to(colors, image.shape)[inside > 0]
        cover |= inside


@attrs.frozen
class Clip:
    name: str
    behind: str
    children: tuple[Child, ...]
    length: int
    pan: float = 0.0
    """Pixels per frame that the camera turns to the right."""
    rests: range = range(0)
    """Frames in which the first child stands."""
    gone: int | None = None
    """Frame from which on nobody is there any more."""
    stood: int = 0
    """Frames at the start in which nobody has moved yet: not measured."""


def still(x: float, y: float) -> Callable[[int], Point]:
    return lambda number: (x + 7 * sin(0.2 * number), y)


def walk(x: float, y: float, speed: float, rests: range = range(0), pan: float = 0.0) -> Callable[[int], Point]:
    """Walks by `speed` pixels a frame of the scene, but not in the frames of `rests`; the camera pans."""

    def at(number: int) -> Point:
        walked = number - len(range(max(0, min(number, rests.stop) - rests.start))) if len(rests) else number
        return x + speed * walked - pan * number, y

    return at


def steps(rests: range) -> Callable[[int], float]:
    return lambda number: 0.35 * (number - max(0, min(number, rests.stop) - rests.start))


REST = range(30, 105)
CLIPS = (
    Clip(
        "bed",
        "room",
        (
            Child(still(140, 175), 130, (40, 70, 170), arms="up", pace=lambda n: 0.3 * n, skirt=0.24),
            Child(still(186, 178), 120, (215, 210, 200), arms="swing", pace=lambda n: 1 + 0.25 * n, stripes=True),
        ),
        50,
    ),
    Clip("akimbo-gravel", "gravel", (Child(still(170, 185), 150, (180, 40, 40), arms="akimbo"),), 45),
    Clip("akimbo-room", "room", (Child(walk(110, 180, 1.0), 140, (90, 140, 60), arms="akimbo", skirt=0.22),), 45),
    Clip("akimbo-pan", "coffee", (Child(walk(150, 185, 1.2, pan=1.0), 150, (60, 60, 60), arms="akimbo"),), 45, pan=1.0),
    Clip(
        "skater",
        "brick",
        (Child(walk(170, 180, 3.0, pan=3.0), 120, (150, 100, 80), pace=lambda n: 0.15 * n),),
        40,
        pan=3.0,
    ),
    Clip(
        "stops",
        "grass",
        (Child(walk(-20, 185, 4.0, REST), 120, (60, 60, 150), pace=steps(REST)),),
        185,
        rests=REST,
        gone=178,
    ),
    Clip(
        "stops-room",
        "room",
        (Child(walk(-20, 185, 4.5, REST), 120, (200, 195, 185), pace=steps(REST), skirt=0.22),),
        180,
        rests=REST,
        gone=172,
    ),
    Clip(
        "stops-pan",
        "gravel",
        (Child(walk(-20, 185, 5.2, REST, 0.7), 120, (160, 50, 90), pace=steps(REST)),),
        180,
        pan=0.7,
        rests=REST,
        gone=175,
    ),
    Clip(
        "stood",
        "coffee",
        (Child(walk(120, 185, 5.0, range(40)), 120, (60, 120, 150), pace=steps(range(40))),),
        110,
        gone=100,
        stood=45,
    ),
)


def rendered(clip: Clip) -> tuple[Array, Array]:
    """The frames of a clip, t h w 3, uint8, and what moves in them, t h w, bool."""
    random, wide = np.random.default_rng(0), _behind(clip.behind)
    images, truth = np.zeros((clip.length, *SIZE, 3), np.uint8), np.zeros((clip.length, *SIZE), bool)
    for number in range(clip.length):
        moved = np.array([[1, 0, -clip.pan * number - 4], [0, 1, 0]], np.float32)
        image = cv2.warpAffine(wide, moved, SIZE[::-1]).astype(np.float32)
        for child in clip.children:
            layer, cover = child.drawn(number)
            image += (layer - image) * cover
            truth[number] |= cover[..., 0] >= 0.5
        image = cv2.GaussianBlur(image, (0, 0), 0.6) + random.normal(0, 1.5, image.shape)
        images[number] = np.clip(np.round(image), 0, 255)
    return images, truth


@cache
def _behind(name: str) -> Array:
    """A background wider than the image: h w 3, uint8."""
    h, w = SIZE[0], SIZE[1] + 150
    if name != "room":
        large = cv2.imread(str(photograph(name)))[..., ::-1]
        return np.asarray(cv2.resize(large, (w, round(w * large.shape[0] / large.shape[1])))[:h])
    room = np.empty((h, w, 3), np.uint8)
    room[:] = (205, 200, 190)
    room[130:] = (150, 120, 95)
    carpet = cv2.imread(str(photograph("grass")))[: h - 165, :w]
    room[165 : 165 + len(carpet), : carpet.shape[1]] = carpet
    for x in range(20, w, 170):
        cv2.rectangle(room, (x, 100), (x + 130, 168), (225, 222, 215), cv2.FILLED)  # a bed
        cv2.rectangle(room, (x, 125), (x + 130, 168), (70, 95, 150), cv2.FILLED)  # its blanket
        cv2.rectangle(room, (x + 8, 88), (x + 45, 112), (240, 238, 235), cv2.FILLED)
        cv2.rectangle(room, (x + 60, 20), (x + 100, 60), (90, 70, 50), 4)
        cv2.circle(room, (x + 80, 40), 12, (180, 60, 50), cv2.FILLED)
    return cv2.GaussianBlur(room, (0, 0), 1)


def topology(mask: Array) -> tuple[int, int]:
    """The number of components and of holes, without specks."""
    counts = []
    for shape, connectivity in ((mask, 8), (np.pad(~mask, 1, constant_values=True), 4)):
        stats = cv2.connectedComponentsWithStats(shape.astype(np.uint8), connectivity=connectivity)[2]
        counts.append(int((stats[1:, cv2.CC_STAT_AREA] >= SPECK * mask.size).sum()))
    return counts[0], counts[1] - 1


def j(found: Array, truth: Array) -> float:
    """Intersection over union; 1 where there is nothing to find."""
    union = (found | truth).sum()
    return float((found & truth).sum() / union) if union else 1.0


def measured(clip: Clip, preset: str, sheets: Path | None = None) -> str:
    images, truth = rendered(clip)
    frames = [peanut.Frame.from_numpy(x, index=n, time=Fraction(n, 25)) for n, x in enumerate(images)]
    start = process_time()
    stage = peanut.MovingObjects(grow=0, preset=preset)  # type: ignore[arg-type]
    found = np.stack([frame.mask.numpy() for frame in stage(iter(frames))])
    seconds = (process_time() - start) / len(frames)
    if sheets:
        cv2.imwrite(str(sheets / f"{clip.name}.png"), sheet(images, found, truth)[..., ::-1])
    there = range(clip.stood, clip.gone or clip.length)
    alike = np.mean([topology(found[n]) == topology(truth[n]) for n in there])
    each = [*starmap(j, zip(found, truth, strict=True))]
    line = f"{clip.name}: J {np.mean([each[n] for n in there]):.3f}, topology of {alike:.0%} of the frames"
    if not clip.stood and clip.gone is None:
        line += f"; J of the first ten frames {np.mean(each[:10]):.3f}, of the rest {np.mean(each[10:]):.3f}"
    if clip.rests:
        masked = np.mean([(found[n] & truth[n]).sum() >= 0.9 * truth[n].sum() for n in clip.rests])
        line += f"; masked in {masked:.0%} of the frames in which it rests"
    if clip.gone:
        line += f"; ghosts {max(x.mean() for x in found[clip.gone :]):.2%}"
    false = max((found & ~truth)[: clip.gone].mean(axis=(1, 2)))
    return f"{line}; marked outside, worst {false:.1%}; {seconds:.2f} s a frame"


def sheet(images: Array, found: Array, truth: Array, count: int = 12) -> Array:
    """Frames with what was found in red and the truth's outline in green, four in a row."""
    rows = []
    for n in np.linspace(0, len(images) - 1, count).round().astype(int):
        shown = images[n].copy()
        shown[found[n]] = shown[found[n]] // 2 + np.uint8([127, 0, 0])
        edge = cv2.morphologyEx(truth[n].astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8)) > 0
        shown[edge & ~truth[n]] = (0, 255, 0)
        rows.append(cv2.putText(shown, str(n), (4, 14), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 0), 1))
    return np.vstack([np.hstack(rows[k : k + 4]) for k in range(0, count, 4)])


def main() -> None:
    cv2.setNumThreads(1)
    given = sys.argv[1:]
    folder = Path(given[given.index("--sheets") + 1]) if "--sheets" in given else None
    preset = "fast" if "--preset=fast" in given else "quality"
    for clip in CLIPS:
        names = [name for name in given if name in {other.name for other in CLIPS}]
        if not names or clip.name in names:
            print(measured(clip, preset, folder), flush=True)


if __name__ == "__main__":
    main()
