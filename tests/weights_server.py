"""A local HTTP server with the faults of real ones; what it is asked for is remembered."""

import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

CONTENT = bytes(range(256)) * 4000  # 1 MB
HALF = len(CONTENT) // 2
SIZE = len(CONTENT)
HASH = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """`/KIND/...`, see `do_GET`; what is in `files` is given as it is; anything else is 404."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        kind = self.path.strip("/").split("/")[0]
        asked = self.headers.get("Range")
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and kind != "no-range" else 0
        self.server.asked.append((self.path, asked))
        if self.path in self.server.files:
            self.give(self.server.files[self.path], **{"Content-Type": "text/html"})
        elif kind == "loop":
            self.answer(302, b"", Location=self.path)
        elif kind == "busy":
            self.answer(503, b"")
        elif kind == "gated":  # as the Hub answers for a repository that asks for access
            self.answer(403, b"", **{"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted."})
        elif kind == "hub":
            etag = hashlib.sha1(CONTENT).hexdigest()
            self.give(CONTENT, start, **{"X-Repo-Commit": "0" * 40, "ETag": f'"{etag}"'})
        elif start and start >= len(CONTENT):
            self.answer(416, b"")
        elif kind in ("good", "no-range"):
            self.give(CONTENT, start)
        elif kind == "cut":  # once, at half
            self.give(CONTENT, start, stop=HALF if not start else None)
        elif kind == "cut-no-range":
            self.give(CONTENT, stop=HALF if len(self.server.asked) == 1 else None)
        elif kind == "always-cut":
            self.give(CONTENT, start, stop=start + 10)
        elif kind == "stall":
            self.give(CONTENT, start, stop=HALF, then=lambda: self.server.released.wait(20))
        elif kind == "slow":
            self.give(CONTENT, start, pause=0.05)
        else:
            self.answer(404, b"")

    def answer(self, status, body, length=None, **headers):
        self.send_response(status)
        for name, value in {"Content-Length": len(body) if length is None else length, **headers}.items():
            self.send_header(name, str(value))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def give(self, content, start=0, stop=None, pause=0.0, then=None, **headers):
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        self.answer(206 if start else 200, b"", length=len(content) - start, **headers)
        if self.command == "HEAD":
            return
        end = len(content) if stop is None else stop
        for at in range(start, end, 1 << 16):
            self.wfile.write(content[at : min(end, at + (1 << 16))])
            time.sleep(pause)
        if then is not None:
            then()
        if stop is not None:
            self.close_connection = True


class Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_):
        """A client that goes away, or is killed, is part of the tests."""


class Server:
    """Runs while the `with` lasts; `address`; `asked`: (path, range) of every request; `files`: path -> content."""

    def __enter__(self):
        self._server = Quiet(("127.0.0.1", 0), Handler)
        self.asked = self._server.asked = []
        self.files = self._server.files = {}
        self._server.released = threading.Event()
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.released.set()
        self._server.shutdown()
        self._server.server_close()
