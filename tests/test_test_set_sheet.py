"""Clips as one picture: five frames, one frame under its sentences, before and after; and the commands."""

import json

import attrs
import cv2
import numpy as np
import pytest
from clips import read
from drawn_set import CORRUPTED, Drawn, Scene, Thing, written
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import peanut
from peanut import UsageError
from peanut.data import Expression
from peanut.test_set.sheet import before_after_sheet, evenly, frames_sheet, prompts_sheet, spread
from peanut.vision.lettering import SIZE, caption, paragraph

THINGS = Thing(at=(40, 60), speed=(2, 0)), Thing(at=(115, 60), color=(30, 60, 220))
LONG = "the one on the right which does not move at all while another walks towards it from the left"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sheet")
    images, masks = Scene(THINGS, length=12).draw()
    empty, _ = Scene((), length=12).draw()
    said = Expression("0", "the red one", (1,)), Expression("1", LONG, (2,)), Expression("2", "both", (1, 2))
    truth = written(folder, "empty", empty).path
    return written(folder, "walk", images, masks, expressions=said, truth=truth)


def test_five_frames_from_the_first_to_the_last(clip):
    assert [frame.index for frame in spread(clip, 5)] == [0, 3, 6, 8, 11]
    sheet = frames_sheet([clip, clip], width=80)
    assert sheet.shape[1] == 5 * 80 + 4 * 4
    assert sheet.shape[0] >= 2 * 60


def test_frames_are_taken_where_masks_are(clip):
    class Sparse(Drawn):
        frames = (1, 6, 9)

    sparse = attrs.evolve(clip, annotations=Sparse(clip.annotations.masks))
    taken = list(spread(sparse, 5))
    assert [frame.index for frame in taken] == [1, 6, 9]
    assert all(frame.mask.any() for frame in taken)


@given(length=st.integers(1, 500), count=st.integers(1, 12))
def test_numbers_spread_evenly(length, count):
    numbers = evenly(length, count)
    assert len(numbers) == min(length, count)
    assert numbers[0] == 0
    steps = np.diff(numbers)
    assert numbers[-1] == length - 1 or count == 1
    assert not len(steps) or steps.max() - steps.min() <= 1


def test_one_frame_under_each_sentence(clip):
    """What the sentence means differs from image to image, and nothing else does."""
    width = 160
    sheet = prompts_sheet([clip], width)
    assert sheet.shape[1] == 3 * width + 2 * 4
    red, right, both = (sheet[-120:, x : x + width].astype(int) for x in (0, width + 4, 2 * (width + 4)))
    changed = (red != right).any(axis=2)
    assert 0.1 < changed.mean() < 0.4
    assert not (changed & (both != red).any(axis=2) & (both != right).any(axis=2)).any()


def test_the_frame_that_shows_most_objects_is_chosen(clip):
    masks = [{1: seen[1]} if t != 6 else seen for t, seen in enumerate(clip.annotations.masks)]
    once = attrs.evolve(clip, annotations=Drawn(masks))
    sheet, expected = prompts_sheet([once], 160), next(f for f in clip.frames if f.index == 6).numpy()
    shown = sheet[-120:, :160]
    still = ~(masks[6][1] | masks[6][2])
    still = cv2.erode(still.astype(np.uint8), np.ones((7, 7), np.uint8)) > 0
    assert (shown[still] == expected[still]).all()


def test_before_and_after(clip):
    sheet = before_after_sheet([clip], width=160)
    after = sheet[-120:, :160]
    assert (after == read(clip.truth)[0].numpy()).all()
    said = (attrs.evolve(clip.expressions[0], truth=clip.truth), *clip.expressions[1:])
    one = before_after_sheet([attrs.evolve(clip, truth=None, expressions=said)], width=160)
    assert one.shape == sheet.shape


def test_nothing_to_show(clip):
    bare = attrs.evolve(clip, truth=None, expressions=(), annotations=None)
    assert frames_sheet([bare], width=40).shape[1] == 5 * 40 + 16
    with pytest.raises(UsageError, match="there is nothing to show: the dataset has no frames without the objects"):
        before_after_sheet([bare])
    with pytest.raises(UsageError, match="the dataset has no sentences whose objects have masks"):
        prompts_sheet([bare])
    with pytest.raises(UsageError, match="the dataset has no clips"):
        frames_sheet([])


@given(st.lists(st.text(st.characters(categories=["L"]), min_size=1, max_size=12), max_size=25), st.integers(1, 6))
def test_a_paragraph_is_as_wide_as_asked_and_as_high_as_its_lines(words, most):
    strip = paragraph(" ".join(words), 200, most=most)
    lines, rest = divmod(strip.shape[0], SIZE + 6)
    assert (strip.shape[1:], rest) == ((200, 3), 0)
    assert 1 <= lines <= most


