"""The command line as a user runs it; in a process of its own where that matters."""

import re
import shutil
import signal
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Literal

import attrs
import click
import numpy as np
import pytest
import torch
from clips import drawn

import peanut
from peanut import Frame, UsageError
from peanut.cli import cli
from peanut.cli.chosen import Chosen, built
from peanut.cli.finding import boxes


def process(*words, **more):
    return subprocess.Popen([sys.executable, "-m", "peanut", *map(str, words)], text=True, **more)


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


def test_one_picture_is_the_mask_of_all_frames(run, walker, tmp_path):
    mask, clean = sorted(walker.masks.iterdir())[9], tmp_path / "clean.mkv"
    done = run("erase", walker.video, "-o", clean, "--masks", mask, "--model", "perframe", "--crf", 0)
    assert done.returncode == 0, done.stderr
    hole = next(iter(peanut.read(walker.video) | peanut.masks(mask))).mask
    for before, after in zip(peanut.read(walker.video), peanut.read(clean), strict=True):
        change = (before.image.float() - after.image.float()).abs().mean(dim=0)
        assert change[~hole].mean() < 1 < 5 < change[hole].mean()


def test_pictures_and_masks_by_a_pattern_of_their_number(run, walker, tmp_path):
    (peanut.read(walker.video, stop="0.2") | peanut.write(tmp_path / "frames/")).run()
    (tmp_path / "frames" / "1.png").write_bytes(b"of no such number")
    words = "--masks", walker.masks / "%05d.png", "--masks-by", "number", "--model", "perframe"
    done = run("erase", tmp_path / "frames" / "%06d.png", "-o", tmp_path / "clean.mp4", *words)
    assert (done.returncode, ": 5 frames in" in done.stdout) == (0, True), done.stderr


def test_boxes_in_pixels_and_percent(run, walker, tmp_path):
    told = run("masks", walker.video, "-o", tmp_path / "m.mkv", "--box", "80%,5%,15%,10%", "--box", "10, 20,12.5%,40")
    assert told.returncode == 0, told.stderr
    wanted = torch.zeros(180, 320, dtype=torch.bool)
    wanted[9:27, 256:304] = True
    wanted[20:60, 10:50] = True
    masks = [frame.mask for frame in peanut.read(walker.video) | peanut.masks(tmp_path / "m.mkv")]
    assert len(masks) == walker.length
    assert all((mask == wanted).all() for mask in masks)


def test_boxes_wait_for_the_first_frame_and_cover_parts_of_pixels():
    """As of a camera, whose size nobody knows before."""
    percent = [(Fraction(number), True) for number in (50, 10, 30, 20)]
    with boxes(given=[tuple(percent)], grow=0).session() as session:
        (frame,) = session.push(Frame.from_numpy(np.zeros((7, 9, 3), np.uint8)))
        assert frame.mask.nonzero().tolist() == [[y, x] for y in (0, 1, 2) for x in (4, 5, 6, 7)]
        assert session.flush() == []
    assert list([] | boxes(given=[tuple(percent)], grow=0)) == []


def test_a_color(run, walker, tmp_path):
    words = "--color", "#14c83c", "--tolerance", "0.05", "--grow", "1"
    assert run("masks", walker.video, "-o", tmp_path / "m.mkv", *words).returncode == 0
    wanted = [frame.mask for frame in peanut.read(walker.video) | peanut.ColorKey("#14c83c", 0.05, grow=1)]
    stored = [frame.mask for frame in peanut.read(walker.video) | peanut.masks(tmp_path / "m.mkv")]
    assert all((a == b).all() for a, b in zip(wanted, stored, strict=True))
    assert all(200 < mask.sum() < 400 for mask in stored[1:])  # the green ball, 9 pixels in radius


def test_a_preset_goes_to_all_stages_that_have_one(run, walker, tmp_path):
    told = run(
        "erase", walker.video, "-o", tmp_path / "o.mp4", "--moving", "--preset", "fast", "--stop", 0.1, "--dry-run"
    )
    assert told.returncode == 0, told.stderr
    runs = next(line for line in told.stdout.splitlines() if line.startswith("runs"))
    assert "MovingObjects(preset='fast'" in runs
    assert "FlowEraser(preset='fast'" in runs


