"""`peanut measure`, `peanut evaluate` and the manifest's commands as a user runs them."""

import json

import numpy as np
import pytest
from PIL import Image
from trees import frames, labels, masks

from peanut.data.manifest import read_entries


@pytest.fixture
def clips(tmp_path):
    """A clip with its masks and truth, and a test set's manifest."""
    clip = tmp_path / "clips/walk"
    frames(clip / "frames", range(4), suffix=".png")
    frames(clip / "truth", range(1, 5), suffix=".png")
    masks(clip / "masks", {n: labels(1, 2) for n in range(4)})
    return tmp_path / "clips"


def test_measure_two_folders(clips, run):
    walk = clips / "walk"
    text = run("measure", walk / "frames", walk / "truth", "--masks", walk / "masks", "--no-perceptual").stdout
    assert "psnr_hole        31.229 dB" in text  # 7 levels apart: 20 log10(255 / 7)
    told = json.loads(run("measure", walk / "truth", walk / "truth", "--json", "--no-perceptual").stdout)
    assert told["psnr"] == 100
    assert told["frames"] == 4


def test_measure_masks(clips, run, tmp_path):
    (tmp_path / "found").mkdir()
    (tmp_path / "true").mkdir()
    for n in range(4):
        Image.fromarray(((labels(1) > 0) * 255).astype(np.uint8)).save(tmp_path / f"found/{n}.png")
        Image.fromarray(((labels(1, 2) > 0) * 255).astype(np.uint8)).save(tmp_path / f"true/{n}.png")
    same = json.loads(run("measure", tmp_path / "true", tmp_path / "true", "--of", "masks", "--json").stdout)
    assert same == {"frames": 4, "j": 1, "f": 1, "j_and_f": 1}
    assert (
        json.loads(run("measure", tmp_path / "found", tmp_path / "true", "--of", "masks", "--json").stdout)["j"] == 0.5
    )


def test_measure_what_does_not_fit(clips, run, tmp_path):
    frames(tmp_path / "short", range(3), suffix=".png")
    frames(tmp_path / "small", range(4), size=(12, 16), suffix=".png")
    short = run("measure", tmp_path / "short", clips / "walk/truth")
    assert short.returncode == 2
    assert "the result has 3 frames, the truth has more: they must be the same" in short.stderr
    small = run("measure", tmp_path / "small", clips / "walk/truth")
    assert "frame 0 came out as 16x12, its truth is 32x24" in small.stderr


def test_evaluate_says_where_the_tables_are(clips, run, tmp_path):
    text = run("evaluate", "telea", "flow-fast", "--on", clips, "-o", tmp_path / "out").stdout
    assert "| telea | 1 |" in text
    assert text.endswith(f"{tmp_path / 'out'}/results.md\n")
    assert (tmp_path / "out/sheets/flow-fast/walk.png").exists()


def test_evaluate_of_nothing_but_failures_is_a_failure(clips, run, tmp_path):
    ended = run("evaluate", "phrase", "--on", clips, "-o", tmp_path / "out", "--protocol", "find")
    assert ended.returncode == 1
    assert "every task failed" in ended.stderr
    assert "walk has no sentence" in (tmp_path / "out/results.md").read_text()


def test_evaluate_refuses_options_without_a_meaning(clips, run, tmp_path):
    where = "--on", clips, "-o", tmp_path / "out"
    wrong = run("evaluate", "moving", *where, "--protocol", "find", "--holes", "own")
    assert "--holes has no meaning for --protocol find" in wrong.stderr
    assert "no pipeline called 'telex', did you mean 'telea'" in run("evaluate", "telex", *where).stderr
    assert "'432' is no size: write WIDTHxHEIGHT" in run("evaluate", "telea", *where, "--size", "432").stderr
    assert (
        "no clip of clips called 'wak', did you mean 'walk'" in run("evaluate", "telea", *where, "--only", "wak").stderr
    )


ENTRY = ("--clip", "walk/frames", "--masks", "walk/masks", "--truth", "walk/truth", "--licence", "CC0-1.0")


def test_annotate_and_verify(clips, run):
    manifest = clips / "set.toml"
    first = ("--name", "a", "--expression", "the first", "--object", 1, "--ability", "language")
    second = ("--name", "b", "--expression", "both", "--object", 1, "--object", 2, "--ability", "subject")
    run("dataset", "annotate", manifest, *ENTRY, *first)
    run("dataset", "annotate", manifest, *ENTRY, *second, "--first", 1, "--last", 2)
    assert [(entry.object, entry.range) for entry in read_entries(manifest)] == [((1,), None), ((1, 2), (1, 2))]
    assert run("dataset", "verify", manifest).stdout == f"{manifest} is right.\n"
    (clips / "walk/truth/00001.png").unlink()
    wrong = run("dataset", "verify", manifest)
    assert wrong.returncode == 1
    assert wrong.stderr == f"peanut: {manifest}: 3 things are wrong.\n"
    third = ("--name", "c", "--expression", "the fifth", "--object", 5, "--ability", "time")
    assert (
        "c: object [5] is in no mask; there are [1, 2]." in run("dataset", "annotate", manifest, *ENTRY, *third).stdout
    )


def test_annotate_refuses_a_name_that_is_there(clips, run, tmp_path):
    manifest = tmp_path / "twice.toml"
    said = {"name": "n", "clip": "a", "masks": "m", "expression": "it", "ability": "time", "licence": "CC0"}
    manifest.write_text("[[entry]]\nobject = 1\n" + "".join(f'{key} = "{text}"\n' for key, text in said.items()))
    before = manifest.read_text()
    options = [word for key, text in said.items() for word in (f"--{key}", text)]
    wrong = run("dataset", "annotate", manifest, *options, "--object", 1)
    assert "has an entry n already: give another --name." in wrong.stderr
    assert manifest.read_text() == before
