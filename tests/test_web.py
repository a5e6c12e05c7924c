"""Videos on web servers and over tcp, from real servers on this machine: parts, cuts, stalls, Ctrl-C."""

import contextlib
import functools
import http.server
import io
import logging
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from base64 import b64encode
from fractions import Fraction

import av
import numpy as np
import pytest
from strategies import drain

import peanut
from peanut import UsageError

LENGTH = 40


@functools.cache
def clip(format: str = "mp4", sound: bool = True, faststart: bool = False) -> bytes:
    """LENGTH pictures of 160x120 of noise, at 25 per second, and as much sound."""
    file = tempfile.NamedTemporaryFile(suffix=".video")  # noqa: SIM115  (gone when nobody knows it any more)
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    options = {"movflags": "faststart"} if faststart else {}
    with av.open(file.name, "w", format=format, options=options) as out:
        video = out.add_stream("libx264", rate=25, width=160, height=120, options={"preset": "ultrafast", "g": "5"})
        video.pix_fmt = "yuv420p"
        audio = out.add_stream("aac", rate=48000) if sound else None
        for number in range(LENGTH):
            picture = av.VideoFrame.from_ndarray(np.roll(noise, 3 * number, axis=1), format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, 25)
            out.mux(video.encode(picture))
            if audio is not None:
                part = av.AudioFrame.from_ndarray(np.full((1, 1920), 0.1, np.float32), format="fltp", layout="mono")
                part.sample_rate, part.pts, part.time_base = 48000, 1920 * number, Fraction(1, 48000)
                out.mux(audio.encode(part))
        out.mux(video.encode())
        if audio is not None:
            out.mux(audio.encode(None))
    return file.read()


class Site:
    """A web server for one file. Its k-th visitor is cut off after `cuts[k]` bytes (None: gets all), all at `dies_at`.

    how: "parts" (any part that is asked for), "length" (from the beginning, its length told), "chunked", "close" (the
    end is where the connection ends), "stall" (cut off means that nothing comes any more), "silent" (no answer at all).
    """

    def __init__(self, data, how, cuts=(), dies_at=None, password=None):
        self.asked, self.leaving = [], threading.Event()
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = 0

            def do_GET(self):
                number = len(site.asked)
                site.asked.append(self.headers.get("Range"))
                self.close_connection = True
                if how == "silent":
                    site.leaving.wait(60)
                    return
                if password is not None and self.headers.get("Authorization") != password:
                    self.send_response(401)
                    self.send_header("WWW-Authenticate", 'Basic realm="cameras"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                at = int(self.headers["Range"].removeprefix("bytes=").rstrip("-")) if how in ("parts", "stall") else 0
                cut = cuts[number] if number < len(cuts) else None
                self.send_response(206 if how in ("parts", "stall") else 200)
                if how in ("parts", "stall"):
                    self.send_header("Content-Range", f"bytes {at}-{len(data) - 1}/{len(data)}")
                if how in ("parts", "stall", "length"):
                    self.send_header("Content-Length", str(len(data) - at))
                if how == "chunked":
                    self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                if dies_at is not None:
                    cut = max(0, dies_at - at)
                part = data[at:] if cut is None else data[at : at + cut]
                with contextlib.suppress(OSError):  # the visitor left
                    if how == "chunked":
                        for start in range(0, len(part), 5000):
                            chunk = part[start : start + 5000]
                            self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
                        self.wfile.write(b"0\r\n\r\n" if cut is None else b"1000\r\nkilled")
                    else:
                        self.wfile.write(part)
                    if how == "stall" and cut is not None:
                        site.leaving.wait(60)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.at = f"http://127.0.0.1:{self.server.server_port}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.leaving.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert [thread for thread in threading.enumerate() if thread.name in ("peanut-live", "peanut-prefetch")] == []


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.WARNING, "peanut")
    return lambda: [record.getMessage() for record in caplog.records]


def indices(frames):
    return [frame.index for frame in frames]


