"""What every stage tells a graph, against what it does: latency, frames held, masks needed, weights, its label.

The stages are those of the README's table, with the settings that the table speaks of and small stand-in networks.
"""

import gc
import re
import weakref
from fractions import Fraction
from functools import partial
from pathlib import Path

import attrs
import cv2
import numpy as np
import pytest
import torch
from stand_ins import narrow_e2fgvi, small_p_mask, small_sam2

import peanut
from peanut import Frame, UsageError
from peanut.labels import label
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.stages import moving_objects, nof_eraser
from peanut.stages.mask_images import mask_images
from peanut.vision.detection import Detection
from peanut.windows import preset

README = (Path(__file__).parent.parent / "README.md").read_text()
SMALL, OF_E2FGVI = (36, 48), (60, 108)  # the latter is the smallest image that E2FGVI sees
CPU = {"device": "cpu", "dtype": torch.float32}
pytestmark = pytest.mark.usefixtures("one_thread")


def p_mask(**settings):
    pytest.importorskip("sam2")
    pytest.importorskip("transformers")
    return small_p_mask("a dog", **settings)


def sam2_track():
    pytest.importorskip("sam2")
    return peanut.Sam2Track({0: {1: peanut.Prompt(box=(5, 5, 40, 30))}}, small_sam2(), **CPU)


def ur_net(**settings):
    return peanut.URNet(BasicVSRPlusPlus(8, 1), **settings, **CPU)


def drawn_masks(tmp_path):
    picture = tmp_path / "mask.png"
    cv2.imwrite(str(picture), np.full(SMALL, 255, np.uint8))
    return peanut.masks(picture)


def one_box(image, min_score):
    return [Detection((8.0, 8.0, 24.0, 28.0), 0.9, "face")]


NETWORK = narrow_e2fgvi()
STAGES = {  # as in the README's table -> stages, the usual one first; more with the settings in brackets there
    "shots()": [lambda _: peanut.shots()],
    "masks(path)": [drawn_masks],
    "MovingObjects()": [lambda _: peanut.MovingObjects(), lambda _: peanut.MovingObjects(preset="fast", shadows=True)],
    "Faces()": [
        lambda _: peanut.Faces(detector=one_box),
        lambda _: peanut.Faces(detector=one_box, lookahead=0),
        lambda _: peanut.Faces(detector=one_box, lookahead=3, hold=1, every=7),
    ],
    "Named(classes)": [
        lambda _: peanut.Named("person"),
        lambda _: peanut.Named("person", every=9, preset="fast", shadows=True),
    ],
    "Phrase(text)": [
        lambda _: peanut.Phrase("the man in red"),
        lambda _: peanut.Phrase("everything", but_not="the dog", every=9, preset="fast"),
    ],
    "PMask(text)": [lambda _: p_mask(), lambda _: p_mask(preset="live")],
    "Sam2Track(prompts)": [lambda _: sam2_track()],
    "FixedRegion(box)": [lambda _: peanut.FixedRegion((4, 4, 20, 20))],
    "ColorKey(color)": [lambda _: peanut.ColorKey("green")],
    "FlowEraser()": [
        lambda _: peanut.FlowEraser(),
        lambda _: peanut.FlowEraser(preset="fast"),
        lambda _: peanut.FlowEraser(preset="fast", radius=2, smoothing=6),
    ],
    "NOFEraser()": [
        lambda _: peanut.NOFEraser(NETWORK, **CPU),
        lambda _: peanut.NOFEraser(NETWORK, preset="live", **CPU),
        lambda _: peanut.NOFEraser(NETWORK, lookahead=0, **CPU),
    ],
    "PerFrame()": [lambda _: peanut.PerFrame(), lambda _: peanut.PerFrame(every=4)],
    "Blur()": [lambda _: peanut.Blur()],
    "Pixelate()": [lambda _: peanut.Pixelate()],
    "URNet(scale=4)": [lambda _: ur_net(), lambda _: ur_net(lookahead=0), lambda _: ur_net(chunk=5, lookahead=2)],
    "Enlarge(scale)": [lambda _: peanut.Enlarge(2)],
    "grow": [lambda _: peanut.grow(1)],
    "invert": [lambda _: peanut.invert()],
    "resize": [lambda _: peanut.resize(max_size=50)],
    "overlay": [lambda _: peanut.overlay()],
    "mask_images": [lambda _: mask_images()],
    "remember": [lambda _: peanut.remember()],
    "report(path)": [lambda folder: peanut.report(folder / "page.html")],
    "map(function)": [lambda _: peanut.map(lambda frame: frame.with_mask(None))],
    "tap(side)": [lambda _: peanut.tap(peanut.grow(1))],
    "merge(a, b, join)": [
        lambda _: peanut.merge(peanut.grow(1), peanut.FlowEraser(preset="fast")),
        lambda _: peanut.merge(None, peanut.MovingObjects(preset="fast")),
    ],
    "write(path)": [lambda folder: peanut.write(folder / "out.mp4")],
}
BUILT = [pytest.param(build, id=f"{name} {n}") for name, builds in STAGES.items() for n, build in enumerate(builds)]


