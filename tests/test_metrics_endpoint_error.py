"""The endpoint error is the mean length of the difference of two flows."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peanut import UsageError
from peanut.metrics import EndpointError, endpoint_error

NUMBERS = st.floats(-50, 50)


@given(right=NUMBERS, down=NUMBERS, seed=st.integers(0, 1000))
def test_a_shifted_flow_errs_by_the_length_of_the_shift(right, down, seed):
    truth = torch.randn(2, 2, 5, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    flow = truth + torch.tensor([right, down], dtype=torch.float64).view(2, 1, 1)
    torch.testing.assert_close(endpoint_error(flow, truth), torch.full((2,), math.hypot(right, down)).double())


def test_only_the_pixels_that_are_known_count_and_a_clip_is_the_mean_of_its_pairs():
    truth = torch.zeros(2, 4, 4)
    flow = truth.clone()
    flow[0, 0], flow[1, 0] = 3, 4
    top = torch.zeros(4, 4, dtype=torch.bool)
    top[0] = True
    assert [float(endpoint_error(flow, truth, where)) for where in (None, top, ~top)] == [1.25, 5, 0]
    assert math.isnan(endpoint_error(flow, truth, top & ~top))
    measure = EndpointError()
    measure.add(flow, truth)
    measure.add(flow, truth, top)
    assert measure.value == {"endpoint_error": 3.125}


def test_what_does_not_fit_is_said():
    with pytest.raises(
        UsageError, match=r"floating and of one shape, got float32 \(2, 4, 4\) and float32 \(2, 4, 5\)\.$"
    ):
        endpoint_error(torch.zeros(2, 4, 4), torch.zeros(2, 4, 5))
