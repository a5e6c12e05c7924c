"""Live sources, from a real server on this machine: stalls, cuts, drops, and what is left when they are closed."""

import contextlib
import functools
import io
import logging
import os
import socket
import sys
import threading
from fractions import Fraction
from itertools import islice, pairwise

import av
import numpy as np
import pytest
from strategies import drain

import peanut
from peanut import UsageError
from peanut.video.file import VideoFile
from peanut.video.live import Live, is_live

LENGTH = 40


@functools.cache
def stream(start: int = 0, pause: int = 0, codec: str = "libx264", format: str = "mpegts") -> bytes:
    """LENGTH pictures of 64x48 at 25 per second whose brightness is their number; the clock starts at `start` s.

    Between pictures 29 and 30 nothing is shown for `pause` seconds more.
    """
    file = io.BytesIO()
    with av.open(file, "w", format=format) as out:
        settings = {"preset": "ultrafast", "tune": "zerolatency", "g": "5", "crf": "1"} if codec == "libx264" else {}
        video = out.add_stream(codec, rate=25, width=64, height=48, options=settings)
        video.pix_fmt = "yuv420p" if codec == "libx264" else "rgb24"
        for number in range(LENGTH):
            picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 5 * number + 20, np.uint8), format="rgb24")
            picture.pts, picture.time_base = number + 25 * (start + (pause if number >= 30 else 0)), Fraction(1, 25)
            out.mux(video.encode(picture))
        out.mux(video.encode())
    return file.getvalue()


def shown(frame) -> int:
    """The number that the picture shows."""
    return round((int(frame.image[0, 24, 32]) - 20) / 5)


class Station:
    """An HTTP server whose k-th visitor gets the k-th answer: (bytes, how it ends).

    Ends are "over" (told as complete), "cut" (the connection breaks) and "stall" (nothing comes until the station
    closes). Later visitors are turned away.
    """

    def __init__(self, *answers):
        self.answers, self.visits = answers, 0
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self.socket.getsockname()[1]}/live"
        self.closing = threading.Event()
        self.thread = threading.Thread(target=self.serve)

    def serve(self):
        waiting = []
        for data, end in self.answers:
            try:
                visitor, _ = self.socket.accept()
            except OSError:
                break  # closed
            self.visits += 1
            waiting.append(threading.Thread(target=self.answer, args=(visitor, data, end)))
            waiting[-1].start()
        self.socket.close()
        for thread in waiting:
            thread.join()

    def answer(self, visitor, data, end):
        with visitor:
            visitor.recv(4096)
            length = f"Content-Length: {len(data)}\r\n" if end == "over" else ""
            try:
                visitor.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: video/mp2t\r\n{length}\r\n".encode())
                visitor.sendall(data)
                while end == "endless" and not self.closing.is_set():
                    visitor.sendall(data)
            except OSError:
                return  # the visitor left
            if end == "stall":
                self.closing.wait()

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.closing.set()
        with contextlib.suppress(OSError):  # closed already
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()


def readers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "peanut-live"]


@pytest.fixture(autouse=True)
def no_thread_is_left():
    yield
    assert readers() == []


@pytest.fixture
def told(caplog):
    caplog.set_level(logging.WARNING, "peanut")
    return lambda: [record.getMessage() for record in caplog.records]


def test_every_picture_comes_with_its_number_and_the_streams_time(told):
    with Station((stream(start=100), "over")) as station:
        frames = list(Live(station.address, newest=LENGTH))
    assert [frame.index for frame in frames] == [shown(frame) for frame in frames] == list(range(LENGTH))
    first = frames[0].time
    assert first >= 100
    assert [frame.time - first for frame in frames] == [Fraction(n, 25) for n in range(LENGTH)]
    source = frames[0].source
    assert (source.path, source.fps, source.frames) == (station.address, 25, None)
    assert all(frame.source is source for frame in frames)
    assert told() == []


def test_a_busy_pipeline_gets_the_newest_and_hears_how_many_were_dropped(told):
    with Station((stream(), "over")) as station:
        run = iter(Live(station.address, newest=3))
        first = next(run)
        for thread in readers():
            thread.join()  # meanwhile the stream goes on to its end
        rest = list(run)
    assert [frame.index for frame in rest] == [shown(frame) for frame in rest] == [LENGTH - 3, LENGTH - 2, LENGTH - 1]
    assert first.index == shown(first) < LENGTH - 3
    assert told() == [f"{station.address}: {LENGTH - 4} frames were dropped, the pipeline was busy."]


