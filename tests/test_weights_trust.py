"""What is loaded is what was verified: damaged conversions, hostile archives, wrong first files, NaN, read-only."""

import io
import os
import shutil
import tarfile
import tempfile
import zipfile
from pathlib import Path

import pytest
import safetensors
import safetensors.torch
import torch
from click.testing import CliRunner
from weights_rows import entry, fetched, left, spynet_file, spynet_row, use
from weights_server import CONTENT, HASH, SIZE

from peanut import UsageError, weights
from peanut.cli.weights import weights as commands
from peanut.networks.spynet import SPyNet
from peanut.weights import loading, sources
from peanut.weights.sources import sha256_of
from peanut.weights.table import Entry, File

WEIGHT = "basic_module.0.basic_module.0.conv.weight"
pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def converted(tmp_path, monkeypatch, cache):
    """A converted file in the cache, and the tensors that are in it."""
    path = spynet_file(tmp_path)
    use(monkeypatch, spynet_row(path))
    tensors = weights.load("thing")
    path.unlink()  # nothing is fetched again
    (kept,) = cache.rglob("*.safetensors")
    return kept, tensors


def same(a, b):
    return sorted(a) == sorted(b) and all(torch.equal(a[name], b[name]) for name in a)


DAMAGES = {
    "cut": lambda data: data[: len(data) // 2],
    "empty": lambda data: b"",
    "cut in its first bytes": lambda data: data[:5],
    "one bit turned over": lambda data: data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:],
    "something else": lambda data: b"<html>no such file</html>" * 20,
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_conversion_is_made_anew_from_the_published_file(damage, converted, caplog):
    kept, tensors = converted
    whole = kept.read_bytes()
    kept.write_bytes(DAMAGES[damage](whole))
    caplog.clear()
    assert same(weights.load("thing"), tensors)
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith((f"{kept} is not as it was written", f"{kept.name} cannot be read: "))
    assert caplog.messages[0].lower().endswith("it is made anew.")
    assert same(weights.load("thing"), tensors)
    assert len(caplog.messages) == 1


def test_other_weights_under_the_name_of_a_conversion_are_not_loaded(converted, caplog):
    kept, tensors = converted
    with safetensors.safe_open(kept, "pt") as file:
        about = file.metadata()
    others = {name: x + 1 for name, x in tensors.items()}
    for metadata in (about, {}, None):  # with the hash of what was there before, and as earlier versions wrote them
        safetensors.torch.save_file(others, kept, metadata)
        assert same(weights.load("thing"), tensors)
    assert len(caplog.messages) == 3


def test_a_published_file_that_was_damaged_in_the_cache_is_not_converted(converted):
    kept, _ = converted
    kept.unlink()
    path = weights.pull("thing")
    data = bytearray(path.read_bytes())
    data[-3000] ^= 1
    path.write_bytes(data)
    with pytest.raises(
        UsageError, match=r"spynet\.pth is damaged: its sha256 is .* `peanut weights remove thing` remo"
    ):
        weights.load("thing")
    assert not kept.exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_nan_and_infinity_are_told_when_they_are_loaded(value, tmp_path, monkeypatch, cache):
    state = SPyNet().state_dict()
    state[WEIGHT][0, 0, 0, 0] = value
    path = tmp_path / "spynet.pth"
    torch.save({"state_dict": state}, path)
    use(monkeypatch, spynet_row(path))
    told = (
        f"there is NaN or infinity in {WEIGHT} (1 of 60 tensors): these weights compute nothing; fetch or train them"
        " anew."
    )
    for name in ("thing", path):
        for call in (weights.load, lambda name: weights.network(name, device="cpu")):
            with pytest.raises(UsageError) as refused:
                call(name)
            assert str(refused.value) == f"{name}: {told}"
    assert not list(cache.rglob("*.safetensors"))


def test_nan_in_a_program_is_told(tmp_path, monkeypatch):
    path, layer = tmp_path / "big.pt", torch.nn.Linear(1, 1)
    layer.bias.data[0] = float("nan")
    torch.jit.trace(layer, torch.zeros(1)).save(path)
    file = File("big.pt", None, sha256_of(path), (str(path),))
    use(monkeypatch, Entry("big", "LaMa, traced", (file,), "Apache", "JIT", False))
    with pytest.raises(UsageError, match=r"^big: there is NaN or infinity in bias \(1 of 2 tensors\)"):
        weights.network("big", device="cpu", dtype="float32")


def packed(path, *members):
    """An archive of (name, content); content None: a link to what is outside."""
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
            for name, content in members:
                info = zipfile.ZipInfo(name)
                info.external_attr = (0o120777 if content is None else 0o100644) << 16
                opened.writestr(info, b"/etc/passwd" if content is None else content, zipfile.ZIP_DEFLATED)
    else:
        with tarfile.open(path, f"w:{path.suffix[1:]}" if path.suffix != ".tar" else "w") as opened:
            for name, content in members:
                info = tarfile.TarInfo(name)
                if content is None:
                    info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
                else:
                    info.size = len(content)
                opened.addfile(info, None if content is None else io.BytesIO(content))
    return path


KINDS = ["models.zip", "models.tar", "models.tar.gz", "models.tar.xz", "models.tar.bz2"]


@pytest.mark.parametrize("kind", KINDS)
def test_links_in_an_archive_are_refused(kind, tmp_path, cache):
    archive = packed(tmp_path / kind, ("thing.pth", None))
    with pytest.raises(UsageError, match=r"thing\.pth in the archive is no file, but a link or a folder"):
        fetched(f"{archive}#thing.pth", sha256="", size=None)
    assert left(cache) == []


@pytest.mark.parametrize("type_", [tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_whatever_else_is_no_file_in_a_tar_is_refused(type_, tmp_path, cache):
    with tarfile.open(tmp_path / "models.tar", "w") as opened:
        info = tarfile.TarInfo("thing.pth")
        info.type, info.linkname = type_, "nowhere"
        opened.addfile(info)
    with pytest.raises(UsageError, match=r"thing\.pth in the archive is no file, but a link or a folder"):
        fetched(f"{tmp_path}/models.tar#thing.pth", sha256="", size=None)
    assert left(cache) == []


@pytest.mark.parametrize("kind", KINDS[:2])
@pytest.mark.parametrize("name", ["/thing.pth", "../../thing.pth", "a/../thing.pth"])
def test_absolute_names_and_those_that_lead_outside_write_nowhere_else(kind, name, tmp_path, cache):
    archive = packed(tmp_path / kind, (name, CONTENT))
    assert fetched(f"{archive}#thing.pth").read_bytes() == CONTENT
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache", kind]
    assert left(cache) == ["thing.pth", "thing.pth.json"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_unpacks_to_more_than_the_table_says_is_not_unpacked(kind, tmp_path, cache, monkeypatch):
    archive = packed(tmp_path / kind, ("thing.pth", bytes(8_000_000)))
    written = []
    unlink = Path.unlink
    monkeypatch.setattr(
        Path,
        "unlink",
        lambda path, **more: (written.append(path.exists() and path.stat().st_size), unlink(path, **more)),
    )
    with pytest.raises(UsageError, match=rf"thing\.pth in the archive is longer than the {SIZE} bytes it should have"):
        fetched(f"{archive}#thing.pth")
    assert max(written) <= max(SIZE, archive.stat().st_size)
    assert left(cache) == []


def test_a_tar_that_unpacks_to_more_than_any_published_file_is_not_read_to_its_end(tmp_path, monkeypatch):
    archive = packed(tmp_path / "models.tar.gz", ("other.pth", bytes(3_000_000)), ("thing.pth", CONTENT))
    monkeypatch.setattr(sources, "LARGEST", 2_000_000)
    with pytest.raises(UsageError, match=r"the archive unpacks to more than 2000000 bytes, which is more than any pub"):
        fetched(f"{archive}#thing.pth")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_archive_is_one_sentence_whatever_is_wrong_with_it(kind, tmp_path, cache):
    random = torch.Generator().manual_seed(3)
    content = torch.randint(0, 256, (30_000,), generator=random, dtype=torch.uint8).numpy().tobytes()
    whole = packed(tmp_path / kind, ("thing.pth", content)).read_bytes()
    for turn in range(60):
        data = bytearray(whole)
        for at in torch.randint(0, len(data), (4,), generator=random).tolist():
            data[at if turn % 2 else at % 600] ^= 1 + turn
        (tmp_path / kind).write_bytes(data[: len(data) // 2] if turn % 5 == 0 else data)
        with pytest.raises(UsageError, match=r"thing: thing\.pth cannot be had\. .*#thing\.pth: "):
            fetched(f"{tmp_path}/{kind}#thing.pth", sha256="0" * 64, size=None)
        assert left(cache) == []


def test_a_wrong_first_file_is_not_added_where_it_can_be_told(tmp_path, monkeypatch, cache):
    use(monkeypatch, spynet_row(tmp_path / "nowhere"))
    other, text = tmp_path / "other.pth", tmp_path / "page.pth"
    torch.save({"a": torch.zeros(1)}, other)
    text.write_text("<html>log in first</html>")
    with pytest.raises(UsageError, match=rf"^{other} cannot be added as thing\. thing: the file does not fit the netw"):
        weights.add(other, "thing")
    with pytest.raises(UsageError, match=rf"^{text} cannot be added as thing\. .* is refused: "):
        weights.add(text, "thing")
    with pytest.raises(UsageError, match=r"cannot be added as thing: No such file or directory"):
        weights.add(tmp_path / "none.pth", "thing")
    assert left(cache) == []
    assert weights.add(spynet_file(tmp_path), "thing").exists()


def test_a_wrong_first_file_can_be_forgotten(tmp_path, monkeypatch, cache):
    use(monkeypatch, spynet_row(tmp_path / "nowhere"))
    wrong = shutil.copy(spynet_file(tmp_path, seed=1), tmp_path / "wrong.pth")
    right = spynet_file(tmp_path, seed=2)
    weights.add(Path(wrong), "thing")
    weights.load("thing")
    with pytest.raises(UsageError, match=r"if that was a wrong one, `peanut weights remove NAME --forget` forgets it"):
        weights.add(right, "thing")
    weights.remove("thing")
    with pytest.raises(UsageError, match="as of the first file that came"):
        weights.add(right, "thing")
    monkeypatch.setattr("peanut.weights.table.entries", loading.entries)
    assert CliRunner().invoke(commands, ["remove", "thing", "--forget"]).output == "thing: removed\n"
    assert left(cache) == []
    assert weights.add(right, "thing").read_bytes() == right.read_bytes()
    assert same(weights.load("thing"), weights.load(right, like="thing"))
    with pytest.raises(UsageError, match=r"thing is not on this machine\."):
        weights.remove("thing", forget=True)
        weights.remove("thing", forget=True)


@pytest.fixture
def read_only(monkeypatch):
    """A cache folder that this process may read and not write; call it when it is filled."""
    folder = Path(tempfile.mkdtemp(prefix="peanut-"))
    monkeypatch.setenv("PEANUT_CACHE", str(folder))
    user = os.geteuid()

    def close():
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        if user == 0:
            os.seteuid(65534)  # nothing is read-only for root

    yield close
    os.seteuid(user)
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755)
    shutil.rmtree(folder)


def test_a_read_only_cache_gives_what_it_has_and_says_what_it_cannot(tmp_path, monkeypatch, read_only, caplog):
    path = spynet_file(tmp_path)
    use(monkeypatch, spynet_row(path))
    weights.pull("thing")
    other = Entry("other", "SPyNet", (File("a.pth", None, "0" * 64, ("/nowhere",)),), "SPY", "SPYMM", False)
    use(monkeypatch, spynet_row(path), other)
    read_only()
    caplog.clear()
    assert len(weights.load("thing")) == 60
    assert len(caplog.messages) == 1
    assert "the checkpoint is converted at every start" in caplog.messages[0]
    cannot = r"cannot be written \(Permission denied\): PEANUT_CACHE names another folder\.$"
    for refused in (
        lambda: weights.pull("other"),
        lambda: weights.add(path, "thing"),
        lambda: weights.remove("thing"),
        lambda: sources.from_wheel("thing==1.0", "thing/thing.pth", sha256=HASH),
    ):
        with pytest.raises(UsageError, match=cannot):
            refused()
    assert weights.pull("thing").exists()


def test_a_size_that_is_not_published_does_not_hinder(tmp_path):
    archive = packed(tmp_path / "models.zip", ("thing.pth", CONTENT))
    made = entry(f"{archive}#thing.pth", size=None)
    assert fetched(*made.file.sources, size=None).read_bytes() == CONTENT
