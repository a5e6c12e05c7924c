"""What users and their files get wrong in an evaluation: one sentence each, and nobody else's figures are lost."""

import json
import shutil

import attrs
import numpy as np
import pytest
from PIL import Image
from trees import Clips, frames, labels, masks

import peanut
from peanut.data import Folder
from peanut.evaluation import Enlarge, Erase, Holes, Remove, evaluate
from peanut.evaluation.named import NamedPipeline


@pytest.fixture
def clips(tmp_path):
    """Two clips of three frames, an object and its masks in them, and their truth."""
    for name in ("one", "two"):
        for part in ("frames", "truth"):
            frames(tmp_path / "set" / name / part, range(3), suffix=".png")
        masks(tmp_path / "set" / name / "masks", {n: labels(1) for n in range(3)})
    return Folder(tmp_path / "set")


def errors(evaluation, name="p"):
    return [result.error for _, result in evaluation.rows[name]]


def test_code_of_the_user_may_fail_in_any_way(clips, tmp_path):
    def bug(task):
        return {}[task.name]

    def silent(task):
        raise AssertionError

    class Needs(peanut.Stage):
        def __init__(self, level):
            self.level = level

    pipelines = {"bug": bug, "silent": silent, "needs": Needs, "telea": peanut.PerFrame}
    found = evaluate(pipelines, clips, tmp_path / "out", progress=False)
    assert errors(found, "bug") == ["KeyError: 'one'", "KeyError: 'two'"]
    assert errors(found, "silent") == ["AssertionError"] * 2
    assert errors(found, "needs")[0].startswith("TypeError: ")
    assert errors(found, "telea") == ["", ""]


def test_what_failed_is_tried_again_and_what_was_measured_is_not(clips, tmp_path):
    calls = []

    def mends(task):
        calls.append(task.name)
        if len(calls) == 1:
            raise peanut.UsageError("its weights are not here.")
        return peanut.PerFrame()

    first = evaluate({"p": mends}, clips, tmp_path / "out", progress=False)
    second = evaluate({"p": mends}, clips, tmp_path / "out", progress=False)
    third = evaluate({"p": mends}, clips, tmp_path / "out", progress=False)
    assert (errors(first), errors(second)) == (["its weights are not here.", ""], ["", ""])
    assert calls == ["one", "two", "one"]
    assert third.means == second.means


def test_a_stage_function_without_brackets_has_its_own_settings(clips, tmp_path):
    @peanut.stage
    def darker(given, by=9):
        for frame in given:
            yield frame.with_image(frame.image // by)

    found = evaluate({"p": darker, "same": darker()}, clips, tmp_path / "out", progress=False)
    assert found.means["p"] == found.means["same"] != {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("import sys; sys.exit(0)", "cannot be imported: SystemExit: 0"),
        ("def :", "cannot be imported: SyntaxError: "),
        ("{}['a']", "cannot be imported: KeyError: 'a'"),
        ("", "has no Mine"),
    ],
)
def test_modules_that_cannot_be_imported(tmp_path, monkeypatch, text, why):
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "faulty_module", raising=False)
    (tmp_path / "faulty_module.py").write_text(text)
    with pytest.raises(peanut.UsageError, match=why):
        NamedPipeline("faulty_module:Mine")


@pytest.mark.parametrize("protocol", [Erase(), Remove(), Enlarge(scale=2)])
@pytest.mark.parametrize(("numbers", "why"), [(range(2), "ends after 2 frames"), (range(4), "has more frames than")])
def test_truth_of_another_length(clips, tmp_path, protocol, numbers, why):
    shutil.rmtree(tmp_path / "set/one/truth")
    frames(tmp_path / "set/one/truth", numbers, suffix=".png")
    found = evaluate({"p": peanut.map(lambda frame: frame)}, clips, tmp_path / "out", protocol=protocol, progress=False)
    assert why in errors(found)[0]
    assert "the truth of one" in errors(found)[0]


@pytest.mark.parametrize("protocol", [Erase(), Remove()])
def test_truth_of_another_size(clips, tmp_path, protocol):
    frames(tmp_path / "set/one/truth", range(3), size=(12, 16), suffix=".png")
    found = evaluate({"p": peanut.map(lambda frame: frame)}, clips, tmp_path / "out", protocol=protocol, progress=False)
    assert errors(found) == ["the truth of one is 16x12 in frame 0, the clip 32x24.", ""]


