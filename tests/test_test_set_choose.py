"""Candidates for a test set: on clips with a graded ingredient each figure ranks them by it."""

import gc
import weakref

import cv2
import numpy as np
import pytest
from clips import texture
from drawn_set import Drawn, H, Scene, Thing, W, clip_of, ranks_alike, written

from peanut import UsageError
from peanut.test_set.choose import BY, choose, measured
from peanut.test_set.measure import saturated
from peanut.test_set.structure import Structure
from peanut.test_set.view import views

GRADES = range(9)
COLORS = [(200, 60, 40), (40, 160, 60), (40, 60, 200), (220, 200, 40), (160, 40, 180)]


def faster_camera(grade):
    return Scene((Thing(at=(60, 60), speed=(1.5, 0)),), camera=(grade, grade / 3), seed=grade)


def faster_object(grade):
    return Scene((Thing(at=(40, 60), speed=(grade, 0)),), camera=(1, 0.5), seed=grade, length=12)


def more_alike(grade):
    """Five things, of which 1 + grade / 2 look alike."""
    sizes = [(11, 15), (6, 7), (5, 24), (20, 5), (16, 16)]
    things = [
        Thing(
            at=(25 + 28 * n, 40 + 40 * (n % 2)),
            size=sizes[0] if 2 * n <= grade else sizes[n],
            speed=(0.6 if n % 2 else -0.6, 0.3),
            color=COLORS[0] if 2 * n <= grade else COLORS[n],
            seed=3,
        )
        for n in range(5)
    ]
    return Scene(tuple(things), seed=grade, noise=1 + 0.1 * grade)


def more_regular(grade):
    y, x = np.mgrid[: 3 * H, : 3 * W]
    tiles = np.sign(np.sin(2 * np.pi * x / 12) * np.sin(2 * np.pi * y / 12))[..., None]
    share = grade / GRADES[-1]
    rough = texture(3 * H, 3 * W, grade).astype(float) - 127
    background = 127 + 0.5 * (1 - share) * rough + 60 * share * tiles
    return Scene((Thing(at=(60, 60), speed=(2, 0)),), background=background, seed=grade)


def clearer(grade):
    color = tuple(127 + grade / GRADES[-1] * np.array([90, -60, -60]))
    thing = Thing(at=(60, 60), speed=(2, 0), contrast=0.5, color=color, seed=50)
    return Scene((thing,), background=127 + 0.5 * (texture(3 * H, 3 * W, 7).astype(float) - 127), seed=grade)


def longer_hidden(grade):
    thing = Thing(at=(20, 60), speed=(4, 0), size=(9, 14))
    cover = Thing(at=(75, 60), size=(3.5 * grade, 50), box=True, color=(60, 80, 60), seed=9)
    return Scene((thing,), covers=(cover,) if grade else (), seed=grade, length=28)


GRADED = {
    "camera": faster_camera,
    "moving": faster_object,
    "alike": more_alike,
    "structure": more_regular,
    "clear": clearer,
    "occlusion": longer_hidden,
}


@pytest.mark.parametrize("figure", GRADED)
def test_masked_clips_are_ranked_by_what_they_have(figure, tmp_path):
    clips = [clip_of(tmp_path, f"{grade}", GRADED[figure](grade)) for grade in GRADES[::2]]
    ranked = choose(clips, by=figure)
    assert ranks_alike([int(one.name) for one in ranked], range(len(ranked))[::-1]) >= 0.9
    values = [getattr(one, figure) for one in ranked]
    assert values[0] - values[-1] > 0.3
    assert all(0 <= getattr(one, name) <= 1 for one in ranked for name in GRADED)


@pytest.mark.slow
@pytest.mark.parametrize("figure", GRADED)
def test_clips_without_masks_are_ranked_by_what_is_found_in_them(figure, tmp_path):
    clips = [clip_of(tmp_path, f"{grade}", GRADED[figure](grade), annotated=False) for grade in GRADES[::2]]
    ranked = choose(clips, by=figure)
    assert not any(one.annotated for one in ranked)
    assert ranks_alike([int(one.name) for one in ranked], range(len(ranked))[::-1]) >= 0.9


def test_the_motion_of_camera_and_object_are_told_apart(tmp_path):
    panned = measured(clip_of(tmp_path, "panned", Scene((Thing(),), camera=(4, 0))))
    walked = measured(clip_of(tmp_path, "walked", Scene((Thing(at=(40, 60), speed=(4, 0)),))))
    followed = measured(clip_of(tmp_path, "followed", Scene((Thing(speed=(4, 0)),), camera=(4, 0))))
    quarter = saturated(4 / np.hypot(H, W), 0.01)
    assert [panned.camera, followed.camera, walked.camera] == pytest.approx([quarter, quarter, 0], abs=0.03)
    assert [walked.moving, followed.moving, panned.moving] == pytest.approx([quarter, quarter, 0], abs=0.05)
    assert max(panned.motion, walked.motion) < 0.5 * followed.motion


