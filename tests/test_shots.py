"""Shots: cuts at the frame where they happen."""

from fractions import Fraction
from weakref import WeakSet

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from strategies import make_frames

import peanut
from peanut import Frame, UsageError


def noise(seed: int, size=(24, 32)) -> torch.Tensor:
    """A picture that is nothing like that of any other seed: a bright color of its own under a little noise."""
    random = np.random.default_rng(seed)
    base = torch.tensor([0, 90, 180]).roll(seed) + (60 if seed % 2 else 0)
    return (base.reshape(3, 1, 1) + torch.from_numpy(random.integers(0, 8, (3, *size)))).to(torch.uint8)


def scenes(lengths, shot=0, sizes=None) -> list[Frame]:
    """One scene after the other; all frames say they are in `shot`."""
    pictures = [
        noise(scene, (24, 32) if sizes is None else sizes[scene])
        for scene, length in enumerate(lengths)
        for _ in range(length)
    ]
    return [Frame(index=n, time=Fraction(n, 25), image=image, shot=shot) for n, image in enumerate(pictures)]


def numbers(frames) -> list[int]:
    return [frame.shot for frame in frames]


def expected(lengths, first=0) -> list[int]:
    return [first + scene for scene, length in enumerate(lengths) for _ in range(length)]


LENGTHS = st.lists(st.integers(1, 6), max_size=6)


@given(lengths=LENGTHS, first=st.integers(0, 3))
@example(lengths=[], first=0)
@example(lengths=[1, 1, 1, 1], first=2)
def test_a_cut_is_known_at_its_frame_however_short_the_shots(lengths, first):
    assert numbers(scenes(lengths, shot=first) | peanut.shots()) == expected(lengths, first)


@given(lengths=LENGTHS)
def test_finding_shots_twice_changes_nothing(lengths):
    once = list(scenes(lengths) | peanut.shots())
    assert numbers(once | peanut.shots()) == numbers(once)


@given(lengths=st.lists(st.integers(1, 4), min_size=1, max_size=4), found=LENGTHS)
def test_cuts_that_the_frames_tell_of_stay_cuts(lengths, found):
    frames = make_frames(lengths)  # grey of one level more each frame: nothing for the detector
    assert numbers(frames | peanut.shots()) == numbers(frames)


@pytest.mark.parametrize("size", [(24, 40), (40, 24), (1, 3000), (3000, 1), (1, 1), (700, 900)])
def test_a_change_of_size_starts_a_shot_and_every_size_is_taken(size):
    grey = [torch.full((3, *s), 100, dtype=torch.uint8) for s in [(24, 32)] * 3 + [size] * 3 + [(24, 32)]]
    frames = [Frame(index=n, time=Fraction(n, 25), image=image) for n, image in enumerate(grey)]
    assert numbers(frames | peanut.shots()) == [0, 0, 0, 1, 1, 1, 2]


def test_a_change_of_size_that_is_a_cut_too_starts_one_shot():
    assert numbers(scenes([2, 2, 2], sizes=[(24, 32), (32, 48), (32, 48)]) | peanut.shots()) == [0, 0, 1, 1, 2, 2]


def test_what_moves_and_what_grows_brighter_is_no_cut():
    texture = noise(0, (90, 400)).to(torch.int16) + torch.randint(0, 40, (3, 90, 400), dtype=torch.int16)
    frames = [
        Frame(index=n, time=Fraction(n, 25), image=(texture[:, :, 4 * n : 4 * n + 120] + n).to(torch.uint8))
        for n in range(40)
    ]
    assert set(numbers(frames | peanut.shots())) == {0}


def test_a_higher_threshold_finds_less():
    frames = scenes([3, 3])
    assert numbers(frames | peanut.shots(threshold=250)) == [0] * 6


def test_only_the_shot_changes():
    frame = make_frames([1])[0].with_layer("confidence", torch.rand(4, 6))
    (out,) = [frame] | peanut.shots()
    assert (out.image is frame.image, out.mask is frame.mask) == (True, True)
    assert (out.index, out.time, out.layers.keys()) == (frame.index, frame.time, frame.layers.keys())


def test_a_frame_comes_out_before_the_next_is_asked_for_and_none_is_held():
    asked, alive = [], WeakSet()

    def frames():
        for number in range(30):
            asked.append(number)
            frame = Frame(index=number, time=Fraction(number), image=noise(number // 5))
            alive.add(frame)
            yield frame
            del frame

    for out in peanut.shots()(frames()):
        assert out.index == asked[-1]
        assert len(alive) <= 2  # the one that went in and the one that came out are of one picture


def test_one_stage_serves_two_runs_at_once():
    stage = peanut.shots()
    a, b = iter(stage(iter(scenes([2, 2])))), iter(stage(iter(scenes([1, 1, 1, 1]))))
    pairs = [(x.shot, y.shot) for x, y in zip(a, b, strict=True)]
    assert pairs == [(0, 0), (0, 1), (1, 2), (1, 3)]


@pytest.mark.parametrize("threshold", [0, -3, float("nan")])
def test_a_threshold_that_finds_cuts_everywhere_is_refused(threshold):
    with pytest.raises(UsageError, match="shots: threshold must be above 0, got"):
        peanut.shots(threshold=threshold)


def test_a_fast_pan_is_no_cut_and_a_cut_within_it_is_one():
    random = np.random.default_rng(0)
    walls = [
        np.kron(random.integers(0, 256, (3, 18, 160), dtype=np.uint8), np.ones((1, 8, 8), np.uint8)) for _ in range(2)
    ]
    pan = [walls[n // 15][:, :, 12 * n : 12 * n + 240] for n in range(30)]
    frames = [Frame(index=n, time=Fraction(n, 25), image=torch.from_numpy(image.copy())) for n, image in enumerate(pan)]
    assert numbers(frames | peanut.shots()) == expected([15, 15])
