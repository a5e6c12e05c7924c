"""Composites whose holes are never uncovered: people that touch each other, cover 17 % and hardly move.

A maker for `benchmarks.erasers`: drawn rooms, seen by a camera that stands, pans slowly or trembles, in steady
light, a fade or a flash; photographs of scikit-image are rooms, too, by name: `--only brick_pan`. `never` says which
pixels of a hole no frame of the clip shows.

    python -m benchmarks.erasers flow telea --maker benchmarks/unseen.py --each
"""

from collections.abc import Callable

import attrs
import cv2
import numpy as np

from benchmarks.stills import photograph
from peanut.data import packages
from peanut.vision.array import Array

LENGTH, HEIGHT, WIDTH, BORDER = 40, 240, 432, 40
SIZE = HEIGHT + 2 * BORDER, WIDTH + 2 * BORDER


def stripes() -> Array:
    """Slanted stripes 24 pixels wide, darker towards the floor."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    grey = (np.sin(2 * np.pi * (x + 0.1 * y) / 24) > 0) * 60.0 + 150 - y / 10
    return np.dstack([grey - 20, grey - 10, grey])


def tiles() -> Array:
    """Tiles of 36 x 24 pixels with joints of 2."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    grey = np.where((x % 36 < 2) | (y % 24 < 2), 90, 190) + 10 * np.sin(x / 40)
    return np.dstack([grey, grey - 5, grey - 15])


def bedroom() -> Array:
    """A striped wall above, a checked blanket below; the people stand across the edge."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    wall, check = stripes(), ((x // 14 + y // 14) % 2)[..., None]
    blanket = np.where(check == 1, (60, 90, 150), (190, 190, 170)).astype(float)
    return np.where((y < 0.6 * SIZE[0])[..., None], wall, blanket)


def fence() -> Array:
    """Posts and two rails before a meadow that fades into the sky."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    meadow = np.dstack([90 + y * 0.1, 150 - y * 0.2, 80 + 0 * y]) + carpet()[..., :1] * 0.15
    wood = (x % 48 < 12) | (abs(y - 110) < 6) | (abs(y - 210) < 6)
    return np.where(wood[..., None], (120.0, 85.0, 60.0), meadow)


def carpet() -> Array:
    """Blurred noise: texture without structure."""
    noise = np.random.default_rng(3).normal(0, 1, SIZE)
    noise = cv2.GaussianBlur(noise, (0, 0), 1.5)
    grey = 120 + 35 * noise / noise.std()
    return np.dstack([grey, grey * 0.9, grey * 0.7])


def plain() -> Array:
    """A wall without anything, lighter on one side."""
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return np.dstack([200 - x / 8, 195 - x / 8 - y / 20, 180 - x / 10])


ROOMS: dict[str, Callable[[], Array]] = {one.__name__: one for one in (stripes, tiles, bedroom, fence, carpet, plain)}
CAMERAS: dict[str, Callable[[int], tuple[float, float]]] = {
    "still": lambda t: (0.0, 0.0),
    "pan": lambda t: (0.6 * t - 12, 0.1 * t),
    "trembling": lambda t: (2 * np.sin(t / 2.1), 1.5 * np.sin(t / 1.3 + 1)),
}
LIGHTS: dict[str, Callable[[int], float]] = {
    "": lambda t: 1.0,
    "fade": lambda t: float(np.clip((LENGTH - 1 - t) / 25, 0, 1)),
    "flash": lambda t: 1.5 if t in (14, 27, 28) else 1.0,
}


@attrs.frozen
class Scene:
    """A room, how it is filmed, and in which light."""

    room: str
    camera: str
    light: str = ""

    def __str__(self) -> str:
        return "_".join(part for part in (self.room, self.camera, self.light) if part)


SCENES = [
    *(Scene(room, camera) for room in ("stripes", "tiles", "bedroom") for camera in CAMERAS),
    *(Scene(room, "pan") for room in ("fence", "carpet", "plain")),
    *(Scene(room, "pan", light) for room in ("stripes", "carpet") for light in ("fade", "flash")),
]


def names() -> list[str]:
    return [str(scene) for scene in SCENES]


def composite(name: str) -> tuple[Array, Array, Array]:
    """Frames t h w 3 (uint8), masks t h w (bool) and the truth, like the frames."""
    scene = _scene(name)
    room = (
        ROOMS[scene.room]() if scene.room in ROOMS else photograph(packages.photograph(scene.room), SIZE).astype(float)
    )
    random = np.random.default_rng(0)
    frames, masks, truths = [], [], []
    for t in range(LENGTH):
        x, y = CAMERAS[scene.camera](t)
        shift = np.array([[1, 0, -BORDER - x], [0, 1, -BORDER - y]])
        light = LIGHTS[scene.light](t)
        view = cv2.warpAffine(room, shift, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
        truth = np.clip(view * light + random.normal(0, 1.5, view.shape), 0, 255).round()
        drawn, mask = people(t)
        frames.append(np.where(mask[..., None], np.clip(drawn * light, 0, 255), truth))
        masks.append(cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0)
        truths.append(truth)
    return np.stack(frames).astype(np.uint8), np.stack(masks), np.stack(truths).astype(np.uint8)


def never(name: str) -> Array:
    """What of the masks no frame shows: t h w, bool."""
    camera = CAMERAS[_scene(name).camera]
    masks = np.stack([cv2.dilate(people(t)[1].astype(np.uint8), np.ones((5, 5))) for t in range(LENGTH)])
    shifts = [np.array([[1, 0, -BORDER - x], [0, 1, -BORDER - y]]) for x, y in map(camera, range(LENGTH))]
    seen = np.zeros(SIZE, np.uint8)
    for mask, shift in zip(masks, shifts, strict=True):
        seen |= cv2.warpAffine(1 - mask, shift, SIZE[::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
    hidden = [cv2.warpAffine(1 - seen, shift, (WIDTH, HEIGHT), flags=cv2.INTER_NEAREST) for shift in shifts]
    return np.stack(hidden).astype(bool) & masks.astype(bool)


def people(t: int) -> tuple[Array, Array]:
    """Three children that touch each other and sway by a few pixels: h w 3, and where they are: h w, bool."""
    image, mask = np.zeros((HEIGHT, WIDTH, 3)), np.zeros((HEIGHT, WIDTH), np.uint8)
    for number, (x, shirt) in enumerate(((175, (60, 90, 200)), (218, (200, 60, 60)), (262, (240, 220, 90)))):
        x += round(4 * np.sin(t / 6 + 2 * number))
        for centre, radii, color in (
            ((x, 190), (17, 38), (50, 60, 90)),
            ((x, 140), (24, 36), shirt),
            ((x + round(6 * np.sin(t / 3 + number)), 134), (31, 7), shirt),
            ((x, 94), (14, 16), (225, 180, 150)),
        ):
            cv2.ellipse(image, centre, radii, 0, 0, 360, color, -1)
            cv2.ellipse(mask, centre, radii, 0, 0, 360, 1, -1)
    return image, mask > 0


def _scene(name: str) -> Scene:
    return next((scene for scene in SCENES if str(scene) == name), None) or Scene(*name.split("_"))
