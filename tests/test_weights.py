"""Weights are fetched from a real (local) server with faults: verified, kept whole, never half, never twice."""

import io
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from weights_rows import entry, fetched, left
from weights_server import CONTENT, HALF, HASH, Server

from peanut import UsageError, weights
from peanut.cli.weights import weights as commands
from peanut.weights import http, sources, store

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def server():
    with Server() as running:
        yield running


def test_a_whole_download_is_verified_kept_and_never_done_again(server, cache, caplog):
    path = fetched(f"{server.address}/good")
    assert path.read_bytes() == CONTENT
    assert fetched(f"{server.address}/good") == path
    assert server.asked == [("/good", None)]
    assert left(cache) == ["thing.pth", "thing.pth.json"]
    assert caplog.messages == [
        "thing: fetching thing.pth (1.0 MB). Licence: Apache 2.0: use, change and sell; keep the notice."
    ]


def test_a_download_that_breaks_off_is_continued_where_it_was(server):
    assert fetched(f"{server.address}/cut").read_bytes() == CONTENT
    assert server.asked == [("/cut", None), ("/cut", f"bytes={HALF}-")]


def test_a_server_without_ranges_begins_anew(server):
    assert fetched(f"{server.address}/cut-no-range").read_bytes() == CONTENT
    assert server.asked == [("/cut-no-range", None), ("/cut-no-range", f"bytes={HALF}-")]


def test_without_a_hash_nothing_is_continued_from_an_earlier_start(server, cache):
    part = store.kept_at(entry(sha256=""), entry(sha256="").file).with_name("thing.pth.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(b"of another version")
    assert fetched(f"{server.address}/good", sha256="").read_bytes() == CONTENT
    assert server.asked == [("/good", None)]


def test_a_half_file_longer_than_the_file_is_dropped(server):
    part = store.kept_at(entry(), entry().file).with_name("thing.pth.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT + b"more")
    assert fetched(f"{server.address}/good").read_bytes() == CONTENT
    assert [asked for _, asked in server.asked] == [f"bytes={len(CONTENT) + 4}-", None]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ({"sha256": "0" * 64}, f"its sha256 is {HASH}, not {'0' * 64}"),
        ({"sha256": "12345678"}, f"its sha256 is {HASH}, not 12345678"),
        ({"size": 7}, "it has 1024000 bytes, not 7"),
    ],
)
def test_another_file_than_was_published_is_refused_and_removed(server, cache, more, sentence):
    with pytest.raises(UsageError, match=sentence):
        fetched(f"{server.address}/good", **more)
    assert left(cache) == []


@pytest.mark.parametrize(
    ("where", "sentence"),
    [
        ("{server}/nothing", "/nothing: the server answers 404 Not Found"),
        ("{server}/busy", "/busy: the server answers 503 Service Unavailable, 5 times"),
        ("{server}/loop", "/loop: it redirects in a circle"),
        ("{server}/stall", r"/stall: nothing came for 0\.3 s, 5 times"),
        ("{server}/always-cut", "/always-cut: the connection ended after 50 of 1024000 bytes, 5 times"),
        ("http://127.0.0.1:9/refused", r"it cannot be reached \(.*refused"),
        ("http://[nonsense", "it is no address"),
        ("file:///nowhere/thing.pth", r"it cannot be copied \(No such file or directory\)"),
        ("/nowhere/thing.pth", r"it cannot be copied \(No such file or directory\)"),
    ],
)
def test_a_source_that_fails_says_why(server, cache, where, sentence, monkeypatch):
    monkeypatch.setattr(http, "TIMEOUT", 0.3)
    with pytest.raises(UsageError, match=f"thing: thing.pth cannot be had. .*{sentence}.*add thing.pth --as thing"):
        fetched(where.format(server=server.address))
    assert "thing.pth" not in left(cache)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(server, cache):
    part = store.kept_at(entry(), entry().file).with_name("thing.pth.part")
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")  # every write says that there is no room
    with pytest.raises(UsageError, match=r"thing\.pth\.part cannot be written \(No space left on device\)"):
        fetched(f"{server.address}/good")
    assert left(cache) == []


def test_a_file_that_cannot_fit_is_not_begun(server, monkeypatch, cache):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=5))
    with pytest.raises(UsageError, match=r"no room for .*: 1024000 bytes are to come, 5 are free"):
        fetched(f"{server.address}/good")
    assert left(cache) == []


