"""Epipolar geometry of registered images: where parallax may shift what stands still. On NumPy arrays.

Between two images registered by a homography (plane plus parallax) whatever stands still is shifted along lines through
one point, the epipole e (homogeneous), the farther the nearer it is to the camera: flow(p) = gamma (e - e_w p).
Source: Irani and Anandan, A Unified Approach to Moving Object Detection in 2D and 3D Scenes, TPAMI 1998.
"""

from collections import deque
from collections.abc import Iterator

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array

CELLS = 12
"""Parts of the image, per side, by which places are told apart."""
SPREAD, PLACES = 9, 2
"""Parts of the image, and separate places of two parts and more, that parallax must shift; chosen on clips."""
FEWEST, IN_A_CELL = 3, 0.3
"""Positions, and their share, that must be shifted far in a part of the image."""
NEAR = 0.5
"""Share of the reach from which on a shift may be one of parallax."""
AGREE = 0.8
"""Share of what is shifted far that one epipole must explain."""
OFF, BENT = 1.5, 0.1
"""Pixels, and share of its length, up to which a flow is off its epipolar line."""
MARGIN = 1.25
"""How much farther than the farthest parts of the image the rest may be shifted."""
LAST, CONFIRMED = 48, 0.6
"""Pairs of images by which a shot is known to have parallax, and their share: 0.86 and
more where planes are drawn with it, 0.17 and less on three clips without."""
TYPICAL = np.linspace(0.05, 0.95, 8)
"""Quantiles of gamma that are tried everywhere."""
TRIALS = 100
"""Pairs of positions that an epipole is sought from."""


@attrs.frozen(eq=False)
class Parallax:
    """What stands still may be shifted along epipolar lines, by `least` to `most` of gamma."""

    epipole: Array
    """3, homogeneous, of length 1."""
    least: float
    most: float
    typical: Array
    """Quantiles of gamma."""

    def flows(self, at: Array) -> Iterator[Array]:
        """The flow of what lies at typical distances: h w 2, float32, pixels. at: h w 2."""
        towards = self.epipole[:2] - self.epipole[2] * at
        for gamma in self.typical:
            yield (gamma * towards).astype(np.float32)

    def explains(self, at: Array, flow: Array) -> Array:
        """Where a flow between registered images may be parallax: ..., bool. at, flow: ... 2, pixels."""
        gamma, off = _along(self.epipole, at, flow)
        return np.asarray((off <= _slack(flow)) & (gamma >= self.least) & (gamma <= self.most))


class ParallaxHistory:
    """Whether a shot has strong parallax: one pair of images may err, most of the last ones do not."""

    def __init__(self) -> None:
        self._found: deque[bool] = deque(maxlen=LAST)

    def confirmed(self, parallax: Parallax | None) -> Parallax | None:
        """The parallax of the next pair, if the shot has any."""
        self._found.append(parallax is not None)
        return parallax if sum(self._found) >= CONFIRMED * len(self._found) else None


def find_parallax(at: Array, flow: Array, size: tuple[int, int], reach: float) -> Parallax | None:
    """The parallax between two registered images; None if nothing is shifted beyond `reach` pixels, or not by parallax.

    It is parallax if one epipole explains such shifts and they are spread over the image, to the same side: one thing
    that moves, whatever its direction, is in one place.
    at, flow: n 2, pixels: positions that match, all over the image, and their flow. size: h, w.
    """
    columns, rows = (at * CELLS / np.array(size[::-1])).astype(int).clip(0, CELLS - 1).T
    far = np.hypot(*flow.T) > NEAR * reach
    total, many = np.zeros((CELLS, CELLS)), np.zeros((CELLS, CELLS))
    np.add.at(total, (rows, columns), 1)
    np.add.at(many, (rows[far], columns[far]), 1)
    shifted = (many >= FEWEST) & (many >= IN_A_CELL * total)
    if not _spread(shifted):
        return None
    at, flow = at[far], flow[far]
    epipole = _epipole(at, flow)
    gamma, off = _along(epipole, at, flow)
    good = off <= _slack(flow)
    if np.count_nonzero(good) < AGREE * len(good):
        return None
    places = shifted[rows[far], columns[far]] & good
    where = rows[far][places], columns[far][places]
    least, most = (_farthest(*where, side * gamma[places]) for side in (-1, 1))
    inside = gamma[good & (gamma >= -least) & (gamma <= most)]
    return Parallax(epipole, -least, most, np.quantile(inside, TYPICAL)) if len(inside) else None


def _spread(cells: Array) -> bool:
    """Whether parts of the image are many, and in several separate places."""
    if np.count_nonzero(cells) < SPREAD:
        return False
    count, _, stats, _ = cv2.connectedComponentsWithStats(cells.astype(np.uint8), connectivity=4)
    return int(np.count_nonzero(stats[1:count, cv2.CC_STAT_AREA] >= 2)) >= PLACES


def _epipole(at: Array, flow: Array) -> Array:
    """The point that most flows lead to or away from: 3. The same positions give the same point."""
    lines = np.cross(_homogeneous(at), _homogeneous(at + flow))
    pairs = np.random.default_rng(0).integers(0, len(at), (TRIALS, 2))
    points = np.cross(lines[pairs[:, 0]], lines[pairs[:, 1]])
    points /= np.maximum(np.linalg.norm(points, axis=1, keepdims=True), 1e-9)
    slack = _slack(flow)
    return np.asarray(max(points, key=lambda point: np.count_nonzero(_along(point, at, flow)[1] <= slack)))


def _homogeneous(points: Array) -> Array:
    return np.concatenate([points, np.ones((len(points), 1))], axis=1)


def _along(epipole: Array, at: Array, flow: Array) -> tuple[Array, Array]:
    """Of a flow the gamma, and how many pixels it is off its epipolar line."""
    x, y = (epipole[i] - epipole[2] * at[..., i] for i in (0, 1))
    square = np.maximum(x * x + y * y, 1e-12)
    gamma = (flow[..., 0] * x + flow[..., 1] * y) / square
    return gamma, np.abs(flow[..., 0] * y - flow[..., 1] * x) / np.sqrt(square)


def _slack(flow: Array) -> Array:
    return np.asarray(OFF + BENT * np.hypot(flow[..., 0], flow[..., 1]))


def _farthest(rows: Array, columns: Array, gamma: Array) -> float:
    """How far parallax shifts to the positive side, the farthest part of the image left out; 0 if it does not."""
    cells = np.zeros((CELLS, CELLS))
    np.maximum.at(cells, (rows, columns), gamma)
    return MARGIN * float(np.sort(cells, axis=None)[-2]) if _spread(cells > 0) else 0.0
