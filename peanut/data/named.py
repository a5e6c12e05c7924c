"""Datasets as the command line names them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from peanut.data.dataset import Dataset
from peanut.data.davis import Davis
from peanut.data.enlarging import Reds4, Vid4, Vimeo90K
from peanut.data.folder import Folder
from peanut.data.manifest import Manifest
from peanut.data.referring import Referring
from peanut.data.youtube_vos import YouTubeVOS
from peanut.errors import UsageError, pick

KINDS: dict[str, Callable[..., Dataset]] = {
    "davis": Davis,
    "davis-2016": partial(Davis, year=2016),
    "youtube-vos": YouTubeVOS,
    "youtube-vos-all": partial(YouTubeVOS, frames="all"),
    "ref-youtube-vos": partial(Referring, kind="ref-youtube-vos"),
    "ref-davis": partial(Referring, kind="ref-davis"),
    "mevis": partial(Referring, kind="mevis"),
    "reds4": Reds4,
    "vid4": Vid4,
    "vid4-bd": partial(Vid4, degradation="BD"),
    "vimeo90k": Vimeo90K,
    "vimeo90k-bd": partial(Vimeo90K, degradation="BD"),
    "folder": Folder,
}
WITHOUT_SPLITS = {"reds4", "vid4", "vid4-bd", "folder"}


def open_dataset(text: str, split: str | None = None) -> Dataset:
    """A dataset by `KIND:PATH` (`davis:data/DAVIS`), by the manifest of a test set, or a folder of clips.

    split: None is what the dataset takes by itself. Raises UsageError for a kind that is not known, and for a split of
    a dataset that has none.
    """
    kind, colon, path = text.partition(":")
    if not colon or Path(text).exists():
        kind, path = ("folder", text) if not text.endswith(".toml") else ("manifest", text)
    if kind == "manifest" or path.endswith(".toml"):
        return _without_split(Manifest(path), split)
    make = pick("kind of dataset", kind, KINDS)
    if kind in WITHOUT_SPLITS:
        return _without_split(make(path), split)
    return make(path) if split is None else make(path, split=split)


def _without_split(dataset: Dataset, split: str | None) -> Dataset:
    if split is not None:
        raise UsageError(f"{dataset.name} has no splits; leave {split!r} out.")
    return dataset