def test_a_sentence_is_broken_between_words_and_shortened_at_its_end():
    whole = paragraph("one two three", 400)
    assert (whole == caption("one two three", 400)).all()
    broken = paragraph("one two three", 60)
    assert (broken == np.concatenate([caption("one two", 60), caption("three", 60)])).all()
    cut = paragraph("one two three four", 60, most=1)
    assert (cut == caption("one two three four", 60)).all()


@pytest.fixture
def folder(clip, tmp_path):
    """A folder of two clips, one with masks that flicker."""
    root = tmp_path / "clips"
    for name in ("good", "flickers"):
        masks = clip.annotations.masks
        if name == "flickers":
            masks = CORRUPTED["flickering"](masks, np.random.default_rng(4))
        for part in ("frames", "masks"):
            (root / name / part).mkdir(parents=True)
        for frame in clip.frames:
            labels = sum(number * mask.astype(np.uint8) for number, mask in masks[frame.index].items())
            Image.fromarray(frame.numpy()).save(root / name / "frames" / f"{frame.index:05d}.png")
            Image.fromarray(labels).save(root / name / "masks" / f"{frame.index:05d}.png")
    return root


def test_the_commands(run, folder, tmp_path):
    told = run("dataset", "choose", folder, "--by", "moving", "--every", 2)
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("| clip | all | language | time | structure | subject |")
    told = run("dataset", "choose", f"folder:{folder}", "--json")
    assert {one["name"] for one in json.loads(told.stdout)} == {"good", "flickers"}

    told = run("dataset", "check", folder)
    assert told.returncode == 0, told.stderr
    assert "good: good\n" in told.stdout
    assert "flickers: the mask of object 1 does not go with it" in told.stdout
    assert told.stdout.endswith("1 of 2 clips have good masks.\n")
    told = run("dataset", "check", folder, "--json", "--every", 2)
    assert [one["views"] for one in json.loads(told.stdout)] == [6, 6]

    told = run("dataset", "statistics", folder, folder, "--title", "old", "--title", "new", "--every", 4)
    assert "| clips | 2 | 2 |" in told.stdout, told.stderr
    told = run("dataset", "sheet", folder, "-o", tmp_path / "sheet.png", "--clip", "good")
    assert told.stdout == f"{tmp_path / 'sheet.png'}\n", told.stderr
    assert Image.open(tmp_path / "sheet.png").width == 5 * 320 + 16


@pytest.mark.slow
def test_the_commands_with_a_second_finder_and_a_plot(run, folder, tmp_path):
    told = run("dataset", "check", folder, "--with", "moving", "--json")
    assert all(0 <= one["agreement"] <= 1 for one in json.loads(told.stdout)), told.stderr
    told = run("dataset", "check", folder, "--with", "named:person,dog", "--json")
    assert [one["agreement"] for one in json.loads(told.stdout)] == [0, 0]
    told = run("dataset", "statistics", folder, "--plot", tmp_path / "plot.png", "--json")
    assert json.loads(told.stdout)[0]["clips"] == 2
    assert Image.open(tmp_path / "plot.png").width > 1000
    assert run("dataset", "choose", folder, "--detect").returncode == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("check", "{folder}", "--with", "movin"), "no finder called 'movin', did you mean 'moving'?"),
        (("check", "{folder}", "--with", "named"), "--with named needs words: --with named:dog,person."),
        (("statistics", "{folder}", "{folder}"), "two datasets are called the same: --title tells them apart."),
        (("statistics", "{folder}", "--title", "a", "--title", "b"), "--title is given 2 times for 1 DATASET"),
        (("sheet", "{folder}", "-o", "sheet.txt"), "sheet.txt must end in .png"),
        (("sheet", "{folder}", "-o", "sheet.png", "--clip", "god"), "did you mean 'good'?"),
        (("sheet", "{folder}", "-o", "sheet.png", "--kind", "prompts"), "no sentences whose objects have masks"),
        (("choose", "davs:nowhere"), "no kind of dataset called 'davs'"),
    ],
)
def test_a_mistake_is_one_sentence(words, sentence, run, folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = run("dataset", *(word.format(folder=folder) for word in words))
    assert (told.returncode, told.stdout) == (2, "")
    assert sentence in told.stderr
    assert not (tmp_path / "sheet.png").exists()


def test_a_sheet_that_is_there_is_not_replaced(run, folder, tmp_path):
    (tmp_path / "sheet.png").write_bytes(b"mine")
    told = run("dataset", "sheet", folder, "-o", tmp_path / "sheet.png")
    assert told.returncode == 2
    assert (tmp_path / "sheet.png").read_bytes() == b"mine"
    assert run("dataset", "sheet", folder, "-o", tmp_path / "sheet.png", "--overwrite").returncode == 0
    assert peanut.info(tmp_path / "sheet.png").size[1] == 5 * 320 + 16
