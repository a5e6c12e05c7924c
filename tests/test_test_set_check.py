"""The mask detector: masks that are right pass, masks that would mislead are found, each for its reason."""

import numpy as np
import pytest
import torch
from drawn_set import CORRUPTED, Drawn, Scene, Thing, clip_of, dilated, good_scene, shifted, swapped, written
from hypothesis import given
from hypothesis import strategies as st

import peanut
from peanut import UsageError
from peanut.test_set.alignment import outline
from peanut.test_set.check import check
from peanut.test_set.following import tolerant_j
from peanut.vision.morphology import grow_mask

SEEDS = 9000
"""Other clips than those on which thresholds were looked at."""
REASON = {
    "shifted": "outlines lie beside",
    "dilated": "too large",
    "flickering": "does not go with it",
    "swapped": "change numbers",
}


def corrupted(folder, kind, seed):
    images, masks = good_scene(seed, least=2 if kind == "swapped" else 1).draw()
    return written(folder, f"{kind}-{seed}", images, CORRUPTED[kind](masks, np.random.default_rng(seed)))


@pytest.mark.slow
def test_nine_of_ten_bad_masks_are_found_and_nine_of_ten_good_ones_pass(tmp_path):
    good = [check(clip_of(tmp_path, f"good-{n}", good_scene(SEEDS + n))) for n in range(44)]
    assert np.mean([not one.good for one in good]) <= 0.1
    for number, kind in enumerate(CORRUPTED):
        bad = [check(corrupted(tmp_path, kind, SEEDS + 100 * (number + 1) + n)) for n in range(11)]
        assert np.mean([not one.good for one in bad]) >= 0.9, kind


@pytest.mark.parametrize("kind", CORRUPTED)
def test_a_bad_mask_is_left_out_for_its_reason(kind, tmp_path):
    found = [check(corrupted(tmp_path, kind, SEEDS + n)) for n in (2, 3)]
    for one in found:
        assert any(REASON[kind] in reason for reason in one.reasons), one


def test_a_good_mask_has_no_reason_whatever_its_clip(tmp_path):
    for seed in (SEEDS, SEEDS + 1, SEEDS + 2):
        found = check(clip_of(tmp_path, f"{seed}", good_scene(seed)))
        assert (found.good, found.reasons, found.changes) == (True, (), 0)


def test_the_reason_tells_where_and_how_much(tmp_path):
    images, masks = Scene((Thing(at=(60, 60), speed=(2, 0), size=(20, 20)),)).draw()
    aside = [{1: np.roll(seen[1], 12, axis=1)} for seen in masks]
    (reason,) = check(written(tmp_path, "aside", images, aside)).reasons
    assert reason.startswith("outlines lie beside the edges of what is masked: the mask lies ")
    assert reason.endswith("of its side too far right.")
    (reason,) = check(written(tmp_path, "large", images, dilated(masks, np.random.default_rng(0)))).reasons
    assert reason.endswith("of its side too large.")


def test_what_is_hidden_for_a_while_does_not_flicker(tmp_path):
    thing = Thing(at=(20, 60), speed=(5, 0), size=(9, 14))
    cover = Thing(at=(80, 60), size=(16, 50), box=True, color=(60, 80, 60))
    assert check(clip_of(tmp_path, "hidden", Scene((thing,), covers=(cover,), length=24))).good


def test_numbers_that_change_while_one_is_hidden_are_found_by_color(tmp_path):
    things = Thing(at=(20, 40), speed=(5, 0), size=(9, 14)), Thing(at=(80, 95), speed=(1, 0), color=(40, 60, 220))
    cover = Thing(at=(80, 30), size=(16, 45), box=True, color=(60, 120, 60))
    images, masks = Scene(things, covers=(cover,), length=24).draw()
    gone = next(t for t, seen in enumerate(masks) if not seen[1].any())
    changed = [seen if t < gone else {1: seen[2], 2: seen[1]} for t, seen in enumerate(masks)]
    assert check(written(tmp_path, "right", images, masks)).changes == 0
    found = check(written(tmp_path, "wrong", images, changed))
    assert any("the objects 1 and 2 change numbers at frame" in reason for reason in found.reasons)


@pytest.mark.parametrize(
    ("size", "reason"), [((1, 0), "says little"), ((75, 58), "leaves nothing to see")], ids=["small", "large"]
)
def test_too_little_and_too_much(size, reason, tmp_path):
    found = check(clip_of(tmp_path, "clip", Scene((Thing(size=size, box=True, contrast=0.6),), camera=(0.5, 0))))
    assert any(reason in one for one in found.reasons)


