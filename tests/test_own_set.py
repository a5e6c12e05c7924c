"""Our own small test set: what is drawn is true in every pixel, and the set is whole."""

from collections import Counter

import attrs
import numpy as np
import pytest

import peanut
from peanut.data import Manifest, verify
from peanut.data.manifest import ABILITIES
from peanut.test_set import make as making
from peanut.test_set.drawn_scenes import LENGTH, SCENES, SIZE
from peanut.test_set.rendering import Rendering
from peanut.words.grammar import parse


def test_every_ability_has_six_sentences_that_are_understood():
    said = [(scene.ability, one) for scene in SCENES for one in scene.said]
    assert Counter(ability for ability, _ in said) == dict.fromkeys(ABILITIES, 6)
    for _, one in said:
        parse(one.text)  # raises for a word that is not known
    assert len({scene.name for scene in SCENES}) == len(SCENES)


@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_the_truth_differs_where_the_object_is_and_nowhere_else(scene):
    rendering = Rendering(scene)
    meant = {number for one in scene.said for number in one.objects}
    seen = set()
    for t in (4, LENGTH - 8):
        whole, labels = rendering.frame(t), rendering.labels(t)
        seen |= set(labels[labels > 0].tolist())
        for objects in {one.objects for one in scene.said}:
            without = rendering.frame(t, without=objects)
            changed = (whole != without).any(axis=-1)
            covered = np.zeros(SIZE, bool)
            for number in objects:
                covered |= scene.actors[number - 1].drawn(t, SIZE)[1][..., 0] > 0
            assert not (changed & ~covered).any()
            inside = np.isin(labels, objects)
            assert not inside.any() or changed[inside].mean() > 0.95
    assert meant <= seen


def test_what_a_pillar_hides_is_in_no_mask():
    (scene,) = (scene for scene in SCENES if scene.pillar is not None)
    rendering = Rendering(scene)
    counts = [int((rendering.labels(t) == 1).sum()) for t in range(LENGTH)]
    middle = int(np.argmin(counts[5:25])) + 5
    assert counts[middle] < 0.3 * max(counts[:middle])
    assert counts[-1] > 0.8 * max(counts[:middle])


def test_a_folder_with_something_in_it_is_refused(tmp_path):
    (tmp_path / "mine.txt").touch()
    with pytest.raises(peanut.UsageError, match="is not an empty folder"):
        making.make(tmp_path)


@pytest.mark.slow
def test_it_is_made_verified_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(making, "LENGTH", 3)
    monkeypatch.setattr(making, "SCENES", (SCENES[0], attrs.evolve(SCENES[6])))
    path = making.make(tmp_path / "set")
    assert verify(path) == []
    balls, tiles = Manifest(path)
    assert [one.text for one in balls.expressions] == ["the red ball", "the ball that goes left"]
    first, second = (list(balls.true_frames(one)) for one in balls.expressions)
    assert len(first) == len(list(balls.frames)) == 3
    assert not (first[0].image == second[0].image).all()
    assert tiles.objects == (1, 2)
