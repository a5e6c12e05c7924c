"""Fit what NIQE takes for natural: photographs that come with scikit-image and scikit-learn, under free licences.

    pip install scikit-image && pip download --no-deps scikit-learn
    python -m benchmarks.natural_images scikit_learn-*.whl [MODEL.npz]

Writes peanut/metrics/niqe.npz, or MODEL.npz, and prints what each photograph gave. Of every photograph the blocks count
whose mean local deviation is above 0.75 of the largest, as the paper has it; they overlap by half. `chelsea`, a cat, is
left out: tests look at it.
"""

import io
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor

from peanut.markdown import table
from peanut.metrics import niqe
from peanut.metrics.niqe import BLOCK, Natural, features, sharpness

PHOTOGRAPHS = ("astronaut", "camera", "coffee", "rocket", "stereo_motorcycle")
IN_WHEEL = ("china.jpg", "flower.jpg")
SHARP = 0.75
MODEL = Path(__file__).parent.parent / "peanut" / "metrics" / "niqe.npz"


def photographs(wheel: str) -> dict[str, Tensor]:
    """All by name: 3 h w, uint8."""
    found = {}
    for name in PHOTOGRAPHS:
        image = getattr(data, name)()
        found[name] = image[0] if isinstance(image, tuple) else image
    with zipfile.ZipFile(wheel) as archive:
        for name in IN_WHEEL:
            found[name] = np.asarray(Image.open(io.BytesIO(archive.read(f"sklearn/datasets/images/{name}"))))
    return {
        name: torch.tensor(np.atleast_3d(image)).permute(2, 0, 1).expand(3, -1, -1) for name, image in found.items()
    }


def natural_blocks(image: Tensor) -> np.ndarray:
    """The features of the sharp blocks, at four offsets by half a block."""
    steps = [image[:, y:, x:] for y in (0, BLOCK // 2) for x in (0, BLOCK // 2)]
    sharp = [sharpness(step) for step in steps]
    least = SHARP * max(each.max() for each in sharp)
    return np.concatenate([features(step)[each > least] for step, each in zip(steps, sharp, strict=True)])


def of_cat() -> dict[str, Tensor]:
    """The photograph that is left out, and what was done to it."""
    cat = data.chelsea()
    h, w = cat.shape[:2]
    small = cv2.resize(cat, (w // 4, h // 4), interpolation=cv2.INTER_AREA)
    _, coded = cv2.imencode(".jpg", cat, [cv2.IMWRITE_JPEG_QUALITY, 10])
    made = {
        "chelsea": cat,
        "chelsea, blurred by 1 pixel": cv2.GaussianBlur(cat, (0, 0), 1),
        "chelsea, JPEG of quality 10": cv2.imdecode(coded, cv2.IMREAD_COLOR),
        "chelsea, enlarged four times": cv2.resize(small, (w, h), interpolation=cv2.INTER_CUBIC),
    }
    return {name: torch.tensor(image).permute(2, 0, 1) for name, image in made.items()}


def main() -> None:
    images = photographs(sys.argv[1])
    blocks = {name: natural_blocks(image) for name, image in images.items()}
    every = np.concatenate(list(blocks.values()))
    model = Natural(every.mean(axis=0), np.cov(every, rowvar=False))
    path = Path(sys.argv[2]) if len(sys.argv) > 2 else MODEL
    np.savez_compressed(path, mu_pris_param=model.mean, cov_pris_param=model.covariance)
    seen = {name: str(len(of)) for name, of in blocks.items()}
    rows = [[name, seen.get(name, "none"), f"{float(niqe(x, model)):.2f}"] for name, x in (images | of_cat()).items()]
    print(table(["photograph", "blocks", "NIQE"], rows))
    print(f"\n{len(every)} blocks in all; the rank of their covariance is {np.linalg.matrix_rank(model.covariance)}")


if __name__ == "__main__":
    main()
