"""Pipelines side by side on a dataset: what is measured, what is kept, what is told."""

import csv
import io
import json
import math
import os
import signal
import subprocess
import sys
import time
import weakref

import attrs
import numpy as np
import pytest
import torch
from PIL import Image
from trees import SIZE, Clips, frames, labels, masks

import peanut
from peanut.data import Clip, Expression, Folder
from peanut.data.annotations import LabelPictures
from peanut.data.shapes import blob
from peanut.evaluation import Enlarge, Erase, Find, Holes, Remove, Task, evaluate
from peanut.evaluation.named import NamedPipeline
from peanut.evaluation.protocols import protocol_for
from peanut.metrics import Vfid
from peanut.networks.i3d import I3D


@peanut.stage
def fill(frames, level=100):
    """Fills holes with a grey."""
    for frame in frames:
        yield frame.with_image(torch.where(frame.mask, level, frame.image).to(torch.uint8))


@peanut.stage
def find(frames, shift=0):
    """Finds object 1 of `labels`, a little to the right."""
    mask = torch.from_numpy(np.roll(labels(1) > 0, shift, axis=1))
    for frame in frames:
        yield frame.with_mask(mask)


@peanut.stage(drops=True)
def loses(frames):
    """Leaves every third frame out."""
    for frame in frames:
        if frame.index % 3 != 2:
            yield frame


@peanut.stage
def adds(frames):
    """Gives a frame more than it was given."""
    for frame in frames:
        yield frame
    yield attrs.evolve(frame, index=frame.index + 1, time=frame.time + 1)


@pytest.fixture
def composites(tmp_path):
    """Two clips: noise, an object over it, its mask, and the noise as the truth."""
    for number, name in enumerate(("one", "two")):
        rng = np.random.default_rng(number)
        for part in ("frames", "truth"):
            (tmp_path / "set" / name / part).mkdir(parents=True)
        for n in range(4):
            truth = rng.integers(0, 256, (*SIZE, 3), dtype=np.uint8)
            given = np.where(labels(1)[..., None] > 0, 255, truth).astype(np.uint8)
            Image.fromarray(truth).save(tmp_path / f"set/{name}/truth/{n:05d}.png")
            Image.fromarray(given).save(tmp_path / f"set/{name}/frames/{n:05d}.png")
        masks(tmp_path / "set" / name / "masks", {n: labels(1) for n in range(4)})
    return Folder(tmp_path / "set")


def score(result, masks, truth):
    """PSNR in the hole, mean over the frames: written out plainly, as composites are scored."""
    found = []
    for image, mask, true in zip(result, masks, truth, strict=True):
        error = image[mask].astype(np.float64) - true[mask]
        found.append(min(100.0, 10 * np.log10(255.0**2 / np.mean(error * error))))
    return float(np.mean(found))


def arrays(pipeline):
    return np.stack([frame.numpy() for frame in pipeline])


def test_erasing_equals_the_plain_score(composites, tmp_path):
    found = evaluate({"fill": fill(), "flow": peanut.FlowEraser()}, composites, tmp_path / "out", progress=False)
    for name, stage in (("fill", fill()), ("flow", peanut.FlowEraser())):
        expected = []
        for clip in composites:
            given = list(clip.masked())
            result = arrays(iter(given) | peanut.Pipeline(stages=(stage,)))
            holes = np.stack([frame.mask.numpy() for frame in given])
            expected.append(score(result, holes, arrays(clip.true_frames())))
        assert found.means[name]["psnr_hole"] == pytest.approx(np.mean(expected), abs=1e-6)
        assert found.means[name]["psnr_outside"] == 100


def test_what_changes_outside_the_hole_is_measured(composites, tmp_path):
    grey = peanut.map(lambda frame: frame.with_image(torch.full_like(frame.image, 100)))
    found = evaluate({"grey": grey}, composites, tmp_path / "out", progress=False)
    assert found.means["grey"]["psnr_outside"] < 12


