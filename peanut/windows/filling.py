"""How FlowEraser fills a box around a hole: with the best of its candidates, and what is left with an invention."""

from collections.abc import Iterator

import attrs
import cv2
import numpy as np

from peanut.vision.array import Array
from peanut.vision.blending import Blend, blend, confidence, surrounding_error
from peanut.vision.inpainting import fill_smooth
from peanut.vision.light import BURNT
from peanut.vision.optical_flow import sample
from peanut.windows.candidates import MATCHED, Box, Candidate, candidates
from peanut.windows.key_frame import KEY_DISTANCE, Invention, KeyFrame
from peanut.windows.window_frame import Window, WindowFrame

PER_FRAME = 0.1
"""c_t, grey levels per frame of distance; chosen on the demo clip and composites."""
PER_LAYER_PIXEL = 2.0
"""c_l, grey levels per pixel of distance to the nearest motion layer; chosen on the demo clip and composites."""
UNSUPPORTED = 0.1
"""Weight of known content that does not move with a candidate's layer; chosen on the demo clip and composites."""
FITS = 2.0
"""Grey levels of error around a hole up to which a candidate fits well; chosen on the demo clip and composites."""
SLIVER = 0.0005
"""Share of the image up to which what no frame shows, and no key frame either, is filled smoothly."""
RENEWED = 10
"""Every so many frames a key frame is replaced, if it does not reach, or match (`MATCHED`), any more."""
FADED = 10
"""Frames over which what is seen from afar replaces what was invented."""


@attrs.define(eq=False)
class Part:
    """A box around a hole, and what other frames show of the n pixels of its band: the hole, and the rim around it."""

    source: WindowFrame
    box: Box
    band: Array
    """h w, bool."""
    color: Array
    """n 3, float32: what other frames show."""
    share: Array
    """n, float32: how sure that is, 0 to 1."""
    distance: Array
    """n, int: frames from which it comes."""
    smooth: Array
    """n 3, float32: a smooth filling."""

    @property
    def inside(self) -> Array:
        """Which pixels lie in the hole: n, bool."""
        return np.asarray(self.source.hole[self.box][self.band])

    @property
    def unseen(self) -> Array:
        """Which pixels of the hole no frame shows: n, bool."""
        return self.inside & (self.share < 0.5)

    def filled(self, key: KeyFrame | None) -> tuple[Array, Array]:
        """Colors of the pixels inside, n 3, float32, and from how many frames away they are: n, int16, -1 invented."""
        share, filling = self.share, self.smooth
        if key is not None:
            taken = self.taken_from(key)
            fits = confidence(taken, self.smooth, np.nonzero(self.band), self.band.shape)
            filling = fits[:, None] * taken.color + (1 - fits[:, None]) * filling
            invented = key.invented_at(self.box)[self.band] & np.isfinite(taken.cost)
            near = np.clip((self.source.preset.radius + 1 - self.distance) / FADED, 0, 1)
            share = np.where(invented, np.minimum(share, near), share)
        filling = share[:, None] * self.color + (1 - share[:, None]) * filling
        image = self.source.image[self.box][..., :3]
        filling = filling + _seam(image[self.band] - filling, self.band, self.inside)
        origin = np.where(share > 0.5, self.distance, -1).astype(np.int16)
        return filling[self.inside], origin[self.inside]

    def taken_from(self, key: KeyFrame) -> Blend:
        """What a key frame shows."""
        return blended(self.source, self.box, self.band, iter([key.candidate(self.box)]))[0]


