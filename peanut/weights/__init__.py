"""Published checkpoints: found, fetched once, verified, converted to our networks' names, kept in a cache folder."""

from peanut.weights.layouts import convert
from peanut.weights.licences import licence
from peanut.weights.loading import load, network
from peanut.weights.sources import cache_folder
from peanut.weights.store import add, pull, remove, verify
from peanut.weights.table import entries

__all__ = ["add", "cache_folder", "convert", "entries", "licence", "load", "network", "pull", "remove", "verify"]
