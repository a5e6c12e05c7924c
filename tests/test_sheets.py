"""Sheets: which frames are shown, where, in which colors; and what is the same before and after stands still."""

import gc
import logging
import weakref
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from strategies import make_frames

import peanut
from peanut import Frame, UsageError
from peanut.sheets.streams import chosen
from peanut.vision.lettering import SIZE, caption, letter

STRIP = SIZE + 6
"""Height of a line of text."""
TWO = ("{video}", "{video}", "--title", "a", "--title", "b")


def flat(level, index=0, size=(20, 40), **more):
    image = torch.full((3, *size), level, dtype=torch.uint8)
    return Frame(index=index, time=Fraction(index, 25), image=image, **more)


def levels(count, size=(20, 40)):
    return [flat(10 * number, number, size) for number in range(count)]


def shown_levels(image, height, width, gap=4, top=0):
    """The level in the middle of each image of a sheet, row by row."""
    rows = range(top + STRIP + height // 2, image.shape[1], STRIP + height + gap)
    return [[int(image[0, y, x]) for x in range(width // 2, image.shape[2], width + gap)] for y in rows]


@given(st.integers(1, 200), st.integers(1, 12))
@example(1, 6)
@example(24, 6)
def test_frames_are_spread_evenly_over_a_stream_of_any_length(length, wanted):
    drawn = chosen("x", {"": make_frames([length])}, None, wanted, lambda frames: frames[0].index)
    assert len(drawn) == min(length, wanted)
    assert drawn[0] == 0
    steps = np.diff([*drawn, length])
    assert steps.min() >= 1
    assert steps.max() <= 2 * max(1, length / wanted) + 1


@given(st.integers(1, 60), st.integers(1, 9), st.none() | st.integers(1, 9))
def test_every_nth_frame_is_shown_and_nothing_behind_the_last_is_read(length, every, most):
    frames = iter(make_frames([length]))
    drawn = chosen("x", {"": frames}, every, most, lambda frames: frames[0].index)
    assert drawn == list(range(0, length, every))[:most]
    if most is not None and len(drawn) == most:
        assert next(frames, None) is None or drawn[-1] == most * every - every
        assert len(list(frames)) == max(0, length - drawn[-1] - 2)


def test_one_stream_fills_rows_and_columns():
    image = peanut.sheet(levels(7), every=1, columns=3, width=40)
    assert image.dtype == torch.uint8
    assert shown_levels(image, 20, 40) == [[0, 10, 20], [30, 40, 50], [60, 255, 255]]


def test_streams_stand_side_by_side_at_one_width(caplog):
    """Whatever their sizes and lengths; the log says which one ended first."""
    large = [flat(200 + number, number, (40, 80)) for number in range(9)]
    with caplog.at_level(logging.WARNING):
        image = peanut.sheet({"small": levels(3), "large": iter(large)}, every=1, width=40)
    assert shown_levels(image, 20, 40, top=STRIP + 4) == [[0, 200], [10, 201], [20, 202]]
    assert "sheet ends with 'small', after 3 frames; the others go on." in caplog.text


def test_titles_numbers_and_times_are_written():
    def strip(image, row):
        return image[:, row : row + STRIP, :160].permute(1, 2, 0).numpy()

    image = peanut.sheet({"a clip": [flat(0, 187)]}, width=160)
    assert np.array_equal(strip(image, 0), caption("a clip", 160))
    assert np.array_equal(strip(image, STRIP + 4), caption("187    0:07.5", 160))
    assert not np.array_equal(caption("187", 160), caption("181", 160))


@pytest.mark.parametrize("width", [1, 7, 20, 60])
def test_what_is_too_long_for_a_strip_is_cut(width):
    strip = caption("a title that is much longer than the image below it", width)
    assert strip.shape == (STRIP, width, 3)
    assert (strip[:, -2:] == 255).all()


def masked(index=0, size=(60, 80), **masks):
    """A frame with objects in the columns given."""
    objects = {}
    for name, columns in masks.items():
        layer = torch.zeros(size, dtype=torch.bool)
        layer[:, slice(*columns)] = True
        objects[f"object: {name}"] = layer
    union = torch.stack(list(objects.values())).any(dim=0)
    return flat(100, index, size, mask=union, layers=objects)


def test_an_object_keeps_its_color_over_the_stream_and_no_two_share_one():
    first, then = masked(0, dog=(0, 30), cat=(40, 60)), masked(1, cat=(0, 20), dog=(50, 80))
    a, b = (frame.image for frame in [first, then] | peanut.overlay(objects=True))
    assert a[:, 0, 0].tolist() == b[:, 0, 79].tolist() != a[:, 0, 41].tolist() == b[:, 0, 0].tolist()
    assert a[:, 0, 79].tolist() == [100] * 3
    names = [str(number) for number in range(12)]
    many = masked(**{name: (6 * k, 6 * k + 6) for k, name in enumerate(names)})
    (image,) = (frame.image for frame in [many] | peanut.overlay(objects=True))
    assert len({tuple(image[:, 0, 6 * k].tolist()) for k in range(12)}) == 12


def test_what_is_masked_besides_the_objects_keeps_the_one_color():
    frame = masked(dog=(0, 30))
    frame = frame.with_mask(torch.ones(60, 80, dtype=torch.bool))
    (both,) = [frame] | peanut.overlay(color=(0, 0, 200), objects=True)
    (plain,) = [frame] | peanut.overlay(color=(0, 0, 200))
    assert both.image[:, 0, 79].tolist() == [50, 50, 150] == plain.image[:, 0, 0].tolist()
    assert both.image[:, 0, 0].tolist() != [50, 50, 150]
    assert (plain.image == plain.image[:, :1, :1]).all()


def test_of_an_object_only_what_is_masked_is_tinted():
    frame = masked(dog=(0, 30), cat=(40, 60))
    (shown,) = [frame.with_mask(frame.layers["object: dog"])] | peanut.overlay(objects=True)
    assert (shown.image[:, :, 31:] == 100).all()
    assert shown.image[:, 0, 0].tolist() != [100] * 3


def test_names_are_written_inside_the_image():
    image = np.zeros((30, 60, 3), np.uint8)
    for at in ((0, 0), (59, 29), (30, 15), (-50, 400)):
        drawn = letter(image, "dog", at)
        assert (drawn > 120).all(axis=2).sum() > 10
    assert not image.any()


def test_masks_and_layers_beside_the_image():
    share = torch.full((20, 40), 0.5)
    flow = torch.zeros(2, 20, 40)
    mask = torch.zeros(20, 40, dtype=torch.bool)
    frame = flat(100, mask=mask, layers={"before": flat(30).image, "sure": share, "flow": flow, "hole": ~mask})
    image = peanut.sheet([frame], layers=("image", "masks", "before", "sure", "flow", "hole"), width=40)
    assert shown_levels(image, 20, 40, top=STRIP + 4) == [[100, 100, 30, 128, 255, 255]]


def test_each_stream_shows_the_layers_that_it_has():
    with_mask = flat(100, mask=torch.zeros(20, 40, dtype=torch.bool))
    image = peanut.sheet({"plain": [flat(50)], "masked": [with_mask]}, layers=("image", "masks"), width=40)
    assert shown_levels(image, 20, 40, top=STRIP + 4) == [[50, 100, 100]]


def test_a_picture_is_written_and_read_again(tmp_path):
    image = peanut.sheet(levels(3), path=tmp_path / "sheet.png")
    assert np.array_equal(np.array(Image.open(tmp_path / "sheet.png")), image.permute(1, 2, 0).numpy())
    with pytest.raises(UsageError, match="exists already; overwrite=True"):
        peanut.sheet(levels(3), path=tmp_path / "sheet.png")
    peanut.sheet(levels(1), path=tmp_path / "sheet.png", overwrite=True)
    assert [entry.name for entry in tmp_path.iterdir()] == ["sheet.png"]


def test_a_picture_that_is_read_is_never_replaced(tmp_path):
    (levels(2) | peanut.write(f"{tmp_path}/frames/")).run(progress=False)
    first = sorted((tmp_path / "frames").iterdir())[0]
    with pytest.raises(UsageError, match="what this run reads"):
        peanut.sheet(tmp_path / "frames", path=first, overwrite=True)


def test_a_video_is_never_held():
    alive, most = weakref.WeakSet(), 0

    def frames():
        nonlocal most
        for number in range(300):
            frame = flat(number % 250, number)
            alive.add(frame)
            most = max(most, len(alive))
            yield frame
            del frame
        gc.collect()

    peanut.sheet(frames(), rows=2, columns=1)
    assert most <= 3


@pytest.mark.parametrize(
    ("shown", "how", "sentence"),
    [
        ([], {}, "sheet: no frame came from"),
        ({}, {}, "sheet: there is nothing to show"),
        ("nowhere.mp4", {}, "nowhere.mp4"),
        (7.5, {}, "sheet shows a path, frames, or a pipeline that begins with read"),
        (peanut.grow(1) | peanut.grow(2), {}, "sheet shows a path, frames, or a pipeline that begins with read"),
        ([1, 2], {}, "sheet shows frames, got int: Frame.from_numpy makes one"),
        (peanut.read(0), {"every": 5}, "is live and has no end: give both every and rows"),
        (peanut.read("rtsp://camera/1"), {"rows": 5}, "is live and has no end: give both every and rows"),
        (levels(1), {"layers": ("befor",)}, "no layer called 'befor'. Known: image."),
        (levels(1), {"layers": ()}, "sheet: layers is empty"),
        (levels(1), {"layers": ("masks",)}, "no layer called 'masks'"),
        (levels(1), {"every": 0}, "sheet: every must be a whole number from 1 on, got 0."),
        (levels(1), {"rows": 1.5}, "sheet: rows must be a whole number from 1 on, got 1.5."),
        (make_frames([1001]), {"every": 1}, "sheet: every=1 gives more than 1000 images"),
        (levels(1), {"path": "sheet.gif"}, "sheet: sheet.gif must end in .png or .jpg"),
        (levels(1), {"path": "no/such/folder/sheet.png"}, "there is no folder"),
        ([flat(0, layers={"x": torch.zeros(5, 20, 40)})], {"layers": "x"}, "the layer 'x' is torch.float32"),
    ],
)
def test_a_mistake_is_a_sentence(shown, how, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as told:
        peanut.sheet(shown, **how)
    assert sentence in str(told.value)


def noise(count):
    random = np.random.default_rng(1)
    return [Frame.from_numpy(random.integers(0, 256, (30, 48, 3), np.uint8), index=n) for n in range(count)]


def test_what_is_the_same_before_and_after_stands_still(tmp_path):
    before = noise(3)
    after = [frame.with_image(torch.cat([frame.image[:, :15], 255 - frame.image[:, 15:]], dim=1)) for frame in before]
    peanut.blink(before, after, tmp_path / "blink.gif", every=1, width=48, seconds=0.25)
    gif = Image.open(tmp_path / "blink.gif")
    assert gif.n_frames == 3 * 3 * 2
    shown = []
    for number in range(gif.n_frames):
        gif.seek(number)
        assert gif.info["duration"] == 250
        shown.append(np.array(gif.convert("RGB")).astype(int))
    for one, other in zip(shown[::2], shown[1::2], strict=True):
        assert np.array_equal(one[STRIP : STRIP + 15], other[STRIP : STRIP + 15])
        assert abs(one[STRIP + 15 :] - other[STRIP + 15 :]).mean() > 40
    assert np.array_equal(shown[0], shown[2])


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"path": "x.png"}, "blink: x.png must end in .gif"),
        ({"titles": ("a", "a")}, "blink: the titles must differ"),
        ({"seconds": 0}, "blink: seconds must be 0.02 to 60, got 0."),
        ({"width": -1}, "blink: width must be a whole number from 1 on, got -1."),
    ],
)
def test_a_mistake_in_a_comparison_is_a_sentence(how, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as told:
        peanut.blink(noise(1), noise(1), **{"path": "x.gif", **how})
    assert sentence in str(told.value)
    assert not list(tmp_path.iterdir())


def test_the_command(run, walker, tmp_path):
    sheet, gif = tmp_path / "sheet.png", tmp_path / "blink.gif"
    words = "sheet", walker.video, walker.video, "--title", "a", "--title", "b", "-o", sheet, "--masks", walker.masks
    told = run(*words, "--every", 10, "--width", 100, "--blink", gif)
    assert (told.returncode, told.stdout) == (0, f"{sheet}\n{gif}\n"), told.stderr
    picture = np.array(Image.open(sheet))
    assert picture.shape == (STRIP + 3 * (4 + STRIP + 56), 3 * 100 + 2 * 4, 3)
    tinted = picture[:, 104:204].astype(int) - picture[:, :100]
    assert (tinted[..., 0] > 40).mean() > 0.02
    assert Image.open(gif).n_frames >= 6


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("{video}", "-o", "s.png", "--blink", "b.gif"), "--blink compares two videos"),
        (("{video}", "{video}", "-o", "s.png"), "is there twice: --title tells them apart"),
        (("{video}", "-o", "s.png", "--title", "a", "--title", "b"), "--title is given 2 times for 1 IN"),
        (("{video}", "-o", "s.mp4"), "s.mp4 must end in .png or"),
        (("{video}", "-o", "s.png", "--every", "0"), "--every"),
        (("-o", "s.png"), "Missing argument"),
        (("0", "-o", "s.png"), "is live and has no end"),
        ((*TWO, "-o", "s.png", "--blink", "b.png"), "--blink: b.png must end in .gif."),
        ((*TWO, "-o", "s.png", "--blink", "no/b.gif"), "no/b.gif cannot be written: there is no folder"),
    ],
)
def test_a_mistake_of_the_command_is_a_sentence_and_status_2(words, sentence, run, walker, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = run("sheet", *(word.format(video=walker.video) for word in words))
    assert told.returncode == 2
    assert sentence in told.stderr
    assert not list(tmp_path.iterdir())


def test_grey_layers_are_shown_as_those_of_p_mask_are():
    frame = flat(10).with_layer("confidence", torch.full((20, 40), 200, dtype=torch.uint8))
    assert shown_levels(peanut.sheet([frame], layers="confidence", width=40), 20, 40) == [[200]]


def test_where_it_is_not_known_what_is_masked_the_image_is_shown():
    masked = flat(10).with_mask(torch.zeros(20, 40, dtype=torch.bool))
    image = peanut.sheet([masked, flat(20, 1)], layers=("image", "masks"), width=40)
    assert shown_levels(image, 20, 40, top=STRIP + 4) == [[10, 10], [20, 20]]


@pytest.mark.parametrize(("name", "side"), [("tall.webp", 16383), ("tall.jpg", 65500)])
def test_a_sheet_larger_than_its_format_holds_is_refused_and_leaves_nothing(name, side, tmp_path):
    rows = side // 400 + 1
    frames = (flat(10, number, (380, 10)) for number in range(rows))
    with pytest.raises(UsageError, match=rf"sheet: .*{name} would be 10x\d+, and \.\w+ holds at most {side} pixels"):
        peanut.sheet(frames, every=1, columns=1, width=10, path=tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_file_that_frames_come_from_and_that_is_missing_is_not_taken_for_the_sheet(tmp_path):
    def frames():
        yield flat(10)
        raise FileNotFoundError("the source")

    with pytest.raises(FileNotFoundError, match="the source"):
        peanut.sheet(frames(), path=tmp_path / "sheet.png")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"width": None}, "width must be 1 to 8192, got None"),
        ({"width": 10**6}, "width must be 1 to 8192, got 1000000"),
        ({"layers": 3}, r"layers must be names, such as \('image', 'masks'\), got 3"),
        ({"path": 3}, "3 must end in .png"),
    ],
)
def test_settings_of_a_sheet_that_are_none(wrong, said):
    with pytest.raises(UsageError, match=f"sheet: {said}"):
        peanut.sheet(levels(2), **wrong)


@pytest.mark.parametrize("wrong", [{"titles": ("a",)}, {"titles": 3}, {"seconds": "a"}, {"width": None}])
def test_settings_of_a_comparison_that_are_none(wrong, tmp_path):
    with pytest.raises(UsageError, match=f"blink: {next(iter(wrong))} must be"):
        peanut.blink(levels(2), levels(2), tmp_path / "blink.gif", **wrong)


def test_an_image_too_tall_for_its_width_is_refused():
    with pytest.raises(UsageError, match="an image of 8000x800000 is too large for a sheet"):
        peanut.sheet([flat(10, size=(1000, 10))], width=8000)