def test_finding(composites, tmp_path):
    pipelines = {"right": find(), "beside": find(shift=1), "elsewhere": find(shift=12)}
    found = evaluate(pipelines, composites, tmp_path / "out", protocol="find", progress=False)
    assert found.means["right"] == {"j": 1, "f": 1, "j_and_f": 1}
    assert found.means["beside"]["j"] == pytest.approx(2 / 4)
    assert found.means["elsewhere"]["j_and_f"] == 0


def test_a_sentence_chooses_its_objects_and_annotators_count_alike(tmp_path):
    frames(tmp_path / "a", range(3))
    drawn = masks(tmp_path / "m", {n: labels(1, 2) for n in range(3)})
    known = LabelPictures(dict(enumerate(sorted(drawn.iterdir()))))
    said = [("0", (1,), "x"), ("1", (2,), "x"), ("2", (1,), "y")]
    expressions = tuple(Expression(name=n, text=f"it {n}", objects=o, annotator=a) for n, o, a in said)
    clips = Clips((Clip(name="a", path=str(tmp_path / "a"), annotations=known, expressions=expressions),))
    found = evaluate({"one": find()}, clips, tmp_path / "out", progress=False)
    assert [result.values["j"] for _, result in found.rows["one"]] == [1, 0, 1]
    assert found.means["one"]["j"] == pytest.approx((0.5 + 1) / 2)  # not 2 / 3


def test_the_inner_frames_alone(tmp_path):
    frames(tmp_path / "a", range(4))
    drawn = masks(tmp_path / "m", {n: labels(1) if n in (1, 2) else labels(2) for n in range(4)})
    clip = Clip(name="a", path=str(tmp_path / "a"), annotations=LabelPictures(dict(enumerate(sorted(drawn.iterdir())))))
    for which, j in (("all", 0.5), ("inner", 1.0)):
        found = evaluate({"one": find()}, Clips((clip,)), tmp_path / which, protocol=Find(frames=which), progress=False)
        assert found.means["one"]["j"] == j


def test_only_annotated_frames_are_measured_and_every_nth_runs(tmp_path):
    frames(tmp_path / "a", range(9))
    drawn = masks(tmp_path / "m", {n: labels(1) if n == 4 else labels(2) for n in (0, 2, 4)})
    known = LabelPictures(dict(zip((0, 2, 4), sorted(drawn.iterdir()), strict=True)))
    clip = Clip(name="a", path=str(tmp_path / "a"), annotations=known)
    seen = []

    @peanut.stage
    def watches(given):
        for frame in given:
            seen.append(frame.index)
            yield frame

    found = evaluate(
        {"one": watches() | find()}, Clips((clip,)), tmp_path / "o", protocol=Find(every=4), progress=False
    )
    assert seen == [0, 4, 8]
    assert found.means["one"]["j"] == 0.5


@pytest.mark.parametrize("kind", ["stationary", "objects"])
def test_holes_in_clips_that_are_their_own_truth(composites, tmp_path, kind):
    protocol = Erase(holes=Holes(kind))
    for task in protocol.tasks(composites):
        given, expected = list(protocol.given(task)), list(protocol.expected(task))
        again = list(protocol.given(task))
        for frame, same, true, clean in zip(given, again, expected, task.clip.frames, strict=True):
            assert torch.equal(frame.image, same.image)
            assert frame.mask.any()
            assert (frame.image[:, frame.mask] == 127).all()
            assert torch.equal(true.image, clean.image)
            assert torch.equal(true.mask, frame.mask)
    shown = evaluate({"fill": fill(127)}, composites, tmp_path / "o", protocol=protocol, progress=False)
    assert 5 < shown.means["fill"]["psnr_hole"] < 15


def test_holes_at_the_published_size():
    mask = blob((240, 432), "bear")
    assert torch.equal(mask, blob((240, 432), "bear"))
    assert not torch.equal(mask, blob((240, 432), "camel"))
    shares = [float(blob((240, 432), seed).float().mean()) for seed in range(40)]
    assert min(shares) > 0.03
    assert max(shares) < 0.75


def test_objects_as_holes_come_from_another_clip(composites):
    (one, two) = composites
    alone = Clips((one, attrs.evolve(two, annotations=None)))
    with pytest.raises(peanut.UsageError, match="no other clip with masks than one"):
        list(Holes("objects").holed(one, alone, None))