@pytest.mark.parametrize("size", [(12, 16), (1, 1)])
def test_masks_of_another_size(clips, tmp_path, size):
    Image.new("L", size[::-1], 255).save(tmp_path / "set/one/masks/00001.png")
    found = evaluate({"p": peanut.PerFrame()}, clips, tmp_path / "out", progress=False)
    assert f"the mask of frame 1 of one is {size[1]}x{size[0]}, the frame 32x24." in errors(found)[0]
    assert "Posix" not in errors(found)[0]


def test_names_that_come_twice(clips, tmp_path):
    with pytest.raises(peanut.UsageError, match="has 'one' twice, and results are kept by name"):
        evaluate({"p": peanut.PerFrame()}, Clips((clips[0], clips[0])), tmp_path / "out", progress=False)


def test_holes_that_are_no_folder():
    with pytest.raises(peanut.UsageError, match="holes must be own, stationary, objects or a folder of masks, and sta"):
        Holes("stationry")


@pytest.mark.parametrize("start", [0, 1])
def test_holes_of_a_folder_go_by_number(clips, tmp_path, start):
    given = tmp_path / "given/one"
    masks(given, {n: labels(n + 1) for n in range(3)})
    clip = attrs.evolve(clips["one"], start=start)
    holed = list(Holes(tmp_path / "given").holed(clip, clips, None))
    assert [int(np.argmax(frame.mask.any(dim=0))) for frame in holed] == [4 * (n + 1) for n in range(start, 3)]
    (given / "00001.png").unlink()
    with pytest.raises(peanut.UsageError, match="no mask for frame 1: each frame needs one, or one is for all"):
        list(Holes(tmp_path / "given").holed(clip, clips, None))
    (given / "00002.png").unlink()
    (given / "00000.png").rename(given / "hole.png")
    assert all(frame.mask.any() for frame in Holes(tmp_path / "given").holed(clip, clips, None))


def damaged(folder, number, change):
    lines = (folder / "results.jsonl").read_text().splitlines()
    lines[number] = change(lines[number])
    (folder / "results.jsonl").write_text("".join(f"{line}\n" for line in lines))


@pytest.mark.parametrize("line", ["", "{", "[]", "{}", '{"made": 1, "x": 2}'])
def test_results_damaged_in_the_middle(clips, tmp_path, line):
    out = tmp_path / "out"
    evaluate({"p": peanut.PerFrame()}, clips, out, progress=False)
    damaged(out, 1, lambda _: line)
    with pytest.raises(peanut.UsageError, match=r"line 2 of .*results.jsonl is damaged: without it, only its task"):
        evaluate({"p": peanut.PerFrame()}, clips, out, progress=False)


def test_results_of_another_peanut_are_not_mixed(clips, tmp_path):
    out = tmp_path / "out"
    evaluate({"p": peanut.PerFrame()}, clips, out, progress=False)
    damaged(out, 0, lambda line: json.dumps({**json.loads(line), "peanut": "0.0.1"}))
    with pytest.raises(peanut.UsageError, match=r"was measured by PEANUT 0\.0\.1, this is .*: choose another folder"):
        evaluate({"p": peanut.PerFrame()}, clips, out, progress=False)


def test_a_folder_without_its_first_line_yet(clips, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/results.jsonl").write_text('{"data')
    assert errors(evaluate({"p": peanut.PerFrame()}, clips, tmp_path / "out", progress=False)) == ["", ""]


def test_results_where_a_file_is(clips, tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(peanut.UsageError, match="out cannot be a folder of results"):
        evaluate({"p": peanut.PerFrame()}, clips, tmp_path / "out", progress=False)
    assert (tmp_path / "out").read_text() == "mine"


def grey(folder, *levels):
    """Masks in plain grey: the object of frame n has levels[n]."""
    folder.mkdir()
    for n, level in enumerate(levels):
        Image.fromarray(((labels(1) > 0) * level).astype(np.uint16 if level > 255 else np.uint8)).save(
            folder / f"{n:05d}.png"
        )
    return folder


def test_masks_are_measured_as_masks_whatever_stores_them(tmp_path):
    small, white = grey(tmp_path / "small", 1, 1), grey(tmp_path / "white", 255, 255)
    palette = masks(tmp_path / "palette", {n: labels(2) for n in range(2)})
    assert peanut.measure(small, white, of="masks").figures["j"] == 1
    assert peanut.measure(small, palette, of="masks").figures["j"] == 0
    pictures = frames(tmp_path / "frames", range(2), suffix=".png")
    assert "psnr_hole" in peanut.measure(pictures, pictures, small, perceptual=False).figures
