"""Ctrl-C as a person gives it: on a terminal, while windows fill behind `prefetch`."""

import os
import pty
import re
import subprocess
import sys
import termios
import time

import pytest

import peanut

PATIENCE = 30  # seconds until the test gives up; it took 80 once


@pytest.mark.slow
@pytest.mark.parametrize("taken", [20, 45])
def test_ctrl_c_ends_an_erasure_while_its_window_fills_and_keeps_what_is_finished(bikes, taken, tmp_path):
    words = "erase", bikes, "-o", tmp_path / "clean.mp4", "--moving", "--start", "7.48"
    leader, follower = pty.openpty()
    termios.tcsetwinsize(follower, (24, 100))
    with subprocess.Popen(
        [sys.executable, "-m", "peanut", *map(str, words)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
        preexec_fn=lambda: os.open(os.ttyname(0), os.O_RDWR),  # its controlling terminal: Ctrl-C there is a signal
    ) as process:
        os.close(follower)
        shown = ""
        while not any(int(read) >= taken for read in re.findall(r"(\d+) read", shown)):
            shown += os.read(leader, 4096).decode(errors="replace")
        os.write(leader, b"\x03")
        start = time.perf_counter()
        process.wait(PATIENCE)
        print(f"ended {time.perf_counter() - start:.1f} s after Ctrl-C")
        shown += os.read(leader, 100_000).decode(errors="replace")
    os.close(leader)
    assert process.returncode == 130
    assert "peanut: interrupted" in shown
    assert "Traceback" not in shown
    for partial in tmp_path.iterdir():
        assert f"{len(list(peanut.read(partial)))} frames" in shown
        assert str(partial) in re.sub(r"\s+", "", shown)
