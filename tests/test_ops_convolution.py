"""The fused convolutions against the plain modules."""

import pytest
import torch
from torch import nn

from peanut.ops import convolution
from peanut.ops.convolution import Chain, convolve

KERNELS = [(3, 1, 1), (3, 2, 1), (7, 1, 3), (1, 1, 0)]


@pytest.mark.parametrize("size", [(1, 1), (5, 7), (16, 40)])
@pytest.mark.parametrize(("kernel", "stride", "padding"), KERNELS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 5e-5), (torch.bfloat16, 0.04)])
@pytest.mark.parametrize("activation", [None, nn.ReLU(), nn.LeakyReLU(0.1)])
@pytest.mark.parametrize("minimal", [True, False])
def test_convolve_is_the_plain_modules(
    size, kernel, stride, padding, dtype, tolerance, activation, minimal, monkeypatch
):
    monkeypatch.setattr(convolution, "_minimal_3x3_is_faster", lambda: minimal)  # whatever it is on this machine
    torch.manual_seed(0)
    conv = nn.Conv2d(6, 5, kernel, stride, padding)
    x = torch.randn(2, 6, *size)
    expected = conv(x)
    plus = torch.randn_like(expected)
    cases = [
        (activation, None, expected if activation is None else activation(expected)),
        (None, plus, expected + plus),
    ]
    narrow = conv.to(dtype)
    with torch.no_grad():
        for after, added, result in cases:
            out = convolve(x.to(dtype), narrow, after, None if added is None else added.to(dtype))
            torch.testing.assert_close(out.float(), result, rtol=tolerance, atol=tolerance)


def test_which_way_is_faster_is_tried_once_in_inference_mode_too():
    conv, x = nn.Conv2d(3, 4, 3, padding=1), torch.ones(1, 3, 16, 16)
    state = torch.random.get_rng_state()
    convolution._minimal_3x3_is_faster.cache_clear()
    with torch.inference_mode():
        first, again = convolve(x, conv), convolve(x, conv)
    torch.testing.assert_close(first, conv(x), rtol=1e-4, atol=1e-5)
    assert torch.equal(first, again)
    assert convolution._minimal_3x3_is_faster.cache_info().misses <= 1
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_changed_weight_is_used():
    conv, x = nn.Conv2d(3, 4, 1), torch.randn(1, 3, 4, 4)
    with torch.no_grad():
        convolve(x, conv)
        conv.weight.mul_(2)
        torch.testing.assert_close(convolve(x, conv), conv(x))
        conv.load_state_dict({"weight": torch.ones(4, 3, 1, 1), "bias": torch.zeros(4)})
        torch.testing.assert_close(convolve(x, conv), conv(x))


def test_gradients_flow_through_a_chain():
    chain = Chain(nn.Conv2d(3, 4, 3, padding=1), nn.LeakyReLU(0.1), nn.Conv2d(4, 1, 3, padding=1))
    x = torch.randn(1, 3, 20, 20)
    chain(x).sum().backward()
    assert chain[0].weight.grad is not None
    with torch.no_grad():
        torch.testing.assert_close(chain(x), nn.Sequential(*chain)(x), rtol=1e-4, atol=1e-5)
