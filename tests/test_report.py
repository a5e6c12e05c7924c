"""What a run says of itself: doubts in sentences and as a page."""

import re
from fractions import Fraction
from itertools import pairwise

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from stand_ins import narrow_e2fgvi
from strategies import Breaks, breaking, make_frames

import peanut
from peanut import Frame, UsageError, stage
from peanut.doubts import MOST, NEAR, Doubts


def frame(index, **changes):
    return Frame(index=index, time=Fraction(index, 25), image=torch.zeros(3, 4, 6, dtype=torch.uint8), **changes)


@stage
def unsure(frames, of, share=0.5):
    for one in frames:
        if one.index in of:
            frames.doubts.add("of what was masked is made up", one, share)
        yield one


def test_a_doubt_is_told_in_frames_and_times():
    statistics = (make_frames([60]) | unsure(of=range(12, 37), share=0.38)).run(progress=False)
    assert statistics.unsure == "38 % of what was masked is made up in frames 12 to 36 (0:00.5 to 0:01.4): look there."
    assert str(statistics).endswith(statistics.unsure)
    assert [(one.first, one.last, one.worst) for one in statistics.doubts] == [(12, 36, 0.38)]


def test_doubts_of_branches_are_told_too():
    inner = unsure(of=[3])
    statistics = (make_frames([9]) | peanut.merge(None, inner) | peanut.tap(inner)).run(progress=False)
    assert [doubt.first for doubt in statistics.doubts] == [3, 3]


@given(st.sets(st.integers(0, 10_000), min_size=1), st.floats(0.01, 1))
def test_every_doubtful_frame_is_in_one_stretch_and_few_others(indices, share):
    doubts = Doubts()
    for index in sorted(indices):
        doubts.add("x", frame(index), share)
    stretches = sorted(doubts, key=lambda doubt: doubt.first)
    assert len(stretches) <= MOST
    if len(stretches) < MOST:
        assert sum(doubt.frames for doubt in stretches) == len(indices)
        assert all(any(doubt.first <= index <= doubt.last for doubt in stretches) for index in indices)
    for one, after in pairwise(stretches):
        assert after.first - one.last > NEAR


def test_what_is_remembered_is_bounded_and_the_worst_is_kept():
    doubts = Doubts()
    for number in range(3 * MOST):
        doubts.add("x", frame(100 * number), 1.0 if number == 5 else 0.1)
    assert len(list(doubts)) == MOST
    assert next(iter(doubts)).first == 500


@pytest.mark.parametrize(
    ("fill", "sentence"),
    [(False, "the masks of all 3 frames were empty: nothing was removed"), (True, "cover the whole picture")],
)
def test_masks_that_say_nothing_are_told(fill, sentence):
    doubts = Doubts()
    for _ in range(3):
        doubts.add_mask(torch.full((4, 6), fill))
    assert sentence in doubts.about_masks
    doubts.add_mask(torch.tensor([[True, False]]))
    assert doubts.about_masks == ""


def test_the_page_shows_the_worst_frames_first_before_and_after(tmp_path):
    def invented(one):
        origin = torch.zeros(one.size, dtype=torch.int16)
        origin[: 1 + (one.index == 40) + (one.index == 41), :] = -1 if one.index >= 20 else 3
        return one.with_image(255 - one.image).with_layer("filled_from", origin)

    page = tmp_path / "report.html"
    pipeline = make_frames([60]) | peanut.remember() | peanut.map(invented) | unsure(of=[40]) | peanut.report(page)
    statistics = pipeline.run(progress=False)
    text = page.read_text()
    shown = [int(number) for number in re.findall(r"<figcaption>frame (\d+)", text)]
    assert shown[0] in (40, 41)
    assert min(shown) >= 20
    assert all(abs(a - b) >= 12 for a in shown for b in shown if a != b)
    assert text.count('alt="before"') == text.count('alt="after"') == len(shown)
    assert "of what was masked is made up" in text
    assert "unsure(of=[40])" in text
    assert len(statistics.stages) == 5


def test_the_page_is_written_when_the_run_fails(tmp_path):
    page = tmp_path / "report.html"
    with pytest.raises(peanut.StageError) as failed:
        (breaking(make_frames([9]), 5) | peanut.report(page)).run(progress=False)
    assert isinstance(failed.value.__cause__, Breaks)
    assert "5" in page.read_text()


def test_a_page_that_cannot_be_written_is_said_before_anything_is_computed(tmp_path):
    with pytest.raises(UsageError, match=r"report: .*nowhere.* cannot be written"):
        (make_frames([9]) | peanut.report(tmp_path / "nowhere" / "page.html")).run(progress=False)


def test_names_of_stages_are_text_on_the_page(tmp_path):
    page = tmp_path / "report.html"
    (make_frames([3]) | peanut.map(lambda one: one) | peanut.report(page)).run()
    assert "map(&lt;lambda&gt;)" in page.read_text()


def square(index, at, size=(48, 64)):
    """A frame of a still, drawn background with a hole at the column `at`."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    mask = np.zeros(size, bool)
    mask[16:32, at : at + 16] = True
    return Frame.from_numpy(image, index=index, mask=mask)


ERASERS = {
    "flow": lambda: peanut.FlowEraser(preset="fast"),
    "nof": lambda: peanut.NOFEraser(narrow_e2fgvi(), lookahead=3, neighbor_stride=2, device="cpu", dtype=torch.float32),
}


@pytest.mark.parametrize("name", ERASERS)
def test_a_hole_that_stands_still_is_told_and_one_that_wanders_is_not(name, one_thread):
    size = (60, 108)
    still = ([square(n, 20, size) for n in range(30)] | ERASERS[name]()).run(progress=False)
    assert "100 % of what was masked is masked in every frame of the window in frames 0 to 29" in still.unsure
    wandering = ([square(n, 5 * n, size) for n in range(18)] | ERASERS[name]()).run(progress=False)
    assert "masked in every frame" not in wandering.unsure


def test_what_is_invented_is_told_with_its_share():
    statistics = ([square(n, 20) for n in range(30)] | peanut.FlowEraser(preset="fast")).run(progress=False)
    assert "100 % of what was masked is invented: no frame shows it in frames 0 to 29 (0:00.0 to 0:01.2)" in str(
        statistics
    )


@pytest.mark.slow
def test_what_stops_and_stays_is_told():
    """A drawn square walks before a drawn wall, and stops."""
    rng = np.random.default_rng(0)
    wall, coat = (rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((120, 160), (30, 24)))

    def frame(number):
        image = cv2.GaussianBlur(wall, (5, 5), 0)
        at = 8 + 3 * min(number, 25)
        image[50:80, at : at + 24] = cv2.GaussianBlur(coat, (5, 5), 0)
        return Frame.from_numpy(image, index=number)

    def unsure(length, **settings):
        frames = [frame(number) for number in range(length)]
        return (frames | peanut.MovingObjects(min_area=0, **settings)).run(progress=False).unsure

    assert "stopped" not in unsure(26, remember=0)
    assert "of what moved stopped and is not masked any more" in unsure(70, remember=0)
    assert "stopped" not in unsure(70, remember=60)


def test_no_video_is_replaced_by_a_page(tmp_path):
    with pytest.raises(UsageError, match=r"a page is written to NAME\.html, got '.*street\.mp4'"):
        peanut.report(tmp_path / "street.mp4")
