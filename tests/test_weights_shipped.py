"""Weights that come with PEANUT: there without a network and a cache, whole, and not to be removed."""

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

import peanut
from peanut import UsageError, weights
from peanut.cli import cli
from peanut.networks.nanodet import NanoDet
from peanut.weights import store
from peanut.weights.table import entries

ROOT = Path(__file__).parent.parent
SHIPPED = [entry for entry in entries().values() if store.is_shipped(entry.file)]


@pytest.fixture(params=SHIPPED, ids=lambda entry: entry.name)
def entry(request):
    return request.param


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No network, and a cache folder that nobody can make: its parent is a file."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PEANUT_CACHE", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("PEANUT_OFFLINE", "1")


def peanut_weights(*words):
    done = CliRunner().invoke(cli, ["weights", *words])
    return done.exit_code, done.output


def test_nanodet_is_shipped():
    assert "nanodet-g" in [entry.name for entry in SHIPPED]


def test_every_shipped_file_is_in_the_table_and_is_the_one_published(entry):
    for file in entry.files:
        content = (store.SHIPPED / file.name).read_bytes()
        assert len(content) == file.size
        assert hashlib.sha256(content).hexdigest() == file.sha256
    listed = {file.name for one in SHIPPED for file in one.files}
    assert {path.name for path in store.SHIPPED.glob("*.safetensors")} == listed


def test_where_a_shipped_file_comes_from_is_told_beside_it(entry):
    told = (store.SHIPPED / entry.file.name).with_suffix(".txt").read_text()
    assert "http" in told
    assert "licen" in told.lower()


def test_it_is_here_without_network_and_cache(entry, offline):
    assert weights.here(entry.name)
    assert weights.pull(entry.name) == store.SHIPPED / entry.file.name
    weights.verify(entry.name)


def test_it_loads_without_network_and_cache_and_writes_nothing(offline):
    before = {path: path.stat().st_mtime_ns for path in store.SHIPPED.iterdir()}
    assert len(weights.load("nanodet-g")) == len(NanoDet().state_dict())
    network = weights.network("nanodet-g", device="cpu", dtype="float32")
    assert isinstance(network, NanoDet)
    assert {x.dtype for x in network.parameters()} == {torch.float32}
    assert {path: path.stat().st_mtime_ns for path in store.SHIPPED.iterdir()} == before


def test_a_detector_is_built_where_nothing_may_be_written(offline, tmp_path):
    """In a process of its own: what another test loaded does not help."""
    program = (
        "import numpy; from peanut.objects.detector import ObjectDetector;"
        "print(len(ObjectDetector.of(device='cpu').detect(numpy.zeros((64, 64, 3), numpy.uint8))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path, capture_output=True
    )
    assert (done.returncode, done.stdout) == (0, b"0\n"), done.stderr.decode()


def test_a_mirror_is_not_asked_for_it(entry, offline, monkeypatch, tmp_path):
    monkeypatch.setenv("PEANUT_WEIGHTS_MIRROR", str(tmp_path))
    (tmp_path / entry.file.name).write_bytes(b"of another version")
    assert weights.pull(entry.name) == store.SHIPPED / entry.file.name


def test_it_is_not_removed(entry, offline):
    for forget in (False, True):
        with pytest.raises(UsageError, match=rf"^{entry.name} came with PEANUT, and stays\.$"):
            weights.remove(entry.name, forget=forget)
    assert weights.here(entry.name)


def test_damage_is_told(offline, monkeypatch, tmp_path):
    content = bytearray((store.SHIPPED / "nanodet-g.safetensors").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "nanodet-g.safetensors").write_bytes(content)
    monkeypatch.setattr(store, "SHIPPED", tmp_path)
    with pytest.raises(UsageError, match=r"nanodet-g came with PEANUT and is damaged \(its sha256 is "):
        weights.verify("nanodet-g")


def test_a_file_that_was_lost_is_not_here(offline, monkeypatch, tmp_path):
    monkeypatch.setattr(store, "SHIPPED", tmp_path)
    assert not weights.here("nanodet-g")


def test_the_command_line_knows_it(offline):
    path = store.SHIPPED / "nanodet-g.safetensors"
    status, listed = peanut_weights("list")
    (line,) = (line for line in listed.splitlines() if line.startswith("nanodet-g "))
    assert (status, line.split()) == (
        0,
        ["nanodet-g", "7.6", "MB", "here", "Apache,", "MIT", *["NanoDet-g,", "80", "classes", "of", "COCO"]],
    )
    assert peanut_weights("pull", "nanodet-g") == (0, f"{path}\n")
    assert peanut_weights("path", "nanodet-g") == (0, f"{path}\n")
    assert peanut_weights("verify", "nanodet-g") == (0, "nanodet-g: unchanged\n")
    assert "nanodet-g: unchanged\n" in peanut_weights("verify")[1]
    markdown = peanut_weights("list", "--markdown")[1]
    assert "| `nanodet-g` | NanoDet-g, 80 classes of COCO | 7.6 MB | Apache, MIT | comes with PEANUT |" in markdown


def test_the_command_line_refuses_to_remove_it_in_one_sentence(offline):
    done = subprocess.run(
        [sys.executable, "-m", "peanut", "weights", "remove", "nanodet-g"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert done.stderr.strip() == "peanut: nanodet-g came with PEANUT, and stays."
    assert weights.here("nanodet-g")


def test_it_is_in_the_wheel(tmp_path):
    builder = pytest.importorskip("hatchling.builders.wheel")
    (wheel,) = builder.WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        for entry in SHIPPED:
            for file in entry.files:
                assert hashlib.sha256(opened.read(f"peanut/weights/shipped/{file.name}")).hexdigest() == file.sha256
    assert {"peanut/weights/table.md", "peanut/weights/shipped/nanodet-g.txt"} <= names
    assert Path(wheel).stat().st_size < 10e6
    assert peanut.__version__ in Path(wheel).name
