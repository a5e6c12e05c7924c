"""`examples/server.py`, as people start it, with what people and others may send."""

import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import zlib
from http.client import HTTPConnection
from pathlib import Path

import cv2
import numpy as np
import pytest

SERVER = Path(__file__).parent.parent / "examples" / "server.py"


def picture(number=0, size=(48, 64)):
    """A PNG on which a square moves."""
    image = np.full((*size, 3), 90, np.uint8)
    image[10:20, 2 * number : 2 * number + 10] = 255
    return cv2.imencode(".png", image)[1].tobytes()


def huge():
    """The header of a PNG of 60000 x 60000 pixels, and a little of its data."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(100_000))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


STAGE = """
@peanut.stage
def careful(frames):
    held = []
    for frame in frames:
        held.append(frame)
        if frame.size != held[0].size:
            raise ValueError("another size")
        if len(held) > 3:
            yield held.pop(0)
    yield from held
"""


class Running:
    """The server with a stage that is late and wants one size, and a second for a request."""

    def __init__(self, port):
        self.port = port
        text = SERVER.read_text().replace("SECONDS = 4, 16, 10", "SECONDS = 4, 16, 1")
        text = text.replace("peanut.MovingObjects() | peanut.FlowEraser()", "peanut.Pipeline() | careful()")
        text = text.replace("pipeline =", f"{STAGE}\npipeline =", 1)
        assert "16, 1 " in text
        assert "| careful()\n" in text
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", text, str(port)], env=environment, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert self.process.poll() is None

    def post(self, body, path="/", **headers):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=60)
        connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()

    def raw(self, text):
        """The status of the answer to bytes as they are, while the line stays open."""
        with socket.create_connection(("127.0.0.1", self.port), 60) as line:
            line.sendall(text)
            return line.makefile("rb").readline().split()[1:2]


@pytest.fixture(scope="module")
def server():
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        port = opened.getsockname()[1]
    running = Running(port)
    yield running
    running.process.kill()
    running.process.wait()


def statuses_and_sizes(server, path, count=12, size=(48, 64)):
    answers = [server.post(picture(number % 20, size), path) for number in range(count)]
    shapes = {cv2.imdecode(np.frombuffer(body, np.uint8), cv2.IMREAD_COLOR).shape for _, body in answers if body}
    return [status for status, _ in answers], shapes


def test_two_clients_at_once_get_their_own_pictures(server):
    results = {}

    def posts(path, size):
        results[path] = statuses_and_sizes(server, path, size=size)

    threads = [threading.Thread(target=posts, args=args) for args in (("/a", (48, 64)), ("/b", (40, 72)))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for path, size in (("/a", (48, 64, 3)), ("/b", (40, 72, 3))):
        statuses, shapes = results[path]
        assert set(statuses) == {200, 204}
        assert shapes == {size}


def test_after_a_failure_the_client_goes_on(server):
    statuses = [server.post(picture(number, size), "/c")[0] for size in ((48, 64), (40, 72)) for number in range(20)]
    assert set(statuses) <= {200, 204}
    assert statuses.count(204) >= 6  # the second session was late anew
    assert statuses_and_sizes(server, "/c", size=(40, 72))[1] == {(40, 72, 3)}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 413),
        (b"this is no picture", 415),
        (picture()[:60], 415),
        (huge(), 415),
        (picture(size=(1300, 2000)), 415),
    ],
)
def test_what_is_no_picture_is_refused(server, body, status):
    assert server.post(body)[0] == status
    assert server.post(picture())[0] in (200, 204)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 403),
        ({"Host": "evil.example:80"}, 403),
        ({"Host": ""}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 204),
    ],
)
def test_a_page_from_elsewhere_is_refused(server, headers, status):
    assert server.post(picture(), "/d", **headers)[0] == status


@pytest.mark.parametrize(
    ("length", "status"),
    [
        ("Content-Length: 99999999999999999999\r\n", b"413"),
        ("Content-Length: 20000001\r\n", b"413"),
        ("Content-Length: -1\r\n", b"411"),
        ("Content-Length: many\r\n", b"411"),
        ("Transfer-Encoding: chunked\r\n", b"411"),
        ("", b"411"),
    ],
)
def test_a_length_that_cannot_be_is_refused_before_a_byte_is_read(server, length, status):
    assert server.raw(f"POST / HTTP/1.1\r\nHost: localhost:{server.port}\r\n{length}\r\n".encode()) == [status]


def test_what_is_too_slow_is_cut_off_and_others_are_served_meanwhile(server):
    head = f"POST / HTTP/1.1\r\nHost: localhost:{server.port}\r\nContent-Length: 100\r\n\r\n".encode()
    assert server.raw(head + b"slow") == [b"408"]
    assert server.raw(head[:20]) == [b"403"]
    with socket.create_connection(("127.0.0.1", server.port), 60) as idle:
        assert server.post(picture())[0] in (200, 204)
        assert idle.recv(1) == b""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGTERM to send")
def test_it_ends_cleanly_when_it_is_told_to(server):
    server.post(picture(), "/e")
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
