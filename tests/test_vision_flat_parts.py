"""What is flat moves if its rim does; a wall beside who passes it stands still, and so does what has its color."""

import numpy as np
import pytest

from peanut.vision.flat_parts import FlatParts

H, W = 60, 80
BODY = np.s_[10:50, 30:50]


def scene(body: tuple[int, int, int]) -> tuple[FlatParts, np.ndarray, np.ndarray]:
    """A flat body before a flat wall, with an edge of three pixels between, and a floor with texture."""
    image = np.full((H, W, 3), (200, 190, 180), np.uint8)
    flat = np.ones((H, W), bool)
    flat[7:53, 27:53] = flat[55:] = False
    flat[BODY] = True
    image[BODY] = body
    rim = np.zeros((H, W), bool)
    rim[7:53, 27:53] = True
    rim[BODY] = False
    return FlatParts(image, flat), rim, ~flat & ~rim


@pytest.mark.parametrize(("body", "found"), [((40, 60, 160), True), ((196, 190, 184), False)])
def test_a_body_moves_with_its_rim_unless_it_has_the_color_of_the_wall(body, found):
    parts, rim, floor = scene(body)
    moving = parts.moving(moves=rim, rests=floor)
    assert moving[BODY].all() == found
    assert moving.sum() == found * 800


def test_nothing_moves_while_most_of_its_rim_stands_still():
    parts, rim, floor = scene((40, 60, 160))
    half = rim & (np.arange(W) < 40)
    assert not parts.moving(moves=half, rests=floor | (rim & ~half)).any()


def test_what_nothing_is_known_of_stands_still():
    nothing = np.zeros((H, W), bool)
    assert not scene((40, 60, 160))[0].moving(nothing, nothing).any()
    assert not FlatParts(np.zeros((H, W, 3), np.uint8), nothing).moving(~nothing, nothing).any()
    assert not FlatParts(np.zeros((H, W, 3), np.uint8), ~nothing).moving(nothing, ~nothing).any()
