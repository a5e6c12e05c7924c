"""`--prompt`: who reads it, and `--explain`."""

import importlib.util
import re
from fractions import Fraction

import cv2
import pytest
from clips import texture
from people import BLUE, RED, Person, drawn

import peanut
from peanut.cli import prompt
from peanut.weights import store
from peanut.weights.table import entries

GRAMMAR = (
    "--prompt is read by the grammar of docs/words.md: no network that reads is here "
    "(`peanut weights pull samwise-mevis`)."
)
SAMWISE = "--prompt is read by SAMWISE, whose weights are here."
SAM3 = "--prompt is read by SAM 3, whose weights are here."
WITH_NETWORKS = "sam2", "transformers"
RED_ONE = "--prompt", "the person in red", "--preset", "fast"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A person in red who goes right, and one in blue who goes left: 16 frames."""
    path = tmp_path_factory.mktemp("clip") / "street.mp4"
    frames, _ = drawn(Person(RED, 4, 2.4), Person(BLUE, 157, -2.4), length=16)
    (frames | peanut.write(path, crf=5)).run(progress=False)
    return path


@pytest.fixture
def bare(cache, tmp_path, monkeypatch):
    """A machine without weights, and a folder to work in."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def installed(monkeypatch):
    """What networks run with counts as installed."""
    found = importlib.util.find_spec
    spec = found("peanut")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec if name in WITH_NETWORKS else found(name))


@pytest.fixture
def samwise(bare, installed):
    """A file in the cache that the store took for the weights of SAMWISE: no hash of them is published."""
    entry = entries()["samwise-mevis"]
    came, kept = bare / "came.pth", store.kept_at(entry, entry.file)
    came.write_bytes(b"no checkpoint, but nobody has looked yet")
    kept.parent.mkdir(parents=True)
    store.admit(came, kept, entry.file, "by hand")
    return kept


@pytest.fixture
def sam3(bare, installed):
    """The first file of SAM 3 in the cache of the Hub, as the Hub's client lays it out."""
    model = bare / "hub" / "models--facebook--sam3"
    for path, text in {"refs/main": "0" * 40, f"snapshots/{'0' * 40}/config.json": "{}"}.items():
        (model / path).parent.mkdir(parents=True)
        (model / path).write_text(text)


def made(folder):
    """The files in a folder, but no caches."""
    return sorted(path.name for path in folder.iterdir() if path.is_file())


@pytest.mark.parametrize(("command", "out"), [("masks", "out.mkv"), ("erase", "out.mp4")])
def test_with_nothing_on_the_machine_the_grammar_reads_and_that_is_told(command, out, run, clip, bare):
    done = run(command, clip, "-o", out, *RED_ONE)
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines()[0] == GRAMMAR
    assert len(list(peanut.read(bare / out))) == 16


def test_the_masks_are_those_of_the_stage(run, clip, bare):
    done = run("masks", clip, "-o", "out.mkv", *RED_ONE, "--prompt-by", "grammar", "--grow", 1)
    assert done.returncode == 0, done.stderr
    assert GRAMMAR not in done.stderr, "it was asked for"
    stored = [frame.mask for frame in peanut.read(clip) | peanut.masks(bare / "out.mkv")]
    direct = [frame.mask for frame in peanut.read(clip) | peanut.Phrase("the person in red", preset="fast", grow=1)]
    assert any(mask.any() for mask in direct)
    assert all((a == b).all() for a, b in zip(stored, direct, strict=True))


def test_a_dry_run_names_the_stage_and_writes_nothing(run, clip, bare):
    told = run("erase", clip, "-o", "out.mp4", *RED_ONE, "--dry-run")
    assert told.returncode == 0, told.stderr
    assert told.stderr.splitlines()[0] == GRAMMAR
    assert "| Phrase('the person in red') | FlowEraser(preset='fast'" in told.stdout
    assert made(bare) == []


def test_samwise_is_taken_where_its_weights_are(run, clip, samwise):
    told = run("masks", clip, "-o", "out.mkv", "--prompt", "the person in red")
    assert told.stderr.splitlines()[0] == SAMWISE
    assert told.returncode == 2, "it is no checkpoint, or what runs it is only said to be here"
    assert "Traceback" not in told.stderr


def test_samwise_is_not_taken_where_its_file_was_cut_off_or_what_runs_it_is_missing(samwise, monkeypatch):
    assert prompt._is_here("samwise")
    with monkeypatch.context() as without:
        without.setattr(importlib.util, "find_spec", lambda name: None)
        assert not prompt._is_here("samwise")
    samwise.write_bytes(b"no check")
    assert not prompt._is_here("samwise")


def test_sam3_is_taken_where_it_is_here_and_samwise_is_not(run, clip, sam3):
    assert run("masks", clip, "-o", "out.mkv", "--prompt", "a cat", "--shadows").stderr.splitlines() == [
        SAM3,
        "peanut: --shadows goes with --moving, and with --prompt where the grammar reads it.",
    ]


def test_samwise_comes_before_sam3(run, clip, samwise, sam3):
    told = run("masks", clip, "-o", "out.mkv", "--prompt", "a cat", "--shadows")
    assert told.stderr.splitlines()[0] == SAMWISE


def test_the_grammar_can_be_asked_for_where_a_network_is_here(run, clip, samwise):
    told = run("masks", clip, "-o", "out.mkv", *RED_ONE, "--prompt-by", "grammar", "--dry-run")
    assert told.returncode == 0, told.stderr
    assert "Phrase('the person in red')" in told.stdout
    assert "--prompt is read by" not in told.stderr