def test_a_cache_that_cannot_be_written_is_said(server, cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(UsageError, match=r"cannot be written .*PEANUT_CACHE names another folder"):
        fetched(f"{server.address}/good")


def test_sources_are_tried_in_order_and_one_wrong_file_does_not_end_it(server, tmp_path):
    (tmp_path / "wrong").write_bytes(b"x" * len(CONTENT))
    right = tmp_path / "right.pth"
    right.write_bytes(CONTENT)
    assert fetched(f"{server.address}/nothing", f"{tmp_path}/wrong", right.as_uri()).read_bytes() == CONTENT
    assert server.asked == [("/nothing", None)]


def test_a_mirror_is_tried_first(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PEANUT_WEIGHTS_MIRROR", f"{server.address}/good/")
    assert fetched(f"{server.address}/nothing").read_bytes() == CONTENT
    assert server.asked == [("/good/thing.pth", None)]


def test_offline_obeys_but_takes_what_lies_on_this_machine(server, tmp_path, monkeypatch):
    monkeypatch.setenv("PEANUT_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"/good: PEANUT_OFFLINE is set"):
        fetched(f"{server.address}/good")
    (tmp_path / "thing.pth").write_bytes(CONTENT)
    monkeypatch.setenv("PEANUT_WEIGHTS_MIRROR", str(tmp_path))
    assert fetched(f"{server.address}/good").read_bytes() == CONTENT
    assert server.asked == []


def archive(path, name):
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as opened:
            opened.writestr(name, CONTENT)
    else:
        with tarfile.open(path, "w:gz") as opened:
            info = tarfile.TarInfo(name)
            info.size = len(CONTENT)
            opened.addfile(info, io.BytesIO(CONTENT))
    return path


@pytest.mark.parametrize("kind", ["models.zip", "models.tar.gz"])
def test_a_member_of_an_archive(tmp_path, cache, kind):
    packed = archive(tmp_path / kind, "../release/thing.pth")
    with pytest.raises(UsageError, match=r"the archive has no files called other\.pth"):
        fetched(f"{packed}#other.pth")
    assert left(cache) == []
    assert fetched(f"{packed}#thing.pth").read_bytes() == CONTENT
    assert left(cache) == ["thing.pth", "thing.pth.json"]


def test_a_spoilt_archive_is_said(tmp_path, cache):
    with pytest.raises(UsageError, match="the archive cannot be read"):
        fetched(f"{__file__}#thing.pth")
    assert left(cache) == []


def test_a_hash_that_nobody_published_is_remembered_beyond_the_file(server, tmp_path, caplog, monkeypatch):
    made = entry(f"{server.address}/good", sha256="", size=None)
    monkeypatch.setattr(store, "entries", lambda: {"thing": made})
    weights.pull("thing")
    assert f"its sha256, which nobody published, is remembered from now on: {HASH}" in caplog.text
    weights.remove("thing")
    (tmp_path / "thing.pth").write_bytes(b"something else")
    monkeypatch.setenv("PEANUT_WEIGHTS_MIRROR", str(tmp_path))
    assert weights.pull("thing").read_bytes() == CONTENT  # the mirror's file was refused
    weights.remove("thing")
    monkeypatch.setenv("PEANUT_OFFLINE", "1")
    with pytest.raises(UsageError, match=f"not {HASH} as of the first file that came"):
        weights.pull("thing")


def test_a_file_put_there_by_hand_is_verified_and_a_damaged_one_replaced(server):
    kept = store.kept_at(entry(), entry().file)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(CONTENT)
    assert fetched(f"{server.address}/good") == kept
    assert server.asked == []
    kept.write_bytes(CONTENT[:-1])
    assert fetched(f"{server.address}/good").read_bytes() == CONTENT
    assert len(server.asked) == 1


PROGRAM = """
import sys; sys.path[:0] = {path!r}
from peanut.weights import store
from peanut.weights.table import Entry, File
file = File("thing.pth", {size}, {hash!r}, ({where!r},))
store.fetched(Entry("thing", "SPyNet", (file,), "Apache", "PLAIN", False), file)
"""


def program(where):
    code = PROGRAM.format(path=sys.path, size=len(CONTENT), hash=HASH, where=where)
    return subprocess.Popen([sys.executable, "-c", code])


@pytest.mark.slow
def test_two_processes_at_once_fetch_once(server):
    both = [program(f"{server.address}/slow") for _ in range(2)]
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(server.asked) == 1
    assert fetched("nowhere").read_bytes() == CONTENT


@pytest.mark.slow
def test_a_kill_in_the_middle_is_continued_by_the_next_start(server, cache):
    process = program(f"{server.address}/slow")
    while not any(part.stat().st_size > 200_000 for part in cache.rglob("*.part")):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert left(cache) == ["thing.pth.part"]
    assert fetched(f"{server.address}/slow").read_bytes() == CONTENT
    assert int(server.asked[1][1].removeprefix("bytes=").rstrip("-")) > 200_000


HUB = """
import sys; sys.path[:0] = {path!r}
from pathlib import Path
from types import SimpleNamespace
from peanut.weights.http import Failed
from peanut.weights.sources import fetch
part = Path({part!r})
fetch("hub:hub/repository:thing.pth@main", part)
try:
    fetch("hub:gated/repository:thing.pth", part)
except Failed as error:
    print(error)
"""


@pytest.mark.slow
def test_the_hub_gives_a_file_and_says_how_to_get_a_gated_one(server, tmp_path):
    part = tmp_path / "thing.pth.part"
    own = {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path / "hub"), "HF_HUB_DISABLE_XET": "1"}
    code = HUB.format(path=sys.path, part=str(part))
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **own}, capture_output=True, text=True, timeout=100
    )
    assert done.stdout.strip() == (
        "gated/repository is gated: ask for access on its page at huggingface.co, then log in with"
        " `hf auth login` or set HF_TOKEN"
    ), done.stderr
    assert part.read_bytes() == CONTENT


