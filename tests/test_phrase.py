"""Phrase masks what a sentence means, among people of two colors who go two ways, and obeys the laws of all stages."""

import attrs
import numpy as np
import pytest
import torch
from clips import texture
from people import BLUE, RED, Box, Person, coverage, drawn, jaccard, masks_of, two_who_meet

import peanut
from peanut import Frame, UsageError

MEANT = {  # which of the two: the red one is on the left and goes right, the blue one is on the right and goes left
    "the person in red": 0,
    "the person who goes left": 1,
    "everyone except the one in blue": 0,
    "the person on the left": 0,
}


def phrase(*phrases, **settings):
    return peanut.Phrase(*phrases, **{"preset": "fast", "grow": 0, **settings})


def assert_means(masks, truths, wanted):
    """The one wanted is covered, and little else: the masks of what moves have a rim of a pixel or two."""
    assert coverage(masks, truths[wanted]) > 0.95
    assert jaccard(masks, truths[wanted]) > 0.6
    for other, truth in enumerate(truths):
        assert other == wanted or coverage(masks, truth) <= 0.05


@pytest.mark.parametrize("text", MEANT)
def test_the_one_who_is_meant_is_masked_and_the_other_is_not(text):
    frames, truths = two_who_meet()
    assert_means(masks_of(phrase(text), frames), truths, MEANT[text])


def test_what_is_not_meant_is_taken_out():
    frames, truths = two_who_meet()
    assert_means(masks_of(phrase("everyone", but_not="the person in red"), frames), truths, 1)


def test_two_phrases_are_their_union():
    frames, truths = two_who_meet()
    masks = masks_of(phrase("the person in red", "the person who goes left"), frames)
    assert min(coverage(masks, truth) for truth in truths) > 0.95
    assert jaccard(masks, truths.any(axis=0)) > 0.65


@pytest.mark.parametrize(("text", "wanted"), [("the thing that goes left", 0), ("the person", 1)])
def test_a_thing_needs_no_name(text, wanted):
    frames, truths = drawn(Box(180, -2.6), Person(BLUE, 4, 1.6))
    assert_means(masks_of(phrase(text), frames), truths, wanted)


def test_where_nothing_fits_nothing_is_erased_and_it_is_said_what_was_there(caplog):
    frames, _ = two_who_meet()
    out = list(iter(frames | phrase("the green dog", "all cars") | peanut.FlowEraser(preset="fast")))
    assert not any(frame.mask.any() for frame in out)
    assert all(torch.equal(new.image, old.image) for new, old in zip(out, frames, strict=True))
    assert caplog.messages == [
        f"Phrase: nothing in {len(frames)} frames fits 'the green dog' or 'all cars'; found: person in {len(frames)}."
    ]


def test_where_something_fits_nothing_is_said(caplog):
    frames, _ = drawn(Person(RED, 4, 2.4), length=8)
    assert masks_of(phrase("the person"), frames).any()
    assert caplog.messages == []


def test_the_one_who_is_meant_is_gone_and_the_other_stays():
    frames, truths = two_who_meet()
    out = list(iter(frames | phrase("the person in red", grow=2) | peanut.FlowEraser(preset="fast")))
    before, after = (np.stack([frame.numpy() for frame in made]).astype(int) for made in (frames, out))
    change = abs(after - before).mean(axis=3)
    assert change[truths[0]].mean() > 40
    assert change[truths[1]].mean() < 2
    red = after[truths[0]]
    assert (red[:, 0] - red[:, 2] > 60).mean() < 0.05, "gravel is gray"


GRAY, LAMP = (170, 170, 170), torch.tensor([1.0, 0.6, 0.3]).reshape(3, 1, 1)
EXAMPLE = "'the man in red', 'all cars on the left', 'the dog that runs'"


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: peanut.Phrase(), 'Phrase needs a phrase: Phrase("the man in red").'),
        (lambda: peanut.Phrase(" "), f"the phrase is empty: say what is meant, as in {EXAMPLE}."),
        (lambda: peanut.Phrase("a man", but_not=""), f"the phrase is empty: say what is meant, as in {EXAMPLE}."),
        (
            lambda: peanut.Phrase("a dog", "the red"),
            f"'the red' lacks a noun at its end: say what is meant, as in {EXAMPLE}, or 'the red one' for anything.",
        ),
        (
            lambda: peanut.Phrase("the persn in red"),
            "'persn' in 'the persn in red' is not a word that phrases know: the nearest is 'person', and 'thing' is "
            "anything that was found.",
        ),
        (
            lambda: peanut.Phrase("a man", but_not=["the gazebo"]),
            "'gazebo' in 'the gazebo' is not a word that phrases know; 'thing' is anything that was found, as in "
            "'the red thing'.",
        ),
        (lambda: peanut.Phrase("a man", every=0), "Phrase: every must be at least 1, got 0."),
        (lambda: peanut.Phrase("a man", min_score=2), "Phrase: min_score must be 0.1 to 1, got 2."),
        (lambda: peanut.Phrase("a man", grow=-1), "Phrase: grow must be at least 0 or None, got -1."),
    ],
)
def test_a_mistake_is_one_sentence(build, sentence):
    with pytest.raises(UsageError) as error:
        build()
    assert str(error.value) == sentence


BOTH = [
    pytest.param(peanut.Named("person", preset="fast"), id="Named"),
    pytest.param(peanut.Phrase("the person who goes left", preset="fast"), id="Phrase"),
]