def test_device_and_preset_go_to_the_stages_that_have_them():
    @attrs.frozen
    class Learned:
        preset: Literal["balanced", "live"] = "balanced"
        device: str = "auto"

    plain, learned = Chosen("--box", lambda: "plain"), Chosen("--model nof", Learned, {}, learned=True)
    assert built(plain, learned, device="cuda:1", preset="live") == ["plain", Learned("live", "cuda:1")]
    assert built(plain, learned, device=None, preset=None) == ["plain", Learned()]
    with pytest.raises(UsageError, match="--preset fast: --model nof knows balanced and live"):
        built(plain, learned, device=None, preset="fast")
    for kind in (peanut.MovingObjects, peanut.FlowEraser, peanut.NOFEraser):
        assert {"quality", "fast"} <= set(Chosen("", kind).presets)


@pytest.fixture
def folder(tmp_path):
    """Videos that can be read, and two files that are none."""
    folder = tmp_path / "tapes"
    folder.mkdir()
    for name in ("a.mp4", "c.mkv"):
        (drawn(3) | peanut.write(folder / name)).run()
    shutil.copy(folder / "c.mkv", folder / "d.avi")  # FFmpeg looks at what is in it
    (folder / "b.mp4").write_text("no video")
    (folder / "notes.txt").touch()
    return folder


BOX = "--box", "0,0,25%,25%", "--model", "perframe"


def test_a_folder_of_videos_is_done_one_by_one_and_one_that_fails_stops_no_other(run, folder, tmp_path):
    done = run("erase", folder, "-o", tmp_path / "clean", *BOX)
    assert done.returncode == 1
    assert [line.split(" in ")[0] for line in done.stdout.splitlines()] == [
        f"{tmp_path}/clean/{name}: 3 frames" for name in ("a.mp4", "c.mkv", "d.avi.mp4")
    ]
    assert f"peanut: b.mp4: {folder}/b.mp4 cannot be read as a video" in done.stderr
    assert done.stderr.splitlines()[-1] == "peanut: 1 of 4 videos failed: b.mp4."
    assert sorted(path.name for path in (tmp_path / "clean").iterdir()) == ["a.mp4", "c.mkv", "d.avi.mp4"]


def test_videos_that_are_there_are_passed_over_unless_they_are_to_be_replaced(run, folder, tmp_path):
    (folder / "b.mp4").unlink()
    clean = tmp_path / "clean"
    clean.mkdir()
    (clean / "a.mp4").write_text("mine")
    done = run("erase", folder, "-o", f"{clean}/", *BOX)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == f"{clean}/a.mp4: there already, passed over (--overwrite replaces it)"
    assert ((clean / "a.mp4").read_text(), len(list(clean.iterdir()))) == ("mine", 3)
    assert run("erase", folder, "-o", clean, "--overwrite", *BOX).returncode == 0
    assert len(list(peanut.read(clean / "a.mp4"))) == 3


def test_a_dry_run_of_a_folder_makes_nothing(run, folder, tmp_path):
    (folder / "b.mp4").unlink()
    told = run("masks", folder, "-o", tmp_path / "found", "--box", "0,0,2,2", "--dry-run")
    assert (told.returncode, told.stdout.count("runs ")) == (0, 3), told.stderr
    assert not (tmp_path / "found").exists()


def test_masks_of_a_folder_are_videos_without_loss(run, folder, tmp_path):
    (folder / "b.mp4").unlink()
    shutil.copy(folder / "a.mp4", folder / "e.mov")
    assert run("masks", folder, "-o", tmp_path / "found", "--box", "0,0,2,2").returncode == 0
    names = ["a.mp4", "c.mkv", "d.avi.mkv", "e.mov.mkv"]
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == names
    for name in names:
        assert [int((frame.image[0] > 127).sum()) for frame in peanut.read(tmp_path / "found" / name)] == [4, 4, 4]


