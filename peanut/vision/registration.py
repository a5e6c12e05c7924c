"""Registration: the motion of the camera, and of layers, between two images, from tracked corners. On NumPy arrays.

Convention: a transform is 3 3, float64, and maps positions (x, y) of one image to positions of the other.
"""

from typing import Any, Literal

import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.optical_flow import grid, sample

FEWEST = 8
"""Corners below which no transform is fitted; chosen on the demo clip and composites."""
OUTLIER = 1.5
"""Residual, in pixels, above which a corner is an outlier; chosen on the demo clip and composites."""
GATE = 4.0
"""Residual, in pixels, within which a layer keeps a corner; chosen on the demo clip and composites."""
STATIC = 0.03
"""Median displacement of a static camera's corners, pixels; chosen on the demo clip and composites."""


PATCH = 7
"""Pixels to each side of a corner whose content is compared."""
LIKE, NOISE = 1.25, 1.0
"""A factor, and grey levels, up to which two matches are as good as each other."""


def corners(grey: Array, known: Array | None = None, cells: int = 6, per_cell: int = 12) -> Array:
    """Corners that can be tracked, spread over the image: n 1 2, float32, pixels (x, y).

    grey: h w, uint8. known: h w, bool; corners are sought only where it is True. Every one of cells x cells parts of
    the image gives its `per_cell` strongest. Source: Shi and Tomasi, Good Features to Track, CVPR 1994.
    """
    h, w = grey.shape
    found: list[Array] = [np.zeros((0, 1, 2), np.float32)]
    for rows in (slice(h * i // cells, h * (i + 1) // cells) for i in range(cells)):
        for columns in (slice(w * i // cells, w * (i + 1) // cells) for i in range(cells)):
            if grey[rows, columns].size:
                where = None if known is None else known[rows, columns].astype(np.uint8)
                corner = cv2.goodFeaturesToTrack(grey[rows, columns], per_cell, 0.02, 5, mask=where)
                if corner is not None:
                    found.append(corner.reshape(-1, 1, 2) + np.array([columns.start, rows.start], np.float32))
    return np.concatenate(found)


def track(grey: Array, other: Array, points: Array, start: Array, check: bool = True) -> tuple[Array, Array]:
    """Points of `grey` and where they are in `other`: n 1 2 each; lost ones are left out.

    points, start: n 1 2, float32; the search begins at `start`. check: keep only those that lead back to within half
    a pixel. Source: Lucas and Kanade, IJCAI 1981 (in pyramids).
    """
    size, levels = ((15, 15), 3) if check else ((11, 11), 2)
    options: dict[str, Any] = {"winSize": size, "maxLevel": levels, "flags": cv2.OPTFLOW_USE_INITIAL_FLOW}
    there, ok, _ = cv2.calcOpticalFlowPyrLK(grey, other, points, start.copy(), **options)
    good = ok[:, 0] > 0
    if check:
        back, ok_back, _ = cv2.calcOpticalFlowPyrLK(other, grey, there, points.copy(), **options)
        good &= (ok_back[:, 0] > 0) & (np.abs(back - points).max(axis=(1, 2)) < 0.5)
    return points[good], there[good]


def register(
    grey: Array,
    other: Array,
    points: Array,
    start: Array,
    model: Literal["similarity", "homography"] = "homography",
    check: bool = True,
) -> Array:
    """The dominant motion from `grey` to `other`: 3 3, float64. `start` comes back where tracking fails.

    grey, other: h w, uint8. points: corners of `grey`, n 1 2, float32. start: 3 3, a guess to search from. check: as in
    `track`; without it a good guess is improved in a third of the time. Source: Fischler and Bolles, Random Sample
    Consensus, CACM 1981; with a fixed seed: the same images give the same transform.
    """
    found, inliers = _fit(grey, other, points, start, model, check)
    return found if inliers else start


def registered(grey: Array, other: Array, points: Array, least: float = 0.5) -> Array | None:
    """The homography between two images of a camera that stands still or nearly so; None if it does not.

    least: the share of `points` that must be inliers.
    """
    found, inliers = _fit(grey, other, points, np.eye(3), "homography", True)
    return found if inliers >= max(FEWEST, least * len(points)) else None


def motion_layers(
    grey: Array, other: Array, points: Array, most: int, before: list[Array] | None = None
) -> list[Array]:
    """The motion layers from an image to its neighbor, the dominant motion first: each 3 3.

    As `register`: the first a homography, at most `most` further ones similarities, each fitted to the outliers of
    those before it (sequential RANSAC). before: the layers from the image to its neighbor on the other side, inverted.
    Every further one of them keeps its place, fitted anew to the corners in its gate; without any it goes on as it was
    (what is hidden moves on) until its place is needed. New ones take 8 points at least.
    """
    if len(points) < FEWEST:
        return [np.eye(3), *(before or [])[1:]]
    here, there = track(grey, other, points, points)
    found, inliers = _fitted(here, there, "homography", grey.shape)
    layers, idle = [found if inliers else np.eye(3)], []
    here, there = _outliers(here, there, layers[0])
    other_way = ~_looks_alike(grey, other, here, there, layers[0])
    here, there = here[other_way], there[other_way]
    for motion in (before or [])[1:]:
        near = _residuals(here, there, motion) < GATE
        found, inliers = _fitted(here[near], there[near], "similarity", grey.shape)
        if not inliers:
            idle.append(len(layers))
        layers.append(found if inliers else motion)
        here, there = _outliers(here, there, layers[-1])
    while len(layers) - len(idle) <= most:
        found, inliers = _fitted(here, there, "similarity", grey.shape)
        if inliers < FEWEST:
            break
        here, there = _outliers(here, there, found)
        if len(layers) <= most:
            layers.append(found)
        else:
            layers[idle.pop(0)] = found
    return layers


def _looks_alike(grey: Array, other: Array, here: Array, there: Array, motion: Array) -> Array:
    """Which points match as well where a motion leads as where they were tracked to, as on a pattern: n, bool."""
    around = grid(slice(-PATCH, PATCH + 1), slice(-PATCH, PATCH + 1)).reshape(1, -1, 2)
    if not len(here):
        return np.zeros(0, bool)
    where = here + around
    content = sample(grey, where)
    moved, tracked = (
        cv2.absdiff(sample(other, at), content).mean(axis=1) for at in (move(where, motion), there + around)
    )
    return np.asarray(moved <= LIKE * tracked + NOISE)


def _residuals(here: Array, there: Array, motion: Array) -> Array:
    """How far positions lie from where a motion leads: n, pixels."""
    if not len(here):
        return np.zeros(0)
    return np.asarray(np.linalg.norm(cv2.perspectiveTransform(here, motion) - there, axis=(1, 2)))


def _outliers(here: Array, there: Array, motion: Array) -> tuple[Array, Array]:
    """The points that a motion does not explain."""
    outside = _residuals(here, there, motion) > OUTLIER
    return here[outside], there[outside]


def _fit(grey: Array, other: Array, points: Array, start: Array, model: str, check: bool) -> tuple[Array, int]:
    """A transform and how many points are inliers; 0 if none was found."""
    if len(points) < FEWEST:
        return start, 0
    guess = cv2.perspectiveTransform(points, start).astype(np.float32)
    return _fitted(*track(grey, other, points, guess, check), model, grey.shape)


def _fitted(here: Array, there: Array, model: str, size: tuple[int, ...]) -> tuple[Array, int]:
    """As `_fit`, from tracked points."""
    if len(here) < FEWEST:
        return np.eye(3), 0
    moved = np.linalg.norm(there - here, axis=-1)
    if np.median(moved) < STATIC:
        return np.eye(3), int(np.count_nonzero(moved < 1))
    if model == "similarity":
        affine, inliers = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=1.0)
        found = None if affine is None else np.vstack([affine, [0.0, 0.0, 1.0]])
    else:
        found, inliers = cv2.findHomography(here, there, cv2.RANSAC, 2.0, maxIters=500)
    if found is None or not sane(found, size):
        return np.eye(3), 0
    return found, int(np.count_nonzero(inliers))


def sane(transform: Array, size: tuple[int, ...]) -> bool:
    """Whether a transform keeps an image of `size` (h, w) in shape: no fold, no mirror, at most twofold in area."""
    h, w = size
    box = np.array([[[0, 0]], [[w, 0]], [[w, h]], [[0, h]]], np.float64)
    if not np.isfinite(transform).all() or (transform[2] @ np.array([[0, w, w, 0], [0, 0, h, h], [1] * 4]) <= 0).any():
        return False
    moved = cv2.perspectiveTransform(box, transform).astype(np.float32)
    area = float(cv2.contourArea(moved, oriented=True)) / max(1.0, float(h) * w)
    return bool(cv2.isContourConvex(moved)) and 0.5 < area < 2.0


def move(at: Array, transform: Array) -> Array:
    """Positions carried by a transform: m n 2, float32."""
    if np.array_equal(transform, np.eye(3)):
        return at
    return np.asarray(cv2.perspectiveTransform(at.reshape(-1, 1, 2), transform)).reshape(at.shape).astype(np.float32)