def small(first=0, shot=0, length=36):
    """Longer than the latency, and small."""
    return drawn(Person(RED, 0, 1.2, height=46), Person(BLUE, 60, -1.2, height=46), length=length, size=(64, 96),
                 first=first, shot=shot)[0]  # fmt: skip


def assert_same(out, expected):
    for one, other in zip(out, expected, strict=True):
        assert (one.index, one.time, one.shot) == (other.index, other.time, other.shot)
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.mask, other.mask)


@pytest.mark.slow
@pytest.mark.parametrize("stage", BOTH)
def test_pulled_is_pushed_is_prefetched_is_run_again(stage):
    frames = small()
    pulled = list(stage(iter(frames)))
    assert [frame.index for frame in pulled] == list(range(36))
    assert sum(bool(frame.mask.any()) for frame in pulled) > 30, "the test compares something"
    with stage.session(fps=25) as session:
        pushed = [out for frame in frames for out in session.push(frame)] + session.flush()
    assert_same(pushed, pulled)
    assert_same(frames | peanut.prefetch(3) | stage | peanut.prefetch(2), pulled)
    assert_same(stage(iter(frames)), pulled)


@pytest.mark.slow
@pytest.mark.parametrize("stage", BOTH)
def test_two_sessions_at_once_do_not_mix(stage):
    clips = small(), [attrs.evolve(frame, image=frame.image.flip(2)) for frame in small()]
    alone = [list(stage(iter(clip))) for clip in clips]
    with stage.session(fps=25) as one, stage.session(fps=25) as other:
        out = [[], []]
        for pair in zip(*clips, strict=True):
            for made, session, frame in zip(out, (one, other), pair, strict=True):
                made += session.push(frame)
        out[0] += one.flush()
        out[1] += other.flush()
    for together, by_itself in zip(out, alone, strict=True):
        assert_same(together, by_itself)


@pytest.mark.parametrize("stage", BOTH)
def test_no_object_crosses_a_cut(stage):
    """Each shot comes out as it does by itself; what follows the last cut is one frame."""
    shots = small(length=30), small(first=30, shot=1, length=16), small(first=46, shot=2, length=1)
    out = list(stage(iter([frame for shot in shots for frame in shot])))
    assert [frame.index for frame in out] == list(range(47))
    assert_same(out, [frame for shot in shots for frame in stage(iter(shot))])


def test_a_shot_that_shows_nobody_is_empty():
    people, nobody = two_who_meet()[0][:12], drawn(length=10, first=12, shot=1)[0]
    masks = masks_of(phrase("everyone"), [*people, *nobody])
    assert masks[:12].any(axis=(1, 2)).all()
    assert not masks[12:].any()


SIZES = [(16, 16), (37, 53), (3, 40), (126, 223)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("length", [1, 2, 5])
def test_few_frames_small_frames_and_odd_sizes_pass(size, length):
    image = texture(*size)
    frames = [Frame.from_numpy(np.roll(image, n, axis=1), index=n) for n in range(length)]
    for stage in (peanut.Named("person"), peanut.Phrase("everything except the one next to the red thing")):
        out = list(stage(iter(frames)))
        assert [frame.index for frame in out] == list(range(length))
        assert all(frame.mask.shape == size for frame in out)


def test_no_frame_gives_no_frame(caplog):
    assert list(peanut.Phrase("the man")(iter([]))) == []
    assert caplog.messages == []


@pytest.mark.parametrize("shots", [[0] * 6, [0, 1, 1, 2, 3, 3]], ids=["one shot", "shots of one frame"])
def test_plain_gray_frames_show_nothing(shots, caplog):
    frames = [Frame.from_numpy(np.full((40, 60, 3), 128, np.uint8), index=n) for n in range(len(shots))]
    frames = [frame.with_shot(shot) for frame, shot in zip(frames, shots, strict=True)]
    stage = peanut.Phrase("everything")
    assert not masks_of(stage, frames).any()
    assert not masks_of(stage, frames).any()
    assert caplog.messages == 2 * ["Phrase: nothing in 6 frames fits 'everything'; found: nothing with a name."]


def test_people_are_found_in_gray():
    frames, truths = drawn(Person(RED, 4, 2.4), length=16)
    gray = [
        frame.with_image(frame.image.float().mean(dim=0, keepdim=True).expand(3, -1, -1).byte()) for frame in frames
    ]
    assert coverage(masks_of(phrase("the person"), gray), truths[0]) > 0.95
    assert not masks_of(phrase("the person in red"), gray).any()


def test_a_shot_of_another_size_begins_anew():
    wide, _ = drawn(Person(RED, 4, 2.4), length=12)
    frames = [*wide, *drawn(Person(RED, 4, 2.4), length=12, first=12, shot=1, size=(126, 160))[0]]
    out = list(phrase("the person")(iter(frames)))
    assert [frame.mask.shape for frame in out] == [frame.size for frame in frames]
    assert sum(bool(frame.mask.any()) for frame in out) == 24


def test_the_light_of_a_shot_does_not_color_the_next():
    warm = [frame.with_image((frame.image * LAMP).byte()) for frame in drawn(length=3)[0]]
    frames, (truth,) = drawn(Person(GRAY, 4, 2.4), length=10, first=3, shot=1)
    assert not masks_of(phrase("the person in blue"), [*warm, *frames]).any()
    assert coverage(masks_of(phrase("the person in gray"), [*warm, *frames])[3:], truth) > 0.85