@pytest.mark.parametrize("faststart", [True, False])
@pytest.mark.parametrize("name", ["clip.mp4", "clip.mp4?token=a b", "download"])
def test_a_file_that_is_served_in_parts_gives_all_its_frames_and_its_sound(name, faststart, tmp_path, told):
    data = clip(faststart=faststart)
    (tmp_path / "clip.mp4").write_bytes(data)
    with Site(data, "parts") as site:
        pipeline = peanut.read(f"{site.at}/{name}", shots=False, newest=1)
        statistics = (pipeline | peanut.write(tmp_path / "out.mp4")).run(progress=False)
        assert statistics.frames == LENGTH
        read = list(pipeline)
    for here, there in zip(peanut.read(tmp_path / "clip.mp4", shots=False), read, strict=True):
        assert (here.index, here.time) == (there.index, there.time)
        assert (here.image == there.image).all()
    assert read[0].source.path == f"{site.at}/{name}"
    with av.open(str(tmp_path / "out.mp4")) as out, av.open(io.BytesIO(data)) as source:
        kept, sent = ([bytes(packet) for packet in file.demux(audio=0) if packet.size] for file in (out, source))
    assert kept == sent
    assert told() == []


@pytest.mark.parametrize("how", ["length", "chunked"])
def test_a_server_that_gives_a_file_from_its_beginning_only_gives_all_of_it(how, tmp_path, told):
    with Site(clip(faststart=True), how) as site:
        pipeline = peanut.read(f"{site.at}/clip.mp4", shots=False) | peanut.write(tmp_path / "out.mp4")
        assert pipeline.run(progress=False).frames == LENGTH
    with av.open(str(tmp_path / "out.mp4")) as out:
        assert len(out.streams.audio) == 1
    assert told() == []


