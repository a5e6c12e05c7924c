"""What flow consistency calls occluded is what is covered or out of sight, where that is known."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peanut.ops.flow_consistency import visible

H, W = 24, 30
SHIFT = st.integers(-6, 6)


def constant(right, down, b=1):
    return torch.tensor([right, down], dtype=torch.float32).view(1, 2, 1, 1).expand(b, 2, H, W).clone()


def within(x, y, right, down, left, top, wide, high):
    """Which pixels, moved, lie in a box."""
    return (x + right >= left) & (x + right < left + wide) & (y + down >= top) & (y + down < top + high)


PLACES = torch.meshgrid(torch.arange(H), torch.arange(W), indexing="ij")


@given(right=st.floats(-40, 40), down=st.floats(-40, 40), b=st.integers(1, 3))
def test_of_a_shift_exactly_what_leaves_the_image_is_occluded(right, down, b):
    flow = constant(right, down, b)
    x, y = PLACES[1] + flow[0, 0], PLACES[0] + flow[0, 1]
    inside = (x >= 0) & (x <= W - 1) & (y >= 0) & (y <= H - 1)
    seen = visible(flow, -flow)
    assert (seen.dtype, seen.shape) == (torch.bool, (b, 1, H, W))
    assert torch.equal(seen, inside.expand(b, 1, H, W))


@given(of_block=st.tuples(SHIFT, SHIFT), of_background=st.tuples(SHIFT, SHIFT))
def test_the_background_that_a_block_covers_is_occluded_and_nothing_else(of_block, of_background):
    left, top, wide, high = 10, 8, 9, 7
    (right, down), (far_right, far_down) = of_block, of_background
    y, x = PLACES
    block = within(x, y, 0, 0, left, top, wide, high)
    flow = torch.where(block, constant(*of_block), constant(*of_background))
    after = within(x, y, 0, 0, left + right, top + down, wide, high)
    back = -torch.where(after, constant(*of_block), constant(*of_background))
    outside = ~within(x, y, *of_background, 0, 0, W, H)
    covered = within(x, y, *of_background, left + right, top + down, wide, high)
    apart = (right - far_right) ** 2 + (down - far_down) ** 2
    tolerated = apart < 0.5 + 0.01 * (right**2 + down**2 + far_right**2 + far_down**2)
    expected = torch.where(block, True, ~outside & (~covered | tolerated))
    assert torch.equal(visible(flow, back)[0, 0], expected)


@given(error=st.floats(0, 3))
def test_how_far_a_way_back_may_miss_grows_with_the_motion(error):
    still, fast = constant(0, 0), constant(20, 0)
    middle = (0, 0, H // 2, 3)
    for flow, square in ((still, 0.0), (fast, 800.0)):
        back = -flow + constant(0, error)
        least = 0.5 + 0.01 * (square + error**2)
        if abs(error**2 - least) > 1e-3:
            assert bool(visible(flow, back)[middle]) == (error**2 < least)


def test_no_number_is_occluded_and_nothing_is_differentiated():
    flow = constant(0, 0)
    flow[0, 0, 3, 4] = float("nan")
    back = constant(0, 0)
    back[0, 1, 7, 8] = float("inf")
    seen = visible(flow.requires_grad_(), back)
    assert not seen[0, 0, 3, 4]
    assert not seen[0, 0, 7, 8]
    assert seen[0, 0, 10:].all()
    assert not seen.requires_grad


@pytest.mark.parametrize("back", [torch.zeros(1, 2, 4, 5), torch.zeros(2, 4, 4), torch.zeros(1, 3, 4, 4)])
def test_flows_that_do_not_fit_are_named(back):
    with pytest.raises(ValueError, match=r"^visible: both flows must be b 2 h w, got \(1, 2, 4, 4\) and "):
        visible(torch.zeros(1, 2, 4, 4), back)