def noise(count, stage, masked=True):
    """Frames of noise that moves, one after the other, held by whoever takes them alone."""
    size = OF_E2FGVI if isinstance(stage, peanut.NOFEraser) else SMALL
    start = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    for number in range(count):
        mask = np.zeros(size, bool)
        mask[10 + number % 9 : 30, 10 + number % 20 : 24 + number % 20] = True
        image = np.roll(start, number, axis=1)
        yield Frame.from_numpy(image, index=number, time=Fraction(number, 25), mask=mask if masked else None)


def watched(frames, alive, most):
    """The frames, those alive counted whenever one is asked for: it is in the stage as soon as it is given."""
    for frame in frames:
        alive.add(frame)
        most[0] = max(most[0], len(alive))
        yield frame
        del frame
    gc.collect()


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILT)
def test_latency_and_frames_held_are_what_the_stage_tells(build, tmp_path):
    stage = build(tmp_path)
    length = 2 * (stage.memory + stage.latency) + 3
    alive, most = weakref.WeakSet(), [0]
    run = (peanut.Pipeline() | stage)(watched(noise(length, stage), alive, most))
    for frame in run:
        del frame
    statistics = run.statistics.stages[-1]
    assert (statistics.frames_in, statistics.frames_out) == (length, length)
    assert statistics.latency == stage.latency
    assert most[0] <= stage.memory + 1, "the one that is on its way in counts too"
    assert statistics.most_held <= stage.memory


@pytest.mark.parametrize("build", BUILT)
def test_a_stage_that_needs_masks_says_so_and_no_other_does(build, tmp_path):
    stage = build(tmp_path)
    frames = (peanut.Pipeline() | stage)(noise(2, stage, masked=False))
    if stage.needs_masks:
        with pytest.raises(UsageError, match="needs masks: put masks"):
            list(frames)
    else:
        assert len(list(frames)) == 2


@pytest.mark.parametrize("build", BUILT)
def test_a_single_stage_can_do_what_a_pipeline_can(build, tmp_path):
    stage = build(tmp_path)
    assert repr(stage) == str(stage) == label(stage)
    assert "graph LR" in stage.mermaid()
    with pytest.raises(UsageError, match="this pipeline has no source"):
        stage.run()
    with stage.session(fps=30) as session:
        out = [frame for given in noise(3, stage) for frame in session.push(given)] + session.flush()
    assert [frame.index for frame in out] == [0, 1, 2]


def table():
    """The rows of the README's table of stages: name, latency, frames held, and both with the settings in brackets."""
    for row in re.findall(r"^\| (`[^|]*\)?`[^|]*)\|[^|]*\|([^|]*)\|([^|]*)\|[^|]*\|$", README, re.MULTILINE):
        names, latency, held = row
        for name in re.findall(r"`([^`]*)`", names):
            yield name, [int(n) for n in re.findall(r"\d+", latency)], [int(n) for n in re.findall(r"\d+", held)]


@pytest.mark.parametrize(("name", "latency", "held"), list(table()), ids=[name for name, *_ in table()])
def test_the_readme_says_what_the_stages_tell(name, latency, held, tmp_path):
    if name not in STAGES:
        pytest.skip(f"{name} is a source, plumbing, or needs a gated model")
    stages = [build(tmp_path) for build in STAGES[name]]
    if name.startswith(("tap", "merge")):
        return
    assert latency == [stage.latency for stage in stages[: len(latency)]]
    assert held == [stage.memory for stage in stages[: len(held)]]


def test_every_stage_of_the_package_is_in_the_table():
    names = {name.partition("(")[0] for name, *_ in table()}
    stages = {name for name in peanut.__all__ if is_stage(getattr(peanut, name))}
    assert stages - names <= {"Pipeline", "Stage", "SpandrelUpscaler", "BasicVSR"}


def is_stage(value):
    return isinstance(value, type) and issubclass(value, peanut.Stage)


@pytest.mark.parametrize(
    ("build", "presets"),
    [
        (peanut.MovingObjects, moving_objects.PRESETS),
        (peanut.FlowEraser, preset.PRESETS),
        (partial(peanut.NOFEraser, NETWORK, **CPU), nof_eraser.PRESETS),
    ],
    ids=["MovingObjects", "FlowEraser", "NOFEraser"],
)
def test_a_preset_only_fills_in_fields_that_can_be_given_by_themselves(build, presets):
    for name, values in presets.items():
        settings = attrs.asdict(values, recurse=False)
        assert {field: getattr(build(preset=name), field) for field in settings} == settings
        assert {field: getattr(build(**settings), field) for field in settings} == settings


@pytest.mark.parametrize(
    "build",
    [peanut.MovingObjects, peanut.FlowEraser, partial(peanut.Named, "dog"), partial(peanut.Phrase, "a dog")],
    ids=["MovingObjects", "FlowEraser", "Named", "Phrase"],
)
def test_an_unknown_preset_is_a_sentence(build):
    with pytest.raises(UsageError, match="preset must be 'quality' or 'fast', got 'fsat': did you mean 'fast'"):
        build(preset="fsat")
