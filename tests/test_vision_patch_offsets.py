"""Dominant offsets of drawn patterns."""

import numpy as np
import pytest
from clips import texture

from peanut.vision.patch_offsets import dominant_offsets


def board(h, w, right, down):
    """A texture that repeats every `right` and `down` pixels."""
    tile = texture(down, right).mean(axis=-1).astype(np.uint8)
    return np.tile(tile, (h // down + 1, w // right + 1))[:h, :w]


def hole(h, w, rows, columns):
    mask = np.zeros((h, w), bool)
    mask[rows, columns] = True
    return mask


@pytest.mark.parametrize(("size", "period"), [((160, 240), (24, 20)), ((1000, 1280), (48, 40))])
def test_a_pattern_leads_on_by_its_period(size, period):
    mask = hole(*size, slice(60, 90), slice(100, 140))
    offsets = dominant_offsets(board(*size, *period), ~mask, mask, most=4)
    assert len(offsets) == 4
    assert all(right % period[0] == 0 and down % period[1] == 0 for right, down in offsets)


def test_what_is_unknown_is_no_example():
    """Left of the hole everything is unknown: the matches lie on the right."""
    mask = hole(160, 240, slice(0, 160), slice(0, 120))
    wanted = hole(160, 240, slice(60, 90), slice(90, 120))
    offsets = dominant_offsets(board(160, 240, 24, 20), ~mask, wanted, most=8)
    assert offsets
    assert all(right >= 0 for right, _ in offsets)


def test_nothing_known_or_nothing_wanted_gives_nothing():
    grey, mask = board(80, 120, 24, 20), hole(80, 120, slice(20, 40), slice(30, 60))
    assert dominant_offsets(grey, ~mask, np.zeros_like(mask), most=8) == []
    assert dominant_offsets(grey, np.zeros_like(mask), mask, most=8) == []
    assert dominant_offsets(grey[:1, :1], np.zeros((1, 1), bool), np.ones((1, 1), bool), most=8) == []