def test_erasing_without_truth_is_refused(tmp_path):
    frames(tmp_path / "a", range(3))
    clips = Clips((Clip(name="a", path=str(tmp_path / "a")),))
    with pytest.raises(peanut.UsageError, match="a has no truth, so nobody knows what is behind: holes='stationary'"):
        evaluate({"fill": fill()}, clips, tmp_path / "out", protocol=Erase(), progress=False)


def test_the_whole_job_is_measured_in_the_true_hole(composites, tmp_path):
    pipelines = {"whole": find() | fill(), "beside": find(shift=12) | fill(), "nothing": find(shift=12)}
    found = evaluate(pipelines, composites, tmp_path / "out", protocol=Remove(grow=0), progress=False)
    means = found.means
    assert means["whole"]["j"] == 1
    assert means["beside"]["j"] == 0
    assert means["beside"]["psnr_outside"] < means["nothing"]["psnr_outside"] == 100
    assert means["beside"]["psnr_hole"] == means["nothing"]["psnr_hole"] < means["whole"]["psnr_hole"]


def test_enlarging_on_rgb_and_on_y(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "a").mkdir()
    for n in range(7):
        Image.fromarray(rng.integers(0, 256, (26, 34, 3), dtype=np.uint8)).save(tmp_path / f"a/{n}.png")
    clips = Clips((Clip(name="a", path=str(tmp_path / "a")),))
    found = {}
    for channels in ("rgb", "y"):
        protocol = Enlarge(channels=channels)
        (task,) = protocol.tasks(clips)
        assert {frame.size for frame in protocol.given(task)} == {(6, 8)}
        shown = evaluate({"l": peanut.Enlarge(4)}, clips, tmp_path / channels, protocol=protocol, progress=False)
        found[channels] = shown.means["l"]["psnr"]
    assert found["y"] > found["rgb"] > 5
    middle = Enlarge(middle=True)
    assert [one.image is not None for one in middle.expected(task)] == [n == 3 for n in range(7)]


def test_published_protocols(composites, tmp_path):
    assert isinstance(protocol_for(composites), Erase)
    davis = peanut.data.Davis(tmp_path)
    assert protocol_for(davis) == Find(frames="inner")
    assert protocol_for(davis, "erase").size == (240, 432)
    assert protocol_for(peanut.data.Vid4(tmp_path)) == Enlarge(channels="y")
    assert protocol_for(peanut.data.Vimeo90K(tmp_path)).middle
    assert protocol_for(peanut.data.Referring(tmp_path)).frames == "all"


def test_a_pipeline_that_fails_does_not_stop_the_others(composites, tmp_path, caplog):
    def raises(task):
        raise peanut.UsageError(f"no weights for {task.name}.")

    pipelines = {"raises": raises, "loses": loses(), "adds": adds(), "fill": fill(), "none": lambda task: 3}
    found = evaluate(pipelines, composites, tmp_path / "out", progress=False)
    assert [result.error for _, result in found.rows["raises"]] == ["no weights for one.", "no weights for two."]
    assert [result.error for _, result in found.rows["loses"]] == ["instead of frame 2 came number 3."] * 2
    assert [result.error for _, result in found.rows["adds"]] == ["after the last frame came number 4."] * 2
    assert "a stage or pipeline is wanted" in found.rows["none"][0][1].error
    text = found.markdown()
    assert "| raises | 0 of 2 |" in text
    assert "- loses, 2 tasks: instead of frame 2 came number 3." in text
    assert found.means["fill"]["psnr_hole"] > 5
    assert [task.name for task, _ in found.worst("fill")] != []


def test_the_worst_come_first(composites, tmp_path):
    found = evaluate({"fill": fill()}, composites, tmp_path / "out", progress=False)
    told = [result.values["psnr_hole"] for _, result in found.worst("fill")]
    assert told == sorted(told)