def test_explain_tells_what_was_understood_and_measured_and_writes_a_sheet_alone(run, clip, bare):
    told = run("erase", clip, "-o", "clean.mp4", *RED_ONE, "--explain")
    assert told.returncode == 0, told.stderr
    assert told.stderr == GRAMMAR + "\n"
    understood, shot, written = told.stdout.strip().split("\n\n")
    assert understood.splitlines() == [
        "'the person in red' was understood as",
        "the best one:",
        "  person",
        "  color red in its core",
    ]
    first, head, *rows = shot.splitlines()
    assert first.startswith("shot 0: there was")
    assert head.split() == ["no.", "found", "as", "score", "x,", "y", "area", "motion", "colors"]
    red, blue = (next(row for row in rows if color in row) for color in (" red 0.", " blue 0."))
    assert re.match(r"chosen  \d+ +person 0\.\d\d .* moves right ", red)
    assert re.match(r"        \d+ +person 0\.\d\d .* moves left ", blue)
    assert written == "clean-explained.png: candidates in boxes, what was chosen in red; nothing was erased."
    assert made(bare) == ["clean-explained.png"]
    sheet = cv2.imread("clean-explained.png")
    assert sheet.shape[1] == 2 * prompt.WIDTH + 4
    assert 1 <= sheet.shape[0] // (prompt.WIDTH * 126 // 224) <= prompt.SHOWN


def test_a_sheet_is_not_replaced_unasked(run, clip, bare):
    (bare / "clean-explained.png").write_bytes(b"mine")
    words = "masks", clip, "-o", "clean.mkv", *RED_ONE, "--explain", "--stop", "0.12"
    told = run(*words)
    assert told.returncode == 2
    assert "clean-explained.png exists: --overwrite replaces it." in told.stderr
    assert (bare / "clean-explained.png").read_bytes() == b"mine"
    assert run(*words, "--overwrite").returncode == 0
    assert cv2.imread("clean-explained.png") is not None
    assert made(bare) == ["clean-explained.png"]


def test_explain_says_of_every_shot_what_was_there(run, bare):
    people, image = drawn(Person(RED, 4, 2.4), length=10)[0], texture(126, 224)
    nobody = [peanut.Frame.from_numpy(image, index=n, time=Fraction(n, 25)) for n in range(10, 20)]
    ([*people, *nobody] | peanut.write("two.mp4", crf=5)).run(progress=False)
    told = run("masks", "two.mp4", "-o", "m.mkv", *RED_ONE, "--explain")
    assert told.returncode == 0, told.stderr
    first, second = told.stdout.split("shot 0: ")[1].split("shot 1: ")
    assert "chosen" in first
    assert "chosen" not in second.partition("-explained.png")[0]


@pytest.mark.parametrize(
    ("output", "sheet"),
    [("clean.mp4", "clean-explained.png"), ("a.b/frames/", "a.b/frames-explained.png"), ("-", "explained.png")],
)
def test_where_the_sheet_goes(output, sheet):
    assert str(prompt.Explained(peanut.Phrase("a man"), output).sheet) == sheet


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--moving", "--explain"), "--explain and --prompt-by go with --prompt."),
        (("--moving", "--prompt-by", "grammar"), "--explain and --prompt-by go with --prompt."),
        (("--explain",), "say what to remove, in one way: "),
        (("--prompt", "a man", "--moving"), "--moving and --prompt are two ways to say what to remove: choose one."),
        (("--prompt", "a man", "--prompt-by", "yolo"), "'yolo' is not one of 'auto', 'samwise', 'sam3', 'grammar'"),
        (
            ("--prompt", "a man", "--prompt-by", "samwise", "--explain"),
            "--explain is for the grammar, a network does not explain: add --prompt-by grammar.",
        ),
        (
            ("--prompt", "a man", "--prompt-by", "samwise", "--shadows"),
            "--shadows goes with --moving, and with --prompt where the grammar reads it.",
        ),
        (("--box", "1,1,9,9", "--shadows"), "--shadows goes with --moving and --prompt: other masks are taken as they"),
        (("--prompt", " "), "the phrase is empty: say what is meant, as in 'the man in red', "),
        (("--prompt", "the red"), "'the red' lacks a noun at its end: "),
        (("--prompt", "the gazebo", "--explain"), "'gazebo' in 'the gazebo' is not a word that phrases know"),
        (("--prompt", "a man", "--preset", "live"), "--preset live: --prompt knows quality and fast."),
        (("--prompt", "a man", "--device", "gpu"), "device must be 'auto', 'cuda' (or 'cuda:1'), 'mps' or 'cpu', got"),
        (("--prompt", "a man", "--explain", "-o", "nowhere/m.mkv"), "there is no folder nowhere."),
    ],
)
@pytest.mark.parametrize("command", ["masks", "erase"])
def test_a_mistake_is_one_sentence_and_status_2(command, words, sentence, run, clip, bare):
    told = run(command, clip, "-o", "out.mkv", *words)
    assert told.returncode == 2
    assert sentence in told.stderr
    assert "Traceback" not in told.stderr
    assert made(bare) == []


def test_preset_goes_with_neither_box_nor_a_network(run, clip, bare):
    told = run("masks", clip, "-o", "out.mkv", "--box", "1,1,9,9", "--preset", "fast")
    assert told.stderr.strip() == (
        "peanut: --preset goes with --moving, --prompt, --model flow or --model nof; nothing here has one."
    )
