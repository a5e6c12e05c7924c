"""Which mask is whose: one for all, by order, by number, sparse; too few and too many are seen before any work."""

import subprocess
from fractions import Fraction

import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner
from strategies import drain

import peanut
from peanut import Frame, UsageError
from peanut.cli import cli

SIZE, LENGTH = (16, 48), 20
CHOICES = (
    "missing='carry' keeps each mask until the next, missing='empty' leaves frames without one as they are "
    "(--missing-masks carry or empty)."
)


def mask_of(number):
    """A box whose place tells the number."""
    mask = np.zeros(SIZE, np.uint8)
    mask[4:12, 2 * number : 2 * number + 6] = 255
    return mask


def number_of(frame):
    """Which mask it has; None if it is empty."""
    columns = np.flatnonzero(frame.mask.numpy().any(axis=0))
    return int(columns[0]) // 2 if len(columns) else None


def folder_of(folder, numbers, name="{:04d}.png", shows=None):
    """Masks with `numbers` in their names; each shows that number, or its own in `shows`."""
    folder.mkdir()
    for number, shown in zip(numbers, shows or numbers, strict=True):
        assert cv2.imwrite(str(folder / name.format(number)), mask_of(shown))
    return folder


def video_of(path, numbers, fps=25, **settings):
    frames = [
        Frame.from_numpy(np.repeat(mask_of(shown)[..., None], 3, axis=2), index=n, time=Fraction(n, fps))
        for n, shown in enumerate(numbers)
    ]
    settings = settings or {"codec": "ffv1", "pixel_format": "gray"}
    (frames | peanut.write(path, **settings)).run(progress=False)
    return path


@pytest.fixture(scope="module", params=["clip.mp4", "clip.mkv", "folder"])
def clip(request, tmp_path_factory):
    """The frames to be cleaned: their number is in the container, is guessed from its length, or is that of files."""
    root = tmp_path_factory.mktemp("clip")
    if request.param == "folder":
        return folder_of(root / "frames", range(LENGTH))
    return video_of(root / request.param, range(LENGTH), crf=20)


def given(clip, path, **settings):
    """The number of the mask of every frame, or the sentence before any frame came."""
    start = {name: settings.pop(name) for name in ("start", "stop") if name in settings}
    out, error = drain(iter(peanut.read(clip, shots=False, **start) | peanut.masks(path, **settings)))
    if error is None:
        return [number_of(frame) for frame in out]
    assert (out, type(error)) == ([], UsageError)
    return str(error)


ALL = list(range(LENGTH))


def test_one_picture_is_the_mask_of_every_frame(clip, tmp_path, caplog):
    folder = folder_of(tmp_path / "masks", [0], "logo.png", shows=[3])
    assert given(clip, folder / "logo.png") == [3] * LENGTH
    assert caplog.messages == []
    assert given(clip, folder) == [3] * LENGTH
    assert caplog.messages == [f"{folder}: logo.png is the mask of every frame."]


def test_names_that_count_up_from_0_or_1_or_are_as_many_as_the_frames_are_in_order(clip, tmp_path, caplog):
    for first in (0, 1, 7, 1001, 86400):
        folder = folder_of(tmp_path / f"{first}", range(first, first + LENGTH), "take2_{:04d}_mask.png", shows=ALL)
        assert given(clip, folder) == ALL
    assert given(clip, folder_of(tmp_path / "words", "abcdefghijklmnopqrst", "{}.png", shows=ALL)) == ALL
    assert caplog.messages == []
    folder = folder_of(tmp_path / "short", range(1001, 1001 + LENGTH - 1), shows=ALL[:-1])
    assert given(clip, folder) == [*ALL[:-1], LENGTH - 2]
    assert caplog.messages[0] == f"{folder}: 1001.png to 1019.png are taken in order."


def test_numbers_that_begin_later_tell_the_frame_and_the_others_are_empty(clip, tmp_path, caplog):
    folder = folder_of(tmp_path / "masks", range(8, 14))
    assert given(clip, folder) == [None] * 8 + ALL[8:14] + [None] * 6
    assert caplog.messages[0] == (
        f"{folder}: 0008.png is the mask of frame 8, and so on by number;"
        " 14 of 20 frames have none and get an empty mask."
    )
    assert given(clip, folder, missing="carry") == [None] * 8 + ALL[8:14] + [13] * 6
    assert given(clip, folder, by="number") == [None] * 8 + ALL[8:14] + [None] * 6
    sentence = f"{folder} has 6 masks and {clip} 20 frames: too few; {CHOICES}"
    assert given(clip, folder, by="order") == sentence


