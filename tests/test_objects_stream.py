"""Objects in a stream: what is held of them does not grow."""

import numpy as np

import peanut
from peanut.objects.stream import Looking, objects


def one_after_the_other(count):
    """Boxes of any color that come and go over a still pattern, each with its mask, in one long shot."""
    rng = np.random.default_rng(0)
    behind = rng.integers(0, 255, (48, 80, 3), dtype=np.uint8)
    for number in range(count):
        image, mask = behind.copy(), np.zeros((48, 80), bool)
        x, y = number * 7 % 70, number // 20 * 31 % 38
        image[y : y + 10, x : x + 10] = rng.integers(0, 255, 3)
        mask[y : y + 10, x : x + 10] = True
        yield peanut.Frame.from_numpy(image, index=number, mask=mask)


def test_nothing_grows_in_a_shot_without_an_end():
    how = Looking(detect=lambda image: [], move=lambda frames: iter(frames), every=4, width=640)
    held = [(len(labels.objects), len(labels.same)) for labels in objects(one_after_the_other(400), how)]
    assert max(held[100:]) <= (100, 100)
    assert held[-1][0] > 1, "there were objects to forget"


def test_labels_come_for_every_frame_in_order_and_cover_what_moves():
    frames = list(one_after_the_other(30))
    how = Looking(detect=lambda image: [], move=lambda frames: iter(frames), every=4, width=640)
    found = list(objects(frames, how))
    assert [labels.frame for labels in found] == frames
    for labels in found:
        assert (labels.numbers[labels.frame.mask.numpy()] > 0).mean() > 0.9
        assert not labels.numbers[~labels.frame.mask.numpy()].any()
        assert labels.mask_of(labels.present()).sum() == (labels.numbers > 0).sum()
