"""How well is invented what no frame of a video shows: stills with a hole.

    python -m benchmarks.stills [FOLDER] [--sheet SHEET.png]

FOLDER: photographs (PNG, JPEG), scaled to cover 432x240 and cut there; the others are drawn. Prints PSNR inside the
hole (dB), detail (energy of the gradient there, over the truth's), structure (`benchmarks.structure`) of Telea's
inpainting (radius 5), of a smooth filling and of `complete`, with the method that it chose and its seconds of processor
time. The sheet shows, a row a still, the truth, the hole, the smooth filling and `complete`.
"""

import argparse
from pathlib import Path
from time import process_time

import cv2
import numpy as np

from benchmarks.measures import psnr as psnr_of_clips
from benchmarks.structure import structure
from peanut.completion.complete import complete
from peanut.vision.array import Array

HEIGHT, WIDTH = 240, 432


def hole() -> Array:
    """A standing figure, 17 % of the still: h w, bool."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.ellipse(mask, (230, 130), (60, 85), 10, 0, 360, 255, -1)
    cv2.circle(mask, (210, 60), 30, 255, -1)
    return mask > 0


def drawn() -> dict[str, Array]:
    """Stills that repeat themselves, and one that does not: h w 3, uint8."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    light = np.linspace(-15, 15, HEIGHT, dtype=np.float32)[:, None]
    depth = 8000 / (y + 60)  # a floor: the joints run to a vanishing point
    row, course = (y // 17).astype(int), y % 17
    wires = (np.abs((x + 0.6 * y) % 31.4 - 15.7) < 2) | (np.abs((x - 0.6 * y) % 31.4 - 15.7) < 2)
    wall = np.where(x % 23.5 < 11, 170, 205) + light
    cloth = 90 + 50 * ((x // 9 + y // 9) % 2)
    greys = {
        "stripes": np.where(np.sin(2 * np.pi * (x + 0.1 * y) / 24) > 0, 210, 150) + light,
        "tiles": np.where((x % 36 < 2) | (y % 24 < 2), 90, 190) + 10 * np.sin(x / 40),
        "fence": np.where(wires, 80, 170 + light),
        "bricks": np.where((course < 2) | ((x + 19 * (row % 2)) % 38 < 2), 190, 110 + 12 * np.sin(7.3 * row)),
        "floor": np.where(((x - 216) * depth / 60 % 40 < 3) | (depth % 9 < 1), 90, 180),
        "wall and bed": np.where(y < 140, wall, cloth),
        "wall": 160 + light + 0.1 * x,
    }
    noise = [np.random.default_rng(number).normal(0, 3, (HEIGHT, WIDTH, 3)) for number in range(len(greys))]
    tint = np.array([0, -5, -15])
    return {
        n: np.clip(g[..., None] + tint + z, 0, 255).astype(np.uint8)
        for (n, g), z in zip(greys.items(), noise, strict=True)
    }


def photographs(folder: Path) -> dict[str, Array]:
    """By name, scaled to cover a still and cut there: h w 3, uint8."""
    found = {}
    for path in sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg")):
        found[path.stem] = photograph(path, (HEIGHT, WIDTH))
    return found


def photograph(path: Path, size: tuple[int, int]) -> Array:
    """A photograph, scaled to cover `size` (h, w) and cut there: h w 3, uint8."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise SystemExit(f"{path} is not a picture.")
    scale = max(side / own for side, own in zip(size, image.shape[:2], strict=True))
    wide = int(np.ceil(image.shape[1] * scale)), int(np.ceil(image.shape[0] * scale))
    image = cv2.resize(image, wide, interpolation=cv2.INTER_AREA)[: size[0], : size[1]]
    return np.ascontiguousarray(image[..., ::-1])


def detail(result: Array, truth: Array, mask: Array) -> float:
    """Energy of the gradient, 2 pixels and more from the border of the hole, over the truth's."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    energies = []
    for image in (result, truth):
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        slopes = [cv2.Sobel(grey, cv2.CV_32F, *order) for order in ((1, 0), (0, 1))]
        energies.append(float((slopes[0] ** 2 + slopes[1] ** 2)[inner].mean()))
    return energies[0] / max(energies[1], 1e-6)


def main() -> None:
    parser = argparse.ArgumentParser(description="Stills with a hole that nothing uncovers.")
    parser.add_argument("folder", nargs="?", type=Path, help="photographs")
    parser.add_argument("--sheet", type=Path, help="picture to write")
    given = parser.parse_args()
    mask, rows = hole(), []
    print("| still | Telea | smooth | complete | method | seconds |\n| --- | --- | --- | --- | --- | --- |")
    for name, truth in {**drawn(), **(photographs(given.folder) if given.folder else {})}.items():
        holed = np.where(mask[..., None], np.uint8(0), truth)
        telea = cv2.inpaint(holed, mask.astype(np.uint8), 5, cv2.INPAINT_TELEA)
        smooth = complete(holed, mask, method="smooth").image
        start = process_time()
        completed = complete(holed, mask)
        seconds = process_time() - start
        cells = [
            f"{psnr_of_clips(x[None], truth[None], mask[None]):.1f} {detail(x, truth, mask):.2f} "
            f"{structure(x, truth, mask):.2f}"
            for x in (telea, smooth, completed.image)
        ]
        print(f"| {name} | {' | '.join(cells)} | {completed.method} | {seconds:.1f} |", flush=True)
        rows.append(np.hstack([truth, holed, smooth, completed.image]))
    if given.sheet:
        cv2.imwrite(str(given.sheet), np.vstack(rows)[..., ::-1])


if __name__ == "__main__":
    main()