@pytest.mark.parametrize(
    ("output", "sentence"),
    [
        ("clean.mp4", "tapes is a folder of 4 videos: OUT must be a folder, too (-o clean/)."),
        ("-", "tapes is a folder of 4 videos: OUT must be a folder, too (-o clean/)."),
        ("./tapes", "./tapes is the folder that is read; choose another one for what is written."),
        ("nowhere/clean/", "nowhere/clean/ cannot be made: No such file or directory."),
    ],
)
def test_where_the_videos_of_a_folder_cannot_go(output, sentence, run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = run("erase", "tapes", "-o", output, *BOX)
    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == f"peanut: {sentence}\n"


def test_a_folder_with_videos_and_pictures_is_not_guessed_at(run, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "both")
    (tmp_path / "both" / "photo.jpg").touch()
    told = run("erase", tmp_path / "both", "-o", tmp_path / "clean", *BOX)
    assert told.returncode == 2
    assert "both holds videos (a.mp4) and pictures (photo.jpg): name one video, or the pictures by a" in told.stderr
    assert not (tmp_path / "clean").exists()


@pytest.mark.parametrize(
    ("shell", "word"), [("bash", "complete -o nosort"), ("zsh", "#compdef peanut"), ("fish", "complete")]
)
def test_a_shell_gets_its_completion(shell, word, run, monkeypatch):
    monkeypatch.setenv("_PEANUT_COMPLETE", f"{shell}_source")
    if shell == "bash" and shutil.which("bash") is None:
        pytest.skip("there is no bash, which is asked for its version")
    told = run()
    assert (told.returncode, word in told.stdout) == (0, True)
    assert "_PEANUT_COMPLETE" in told.stdout


def test_completion_knows_commands_options_and_files(run, monkeypatch):
    def completed(words):
        monkeypatch.setenv("_PEANUT_COMPLETE", "bash_complete")
        monkeypatch.setenv("COMP_WORDS", f"peanut {words}")
        monkeypatch.setenv("COMP_CWORD", str(words.count(" ") + 1))
        return run().stdout.split()

    assert completed("er") == ["plain,erase"]
    assert completed("erase --gaps r") == ["plain,renumber", "plain,repeat"]
    assert completed("erase --bo") == ["plain,--box"]
    assert completed("erase str") == completed("erase --masks str") == ["file,str"]


def rows(command):
    """The table of a command's options."""
    for option in command.params:
        if isinstance(option, click.Option):
            values = r"\|".join(option.type.choices) if isinstance(option.type, click.Choice) else option.metavar or ""
            name = f"{', '.join(option.opts)}{''.join(f' / {opt}' for opt in option.secondary_opts)} {values}".strip()
            default = f" Without it: {option.default}." if option.show_default else " Required." * option.required
            yield f"| `{name}` | {option.help}{default} |"


def usage(name, command):
    return " ".join([name, *command.collect_usage_pieces(click.Context(command))])


def commands(group, path="peanut"):
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


PAGE = (Path(__file__).parent.parent / "docs" / "command-line.md").read_text()


@pytest.mark.parametrize(("name", "command"), [pytest.param(*one, id=one[0]) for one in commands(cli)])
def test_the_page_has_every_command_and_its_options(name, command):
    _, _, section = PAGE.partition(f"### `{name}`\n")
    section = section.partition("\n#")[0]
    assert f"`{usage(name, command)}`: {command.get_short_help_str(limit=200)}" in section
    assert [line for line in section.splitlines() if line.startswith("| `")] == list(rows(command))


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
    for pictures in (walker.masks, walker.masks / "%05d.png"):
        told = run("info", pictures)
        assert f"{pictures}: 320x180, 30 frames" in told.stdout, told.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("erase", "{video}", "-o", "out.mp4"),
            "say what to remove, in one way: --masks PATH, --moving, --faces, --prompt TEXT,",
        ),
        (("erase", "{video}", "-o", "out.mp4", "--moving", "--masks", "m"), "--masks and --moving are two ways to say"),
        (
            ("erase", "{video}", "-o", "out.mp4", "--box", "1,1,2,2", "--color", "green"),
            "--box and --color are two ways",
        ),
        (("masks", "{video}", "-o", "out.mkv", "--moving", "--prompt", "a cat"), "--moving and --prompt are two ways"),
        (("masks", "{video}", "-o", "out.mkv", "--faces", "--moving"), "--moving and --faces are two ways to say"),
        (
            ("erase", "{video}", "-o", "out.mp4", "--moving", "--blur", "--pixelate"),
            "--blur and --pixelate are two ways to fill what is masked: choose one.",
        ),
        (
            ("erase", "{video}", "-o", "out.mp4", "--moving", "--model", "flow", "--blur"),
            "--blur and --model are two ways to fill what is masked: choose one.",
        ),
        (
            ("erase", "{video}", "-o", "out.mp4", "--box", "1,1,2,2", "--blur", "--preset", "fast"),
            "--preset goes with --moving, --prompt, --model flow",
        ),
        (("erase", "{video}", "-o", "out.mp4", "--box", "80,5"), "--box 80,5: a box is x,y,w,h, in whole pixels or"),
        (("erase", "{video}", "-o", "out.mp4", "--box", "1.5,5,9,9"), "--box 1.5,5,9,9: a box is x,y,w,h, in whole"),
        (
            ("erase", "{video}", "-o", "out.mp4", "--box", "1,5,0,9"),
            "--box 1,5,0,9: its width and height must be above",
        ),
        (("erase", "{video}", "-o", "out.mp4", "--box", "400,5,9,9"), "lies outside the picture, which is 320x180."),
        (
            ("erase", "{video}", "-o", "out.mp4", "--moving", "--upscale", "2"),
            "--upscale is 4 (four times as large) or",
        ),
        (("erase", "{video}", "-o", "out.mp4", "--color", "gren"), "no color called 'gren', did you mean 'green'?"),
        (("erase", "{video}", "-o", "out.mp4", "--moving", "--tolerance", "1"), "--tolerance goes with --color alone"),
        (
            ("erase", "{video}", "-o", "out.mp4", "--moving", "--device", "cpu"),
            "--device is for networks, and none runs",
        ),
        (
            ("upscale", "{video}", "-o", "out.mp4", "--device", "gpu"),
            "device must be 'auto', 'cuda' (or 'cuda:1'), 'mps'",
        ),
        (
            ("erase", "{video}", "-o", "out.mp4", "--moving", "--preset", "live"),
            "--preset live: --moving knows quality and",
        ),
        (
            ("erase", "{video}", "-o", "out.mp4", "--box", "1,1,2,2", "--preset", "live"),
            "--preset live: --model flow knows quality and fast.",
        ),
        (
            ("masks", "{video}", "-o", "out.mkv", "--color", "blue", "--preset", "fast"),
            "--preset goes with --moving, --prompt, --model flow",
        ),
        (
            ("erase", "{video}", "-o", "out.mp4", "--moving", "--start", "1:40"),
            "start (100 s) lies after its last picture, which comes at 1.16 s; it is 1.20 s long.",
        ),
        (
            ("erase", "{video}", "-o", "out.mp4", "--prompt", " ", "--prompt-by", "samwise"),
            "the prompt is empty",
        ),
        (
            ("erase", "{video}", "-o", "out.mp4", "--masks", "m", "--shadows"),
            "--shadows goes with --moving and --prompt: other",
        ),
        (("erase", "nowhere.mp4", "-o", "out.mp4", "--moving"), "nowhere.mp4"),
        (("erase", "{video}", "-o", "out.xyz", "--moving"), "out.xyz"),
        (("erase", "{video}", "-o", "{video}", "--moving"), "exists"),
        (("erase", "{video}", "-o", "out.mp4", "--masks", "nowhere/"), "nowhere"),
        (("erase", "{video}", "-o", "out.mp4", "--moving", "--start", "soon"), "soon"),
        (("masks", "{video}", "-o", "out.mp4"), "say what to remove"),
        (("info", "nowhere.mp4"), "nowhere.mp4"),
        (("info", "97"), "97 is a camera: info is for files and streams, and `peanut.read(97)` for cameras."),
        (("info", "-"), "standard input can be read only once: info is for files"),
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


def test_erase_says_where_it_is_unsure_and_writes_a_page(run, walker, tmp_path):
    page, box = tmp_path / "report.html", "40%,40%,10%,10%"
    small = "--max-size", 160, "--preset", "fast"
    done = run("erase", walker.video, "-o", tmp_path / "clean.mp4", "--box", box, "--report", page, *small)
    assert done.returncode == 0, done.stderr
    assert "of what was masked is masked in every frame of the window in frames 0 to" in done.stderr
    assert page.read_text().count('alt="before"') == page.read_text().count('alt="after"') > 0