def test_a_drive_that_cannot_be_reached_is_said(monkeypatch, cache):
    for name in ("HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(UsageError, match=r"drive:nothing: .*[Pp]roxy"):
        fetched("drive:nothing")
    assert left(cache) == []


@pytest.fixture
def index(server, tmp_path, monkeypatch):
    """A package index with one wheel, `thing-1.0`, and pip pointed at it."""
    wheel = tmp_path / "thing-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as opened:
        opened.writestr("thing/thing.pth", CONTENT)
        opened.writestr("thing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        opened.writestr("thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        opened.writestr("thing-1.0.dist-info/RECORD", "")
    server.files[f"/{wheel.name}"] = wheel.read_bytes()
    server.files["/simple/thing/"] = f'<a href="/{wheel.name}">{wheel.name}</a>'.encode()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    own = {"CONFIG_FILE": os.devnull, "INDEX_URL": f"{server.address}/simple", "RETRIES": "0", "NO_CACHE_DIR": "1"}
    for name, value in own.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    return server


def test_a_file_in_a_wheel_is_fetched_by_pip_once(index, cache, monkeypatch):
    path = sources.from_wheel("thing==1.0", "thing/thing.pth", sha256=HASH)
    assert path.read_bytes() == CONTENT
    assert path.is_relative_to(cache)
    before = len(index.asked)
    assert sources.from_wheel("thing==1.0", "thing/thing.pth", sha256=HASH) == path
    assert len(index.asked) == before
    assert fetched("pypi:thing==1.0#thing/thing.pth").read_bytes() == CONTENT
    with pytest.raises(UsageError, match=f"is another file: its sha256 is {HASH}, not {'1' * 64}"):
        sources.from_wheel("thing==1.0", "thing/thing.pth", sha256="1" * 64)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    with pytest.raises(
        UsageError, match=r"thing==2\.0 cannot be fetched .* the package index cannot be reached, or has"
    ):
        sources.from_wheel("thing==2.0", "thing/thing.pth", sha256="2" * 64)


def test_the_command_line(server, monkeypatch, tmp_path, cache):
    made = entry(f"{server.address}/good", licence="NC")
    monkeypatch.setattr(store, "entries", lambda: {"thing": made})
    monkeypatch.setattr("peanut.weights.by_hand.entries", lambda: {"thing": made})
    monkeypatch.setattr("peanut.cli.weights.entries", lambda: {"thing": made})

    def run(*words):
        return CliRunner().invoke(commands, list(words))

    assert run("list").output.split() == ["thing", "1.0", "MB", "NC", "SPyNet"]
    path = Path(run("pull", "thing").output.splitlines()[-1])
    assert path.read_bytes() == CONTENT
    assert run("list", "--licence").output.split()[3] == "here"
    assert "non-commercial use only" in run("list", "--licence").output
    assert run("path", "thing").output == f"{path}\n"
    assert run("where").output == f"{cache}\n"
    assert run("verify").output == run("verify", "thing").output == "thing: unchanged\n"
    path.write_bytes(b"x" * len(CONTENT))
    assert "is damaged: its sha256 is" in str(run("verify").exception)
    assert run("remove", "thing").output == "thing: removed\n"
    assert left(cache) == []
    assert isinstance(run("remove", "thing").exception, UsageError)
    assert isinstance(run("verify", "thing").exception, UsageError)
    assert "did you mean 'thing'" in str(run("pull", "think").exception)
    (tmp_path / "saved.pth").write_bytes(CONTENT)
    assert run("add", str(tmp_path / "saved.pth"), "--as", "thing").output == f"{path}\n"
    (tmp_path / "saved.pth").write_bytes(b"x")
    assert "cannot be added as thing: it has 1 bytes" in str(
        run("add", str(tmp_path / "saved.pth"), "--as", "thing").exception
    )
    assert path.read_bytes() == CONTENT


@pytest.mark.slow
def test_a_published_file_is_really_fetched_verified_and_loaded(caplog):
    try:
        path = weights.pull("basicvsr-reds4")
    except UsageError as error:
        if "the package index cannot be reached" not in str(error):
            raise
        pytest.skip(f"no package index: {error}")
    assert sources.sha256_of(path) == "543c826113a9efdc971572320a9e259833fc230f843d94f7ef7270c92b5ea4dc"
    assert "non-commercial research" in caplog.text
    assert len(weights.load("basicvsr-reds4")) == 314
    assert len(weights.load("spynet-reds4")) == 60  # out of the same file
    flow = weights.network("spynet-reds4", device="cpu", dtype="float32")
    assert flow is weights.network("spynet-reds4", device="cpu", dtype="float32")
