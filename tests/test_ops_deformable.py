"""Warp, lookups and deformable convolution against what torch and torchvision say."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.ops import deform_conv2d as reference

from peanut.ops.deformable import deform_conv2d, flow_guided_deform_conv2d
from peanut.ops.warp import warp

shapes = st.fixed_dictionaries(
    {"b": st.integers(1, 2), "c": st.integers(1, 3), "d": st.integers(1, 5), "groups": st.sampled_from([2, 4]),
     "h": st.integers(1, 9), "w": st.integers(1, 9), "k": st.sampled_from([1, 3]),
     "reach": st.sampled_from([0.5, 4, 30])}
)  # fmt: skip


def inputs(b, c, d, groups, h, w, k, reach):
    torch.manual_seed(b + c + d + h + w)
    return (
        torch.randn(b, c * groups, h, w),
        reach * torch.randn(b, 2 * groups * k * k, h, w),
        torch.rand(b, groups * k * k, h, w),
        torch.randn(d, c * groups, k, k),
        torch.randn(d),
    )


@given(shapes)
def test_deform_conv2d_is_torchvisions(shape):
    x, offset, mask, weight, bias = inputs(**shape)
    expected = reference(x, offset, weight, bias, padding=shape["k"] // 2, mask=mask)
    torch.testing.assert_close(deform_conv2d(x, offset, mask, weight, bias), expected, rtol=1e-4, atol=1e-4)


@given(shapes)
@settings(max_examples=20)
def test_the_fast_way_is_the_differentiable_one(shape):
    x, offset, mask, weight, bias = inputs(**shape)
    plain = deform_conv2d(x.requires_grad_(), offset, mask, weight, bias)
    plain.sum().backward()
    assert x.grad is not None
    with torch.no_grad():
        torch.testing.assert_close(deform_conv2d(x, offset, mask, weight, bias), plain, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.bfloat16, 0.15)])
def test_taps_move_from_where_the_flow_points(memory_format, dtype, tolerance):
    torch.manual_seed(0)
    x, condition = torch.randn(2, 8, 12, 10), torch.randn(2, 27 * 4, 12, 10)
    flows = 3 * torch.randn(2, 2, 12, 10), 3 * torch.randn(2, 2, 12, 10)
    weight, bias = torch.randn(6, 8, 3, 3) / 8, torch.randn(6)
    first, second, mask = condition.chunk(3, dim=1)
    halves = [flow.flip(1).repeat(1, 18, 1, 1) for flow in flows]  # (horizontal, vertical) -> (down, right), every tap
    offset = 10 * torch.tanh(torch.cat([first, second], dim=1)) + torch.cat(halves, dim=1)
    expected = reference(x, offset, weight, bias, padding=1, mask=torch.sigmoid(mask))
    given_x, given_condition = (tensor.to(dtype, memory_format=memory_format) for tensor in (x, condition))
    out = flow_guided_deform_conv2d(given_x, given_condition, flows, 10.0, weight.to(dtype), bias.to(dtype))
    assert out.dtype == dtype
    if dtype == torch.float32:
        torch.testing.assert_close(out, expected, rtol=0, atol=tolerance)
    else:  # a condition rounded to 8 bits moves a tap by up to 0.04 pixels
        assert (out.float() - expected).abs().mean() < tolerance


def test_shapes_that_do_not_fit_are_named():
    x, offset, mask, weight, bias = inputs(b=1, c=2, d=3, groups=2, h=4, w=5, k=3, reach=1)
    with pytest.raises(ValueError, match=r"do not fit together, got \(1, 4, 4, 5\), \(1, 34, 4, 5\)"):
        deform_conv2d(x, offset[:, 2:], mask, weight, bias)


@pytest.mark.parametrize("padding", ["zeros", "border"])
@pytest.mark.parametrize("channels", [2, 16])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
def test_warp_is_grid_sample(padding, channels, memory_format):
    torch.manual_seed(0)
    x, flow = torch.randn(2, channels, 7, 9), 6 * torch.randn(2, 2, 7, 9)
    rows, columns = torch.meshgrid(torch.arange(7.0), torch.arange(9.0), indexing="ij")
    grid = torch.stack([2 * (columns + flow[:, 0]) / 8 - 1, 2 * (rows + flow[:, 1]) / 6 - 1], dim=-1)
    expected = F.grid_sample(x, grid, padding_mode=padding, align_corners=True)
    torch.testing.assert_close(warp(x.to(memory_format=memory_format), flow, padding), expected, rtol=1e-4, atol=1e-4)


def test_a_place_that_is_no_number_reads_nothing():
    x, flow = torch.ones(1, 16, 4, 4).to(memory_format=torch.channels_last), torch.zeros(1, 2, 4, 4)
    flow[0, 0, 0, 0] = torch.nan
    out = warp(x, flow)
    assert out[0, :, 0, 0].eq(0).all()
    assert out.sum() == 16 * 15