def test_a_frame_per_second_less_is_the_same_motion_per_frame(tmp_path):
    clip = clip_of(tmp_path, "clip", Scene((Thing(at=(40, 60), speed=(2, 0)),), camera=(1.5, 0)))
    each, every_second = measured(clip), measured(clip, every=2)
    assert (each.views, every_second.views) == (16, 8)
    assert [every_second.camera, every_second.moving] == pytest.approx([each.camera, each.moving], abs=0.03)


def test_what_comes_and_goes_is_not_hidden(tmp_path):
    """It enters at the left and leaves at the right; what is behind a pole falls into parts there."""
    passing = clip_of(tmp_path, "passing", Scene((Thing(at=(-20, 60), speed=(12, 0), size=(9, 14)),)))
    pole = Thing(at=(80, 60), size=(3, 50), box=True, color=(60, 80, 60))
    split = Scene((Thing(at=(50, 60), speed=(4, 0), size=(14, 14)),), covers=(pole,))
    assert measured(passing).occlusion == 0
    assert measured(clip_of(tmp_path, "split", split)).occlusion > 0.05


def test_lines_are_structure_and_the_outline_of_an_object_is_none(tmp_path):
    flat = np.full((3 * H, 3 * W, 3), 127.0)
    lined = flat.copy()
    for x in range(0, 3 * W, 37):
        cv2.line(lined, (x, 0), (x + 31, 3 * H), (40, 40, 40), 2)
    box = Thing(at=(80, 60), speed=(1, 0), box=True)
    plain, fence = (
        measured(clip_of(tmp_path, name, Scene((box,), background=background, noise=1))).structure
        for name, background in (("plain", flat), ("fence", lined))
    )
    assert plain < 0.1
    assert fence > 0.5


def test_a_dataset_with_masks_for_every_fourth_frame_is_looked_at_there(tmp_path):
    images, masks = Scene((Thing(at=(40, 60), speed=(2, 0)),), length=13).draw()

    class Sparse(Drawn):
        frames = (0, 4, 8, 12)

    clip = written(tmp_path, "sparse", images, masks)
    looked = list(views(clip_with(clip, Sparse(masks))))
    assert [(view.index, view.frames_since) for view in looked] == [(0, 0), (4, 4), (8, 4), (12, 4)]
    assert [np.argwhere(view.masks[1]).mean(axis=0)[1] for view in looked] == pytest.approx([40, 48, 56, 64], abs=1)


def clip_with(clip, annotations):
    return type(clip)(name=clip.name, path=clip.path, annotations=annotations)


def test_a_clip_is_seen_view_by_view(tmp_path):
    """Bounded memory: the view before is known, and none before that."""
    alive = weakref.WeakSet()
    for view in views(clip_of(tmp_path, "clip", Scene((Thing(),), length=12))):
        alive.add(view)
        Structure().see(view)
        gc.collect()
        assert len(alive) <= 2
        assert view.before is None or view.before.before is None


def test_the_best_comes_first_and_ability_and_figure_are_names(tmp_path):
    fast, still = faster_camera(8), faster_camera(0)
    clips = [clip_of(tmp_path, "still", still), clip_of(tmp_path, "fast", fast)]
    assert [one.name for one in choose(clips, by="time")] == ["fast", "still"]
    assert set(BY) >= {"all", "language", "time", "structure", "subject"}
    with pytest.raises(UsageError, match="no figure called 'tme', did you mean 'time'"):
        choose(clips, by="tme")
    with pytest.raises(UsageError, match="every must be 1 or more, got 0"):
        choose(clips, every=0)


class TwoPeople:
    """A detector that sees two of a class."""

    def detect(self, image):
        from peanut.vision.detection import Detection

        return [Detection((10, 10, 40, 60), 0.9, "person"), Detection((90, 10, 120, 60), 0.8, "person")]


def test_two_of_a_class_are_alike_whatever_they_wear(tmp_path):
    things = Thing(at=(40, 60), color=(220, 30, 30)), Thing(at=(110, 60), color=(30, 30, 220), seed=8)
    clip = clip_of(tmp_path, "two", Scene(things))
    (by_looks,), (by_class,) = choose([clip]), choose([clip], detector=TwoPeople())
    assert by_looks.alike < 0.2
    assert by_class.alike == 0.5