def test_a_mask_in_specks(tmp_path):
    images, masks = Scene((Thing(size=(20, 30)),)).draw()
    lattice = np.indices((120, 160)).sum(axis=0) // 3 % 2 == 0
    rows = np.indices((120, 160))[0] // 3 % 2 == 0
    specks = [{1: seen[1] & lattice & rows} for seen in masks]
    assert any("falls into specks" in reason for reason in check(written(tmp_path, "specks", images, specks)).reasons)


def test_a_clip_without_masks_has_none_to_check(tmp_path):
    found = check(clip_of(tmp_path, "clip", Scene(()), annotated=False))
    assert found.reasons == ("it has no masks to check.",)


@peanut.stage
def says(frames, masks, sure):
    for frame in frames:
        confidence = torch.full(frame.size, round(255 * sure), dtype=torch.uint8)
        yield frame.with_mask(torch.from_numpy(masks[frame.index][1])).with_layer("confidence", confidence)


def test_a_second_finder_that_means_something_else_or_is_not_sure(tmp_path):
    images, masks = Scene((Thing(at=(40, 60), speed=(2, 0)),)).draw()
    clip = written(tmp_path, "clip", images, masks)
    agreed = check(clip, finder=says(masks, sure=0.9))
    assert (agreed.good, agreed.agreement) == (True, 1)
    assert agreed.confidence == pytest.approx(0.9, abs=0.01)
    elsewhere = [{1: np.roll(seen[1], 70, axis=1)} for seen in masks]
    other = check(clip, every=3, finder=says(elsewhere, sure=0.1))
    assert [reason.split(":")[0] for reason in other.reasons] == [
        "a second finder means something else",
        "the second finder is not sure of what is masked",
    ]
    with pytest.raises(UsageError, match="the second finder gives no mask for frame 0: it must mask every frame"):
        check(clip, finder=peanut.resize(max_size=100))


@pytest.mark.slow
def test_moving_objects_agree_with_masks_of_what_moves_and_not_with_others(tmp_path):
    images, masks = Scene((Thing(at=(40, 60), speed=(3, 0)),), length=24).draw()
    finder = peanut.MovingObjects(grow=0, preset="fast")
    assert check(written(tmp_path, "right", images, masks), finder=finder).agreement > 0.8
    aside = [{1: np.roll(seen[1], 60, axis=0)} for seen in masks]
    assert check(written(tmp_path, "wrong", images, aside), finder=finder).agreement < 0.2


@given(st.integers(0, 2**32), st.integers(6, 20))
def test_masks_have_all_of_themselves_in_common_and_a_little_slack(seed, radius):
    y, x = np.mgrid[:64, :64]
    cy, cx = np.random.default_rng(seed).integers(24, 40, 2)
    disc = np.hypot(y - cy, x - cx) <= radius
    assert tolerant_j(disc, disc) == 1
    assert tolerant_j(disc, grow_mask(disc, 1)) == 1
    assert tolerant_j(disc, np.roll(disc, 64 // 2, axis=1)) < 0.5
    assert tolerant_j(disc, None) == tolerant_j(np.zeros_like(disc), disc) == 0


def test_the_way_out_of_a_disc_leads_away_from_its_middle():
    y, x = np.mgrid[:64, :64]
    points, normals = outline(np.hypot(y - 32, x - 30) <= 14)
    away = points - [30, 32]
    lengths = np.linalg.norm(away, axis=1)
    assert lengths == pytest.approx(14, abs=0.8)
    assert (away * normals).sum(axis=1) / lengths == pytest.approx(1, abs=0.03)


def test_the_same_masks_are_good_or_bad_whatever_their_clip_is_called(tmp_path):
    """What is drawn for these tests is what it says: shifted masks are not those of the frame, swapped ones are."""
    _, masks = good_scene(SEEDS, least=2).draw()
    aside, other = shifted(masks, np.random.default_rng(0)), swapped(masks, np.random.default_rng(0))
    assert all((a[1] != b[1]).any() for a, b in zip(aside, masks, strict=True))
    assert any((a[1] == b[2]).all() and (a[2] == b[1]).all() for a, b in zip(other, masks, strict=True))
    assert Drawn(masks).objects[:2] == (1, 2)