def test_tables_agree_with_each_other(composites, tmp_path):
    found = evaluate({"fill": fill(), "telea": peanut.PerFrame()}, composites, tmp_path / "out", progress=False)
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out/results.csv").read_text())))
    told = json.loads((tmp_path / "out/results.json").read_text())
    assert len(lines) == 4
    for line in lines:
        assert float(line["psnr_hole"]) == told["results"][line["pipeline"]][line["task"]]["psnr_hole"]
    for name in ("fill", "telea"):
        mean = np.mean([float(line["psnr_hole"]) for line in lines if line["pipeline"] == name])
        assert told["means"][name]["psnr_hole"] == pytest.approx(mean)
        assert f"{mean:.2f}" in (tmp_path / "out/results.md").read_text()
    assert told["packages"]["torch"] == torch.__version__.split("+")[0]
    assert (tmp_path / "out/sheets/telea/one.png").exists()
    assert str(found).count("\n") == 3


def stored(folder):
    return {name: (folder / name).read_bytes() for name in ("results.md", "results.csv", "results.json")}


@pytest.mark.parametrize("torn", [False, True])
def test_what_was_interrupted_goes_on_to_the_same_tables(composites, tmp_path, torn):
    asked = []

    def breaks(task):
        asked.append(task.name)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return fill()

    whole = tmp_path / "whole"
    evaluate({"fill": fill(), "late": lambda task: fill()}, composites, whole, progress=False)
    breaks.__name__ = breaks.__qualname__ = "<lambda>"
    broken = tmp_path / "broken"
    with pytest.raises(KeyboardInterrupt):
        evaluate({"fill": fill(), "late": breaks}, composites, broken, progress=False)
    if torn:
        with (broken / "results.jsonl").open("a") as file:
            file.write('{"pipeline": "late", "ta')
    evaluate({"fill": fill(), "late": breaks}, composites, broken, progress=False)
    assert asked == ["one", "two", "two"]
    assert stored(broken) == stored(whole)


@pytest.mark.slow
def test_kill_minus_9_and_resume_gives_the_same_bytes(composites, tmp_path):
    (tmp_path / "mine.py").write_text(
        "import time, torch, peanut\n"
        "@peanut.stage\n"
        "def slow(frames):\n"
        "    for frame in frames:\n"
        "        time.sleep(0.3)\n"
        "        yield frame.with_image(torch.where(frame.mask, 9, frame.image).to(torch.uint8))\n"
        "Slow = slow()\n"
    )
    command = [sys.executable, "-m", "peanut", "evaluate", "telea", "mine:Slow", "--on", str(composites.root)]
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    how = {"cwd": tmp_path, "env": {**os.environ, "PYTHONPATH": path}}
    subprocess.run([*command, "-o", "whole"], check=True, capture_output=True, **how)
    killed = subprocess.Popen([*command, "-o", "killed"], **how)
    lines = tmp_path / "killed/results.jsonl"
    while not lines.exists() or lines.read_text().count("\n") < 4:
        assert killed.poll() is None
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = lines.read_text()
    assert before.count("\n") == 4
    subprocess.run([*command, "-o", "killed"], check=True, capture_output=True, **how)
    assert lines.read_text().startswith(before)
    assert stored(tmp_path / "killed") == stored(tmp_path / "whole")


def test_another_evaluation_in_the_folder_is_refused(composites, tmp_path):
    evaluate({"fill": fill()}, composites, tmp_path / "out", progress=False)
    with pytest.raises(peanut.UsageError, match=r"holds another evaluation \(erasing, holes: own on set, 2 clips\)"):
        evaluate({"fill": find()}, composites, tmp_path / "out", protocol="find", progress=False)
    kept = tmp_path / "out/notes.txt"
    kept.write_text("mine")
    evaluate({"fill": find()}, composites, tmp_path / "out", protocol="find", overwrite=True, progress=False)
    assert kept.exists()


def test_two_evaluations_do_not_write_into_one_folder(composites, tmp_path):
    def again(task):
        evaluate({"fill": fill()}, composites, tmp_path / "out", progress=False)
        return fill()

    found = evaluate({"again": again}, composites, tmp_path / "out", progress=False)
    assert [result.error for _, result in found.rows["again"]] == [
        f"another evaluation is writing into {tmp_path / 'out'} now: choose another folder, or wait."
    ] * 2


