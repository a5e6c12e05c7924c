"""The command line as a user runs it; in a process of its own where that matters."""

import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

import peanut
from peanut.cli import main


def process(*words, **more):
    return subprocess.Popen([sys.executable, "-m", "peanut", *map(str, words)], text=True, **more)


@pytest.fixture
def run(monkeypatch, capsys):
    """What a command prints, and how it ends."""
    monkeypatch.setattr(peanut, "keep_memory", lambda: False)  # options and handlers are the process's
    monkeypatch.setattr("peanut.cli.app.end_as_by_ctrl_c", lambda: None)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["peanut", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=ended.value.code, stdout=out, stderr=err)

    return run


def test_it_starts():
    with process("--version", stdout=subprocess.PIPE) as started:
        assert started.stdout.read().strip() == f"peanut, version {peanut.__version__}"


def test_help_teaches(run):
    told = run("--help")
    assert told.returncode == 0
    assert "peanut erase street.mp4 -o clean.mp4 --moving" in told.stdout
    for command in ("erase", "masks", "info", "demo"):
        assert command in told.stdout
        assert run(command, "-h").returncode == 0


def test_erase_with_masks_made_before(run, walker, tmp_path):
    clean = tmp_path / "clean.mp4"
    done = run("erase", walker.video, "-o", clean, "--masks", walker.masks)
    assert (done.returncode, f"{clean}: {walker.length} frames in" in done.stdout) == (0, True), done.stderr
    assert len(list(peanut.read(clean))) == walker.length


@pytest.mark.slow
def test_masks_are_written_lossless_and_used_again(run, walker, tmp_path):
    found, clean = tmp_path / "masks.mkv", tmp_path / "clean.mp4"
    small = "--max-size", 160
    assert run("masks", walker.video, "-o", found, "--moving", *small).returncode == 0
    direct = [frame.mask for frame in peanut.read(walker.video, max_size=160) | peanut.MovingObjects()]
    stored = [frame.mask for frame in peanut.read(walker.video, max_size=160) | peanut.masks(found)]
    assert any(mask.any() for mask in direct)
    assert all((a == b).all() for a, b in zip(direct, stored, strict=True))
    assert run("erase", walker.video, "-o", clean, "--masks", found, *small).returncode == 0


def test_a_dry_run_tells_and_writes_nothing(run, walker, tmp_path):
    told = run("erase", walker.video, "-o", tmp_path / "clean.mp4", "--masks", walker.masks, "--dry-run")
    assert told.returncode == 0, told.stderr
    for word in ("reads", f"{walker.length} frames", "writes", "keeps", "MB", "takes", "s a frame"):
        assert word in told.stdout
    assert list(tmp_path.iterdir()) == []


def test_info(run, walker):
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
def test_a_mistake_is_one_sentence_and_status_2(words, sentence, run, walker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = run(*(word.format(video=walker.video) for word in words))
    assert told.returncode == 2
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_and_sigterm_leave_a_valid_partial_file_and_say_how_many_frames_are_in_it(number, run, walker, tmp_path):
    long, mask = tmp_path / "long.mkv", sorted(walker.masks.iterdir())[0]
    subprocess.run(["ffmpeg", "-v", "error", "-stream_loop", "299", "-i", walker.video, "-c", "copy", long], check=True)
    words = "erase", long, "-o", tmp_path / "clean.mp4", "--masks", mask, "--model", "perframe"
    with process(*words, stderr=subprocess.PIPE) as first:
        while not any(path.stat().st_size > 20_000 for path in tmp_path.glob("clean.partial-*.mp4")):
            time.sleep(0.1)
            assert first.poll() is None
        second = run(*words)
        assert second.returncode == 2
        assert f"{tmp_path / 'clean.mp4'} is being written by another run" in second.stderr
        first.send_signal(number)
        _, told = first.communicate(timeout=60)
        assert first.returncode == 128 + number
    (partial,) = tmp_path.glob("clean.partial-*.mp4")
    count = int(re.search(rf"(\d+) frames are in {partial}", told)[1])
    assert len(list(peanut.read(partial, shots=False))) == count > 0
    assert not (tmp_path / "clean.mp4").exists()


@pytest.mark.slow
def test_standard_output_gets_the_video_alone_and_may_be_closed_by_its_reader(walker, tmp_path):
    words = "erase", walker.video, "-o", "-", "--masks", walker.masks, "--model", "perframe"
    with (tmp_path / "out.mkv").open("wb") as opened, process(*words, stdout=opened) as done:
        assert done.wait() == 0
    assert len(list(peanut.read(tmp_path / "out.mkv"))) == walker.length
    with process(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as left:
        left.stdout.close()
        assert "the program that read standard output has ended." in left.stderr.read()
        assert left.wait() == 141
