"""Rows of the table of weights for tests, what is fetched for them, and what is left in the cache."""

from importlib import import_module

import torch
from weights_server import HASH, SIZE

from peanut.networks.spynet import SPyNet
from peanut.weights import by_hand, loading, store
from peanut.weights.table import Entry, File


def entry(*where, size=SIZE, sha256=HASH, layout="PLAIN", licence="Apache", network="SPyNet"):
    """A row whose file is the `CONTENT` of the server."""
    return Entry("thing", network, (File("thing.pth", size, sha256, where),), licence, layout, False)


def fetched(*where, **more):
    made = entry(*where, **more)
    return store.fetched(made, made.file)


def left(cache):
    """What lies in the cache, besides locks."""
    return sorted(path.name for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")


def spynet_file(folder, seed=0):
    torch.manual_seed(seed)
    path = folder / "spynet.pth"
    torch.save({"state_dict": SPyNet().state_dict()}, path)
    return path


def spynet_row(path):
    return Entry("thing", "SPyNet", (File("spynet.pth", None, "", (str(path),)),), "SPY", "SPYMM", False)


def use(monkeypatch, *rows):
    """The table has these rows and no others."""
    table = {row.name: row for row in rows}
    for module in (by_hand, import_module("peanut.weights.folder"), loading, store):
        monkeypatch.setattr(module, "entries", lambda: table)
