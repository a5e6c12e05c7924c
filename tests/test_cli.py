"""The command line as a user runs it: in a process of its own."""

import re
import signal
import subprocess
import sys
import time

import pytest

import peanut


def run(*words, **more):
    command = [sys.executable, "-m", "peanut", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, **more)


def test_help_teaches():
    told = run("--help")
    assert told.returncode == 0
    assert "peanut erase street.mp4 -o clean.mp4 --moving" in told.stdout
    for command in ("erase", "masks", "info", "demo"):
        assert command in told.stdout
        assert run(command, "-h").returncode == 0
    assert run("--version").stdout.strip() == f"peanut, version {peanut.__version__}"


def test_erase_with_masks_made_before(walker, tmp_path):
    clean = tmp_path / "clean.mp4"
    done = run("erase", walker.video, "-o", clean, "--masks", walker.masks)
    assert (done.returncode, f"{clean}: {walker.length} frames in" in done.stdout) == (0, True), done.stderr
    assert len(list(peanut.read(clean))) == walker.length


def test_masks_are_written_lossless_and_used_again(walker, tmp_path):
    found, clean = tmp_path / "masks.mkv", tmp_path / "clean.mp4"
    assert run("masks", walker.video, "-o", found, "--moving").returncode == 0
    direct = [frame.mask for frame in peanut.read(walker.video) | peanut.MovingObjects()]
    stored = [frame.mask for frame in peanut.read(walker.video) | peanut.masks(found)]
    assert any(mask.any() for mask in direct)
    assert all((a == b).all() for a, b in zip(direct, stored, strict=True))
    assert run("erase", walker.video, "-o", clean, "--masks", found).returncode == 0


def test_a_dry_run_tells_and_writes_nothing(walker, tmp_path):
    told = run("erase", walker.video, "-o", tmp_path / "clean.mp4", "--masks", walker.masks, "--dry-run")
    assert told.returncode == 0, told.stderr
    for word in ("reads", f"{walker.length} frames", "writes", "keeps", "MB", "takes", "s a frame"):
        assert word in told.stdout
    assert list(tmp_path.iterdir()) == []


def test_info(walker):
    told = run("info", walker.video)
    assert told.returncode == 0
    assert "320x180" in told.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("erase", "{video}", "-o", "out.mp4"), "say what to remove in one of three ways"),
        (("erase", "{video}", "-o", "out.mp4", "--moving", "--masks", "m"), "say what to remove in one of three ways"),
        (("erase", "{video}", "-o", "out.mp4", "--prompt", " "), "the prompt is empty"),
        (("erase", "{video}", "-o", "out.mp4", "--masks", "m", "--shadows"), "--shadows goes with --moving alone"),
        (("erase", "nowhere.mp4", "-o", "out.mp4", "--moving"), "nowhere.mp4"),
        (("erase", "{video}", "-o", "out.xyz", "--moving"), "out.xyz"),
        (("erase", "{video}", "-o", "{video}", "--moving"), "exists"),
        (("erase", "{video}", "-o", "out.mp4", "--masks", "nowhere/"), "nowhere"),
        (("erase", "{video}", "-o", "out.mp4", "--moving", "--start", "soon"), "soon"),
        (("masks", "{video}", "-o", "out.mp4"), "say what to remove"),
        (("info", "nowhere.mp4"), "nowhere.mp4"),
        (("erase",), "Missing argument"),
        (("erace",), "No such command"),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(words, sentence, walker, tmp_path):
    told = run(*(word.format(video=walker.video) for word in words), cwd=tmp_path)
    assert told.returncode == 2
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_a_valid_partial_file_and_say_how_many_frames_are_in_it(number, walker, tmp_path):
    long = tmp_path / "long.mkv"
    subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "30", "-i", walker.video, "-c", "copy", long], check=True)
    command = [sys.executable, "-m", "peanut", "erase", long, "-o", tmp_path / "clean.mp4", "--moving"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    while not any(path.stat().st_size > 20_000 for path in tmp_path.glob("clean.partial-*.mp4")):
        time.sleep(0.1)
        assert process.poll() is None
    second = run(*map(str, command[3:]))
    assert second.returncode == 2
    assert f"{tmp_path / 'clean.mp4'} is being written by another run" in second.stderr
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    (partial,) = tmp_path.glob("clean.partial-*.mp4")
    count = int(re.search(rf"(\d+) frames are in {partial}", told)[1])
    assert len(list(peanut.read(partial, shots=False))) == count > 0
    assert not (tmp_path / "clean.mp4").exists()


@pytest.mark.slow
def test_standard_output_gets_the_video_alone_and_may_be_closed_by_its_reader(walker, tmp_path):
    words = [sys.executable, "-m", "peanut", "erase", walker.video, "-o", "-", "--masks", walker.masks]
    with (tmp_path / "out.mkv").open("wb") as opened:
        subprocess.run([*words, "--model", "perframe"], stdout=opened, check=True)
    assert len(list(peanut.read(tmp_path / "out.mkv"))) == walker.length
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    assert "the program that read standard output has ended." in process.stderr.read()
    assert process.wait() == 141
