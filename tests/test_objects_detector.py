"""What the detector that comes with PEANUT finds in a real clip, and in images that are no photographs."""

from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np
import pytest
from clips import texture

import peanut
from peanut import UsageError
from peanut.networks.spynet import SPyNet
from peanut.objects.detector import ObjectDetector
from peanut.vision.detection import overlap

WALKER = {
    187: (95, 0, 237, 230),
    190: (113, 0, 280, 250),
    193: (150, 0, 299, 250),
    196: (203, 0, 404, 260),
    199: (208, 0, 517, 267),
    202: (284, 0, 519, 272),
    205: (423, 0, 540, 272),
    208: (425, 0, 640, 272),
    211: (460, 0, 640, 272),
}
"""By hand: the legs of the man who walks past, by the number of the frame."""


@pytest.fixture(scope="module")
def detector():
    return ObjectDetector.of(device="cpu")


@pytest.fixture(scope="module")
def frames(bikes):
    """Frames 187 to 220 by number: the man walks past until 211, then the bicycles stand alone."""
    read = peanut.read(bikes, start="7.48", stop="8.84", shots=False)
    return {frame.index: frame.numpy() for frame in read if 187 <= frame.index <= 220}


@pytest.fixture(scope="module")
def found(detector, frames):
    return {number: detector.detect(image, 0.25) for number, image in frames.items()}


def walker_in(number):
    before = max(known for known in WALKER if known <= number)
    after = min(known for known in WALKER if known >= number)
    share = (number - before) / max(1, after - before)
    return tuple((1 - share) * a + share * b for a, b in zip(WALKER[before], WALKER[after], strict=True))


def people(found, score=0.35):
    return [one.box for one in found if one.label == "person" and one.score >= score]


def resized(image, w, h):
    return cv2.resize(image, (w, h), interpolation=cv2.INTER_AREA if h < len(image) else cv2.INTER_LINEAR)


def test_the_walker_is_found_in_most_frames_where_he_is(found):
    """In 21 of 25 when this was written; in the others his steps are as wide as he is high."""
    right = [
        number
        for number in range(187, 212)
        if any(overlap(box, walker_in(number)) > 0.5 for box in people(found[number]))
    ]
    assert len(right) >= 19, right
    assert set(right) >= {187, 188, 189, 190, 191, 205, 206, 207, 208, 209, 210, 211}


def test_nobody_is_found_where_nobody_is(found):
    assert not [number for number in range(212, 221) if people(found[number], 0.25)]


def test_the_bicycles_are_found_where_they_stand(found):
    for number in range(212, 221):
        there = [one for one in found[number] if one.label in ("bicycle", "motorcycle")]
        assert any(overlap(one.box, (280, 0, 570, 205)) > 0.6 for one in there), number


def test_detections_are_ordered_and_lie_within_the_image(found, frames):
    for number, detections in found.items():
        h, w = frames[number].shape[:2]
        scores = [one.score for one in detections]
        assert scores == sorted(scores, reverse=True)
        assert all(0.25 <= score <= 1 for score in scores)
        for left, top, right, bottom in (one.box for one in detections):
            assert 0 <= left < right <= w
            assert 0 <= top < bottom <= h


def test_a_higher_score_gives_the_first_of_them(detector, frames, found):
    sure = detector.detect(frames[187], 0.45)
    assert sure
    assert sure == [one for one in found[187] if one.score >= 0.45]


@pytest.mark.parametrize("times", [0.5, 0.65, 2, 3])
def test_another_size_of_the_image_has_nearly_the_same_boxes(times, detector, frames, found):
    for number in (187, 190, 206):
        h, w = frames[number].shape[:2]
        size = round(times * w), round(times * h)
        other = [one.scaled(w / size[0], h / size[1]) for one in detector.detect(resized(frames[number], *size))]
        for one in (one for one in found[number] if one.score > 0.5):
            assert max(overlap(one.box, there.box) for there in other if there.label == one.label) > 0.95


@pytest.mark.parametrize(("size", "before", "after"), [((416, 177), (0, 7), (0, 8)), ((200, 416), (12, 0), (12, 0))])
def test_boxes_are_told_without_the_grey_around_an_image(size, before, after, detector, frames):
    """Grey on all sides up to multiples of 32 is what the network sees of either image: the boxes are as far apart."""
    image = resized(frames[187][:, :320] if size[0] < size[1] else frames[187], *size)
    around = [(before[1], after[1]), (before[0], after[0]), (0, 0)]
    grey = np.pad(image, around, constant_values=114)
    w, h = size
    alone, within = detector.detect(image, 0.3), detector.detect(grey, 0.3)
    assert alone
    assert [one.score for one in alone] == [one.score for one in within]
    for one, other in zip(alone, within, strict=True):
        shifted = np.clip(np.array(other.box) - before * 2, 0, [w, h, w, h])
        np.testing.assert_allclose(one.box, shifted, atol=1e-3)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (200, 3), (2, 5), (31, 33), (1, 4000)])
def test_tiny_and_narrow_images_are_looked_at(size, detector):
    image = resized(texture(64, 64), size[1], size[0])
    for one in detector.detect(image, 0.03):
        left, top, right, bottom = one.box
        assert 0 <= left <= right <= size[1]
        assert 0 <= top <= bottom <= size[0]


@pytest.mark.parametrize("level", [0, 114, 255])
def test_nothing_is_found_where_nothing_is(level, detector):
    assert detector.detect(np.full((272, 640, 3), level, np.uint8)) == []


def test_the_image_is_not_written_to_and_may_be_a_view(detector, frames, found):
    image = np.ascontiguousarray(frames[190][:, ::-1])[:, ::-1]
    image.flags.writeable = False
    assert detector.detect(image, 0.25) == found[190]


def test_the_same_image_gives_the_same_bits(detector, frames, found):
    assert detector.detect(frames[190], 0.25) == found[190]
    assert ObjectDetector.of(device="cpu").detect(frames[190], 0.25) == found[190]


def test_two_threads_at_once_give_what_one_gives(detector, frames, found):
    numbers = [187, 195, 206, 211] * 3
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda number: detector.detect(frames[number], 0.25), numbers))
    assert together == [found[number] for number in numbers]


def test_detectors_share_the_network():
    assert ObjectDetector.of(device="cpu").network is ObjectDetector.of(device="cpu").network


def test_another_network_is_refused():
    with pytest.raises(UsageError, match=r"^ObjectDetector: model must be a NanoDet; got a SPyNet\.$"):
        ObjectDetector.of(SPyNet())
