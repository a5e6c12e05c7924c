"""Datasets side by side: what is counted and measured is what was drawn, as tables, as values, as a plot."""

import json
import subprocess
import sys
from fractions import Fraction

import attrs
import numpy as np
import pytest
from drawn_set import H, Scene, Thing, W, clip_of, written
from PIL import Image

import peanut
from peanut import UsageError
from peanut.data import Clip, Expression
from peanut.test_set.plots import DRAWN, plots
from peanut.test_set.statistics import QUANTITIES, statistics
from peanut.test_set.tables import of_dataset, of_statistics

DIAGONAL = float(np.hypot(H, W))


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sets")
    said = (Expression("0", "the red one", (1,)), Expression("1", "the one that walks to the right", (1,)))
    box = Thing(at=(50, 60), speed=(2, 0), size=(15, 19), box=True, contrast=0.8)
    other = Thing(at=(120, 60), size=(7, 9), box=True, color=(30, 60, 220))
    old = [clip_of(folder, "one", Scene((box,), camera=(3, 0), length=12), expressions=said)]
    new = [
        clip_of(folder, "two", Scene((box, other), seed=1, length=8)),
        clip_of(folder, "none", Scene((), seed=2, length=20), annotated=False),
    ]
    return statistics({"old": old, "new": new})


def test_what_is_counted(found):
    old, new = found["old"], found["new"]
    assert (old.clips, old.frames, old.objects, old.sentences) == (1, 12, 1, 2)
    assert (new.clips, new.frames, new.objects, new.sentences) == (2, 28, 2, 0)
    assert old.values["words"] == (3, 7)
    assert new.values["words"] == ()
    assert new.values["objects"] == (2, 0)
    assert (old.values["width"], old.values["height"], old.values["rate"]) == ((W,), (H,), (25,))


def test_what_is_measured(found):
    old, new = found["old"], found["new"]
    assert old.values["size"] == pytest.approx([100 * 31 * 39 / (H * W)], rel=0.01)
    assert old.values["camera_motion"] == pytest.approx([3], abs=0.1)
    assert old.values["camera_speed"] == pytest.approx([100 * 3 / DIAGONAL], abs=0.05)
    assert old.values["object_motion"] == pytest.approx([2], abs=0.4)
    assert sorted(new.values["object_motion"]) == pytest.approx([0, 2], abs=0.4)
    assert new.values["camera_motion"] == pytest.approx([0, 0], abs=0.1)


def test_texture_is_local_contrast(tmp_path):
    flat = [np.full((H, W, 3), 120, np.uint8)] * 3
    checked = [np.where(np.indices((H, W)).sum(axis=0)[..., None] % 2, 100, 140).repeat(3, 2).astype(np.uint8)] * 3
    values = [
        statistics({name: [written(tmp_path, name, images)]})[name].values["texture"][0]
        for name, images in (("flat", flat), ("checked", checked))
    ]
    assert values == pytest.approx([0, 20], abs=0.1)


def test_pixels_are_those_of_the_frames_not_of_what_is_looked_at(tmp_path):
    """Images wider than 320 pixels are reduced before they are looked at."""
    images, _ = Scene((), camera=(2, 0), length=6).draw()
    large = [np.asarray(Image.fromarray(image).resize((4 * W, 4 * H))) for image in images]
    values = statistics({"large": [written(tmp_path, "large", large)]})["large"].values
    assert (values["width"], values["height"]) == ((4 * W,), (4 * H,))
    assert values["camera_motion"] == pytest.approx([8], abs=0.4)


def test_a_range_of_a_video_has_its_length_and_rate(tmp_path):
    images, _ = Scene((), length=10).draw()
    frames = [peanut.Frame.from_numpy(image, index=n, time=Fraction(n, 25)) for n, image in enumerate(images)]
    (frames | peanut.write(tmp_path / "video.mkv")).run(progress=False)
    whole = Clip(name="whole", path=str(tmp_path / "video.mkv"))
    part, rest = attrs.evolve(whole, start=2, length=5), attrs.evolve(whole, start=4)
    values = statistics({"all": [whole, part, rest]})["all"].values
    assert values["frames"] == (10, 5, 6)
    assert values["rate"] == (25, 25, 25)


def test_every_n_th_frame_gives_the_same_lengths_and_motion(found, tmp_path):
    clip = clip_of(tmp_path, "clip", Scene((), camera=(3, 0), length=12))
    values = statistics({"old": [clip]}, every=3)["old"].values
    assert values["frames"] == (12,)
    assert values["camera_motion"] == pytest.approx(found["old"].values["camera_motion"], abs=0.1)


def test_the_table_stands_side_by_side(found):
    table = of_statistics(found)
    lines = table.splitlines()
    assert lines[0] == "|  | old | new |"
    assert "| frames | 12 | 28 |" in lines
    assert "| words of a sentence | 5 (3 to 7) | not known |" in lines
    assert sum(line.startswith("| ") for line in lines) == 2 + 2 + 4 + len(QUANTITIES)
    told = json.loads(json.dumps([of_dataset(one) for one in found.values()]))
    assert told[1]["values"]["objects"] == [2, 0]


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg"])
def test_the_plot_is_written(suffix, found, tmp_path):
    plots(found, tmp_path / f"plot.{suffix}")
    assert (tmp_path / f"plot.{suffix}").stat().st_size > 10_000
    if suffix == "svg":
        text = (tmp_path / "plot.svg").read_text()
        assert all(QUANTITIES[name].title in text for name in DRAWN)


def test_where_a_plot_cannot_go(found, tmp_path):
    with pytest.raises(UsageError, match=r"plot.xyz cannot be written .*; png, pdf and svg can"):
        plots(found, tmp_path / "plot.xyz")
    with pytest.raises(UsageError, match="cannot be written"):
        plots(found, tmp_path / "nowhere" / "plot.png")


def test_without_matplotlib_one_sentence_says_what_to_install(found, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(UsageError, match=r"plots need matplotlib: pip install 'peanut-video\[measure\]'"):
        plots(found, tmp_path / "plot.png")


def test_matplotlib_is_not_imported_before_it_is_asked_for():
    code = "import peanut.cli, sys; print('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).stdout == b"False\n"


def test_no_dataset_and_no_clips():
    with pytest.raises(UsageError, match="statistics needs a dataset at least"):
        statistics({})
    with pytest.raises(UsageError, match="the dataset old has no clips"):
        statistics({"old": []})
