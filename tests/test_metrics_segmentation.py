"""J and F are those of DAVIS 2017: a plain transcription of its definition, and cases worked by hand."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peanut import UsageError
from peanut.metrics import Segmentation, boundary, j_and_f, jaccard, over_annotators, over_objects


def plain_boundary(mask):
    """Pixel by pixel: unlike its right, lower or lower right neighbor; in the last row and column one neighbor is left,
    and the last pixel of all has none."""
    h, w = len(mask), len(mask[0])
    found = set()
    for y in range(h):
        for x in range(w):
            others = [(y, x + 1), (y + 1, x), (y + 1, x + 1)]
            if any(b < h and a < w and mask[y][x] != mask[b][a] for b, a in others):
                found.add((y, x))
    return found


def plain_f(mask, truth):
    ours, theirs = plain_boundary(mask), plain_boundary(truth)
    if not ours and theirs:
        precision, recall = 1, 0
    elif ours and not theirs:
        precision, recall = 0, 1
    elif not ours and not theirs:
        precision, recall = 1, 1
    else:
        radius = math.ceil(0.008 * math.sqrt(len(mask) ** 2 + len(mask[0]) ** 2))

        def matched(these, others):
            near = [any((y - b) ** 2 + (x - a) ** 2 <= radius**2 for b, a in others) for y, x in these]
            return sum(near) / len(near)

        precision, recall = matched(ours, theirs), matched(theirs, ours)
    return 0 if precision + recall == 0 else 2 * precision * recall / (precision + recall)


def plain_j(mask, truth):
    union = (mask | truth).sum()
    return 1 if union == 0 else (mask & truth).sum() / union


def blob(random, h, w):
    """A box, a disk, noise, or one of the extremes."""
    y, x = np.mgrid[:h, :w]
    top, left = random.integers(0, h), random.integers(0, w)
    kinds = [
        (y >= top) & (x >= left) & (y < top + random.integers(1, h + 1)) & (x < left + random.integers(1, w + 1)),
        (y - top) ** 2 + (x - left) ** 2 <= random.integers(0, 60),
        random.random((h, w)) < 0.1,
        np.zeros((h, w), bool),
        np.ones((h, w), bool),
    ]
    return kinds[random.choice(5, p=[0.35, 0.35, 0.14, 0.08, 0.08])]


@given(seed=st.integers(0, 100_000), h=st.integers(1, 24), w=st.sampled_from([1, 2, 7, 30, 140]))
def test_drawn_masks_are_measured_as_the_plain_definition_does(seed, h, w):
    random = np.random.default_rng(seed)
    mask, truth = blob(random, h, w), blob(random, h, w)
    ours, theirs = torch.from_numpy(mask), torch.from_numpy(truth)
    assert float(jaccard(ours, theirs)) == pytest.approx(plain_j(mask, truth))
    assert float(boundary(ours, theirs)) == pytest.approx(plain_f(mask, truth))
    assert float(j_and_f(ours, theirs)) == pytest.approx((plain_j(mask, truth) + plain_f(mask, truth)) / 2)


def box(top=0, bottom=0, left=0, right=0, size=(20, 30)):
    """A box in a small image: 20 x 30 has a tolerance of one pixel (0.29 rounded up)."""
    mask = torch.zeros(size, dtype=torch.bool)
    mask[top:bottom, left:right] = True
    return mask


EMPTY, FULL, SQUARE = box(), box(0, 20, 0, 30), box(5, 9, 5, 9)
BY_HAND = {  # mask, truth, J, F. The boundary of a square of 4 pixels is the outline, 16 pixels, of one of 5
    "both empty": (EMPTY, EMPTY, 1, 1),
    "nothing found": (EMPTY, SQUARE, 0, 0),
    "found where nothing is": (SQUARE, EMPTY, 0, 0),
    "the same": (SQUARE, SQUARE, 1, 1),
    "full and full: no boundary": (FULL, FULL, 1, 1),
    "full and empty: no boundary, so F is 1 though J is 0": (FULL, EMPTY, 0, 1),
    "full where an object is": (FULL, SQUARE, 16 / 600, 0),
    "one pixel aside, within the tolerance": (box(5, 9, 6, 10), SQUARE, 12 / 20, 1),
    "two pixels aside: 4 of both rows and 2 of the near column": (box(5, 9, 7, 11), SQUARE, 8 / 24, 10 / 16),
    "far away": (box(5, 9, 20, 24), SQUARE, 0, 0),
    "touching at a side: 2 of both rows and 3 between": (box(5, 9, 9, 13), SQUARE, 0, 7 / 16),
    "one pixel, the same": (box(5, 6, 5, 6), box(5, 6, 5, 6), 1, 1),
    "one pixel, its neighbor": (box(5, 6, 6, 7), box(5, 6, 5, 6), 0, 1),
    "one pixel in the last corner has one boundary pixel: its own is none": (
        box(19, 20, 29, 30),
        box(19, 20, 29, 30),
        1,
        1,
    ),
    "one pixel in the first corner, and its neighbor": (box(0, 1, 0, 1), box(0, 1, 1, 2), 0, 1),
    "at the border: the left half against the left half and a column": (
        box(0, 20, 0, 15),
        box(0, 20, 0, 16),
        300 / 320,
        1,
    ),
    "at the border: the left half against the right half": (box(0, 20, 0, 15), box(0, 20, 15, 30), 0, 1),
    "a hole of one pixel": (FULL & ~box(5, 6, 5, 6), FULL, 599 / 600, 0),
    "twice as large, from one corner: 11 of 32 and 11 of 16": (box(5, 13, 5, 13), SQUARE, 16 / 64, 11 / 24),
}


@pytest.mark.parametrize(("mask", "truth", "j", "f"), BY_HAND.values(), ids=BY_HAND)
def test_cases_worked_by_hand(mask, truth, j, f):
    assert float(jaccard(mask, truth)) == pytest.approx(j)
    assert float(boundary(mask, truth)) == pytest.approx(f)


def test_the_tolerance_is_a_disk_of_the_diagonal_rounded_up():
    """480 x 854: the diagonal is 979.7, its 0.008 are 7.84, so 8 pixels match and 9 do not."""
    size = (480, 854)
    truth = box(0, 480, 0, 400, size)
    assert float(boundary(box(0, 480, 0, 408, size), truth)) == 1
    assert float(boundary(box(0, 480, 0, 409, size), truth)) == 0


def test_void_pixels_do_not_count():
    void = box(5, 9, 7, 9)
    assert float(jaccard(SQUARE, box(5, 9, 5, 7), void)) == 1
    assert float(boundary(SQUARE, box(5, 9, 5, 7), void)) == 1
    assert float(j_and_f(SQUARE, box(5, 9, 5, 7))) < 1


def test_stacks_are_measured_mask_by_mask():
    masks, truths = (torch.stack([one[n] for one in BY_HAND.values()]) for n in (0, 1))
    assert jaccard(masks, truths).tolist() == pytest.approx([j for *_, j, _ in BY_HAND.values()])
    assert boundary(masks[:, None], truths[:, None]).shape == (len(BY_HAND), 1)


@pytest.mark.parametrize(("frames", "kept"), [("all", slice(None)), ("inner", slice(1, -1))])
@given(seed=st.integers(0, 1000), length=st.integers(0, 5))
def test_an_object_is_the_mean_over_the_frames_that_count(frames, kept, seed, length):
    random = np.random.default_rng(seed)
    pairs = [tuple(torch.from_numpy(blob(random, 12, 16)) for _ in range(2)) for _ in range(length)]
    measure = Segmentation(frames)
    for pair in pairs:
        measure.add(*pair)
    j, f = ([float(of(*pair)) for pair in pairs[kept]] for of in (jaccard, boundary))
    mean = {"j": np.mean(j), "f": np.mean(f), "j_and_f": np.mean(j + f)} if j else dict.fromkeys(measure.value, np.nan)
    assert measure.value == pytest.approx(mean, nan_ok=True)


def test_every_object_counts_once_and_every_annotator_too():
    assert over_objects([{"j": 1.0, "f": 0.5}, {"j": 0.0, "f": math.nan}]) == {"j": 0.5, "f": 0.5}
    assert over_annotators([[{"j": 1.0}], [{"j": 0.0}, {"j": 0.0}, {"j": 0.0}]]) == {"j": 0.5}
    assert over_objects([]) == {}


def test_what_does_not_fit_is_said():
    with pytest.raises(UsageError, match=r"^jaccard: both masks must have one shape, got \(20, 30\) and \(3, 4\)\.$"):
        jaccard(SQUARE, box(size=(3, 4)))
    with pytest.raises(UsageError, match=r"^boundary: masks must be \.\.\. h w, bool, got uint8 \(20, 30\)\.$"):
        boundary(SQUARE.byte(), SQUARE)
    with pytest.raises(UsageError, match=r"^Segmentation: frames must be 'all' or 'inner', got 'iner': did you mean"):
        Segmentation("iner")