def test_a_mask_that_is_missing_in_the_middle_moves_no_other(clip, tmp_path, caplog):
    folder = folder_of(tmp_path / "from0", [n for n in ALL if n != 9])
    assert given(clip, folder) == [*ALL[:9], None, *ALL[10:]]
    assert caplog.messages[0] == (
        f"{folder}: 0000.png is the mask of frame 0, and so on by number;"
        " 1 of 20 frames has none and gets an empty mask."
    )
    from_1 = folder_of(tmp_path / "from1", [n + 1 for n in ALL if n != 9], shows=[n for n in ALL if n != 9])
    assert given(clip, from_1) == [*ALL[:9], None, *ALL[10:]]
    (from_1 / "0020.png").unlink()
    assert given(clip, from_1) == (
        f"{from_1} has 0001.png to 0019.png with gaps, from 0 or from 1 is not clear; by='number' (--masks-by number)"
        " gives 0001.png to frame 1, the second one."
    )


def test_masks_of_every_nth_frame_are_refused_or_carried_on_by_choice(clip, tmp_path):
    folder = folder_of(tmp_path / "masks", range(0, LENGTH, 5), "{:05d}.png")
    named = "(00000.png, 00005.png, 00010.png, ...)"
    assert given(clip, folder) == f"{folder} has one mask for 5 frames {named}: {CHOICES}"
    assert given(clip, folder, by="number") == f"{folder} has one mask for 5 frames {named}: {CHOICES}"
    assert given(clip, folder, missing="carry") == [5 * (n // 5) for n in ALL]
    assert given(clip, folder, missing="empty") == [n if n % 5 == 0 else None for n in ALL]


def test_numbers_that_are_none_of_the_frames_are_refused(clip, tmp_path):
    folder = folder_of(tmp_path / "masks", range(101, 111), shows=range(10))
    assert given(clip, folder) == (
        f"{folder} has 0101.png to 0110.png, which are no numbers of the 20 frames; by='order' (--masks-by order) gives"
        " 0101.png to frame 0."
    )
    with pytest.raises(UsageError, match=r"masks: by must be None, 'order' or 'number', got 'name'"):
        peanut.masks(folder, by="name")
    with pytest.raises(UsageError, match=r"masks: missing must be None, 'empty' or 'carry', got 'skip'\."):
        peanut.masks(folder, missing="skip")


def test_where_nobody_knows_how_many_frames_come_later_numbers_are_refused(tmp_path):
    folder = folder_of(tmp_path / "masks", range(8, 14))
    frames = [Frame(index=n, time=Fraction(n), image=torch.zeros(3, *SIZE, dtype=torch.uint8)) for n in range(14)]
    _, error = drain(iter(frames | peanut.masks(folder)))
    assert str(error) == (
        f"{folder} has 0008.png to 0013.png, and how many frames come is not known: by='order' (--masks-by order) gives"
        " 0008.png to frame 0, by='number' to frame 8."
    )
    out = list(frames | peanut.masks(folder, by="number"))
    assert [number_of(frame) for frame in out] == [None] * 8 + list(range(8, 14))


def test_names_without_numbers_cannot_go_by_number(clip, tmp_path):
    folder = folder_of(tmp_path / "masks", "ab", "{}.png", shows=[0, 1])
    sentence = f"{folder}: its names have no numbers that differ; by='order' (--masks-by order) takes them so."
    assert given(clip, folder, by="number") == sentence


@pytest.mark.parametrize("kind", ["folder", "video"])
def test_too_few_masks_are_refused_at_the_first_frame_and_one_or_two_forgiven(kind, clip, tmp_path, caplog):
    def masks(count):
        if kind == "folder":
            return folder_of(tmp_path / f"{count}", range(count))
        return video_of(tmp_path / f"{count}.mkv", range(count))

    for count in (LENGTH - 1, LENGTH - 2):
        path = masks(count)
        assert given(clip, path) == ALL[:count] + [count - 1] * (LENGTH - count)
        assert caplog.messages == [f"{path} has {count} masks and {clip} 20 frames: the last mask will be repeated."]
        caplog.clear()
    path = masks(LENGTH - 3)
    assert given(clip, path) == f"{path} has 17 masks and {clip} 20 frames: too few; {CHOICES}"
    assert given(clip, path, missing="carry") == [*ALL[:-3], 16, 16, 16]
    assert given(clip, path, missing="empty") == [*ALL[:-3], None, None, None]
    path = masks(1)
    assert given(clip, path) == (
        f"{path} has 1 mask and {clip} 20 frames: give the picture itself for the same mask in all frames; {CHOICES}"
    )


def test_more_masks_than_frames_are_told(clip, tmp_path, caplog):
    path = folder_of(tmp_path / "masks", range(LENGTH + 5), shows=[n % LENGTH for n in range(LENGTH + 5)])
    assert given(clip, path) == ALL
    assert caplog.messages == [f"{path} has 25 masks and {clip} 20 frames: the last 5 masks are not used."]


def test_a_part_of_the_video_needs_its_own_masks_alone(clip, tmp_path, caplog):
    part = {"start": Fraction(4, 25), "stop": Fraction(10, 25)}
    assert given(clip, folder_of(tmp_path / "whole", ALL), **part) == ALL[4:10]
    assert given(clip, folder_of(tmp_path / "begin", ALL[:10]), **part) == ALL[4:10]
    assert caplog.messages == []
    made = tmp_path / "made"
    reading = peanut.read(clip, **part, shots=False) | peanut.masks(tmp_path / "whole")
    (reading | peanut.write_masks(f"{made}/")).run(progress=False)
    assert given(clip, made, **part) == ALL[4:10]
    assert caplog.messages == [f"{made}: 000004.png is the mask of frame 4, and so on by number."]


@pytest.mark.parametrize(("numbers", "rate"), [(ALL[::2], "25/2"), (sorted(ALL * 2), "50")], ids=["half", "double"])
def test_a_masks_video_of_another_rate_is_refused_and_what_is_said_works(numbers, rate, tmp_path):
    clip = video_of(tmp_path / "clip.mp4", ALL, crf=20)
    path = video_of(tmp_path / "masks.mkv", numbers)
    said = given(clip, path)
    begin = f"{path} has {len(numbers)} masks and {clip} 20 frames"
    assert said.startswith(begin)
    assert "half as many" in said
    command = said.split("`")[1]
    assert command == f"ffmpeg -r {rate} -i {path} -vf fps=25:round=up -frames:v 20 -c:v ffv1 all-masks.mkv"
    subprocess.run([*command.split(), "-v", "error"], cwd=tmp_path, check=True)
    assert given(clip, tmp_path / "all-masks.mkv") == (ALL if rate == "50" else [n - n % 2 for n in ALL])
    half = folder_of(tmp_path / "half", range(LENGTH // 2))
    assert given(clip, half) == (
        f"{half} has 10 masks and {clip} 20 frames: with half as many they would fall on wrong frames. Name each by the"
        " number of its frame; missing='carry' (--missing-masks carry) gives it to the next, too."
    )


def test_the_command_line_has_it_all(tmp_path):
    clip = video_of(tmp_path / "clip.mp4", [15] * LENGTH, crf=10)
    logo = folder_of(tmp_path / "logo", [0], "logo.png", shows=[15]) / "logo.png"
    sparse = folder_of(tmp_path / "sparse", range(0, LENGTH, 5), shows=[15] * 4)
    labels = tmp_path / "labels"
    labels.mkdir()
    for number in range(LENGTH):
        assert cv2.imwrite(str(labels / f"{number}.png"), mask_of(15) // 255 * 2 + mask_of(3) // 255)

    def erase(*words):
        out = tmp_path / "out.mp4"
        whole = ["erase", str(clip), "-o", str(out), "--overwrite", "--model", "perframe", *map(str, words)]
        done = CliRunner().invoke(cli, whole)
        if done.exception is not None:
            return str(done.exception)
        return [bool((frame.image > 127).any()) for frame in peanut.read(out, shots=False)]

    assert erase("--masks", logo, "--grow", 2) == [False] * LENGTH
    assert erase("--masks", labels, "--object", 2, "--grow", 2) == [False] * LENGTH
    assert erase("--masks", labels, "--object", 1) == [True] * LENGTH
    assert erase("--masks", sparse, "--missing-masks", "carry", "--grow", 2) == [False] * LENGTH
    assert erase("--masks", sparse, "--masks-by", "order").startswith(f"{sparse} has 4 masks and {clip} 20 frames")
    assert erase("--moving", "--object", 2) == "--object, --masks-by and --missing-masks go with --masks alone."