def seen(window: Window, number: int, references: Window, box: Box) -> Part:
    """What the other frames show behind the hole in a box of window[number]."""
    source = window[number]
    hole, image = source.hole[box], source.image[box][..., :3]
    band = cv2.dilate(hole.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0  # with the rim, where seams are seen
    where = np.nonzero(band)
    smooth = fill_smooth(image.astype(np.float32), ~hole)[where]
    found, distance = blended(source, box, band, candidates(window, number, references, box))
    share = confidence(found, smooth, where, hole.shape)
    return Part(source, box, band, found.color, share, distance, smooth)


def complete(source: WindowFrame, parts: list[Part], key: KeyFrame | None, invent: Invention) -> KeyFrame | None:
    """The key frame from which what no frame shows of a hole is taken: the one there is, or a new one if it must be."""
    if key is not None and (source.frame.index - key.filled.frame.index) % RENEWED:
        return key
    whole = slice(0, source.hole.shape[0]), slice(0, source.hole.shape[1])
    uncovered = np.zeros(source.hole.shape, bool)
    for part in parts:
        missing = part.unseen
        if key is not None:
            missing &= part.taken_from(key).cost > PER_FRAME * KEY_DISTANCE + MATCHED
        uncovered[part.box][part.band] |= missing
    if np.count_nonzero(uncovered) <= SLIVER * uncovered.size:
        return key
    image: Array = source.frame.numpy().copy()
    for part in parts:
        inside = source.hole[part.box]
        image[part.box][inside] = np.clip(np.rint(part.filled(key)[0]), 0, 255)
    image, method = invent(image, uncovered, None if key is None else key.method)
    if key is not None:
        uncovered |= source.hole & key.invented_at(whole)
    return KeyFrame.of(source, image, uncovered, method)


def blended(source: WindowFrame, box: Box, band: Array, found: Iterator[Candidate]) -> tuple[Blend, Array]:
    """The blend of candidates at the n pixels of a band, and how many frames away the best is: n.

    cost = surrounding error + c_t distance + c_l layer distance, inf where the other frame is itself masked. Where that
    is burnt out and this light darkens it, it costs by how much besides: what was there may be as bright as white here.
    """
    hole, flat = source.hole[box], np.flatnonzero(band)
    target: Array = cv2.cvtColor(source.image[box], cv2.COLOR_RGBA2GRAY)
    colors, costs, distances = [], [], []
    fitting = np.zeros(len(flat), np.int64)
    for candidate in found:
        warped = sample(candidate.frame.image, candidate.at, padding="zeros", cubic=candidate.alone)
        usable = warped[..., 3] == 255
        weight, dimmed = (usable & ~hole).astype(np.float32), np.float32(0)
        if not candidate.light.same:
            burnt = warped[..., :3].max(axis=-1) >= BURNT
            warped[..., :3] = np.clip(np.rint(candidate.light.apply(warped[..., :3])), 0, 255)
            weight[burnt] = 0
            dimmed = burnt * (np.float32(255) - warped[..., :3].max(axis=-1))
        if candidate.support is not None:
            weight[sample(candidate.support.view(np.uint8), candidate.at, nearest=True) == 0] *= UNSUPPORTED
        error = surrounding_error(cv2.cvtColor(warped, cv2.COLOR_RGBA2GRAY), target, weight)
        error += PER_LAYER_PIXEL * candidate.layer_distance + dimmed
        usable, error = usable.ravel()[flat], error.ravel()[flat]
        colors.append(warped.reshape(-1, 4)[flat, :3])
        costs.append(np.where(usable, error + np.float32(PER_FRAME * candidate.distance), np.float32(np.inf)))
        distances.append(candidate.distance)
        fitting += usable & (error < FITS)
        if fitting.min() >= source.preset.enough:
            break
    if not colors:
        nothing, black = np.zeros(len(flat), np.float32), np.zeros((len(flat), 3), np.float32)
        return Blend(black, nothing + np.inf, nothing, nothing.astype(int)), nothing.astype(int)
    mixed = blend(np.array(colors), np.array(costs))
    return mixed, np.array(distances)[mixed.best]


def _seam(difference: Array, band: Array, inside: Array) -> Array:
    """What is missing at the rim of a hole, spread smoothly over the hole: n 3, float32."""
    missing, rim = np.zeros((*band.shape, 3), np.float32), np.zeros(band.shape, bool)
    missing[band], rim[band] = difference, ~inside
    return fill_smooth(missing, rim)[band]