def test_other_settings_are_measured_anew(composites, tmp_path):
    first = evaluate({"fill": fill()}, composites, tmp_path / "out", progress=False)
    second = evaluate({"fill": fill(level=0)}, composites, tmp_path / "out", progress=False)
    assert first.means != second.means


def test_nothing_to_measure(composites, tmp_path):
    with pytest.raises(peanut.UsageError, match="there is no pipeline to measure"):
        evaluate({}, composites, tmp_path / "out")
    with pytest.raises(peanut.UsageError, match="no clip of set called 'onne', did you mean 'one'"):
        evaluate({"fill": fill()}, composites, tmp_path / "out", only=["onne"])
    with pytest.raises(peanut.UsageError, match="protocol must be find, erase, remove or enlarge, got 'fill'"):
        evaluate({"fill": fill()}, composites, tmp_path / "out", protocol="fill")


@pytest.mark.slow
def test_vfid_over_clips_goes_on_where_it_was(composites, tmp_path):
    torch.manual_seed(0)
    protocol = Erase(judge=Vfid(model=I3D().eval(), device="cpu"), size=(32, 32))
    found = evaluate({"fill": fill()}, composites, tmp_path / "out", protocol=protocol, progress=False)
    again = evaluate({"fill": fill()}, composites, tmp_path / "out", protocol=protocol, progress=False)
    assert found.means["fill"]["vfid"] == again.means["fill"]["vfid"] > 0
    assert "VFID" in str(found)
    none = evaluate({"fill": fill()}, composites, tmp_path / "none", protocol=Erase(judge=None), progress=False)
    assert "vfid" not in none.means["fill"]


def test_named_pipelines(composites, tmp_path, monkeypatch):
    task = Task(composites[0], Expression(name="0", text="the red ball", objects=(1,)))
    assert str(NamedPipeline("phrase | telea")(task)) == "Phrase('the red ball') | PerFrame('telea')"
    telea = NamedPipeline("telea")
    assert telea(task).stages[0] is telea(task).stages[0]
    with pytest.raises(peanut.UsageError, match="one has no sentence"):
        NamedPipeline("phrase")(Task(composites[0]))
    with pytest.raises(peanut.UsageError, match="no pipeline called 'telia', did you mean 'telea'"):
        NamedPipeline("telia")
    (tmp_path / "own.py").write_text("import peanut\nErase = peanut.PerFrame\nthree = 3\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert str(NamedPipeline("own:Erase")(task)) == "PerFrame('telea')"
    for name, why in (
        ("own:Fill", "has no Fill"),
        ("nowhere:x", "cannot be imported"),
        ("own:three", "a stage or pipeline is wanted"),
    ):
        with pytest.raises(peanut.UsageError, match=why):
            NamedPipeline(name)(task)


def test_no_frame_of_a_long_clip_is_kept(tmp_path):
    alive = weakref.WeakSet()

    made = []

    @peanut.stage
    def counted(given):
        for frame in given:
            alive.add(frame)
            made.append(len(alive))
            yield frame

    frames(tmp_path / "set/long/frames", range(200), size=(8, 8), suffix=".png")
    frames(tmp_path / "set/long/truth", range(200), size=(8, 8), suffix=".png")
    frames(tmp_path / "set/long/masks", range(200), size=(8, 8), suffix=".png")
    evaluate({"c": counted()}, Folder(tmp_path / "set"), tmp_path / "out", progress=False)
    assert len(made) == 200
    assert max(made) < 10


def test_figures_that_are_no_number_are_left_out(tmp_path):
    frames(tmp_path / "set/still/frames", range(1), suffix=".png")
    frames(tmp_path / "set/still/truth", range(1), suffix=".png")
    masks(tmp_path / "set/still/masks", {0: labels(1)})
    found = evaluate({"fill": fill()}, Folder(tmp_path / "set"), tmp_path / "out", progress=False)
    (_, result) = found.rows["fill"][0]
    assert "e_warp" not in result.values
    assert not any(math.isnan(value) for value in result.values.values())
    json.loads((tmp_path / "out/results.json").read_text())
