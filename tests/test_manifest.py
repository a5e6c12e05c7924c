"""A test set of one's own: its manifest, and what `verify` finds wrong with it."""

import attrs
import pytest
from trees import frames, labels, masks

import peanut
from peanut.data import Entry, Manifest, verify
from peanut.data.manifest import digest, read_entries, write_entries


@pytest.fixture
def entry(tmp_path):
    frames(tmp_path / "walk/frames", range(6), suffix=".png")
    masks(tmp_path / "walk/masks", {n: labels(1, 2) for n in range(6)})
    frames(tmp_path / "walk/truth", range(6), suffix=".png")
    made = Entry(
        name="red",
        clip="walk/frames",
        masks="walk/masks",
        truth="walk/truth",
        expression='the "red" one',
        object=1,
        ability="language",
        licence="CC0-1.0",
    )
    return attrs.evolve(made, sha256=digest(tmp_path, made))


def stored(folder, *entries):
    write_entries(folder / "set.toml", entries)
    return folder / "set.toml"


def test_what_is_written_is_read(entry, tmp_path):
    other = attrs.evolve(entry, name="ü\n", object=(1, 2), range=(2, 4), truth=None)
    assert read_entries(stored(tmp_path, entry, other)) == [entry, other]


def test_a_good_one_is_told_nothing(entry, tmp_path):
    assert verify(stored(tmp_path, entry)) == []


def test_entries_on_the_same_frames_are_one_clip(entry, tmp_path):
    two = attrs.evolve(entry, name="blue", expression="the blue one", object=2, ability="subject")
    part = attrs.evolve(entry, name="part", range=(2, 4))
    whole, short = Manifest(stored(tmp_path, entry, two, part))
    assert [(one.name, one.objects, one.ability) for one in whole.expressions] == [
        ("red", (1,), "language"),
        ("blue", (2,), "subject"),
    ]
    assert len(list(whole.true_frames(whole.expressions[0]))) == 6
    assert short.annotations.frames == (0, 1, 2)
    assert [int(frame.image[0, 0, 0]) for frame in short.frames] == [14, 21, 28]
    assert [frame.mask is not None for frame in short.masked()] == [True] * 3


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ability": "colour"}, "red: ability must be one of language, time, structure, subject, got 'colour'."),
        ({"expression": " "}, "red: it has no expression."),
        ({"licence": ""}, "red: it has no licence."),
        ({"object": 7}, "red: object [7] is in no mask; there are [1, 2]."),
        ({"object": ()}, "red: it names no object."),
        ({"range": (2, 9)}, "red: range ends at frame 9, the clip at frame 5."),
        ({"sha256": ""}, "red: it has no sha256; that of its files is "),
        ({"sha256": "0" * 64}, "red: its files are not those that were annotated: their sha256 is "),
        ({"masks": "nowhere"}, "nowhere is not there."),
    ],
)
def test_what_is_wrong_is_said(entry, tmp_path, change, sentence):
    said = {**attrs.asdict(entry), **change}
    path = tmp_path / "set.toml"
    write_entries(path, [Entry(**said)])
    if change == {"licence": ""}:  # not written when empty
        path.write_text(path.read_text() + 'licence = ""\n')
    found = verify(path)
    assert any(sentence in one for one in found), found
    assert len(found) == 1


def test_names_and_sentences_that_come_twice(entry, tmp_path):
    found = verify(stored(tmp_path, entry, entry))
    assert found == ["red: 2 entries have this name.", "'the \"red\" one' is said 2 times of walk/frames."]


def test_masks_and_truth_that_do_not_fit(entry, tmp_path):
    frames(tmp_path / "walk/frames", range(7), suffix=".png")
    frames(tmp_path / "small/frames", range(6), size=(12, 16), suffix=".png")
    said = verify(stored(tmp_path, attrs.evolve(entry, sha256=digest(tmp_path, entry))))
    assert said == ["red: its truth has 6 frames, or of another size; the clip has 7."]
    other = attrs.evolve(entry, clip="small/frames", truth=None)
    said = verify(stored(tmp_path, attrs.evolve(other, sha256=digest(tmp_path, other))))
    assert said == ["red: the mask of frame 0 is 32x24, the frame 16x12."]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[[entry", "is not a TOML file"),
        ("a = 1", r"has no \[\[entry\]\]"),
        ("[[entry]]\nname = 'a'\nclib = 'b'", "no field of entry a in .* called 'clib', did you mean 'clip'"),
        ("[[entry]]\nname = 'a'", "entry a lacks clip, masks, expression, object, ability, licence"),
        ("[[entry]]\nname = 'a'\nobject = 'b'", "entry a: object must be a number or a list of numbers, got 'b'"),
        ("[[entry]]\nname = 'a'\nrange = [4, 2]", r"entry a: range must be \[first, last\], got \[4, 2\]"),
        ("[[entry]]\nname = 3", "entry 3: name must be a text, got 3"),
    ],
)
def test_a_file_that_is_no_manifest(tmp_path, text, sentence):
    (tmp_path / "set.toml").write_text(text)
    with pytest.raises(peanut.UsageError, match=sentence):
        Manifest(tmp_path / "set.toml").clips  # noqa: B018
    with pytest.raises(peanut.UsageError, match=sentence):
        verify(tmp_path / "set.toml")


def test_a_manifest_that_is_not_there(tmp_path):
    with pytest.raises(peanut.UsageError, match="cannot be read: No such file"):
        verify(tmp_path / "none.toml")
