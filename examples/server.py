"""A server that cleans pictures as they are posted: a session for each client, frames pushed instead of pulled.

python examples/server.py 8000 &
curl --data-binary @frame.png localhost:8000/door > clean.png     # 204 until the pipeline has seen enough
"""

import os
import signal
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socket import SHUT_RD
from typing import Any, ClassVar

MOST_BYTES, MOST_PIXELS = 20_000_000, 1920 * 1200  # of a picture
MOST_CLIENTS, MOST_REQUESTS, SECONDS = 4, 16, 10  # SECONDS in which a request has to be here
os.environ["OPENCV_IO_MAX_IMAGE_PIXELS"] = str(MOST_PIXELS)  # OpenCV reads it when it is imported, so before it is

import cv2  # noqa: E402
import numpy as np  # noqa: E402

import peanut  # noqa: E402

pipeline = peanut.MovingObjects() | peanut.FlowEraser()


class Refused(Exception):
    """The HTTP status and a sentence."""


class Client:
    """The pictures of one client: one after the other, and after a failure in a new session."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.session: peanut.Session | None = None

    def push(self, picture: peanut.Frame) -> list[peanut.Frame]:
        with self.lock:
            try:
                return self.open().push(picture)
            except (peanut.StageError, peanut.UsageError):  # of a picture before this one: it told so in its push
                self.close()
                return self.open().push(picture)

    def open(self) -> peanut.Session:
        self.session = self.session or pipeline.session(fps=25).__enter__()
        return self.session

    def close(self) -> None:
        session, self.session = self.session, None
        if session is not None:
            with suppress(Exception):  # what it failed with was told, and nobody waits for the rest
                session.close()


class Server(ThreadingHTTPServer):
    daemon_threads = False  # closing waits for the requests in work
    clients: ClassVar[dict[Any, Client]] = {}  # the client asked last stands last
    lock = threading.Lock()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        return threading.active_count() < MOST_REQUESTS

    def client(self, key: Any) -> Client:
        with self.lock:
            client = self.clients[key] = self.clients.pop(key) if key in self.clients else Client()
            oldest = self.clients.pop(next(iter(self.clients))) if len(self.clients) > MOST_CLIENTS else None
        if oldest is not None:
            with oldest.lock:
                oldest.close()
        return client


class Clean(BaseHTTPRequestHandler):
    server: Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def setup(self) -> None:
        super().setup()
        self.clock = threading.Timer(SECONDS, self.connection.shutdown, [SHUT_RD])  # however slowly it trickles in
        self.clock.start()

    def finish(self) -> None:
        self.clock.cancel()
        super().finish()

    def do_POST(self) -> None:
        try:
            self.check_sender()
            picture = peanut.Frame.from_numpy(self.picture(), bgr=True)
            self.clock.cancel()
            out = self.server.client((self.client_address[0], self.path)).push(picture)
            self.answer(out[-1] if out else None)  # the trap: often none, sometimes several
        except Refused as error:
            self.send_error(*error.args)
        except (peanut.StageError, peanut.UsageError) as error:
            self.send_error(422, "this picture cannot be cleaned", str(error))

    def answer(self, frame: peanut.Frame | None) -> None:
        self.send_response(204 if frame is None else 200)
        self.end_headers()
        if frame is not None:
            self.wfile.write(cv2.imencode(".png", frame.numpy(bgr=True))[1].tobytes())

    def check_sender(self) -> None:
        """A page from elsewhere may reach us through its visitor's browser, under its own name (DNS rebinding)."""
        ours = [f"{name}:{self.server.server_port}" for name in ("localhost", "127.0.0.1")]
        if self.headers["Host"] not in ours:
            raise Refused(403, "this server goes by another name")
        if self.headers["Origin"] not in (None, *(f"http://{name}" for name in ours)):
            raise Refused(403, "pages from elsewhere may not post here")

    def picture(self) -> Any:
        length = self.headers["Content-Length"] or ""
        if not (length.isascii() and length.isdigit()):
            raise Refused(411, "say how long the picture is")
        if len(length) > 9 or not 0 < int(length) <= MOST_BYTES:
            raise Refused(413, f"a picture has 1 to {MOST_BYTES} bytes")
        data = self.rfile.read(int(length))
        if len(data) < int(length):
            raise Refused(408, f"the picture was not here after {SECONDS} s")
        try:
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error:
            picture = None
        if picture is None:
            raise Refused(415, f"that is no picture of at most {MOST_PIXELS} pixels")
        return picture


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: what is in work is finished
    with Server(("127.0.0.1", int(sys.argv[1])), Clean) as server, suppress(KeyboardInterrupt):
        server.serve_forever()
    for client in server.clients.values():
        client.close()
