"""Named finds what has a name: a photographed person, drawn twice, and a real one who walks past a bicycle."""

import weakref
from fractions import Fraction
from itertools import count, islice

import numpy as np
import pytest
from people import BLUE, RED, Box, Person, coverage, drawn, jaccard, masks_of, two_who_meet

import peanut
from peanut import UsageError


def test_all_persons_are_masked_and_little_else():
    frames, truths = two_who_meet()
    masks = masks_of(peanut.Named("person", preset="fast", grow=0), frames)
    assert min(coverage(masks, truth) for truth in truths) > 0.95
    assert jaccard(masks, truths.any(axis=0)) > 0.7


def test_what_is_not_there_is_not_masked():
    frames, _ = two_who_meet()
    out = list(peanut.Named("car", "dog", preset="fast")(iter(frames)))
    assert not any(frame.mask.any() for frame in out)
    assert all(new.image is old.image for new, old in zip(out, frames, strict=True))


def test_several_classes_are_their_union_and_a_box_has_no_name():
    frames, truths = drawn(Person(RED, 4, 1.6), Box(180, -2.6))
    masks = masks_of(peanut.Named("car", "person", preset="fast", grow=0), frames)
    assert coverage(masks, truths[0]) > 0.95
    assert coverage(masks, truths[1]) < 0.05


@pytest.mark.slow
def test_a_real_man_is_masked_and_the_bicycle_that_he_passes_is_not(bikes):
    """By hand, in frames reduced to 320x136: a place on his legs, and one on the bag of the parked bicycle."""
    frames = list(peanut.read(bikes, start=Fraction("7.48"), stop=Fraction("8.92"), max_size=320))
    assert frames[0].size == (136, 320)
    masks = masks_of(peanut.Named("person", preset="fast"), frames)
    for number, (x, y) in {0: (85, 40), 6: (105, 50), 12: (190, 54), 18: (240, 60), 24: (290, 48)}.items():
        assert masks[number, y - 3 : y + 4, x - 3 : x + 4].all(), number
    for number, (x, y) in {0: (175, 45), 24: (165, 48), 30: (165, 48)}.items():
        assert not masks[number, y - 8 : y + 9, x - 8 : x + 9].any(), number
    assert masks[:25].mean() > 0.1 > 0.01 > masks[32:].mean(), "he has gone"


def test_who_stands_still_is_cut_out_and_that_is_told():
    frames, (truth,) = drawn(Person(RED, 60), pan=0)
    run = iter(frames | peanut.Named("person", preset="fast", grow=0))
    masks = np.stack([frame.mask.numpy() for frame in run])
    assert coverage(masks, truth) > 0.6
    assert (masks & ~truth).mean() < 0.1
    (doubt,) = run.statistics.doubts
    assert "of what is masked stands still: cut out by its box and colors" in str(doubt)


def test_the_settings_do_what_they_say():
    frames, (truth,) = drawn(Person(RED, 4, 2.4), length=16)
    plain, grown = (masks_of(peanut.Named("person", preset="fast", grow=n), frames) for n in (0, 4))
    assert not (plain & ~grown).any()
    assert grown.sum() > 1.1 * plain.sum()
    assert not masks_of(peanut.Named("person", preset="fast", min_score=1.0), frames).any()
    assert coverage(masks_of(peanut.Named("person", preset="fast", every=15), frames), truth) > 0.9


def test_masks_made_before_are_replaced():
    frames, _ = drawn(Person(RED, 4, 2.4), length=3)
    all_masked = [frame.with_mask(frame.image[0] >= 0) for frame in frames]
    assert not masks_of(peanut.Named("car"), all_masked).any()


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: peanut.Named(), r'Named needs a class: Named\("person"\)\.'),
        (lambda: peanut.Named("person", "bicicle"), "no class called 'bicicle', did you mean 'bicycle'? Known: airpl"),
        (lambda: peanut.Named("person", every=0), r"Named: every must be at least 1, got 0\."),
        (lambda: peanut.Named("person", min_score=2), r"Named: min_score must be 0.1 to 1, got 2\."),
        (lambda: peanut.Named("person", grow=-1), r"Named: grow must be at least 0 or None, got -1\."),
        (lambda: peanut.Named("person", shadows=1), r"Named: shadows must be True or False, got 1\."),
        (
            lambda: peanut.Named("person", preset="fsat"),
            r"Named: preset must be 'quality' or 'fast', got 'fsat': did you mean 'fast'\?",
        ),
    ],
)
def test_a_mistake_is_one_sentence(build, sentence):
    with pytest.raises(UsageError) as error:
        build()
    assert sentence.replace("\\", "") in str(error.value)


def test_a_stream_without_an_end_comes_out_and_is_not_kept():
    alive = weakref.WeakSet()

    def endless():
        shown, _ = drawn(Person(BLUE, 4, 1), length=8, size=(36, 48))
        for index in count():
            frame = peanut.Frame.from_numpy(shown[index % 8].numpy(), index=index, time=Fraction(index, 25))
            alive.add(frame)
            yield frame
            del frame

    most = 0
    for frame in islice(peanut.Named("person", preset="fast")(endless()), 60):
        del frame
        most = max(most, len(alive))
    assert most <= peanut.Named.memory + 1
