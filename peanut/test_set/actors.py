"""Drawn things on their way: balls, cars and people, with the cover of every pixel."""

from math import cos, sin

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array

FINE = 4
"""Subpixels per side of a pixel."""
SKIN, HAIR, DARK, GLASS, LIGHT = (214, 160, 130), (70, 45, 30), (35, 35, 40), (170, 200, 220), (250, 240, 190)
TEXTURE, LIT = 6.0, 24.0
"""Standard deviation of the texture of a surface, and how much darker it is below than above, in levels."""
Color = tuple[int, int, int]
Points = list[tuple[float, float]]


class Canvas:
    """Shapes in pixels, drawn finely and averaged."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.size = size
        h, w = size
        self._image, self._cover = np.zeros((h * FINE, w * FINE, 3), np.uint8), np.zeros((h * FINE, w * FINE), np.uint8)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        at = round(x * FINE), round(y * FINE)
        cv2.circle(self._image, at, round(radius * FINE), color, cv2.FILLED)
        cv2.circle(self._cover, at, round(radius * FINE), 1, cv2.FILLED)

    def shape(self, points: Points, color: Color) -> None:
        corners = np.rint(np.array(points) * FINE).astype(np.int32)
        cv2.fillPoly(self._image, [corners], color)
        cv2.fillPoly(self._cover, [corners], 1)

    def line(self, points: Points, width: float, color: Color) -> None:
        path = np.rint(np.array(points) * FINE).astype(np.int32)
        cv2.polylines(self._image, [path], False, color, max(1, round(width * FINE)))
        cv2.polylines(self._cover, [path], False, 1, max(1, round(width * FINE)))

    def drawn(self) -> tuple[Array, Array]:
        """Image h w 3, 0 to 255, and cover h w 1, 0 to 1, float32."""
        h, w = self.size
        cover = cv2.resize(self._cover.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)[..., None]
        image = cv2.resize(self._image.astype(np.float32), (w, h), interpolation=cv2.INTER_AREA)
        return np.asarray(image / np.maximum(cover, 1e-3)), cover


@attrs.frozen
class Actor:
    """A thing on a straight path.

    kind: "ball", "car" or "person". color: of the ball, the body, the clothes. height: in pixels. start: where its
    centre (of a person and a car: the ground below it) is in frame 0, x, y in pixels of the image. speed: pixels a
    frame, to the right and downwards. bounce: how high it jumps, in pixels. enters: the frame in which it comes.
    """

    kind: str
    color: Color
    height: float
    start: tuple[float, float]
    speed: tuple[float, float] = (0.0, 0.0)
    bounce: float = 0.0
    enters: int = 0

    def at(self, t: int) -> tuple[float, float]:
        """Where it is in frame t: x, y in pixels."""
        x, y = (start + speed * t for start, speed in zip(self.start, self.speed, strict=True))
        return x, y - self.bounce * abs(sin(0.45 * t))

    def drawn(self, t: int, size: tuple[int, int]) -> tuple[Array, Array]:
        """What it looks like in frame t and its cover: h w 3, 0 to 255, and h w 1, 0 to 1, float32."""
        canvas = Canvas(size)
        x, y = self.at(t)
        if t >= self.enters:
            {"ball": self._ball, "car": self._car, "person": self._person}[self.kind](canvas, x, y, t)
        image, cover = canvas.drawn()
        return image + self._surface(x, y, size), cover

    def _surface(self, x: float, y: float, size: tuple[int, int]) -> Array:
        """Light from above, and a texture that goes along: h w 1, in levels."""
        h, w = size
        noise = np.random.default_rng(sum(self.color)).normal(0, 1, (2 * h, 2 * w)).astype(np.float32)
        texture = np.asarray(cv2.GaussianBlur(noise, (0, 0), 1.2))
        along = np.array([[1, 0, x - w], [0, 1, y - h]])
        moved = cv2.warpAffine(TEXTURE / texture.std() * texture, along, (w, h), borderMode=cv2.BORDER_WRAP)
        middle = y if self.kind == "ball" else y - self.height / 2
        light = -LIT * (np.arange(h, dtype=np.float32)[:, None] - middle) / self.height
        return np.asarray((moved + light)[..., None])

    def _ball(self, canvas: Canvas, x: float, y: float, t: int) -> None:
        r, turned = self.height / 2, 2 * self.speed[0] * t / self.height
        canvas.disc(x, y, r, self.color)
        for spoke in range(3):
            angle = turned + spoke * 2 * np.pi / 3
            canvas.line(
                [(x, y), (x + 0.9 * r * cos(angle), y + 0.9 * r * sin(angle))], 0.16 * r, shade(self.color, 0.6)
            )
        canvas.disc(x - 0.3 * r, y - 0.35 * r, 0.18 * r, shade(self.color, 1.5))

    def _car(self, canvas: Canvas, x: float, y: float, t: int) -> None:
        u, ahead = self.height, -1 if self.speed[0] < 0 else 1

        def at(*points: tuple[float, float]) -> Points:
            return [(x + ahead * px * u, y - py * u) for px, py in points]

        roof = (-1.1, 0.62), (-0.7, 1.0), (0.35, 1.0), (0.8, 0.62)
        canvas.shape(at((-1.3, 0.2), (-1.3, 0.55), *roof, (1.3, 0.5), (1.3, 0.2)), self.color)
        canvas.shape(at((-0.95, 0.62), (-0.62, 0.92), (-0.2, 0.92), (-0.2, 0.62)), GLASS)
        canvas.shape(at((-0.1, 0.62), (-0.1, 0.92), (0.28, 0.92), (0.62, 0.62)), GLASS)
        canvas.shape(at((1.12, 0.46), (1.3, 0.46), (1.3, 0.34), (1.12, 0.34)), LIGHT)
        canvas.line(at((-0.15, 0.6), (-0.15, 0.26)), 0.03 * u, shade(self.color, 0.6))
        for ((wheel_x, wheel_y),) in (at((-0.8, 0.2)), at((0.8, 0.2))):
            canvas.disc(wheel_x, wheel_y, 0.22 * u, DARK)
            canvas.disc(wheel_x, wheel_y, 0.1 * u, (150, 150, 155))

    def _person(self, canvas: Canvas, x: float, y: float, t: int) -> None:
        u, phase = self.height, 0.45 * t + self.start[0]
        swing = 0.13 * sin(phase) if self.speed[0] else 0.03 * sin(0.3 * phase)
        hip, neck, trousers = (x, y - 0.46 * u), (x, y - 0.8 * u), shade(self.color, 0.45)
        for side in (-1, 1):
            foot = (x + side * (0.04 * u + swing * u), y)
            canvas.line([hip, ((hip[0] + foot[0]) / 2 + 0.02 * u, y - 0.24 * u), foot], 0.08 * u, trousers)
        coat = (-0.1, 0.81), (0.1, 0.81), (0.13, 0.42), (-0.13, 0.42)
        canvas.shape([(x + px * u, y - py * u) for px, py in coat], self.color)
        for side in (-1, 1):
            shoulder = (neck[0] + side * 0.1 * u, neck[1] + 0.03 * u)
            elbow = (shoulder[0] + side * 0.05 * u, shoulder[1] + 0.18 * u)
            hand = (shoulder[0] + side * (0.04 - 1.2 * swing) * u, shoulder[1] + 0.34 * u)
            canvas.line([shoulder, elbow, hand], 0.06 * u, shade(self.color, 0.9))
            canvas.disc(*hand, 0.035 * u, SKIN)
        canvas.disc(x, y - 0.915 * u, 0.085 * u, HAIR)
        canvas.disc(x + (0.02 if self.speed[0] >= 0 else -0.02) * u, y - 0.895 * u, 0.068 * u, SKIN)


def shade(color: Color, by: float) -> Color:
    """A color that many times as bright."""
    red, green, blue = (min(255, round(level * by)) for level in color)
    return red, green, blue