@pytest.mark.parametrize("end", ["parts", "stall"])
@pytest.mark.parametrize("format", ["mp4", "mpegts", "matroska"])
def test_a_file_whose_connection_breaks_is_read_on_where_it_broke(end, format, told):
    data = clip(format, sound=False)
    with Site(data, end, cuts=[len(data) // 3] * 6) as site:
        frames = list(peanut.read(f"{site.at}/clip.{format}", shots=False, timeout=0.5, retry=1))
    assert indices(frames) == list(range(LENGTH))
    why = "no data for 0.5 s" if end == "stall" else "[Errno 5] Input/output error: the server hung up after"
    assert told()
    assert all(line.startswith(f"{site.at}/clip.{format}: connection lost ({why}") for line in told())


@pytest.mark.parametrize("how", ["parts", "stall", "length", "chunked"])
def test_a_server_that_is_killed_in_the_middle_is_an_error_that_says_how_much_came(how, tmp_path, told):
    data = clip("mpegts", sound=False)
    half = len(data) // 2
    with Site(data, how, dies_at=half) as site:
        pipeline = peanut.read(f"{site.at}/clip.ts", shots=False, timeout=0.3, retry=1)
        frames, error = drain(iter(pipeline))
        with pytest.raises(UsageError, match="cannot be read any more"):
            (pipeline | peanut.write(tmp_path / "out.mp4")).run(progress=False)
    assert indices(frames) == list(range(len(frames)))
    assert LENGTH // 2 - 4 < len(frames) < LENGTH
    came = re.fullmatch(
        rf"{site.at}/clip.ts cannot be read any more: .*; (\d+)( of {len(data)})? bytes came\.", str(error)
    )
    assert came is not None
    assert abs(int(came[1]) - half) < 5000
    assert (came[2] is None) == (how == "chunked")
    assert not (tmp_path / "out.mp4").exists()


def test_a_server_that_cannot_say_its_end_is_told_of(told):
    data = clip("mpegts", sound=False)
    with Site(data, "close") as site:
        assert len(list(peanut.read(f"{site.at}/clip.ts", shots=False))) == LENGTH
    assert told() == [f"{site.at}/clip.ts: the server did not say that this is the end: {len(data)} bytes came."]


def test_a_live_stream_that_is_killed_in_the_middle_of_a_chunk_is_read_again(told):
    data = clip("mpegts", sound=False)
    with Site(data, "chunked", cuts=[len(data) // 2]) as site:
        frames = list(peanut.read(f"{site.at}/live", shots=False, newest=200))
    assert LENGTH + 15 < len(frames) < 2 * LENGTH
    assert indices(frames) == list(range(len(frames)))
    assert len(told()) == 1
    assert told()[0].startswith(f"{site.at}/live: connection lost ([Errno 5] Input/output error: the server hung up")


@pytest.mark.parametrize("name", ["clip.mp4", "live", "now.m3u8"])
def test_a_server_that_never_answers_times_out(name, told):
    with Site(b"", "silent") as site:
        with pytest.raises(UsageError, match=rf"{site.at}/{name} cannot be .*"):
            list(peanut.read(f"{site.at}/{name}", timeout=0.3))
    assert told() == []


def test_what_is_not_there_is_one_sentence(free_port):
    with pytest.raises(UsageError, match=r"/clip\.mp4 cannot be opened: \[Errno 111\] Connection refused"):
        list(peanut.read(f"http://127.0.0.1:{free_port}/clip.mp4"))
    with Site(b"", "parts", password="never") as site:
        with pytest.raises(UsageError, match=r"/clip\.mp4 cannot be opened: HTTP Error 401: Unauthorized"):
            list(peanut.read(f"{site.at}/clip.mp4"))


def test_name_and_password_may_stand_in_the_address():
    password = "Basic " + b64encode(b"me:se/cret").decode()
    with Site(clip("mpegts", sound=False), "parts", password=password) as site:
        address = site.at.replace("//", "//me:se%2Fcret@")
        assert len(list(peanut.read(f"{address}/clip.ts", shots=False))) == LENGTH


class Sender:
    """A tcp server that gives its k-th visitor the k-th part and hangs up (RST if killed), then is gone."""

    def __init__(self, *parts):
        self.parts, self.socket = parts, socket.create_server(("127.0.0.1", 0))
        self.at = f"tcp://127.0.0.1:{self.socket.getsockname()[1]}"
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        with self.socket:
            for part in self.parts:
                visitor, _ = self.socket.accept()
                with visitor, contextlib.suppress(OSError):
                    visitor.sendall(part)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.thread.join()


def test_over_tcp_a_connection_that_ends_is_made_again_and_is_an_error_in_the_end(told):
    data = clip("mpegts", sound=False)
    with Sender(data[: len(data) // 2], data) as sender:
        frames, error = drain(iter(peanut.read(sender.at, shots=False, newest=200, retry=1)))
    assert LENGTH + 15 < len(frames) < 2 * LENGTH
    assert indices(frames) == list(range(len(frames)))
    refused = f"[Errno 111] Connection refused: {sender.at!r}"
    assert str(error) == f"{sender.at} cannot be read any more: {refused}; {len(frames)} frames came."
    assert [line.partition("(")[0] for line in told()] == [f"{sender.at}: connection lost "] * 2


def test_over_tcp_a_container_that_knows_its_length_ends(told):
    with Sender(clip("matroska", sound=False)) as sender:
        assert len(list(peanut.read(sender.at, shots=False, newest=200))) == LENGTH
    assert told() == []


def test_hls_with_an_end_drops_no_frame(served, told):
    folder, address = served
    with av.open(str(folder / "now.m3u8"), "w", format="hls", options={"hls_time": "0.4"}) as out:
        with av.open(io.BytesIO(clip("mpegts", sound=False))) as source:
            video = out.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = video
                    out.mux(packet)
    count = sum(1 for _ in peanut.read(f"{address}/now.m3u8", newest=2, shots=False))
    assert count > 20
    assert told() == []


INTERRUPTED = """
import sys, peanut
run = iter(peanut.read(sys.argv[1], shots=False, timeout=60))
print("reading", flush=True)
for number, frame in enumerate(run):
    print(number, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGINT to send")
@pytest.mark.parametrize(("how", "name"), [("silent", "clip.mp4"), ("stall", "clip.ts")])
def test_ctrl_c_works_while_a_server_says_nothing(how, name):
    data = clip("mpegts", sound=False)
    with Site(data, how, cuts=[len(data) // 2]) as site:
        command = [sys.executable, "-c", INTERRUPTED, f"{site.at}/{name}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
            assert program.stdout.readline() == "reading\n"
            while not site.asked:
                pass
            with pytest.raises(subprocess.TimeoutExpired):
                program.wait(0.5)  # it is in the midst of waiting
            program.send_signal(signal.SIGINT)
            program.stdout.read()
            assert program.wait(20) != 0  # far less than its timeout
            assert "KeyboardInterrupt" in program.stderr.read()
