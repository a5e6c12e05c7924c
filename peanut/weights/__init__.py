"""Published checkpoints: found, fetched once, verified, converted to our networks' names, kept in a cache folder."""

from peanut.weights.by_hand import add
from peanut.weights.folder import at_hand, folder
from peanut.weights.layouts import convert
from peanut.weights.loading import load, names_used, network, resolve
from peanut.weights.sources import cache_folder
from peanut.weights.store import here, pull, remove, verify
from peanut.weights.table import entries

__all__ = [
    "add",
    "at_hand",
    "cache_folder",
    "convert",
    "entries",
    "folder",
    "here",
    "load",
    "names_used",
    "network",
    "pull",
    "remove",
    "resolve",
    "verify",
]