@pytest.mark.parametrize("end", ["cut", "stall"])
@pytest.mark.parametrize("clock", [0, 100])
def test_a_lost_connection_is_made_again_and_time_never_goes_back(end, clock, told):
    half = stream()[: len(stream()) // 2]
    with Station((half, end), (half, end), (stream(clock, pause=2), "over")) as station:
        frames = list(Live(station.address, newest=200, timeout=1, retry=1))
    assert station.visits == 3  # a try that brings pictures makes up for the one before
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert [shown(frame) for frame in frames[-LENGTH:]] == list(range(LENGTH))
    assert len(frames) > LENGTH + 20
    assert all(a.time < b.time for a, b in pairwise(frames))
    gap = frames[-LENGTH].time - frames[-LENGTH - 1].time
    assert gap == Fraction(1, 25) if clock == 0 else gap > 90  # a clock that runs on is believed
    assert frames[-10].time - frames[-11].time == 2 + Fraction(1, 25)  # and so is one that began anew, from then on
    why = "no data for 1 s" if end == "stall" else "[Errno 5] Input/output error"
    assert len(told()) == 2
    assert all(line.startswith(f"{station.address}: connection lost ({why}") for line in told())


@pytest.mark.parametrize("retry", [0, 2])
def test_after_the_last_retry_it_is_an_error_and_what_came_is_kept(retry, told):
    with Station((stream()[: len(stream()) // 2], "cut")) as station:
        frames, error = drain(iter(Live(station.address, newest=200, timeout=1, retry=retry)))
    assert [frame.index for frame in frames] == list(range(len(frames)))
    assert len(frames) > 10
    assert isinstance(error, UsageError)
    assert str(error).startswith(f"{station.address} cannot be read any more: ")
    assert isinstance(error.__cause__, OSError)
    assert len(told()) == retry


def test_what_is_not_there_at_first_is_refused_at_once(free_port, told):
    address = f"http://127.0.0.1:{free_port}/live"
    with pytest.raises(UsageError, match=f"{address} cannot be read any more: .*refused"):
        next(iter(Live(address, retry=100)))
    with Station((b"", "stall")) as station:
        with pytest.raises(UsageError, match=r"cannot be read any more: no data for 0\.3 s"):
            next(iter(Live(station.address, timeout=0.3)))
    assert told() == []


def test_packets_that_cannot_be_decoded_leave_gaps_and_one_warning(told):
    data = stream(codec="png", format="nut")
    at = [place for place in range(len(data)) if data.startswith(b"\x89PNG", place)]
    assert len(at) == LENGTH
    broken = bytearray(data)
    for number in (7, 20, 21):
        broken[at[number] : at[number] + 4] = b"none"
    with Station((bytes(broken), "over")) as station:
        frames = list(Live(station.address, newest=LENGTH))
    good = [number for number in range(LENGTH) if number not in (7, 20, 21)]
    assert [frame.index for frame in frames] == [shown(frame) for frame in frames] == good
    assert told() == [f"{station.address}: 3 packets could not be decoded and are left out."]


def test_closing_ends_the_thread_while_pictures_come():
    with Station((stream(), "endless")) as station:
        run = iter(Live(station.address, timeout=60))
        assert next(run).index >= 0
        assert len(readers()) == 1
        run.close()
        assert readers() == []


def test_closing_ends_the_thread_in_a_stall():
    with Station((stream(), "stall")) as station:
        run = iter(Live(station.address, timeout=0.5, retry=0))
        next(run)
        run.close()
        assert readers() == []


def test_a_pipeline_that_is_left_closes_its_stream():
    with Station((stream(), "endless")) as station:
        pipeline = peanut.read(station.address, max_size=32) | peanut.prefetch(2)
        with iter(pipeline) as run:
            frames = list(islice(run, 5))
    assert {frame.size for frame in frames} == {(24, 32)}
    assert all(a.index < b.index for a, b in pairwise(frames))


def test_one_source_can_be_read_again_and_twice_at_once():
    with Station(*[(stream(), "over")] * 3) as station:
        live = Live(station.address, newest=LENGTH)
        a, b = iter(live), iter(live)
        assert [(x.index, y.index) for x, y in zip(a, b, strict=True)] == [(n, n) for n in range(LENGTH)]
        assert [frame.index for frame in live] == list(range(LENGTH))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_named_pipe_ends_when_its_writer_does(tmp_path):
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_bytes, args=(stream(),))
    writer.start()
    frames = list(Live(str(path), newest=LENGTH))
    writer.join()
    assert [frame.index for frame in frames] == list(range(LENGTH))


def test_hls_is_read_segment_after_segment(served):
    folder, address = served
    with av.open(io.BytesIO(stream())) as source:
        settings = {"hls_time": "0.4", "hls_list_size": "0"}
        with av.open(str(folder / "now.m3u8"), "w", format="hls", options=settings) as out:
            video = out.add_stream_from_template(source.streams.video[0])
            for packet in source.demux(video=0):
                if packet.size:
                    packet.stream = video
                    out.mux(packet)
    assert len(list(folder.glob("*.ts"))) > 1
    frames = list(peanut.read(f"{address}/now.m3u8", newest=LENGTH, shots=False))
    assert [shown(frame) for frame in frames] == list(range(LENGTH))


def test_a_file_on_a_server_is_a_file(served):
    folder, address = served
    (folder / "street.ts").write_bytes(stream())
    pipeline = peanut.read(f"{address}/street.ts", shots=False)
    assert isinstance(pipeline.source, VideoFile)
    assert [shown(frame) for frame in pipeline] == list(range(LENGTH))  # none is dropped, however slow we are


@pytest.mark.parametrize(
    ("path", "live"),
    [
        (0, True),
        ("/dev/video3", True),
        ("RTSP://camera/1.mp4", True),
        ("rtmp://camera/1", True),
        ("rtp://camera:5004", True),
        ("udp://camera:5004", True),
        ("srt://camera:9000?mode=caller", True),
        ("http://camera.local", True),
        ("https://camera/live?file=a.mp4", True),
        ("https://site/now.m3u8?token=1", True),
        ("https://site/street.mp4", False),
        ("now.m3u8", False),
        ("//share/[0-9]*.png", False),
        ("http://[0-9]/x.png", False),
        ("/dev/null", False),
        ("-", False),
    ],
)
def test_what_counts_as_live(path, live):
    assert is_live(path) is live


@pytest.mark.parametrize("settings", [{"newest": 0}, {"timeout": 0}, {"retry": -1}])
def test_silly_settings_are_refused(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Live("rtsp://camera/1", **settings)


def test_a_camera_is_refused_where_there_is_no_v4l2(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    told = "/dev/video0 cannot be opened: cameras are read under Linux only; give the address of a stream."
    with pytest.raises(UsageError, match=f"^{told}"):
        next(iter(peanut.read(0)))
