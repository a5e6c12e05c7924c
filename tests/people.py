"""Drawn clips of a photographed person, tinted and pasted more than once over gravel, with the truth of each."""

from fractions import Fraction
from functools import cache

import attrs
import cv2
import numpy as np
from clips import texture
from portraits import astronaut

from peanut import Frame
from peanut.weights.sources import from_wheel

OUTLINE = (
    *((158, 110), (152, 80), (165, 45), (195, 20), (235, 14), (275, 30), (298, 65), (298, 100), (280, 125)),
    *((262, 160), (262, 178), (290, 195), (305, 235), (335, 258), (355, 300), (362, 345), (330, 352), (300, 390)),
    *((282, 430), (278, 512), (30, 512), (22, 460), (20, 380), (45, 290), (60, 250), (110, 208), (118, 180)),
    *((145, 155), (185, 150), (172, 125)),
)
"""By hand: around the astronaut in her photograph, waist up, without the helmet."""
HEAD, BELOW = ((225, 90), (85, 105)), 150
"""Ellipse that keeps its colors, center and axes, and the row from which on the rest is tinted."""
RED, BLUE = (255, 40, 40), (40, 70, 255)


@attrs.frozen
class Person:
    """Someone waist up, at the lower edge of the image."""

    color: tuple[int, int, int]
    x: float
    """Of the left edge of the photograph in the first frame, pixels."""
    speed: float = 0.0
    """Pixels per frame to the right."""
    height: int = 80

    def layer(self, number, size):
        """What is pasted into a frame, and its cover, 0 to 1: h w 3 and h w 1, float32."""
        photo, cover = _cut_out(self.color, self.height)
        scale = self.height / 500
        place = np.float32([[scale, 0, self.x + self.speed * number], [0, scale, size[0] - 512 * scale]])
        return cv2.warpAffine(photo, place, size[::-1]), cv2.warpAffine(cover, place, size[::-1])[..., None]


@attrs.frozen
class Box:
    """A striped box: it has no name."""

    x: float
    speed: float
    y: int = 8
    side: int = 44

    def layer(self, number, size):
        stripes = texture(self.side, self.side, seed=4) // 3
        stripes[:, ::8] = stripes[:, 1::8] = (240, 220, 30)
        place = np.float32([[1, 0, self.x + self.speed * number], [0, 1, self.y]])
        cover = np.ones(stripes.shape[:2], np.float32)
        layer = cv2.warpAffine(stripes.astype(np.float32), place, size[::-1])
        return layer, cv2.warpAffine(cover, place, size[::-1])[..., None]


def drawn(*movers, length=24, size=(126, 224), pan=0.5, shot=0, first=0):
    """Frames of movers over gravel that pans slowly, the later ones in front; of each mover its truth, t h w, bool."""
    frames, truths = [], np.zeros((len(movers), length, *size), bool)
    for number in range(length):
        image = _gravel(pan * number, size)
        for which, mover in enumerate(movers):
            photo, cover = mover.layer(number, size)
            image = image * (1 - cover) + photo * cover
            truths[:which, number] &= cover[..., 0] < 0.5
            truths[which, number] = cover[..., 0] >= 0.5
        index = first + number
        picture = np.clip(image, 0, 255).astype(np.uint8)
        frames.append(Frame.from_numpy(picture, index=index, time=Fraction(index, 25)).with_shot(shot))
    return frames, truths


def _gravel(shift, size):
    place = np.float32([[1, 0, -shift], [0, 1, 0]])
    return cv2.warpAffine(_photograph(), place, size[::-1], borderMode=cv2.BORDER_WRAP).astype(np.float32)


@cache
def _photograph():
    path = from_wheel(
        "scikit-image>=0.25",
        "skimage/data/gravel.png",
        sha256="c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    )
    return cv2.resize(cv2.imread(str(path)), (320, 320), interpolation=cv2.INTER_AREA)


@cache
def _cut_out(color, height):
    image = astronaut().image
    size, blur = image.shape[:2], 0.4 * 500 / height
    light = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32) / 255
    tint = np.zeros(size, np.float32)
    tint[BELOW:] = 1
    cv2.ellipse(tint, *HEAD, 0, 0, 360, 0, cv2.FILLED)
    tint = cv2.GaussianBlur(tint, (0, 0), 2)[..., None]
    photo = image * (1 - tint) + light**0.7 * np.float32(color) * tint
    cover = cv2.fillPoly(np.zeros(size, np.float32), [np.int32(OUTLINE)], 1.0)
    return cv2.GaussianBlur(photo, (0, 0), blur), cv2.GaussianBlur(cover, (0, 0), blur)


def coverage(masks, truth):
    """The share of the truth that is masked, of all frames together."""
    return float((masks & truth).sum() / truth.sum())


def jaccard(masks, truth):
    """Intersection over union, of all frames together."""
    return float((masks & truth).sum() / (masks | truth).sum())


def two_who_meet():
    """A red one on the left who goes right and a blue one on the right who goes left, up to where they would meet."""
    return drawn(Person(RED, 4, 2.4), Person(BLUE, 157, -2.4))


def masks_of(stage, frames):
    """The masks that a stage gives: t h w, bool."""
    return np.stack([frame.mask.numpy() for frame in stage(iter(frames))])
