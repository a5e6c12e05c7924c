"""Attention by every way is softmax(q k^T / sqrt(d)) v."""

import pytest
import torch
import torch.nn.functional as F

from peanut.ops.attention import FastAttention, attend
from peanut.ops.fast_paths import SWITCH


def plainly(q, k, v, seen=None):
    logits = q.double() @ k.double().transpose(-1, -2) / q.shape[-1] ** 0.5
    if seen is not None:
        logits = logits.masked_fill(~seen.expand(*k.shape[:-1])[..., None, :], -torch.inf)
    return logits.softmax(dim=-1) @ v.double()


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-5), (torch.bfloat16, 2e-2)], ids=str)
@pytest.mark.parametrize("masked", [False, True])
@torch.inference_mode()
def test_attend(dtype, tolerance, masked):
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 3, 4, n, 16).to(dtype) for n in (1500, 40, 40))
    seen = torch.rand(1, 3, 1, 40) > 0.5 if masked else None
    out = attend(q, k, v, seen)
    assert (out.dtype, out.shape) == (dtype, q.shape)
    torch.testing.assert_close(out.double(), plainly(q, k, v, seen), rtol=tolerance, atol=tolerance)


def test_attend_is_differentiable_in_bfloat16():
    q, k, v = (torch.randn(1, 1, 1, 8, 4, dtype=torch.bfloat16, requires_grad=True) for _ in range(3))
    attend(q, k, v).sum().backward()
    assert q.grad is not None


@torch.inference_mode()
def test_inside_the_mode_large_attentions_take_the_other_way_and_small_ones_do_not(monkeypatch):
    ways = []
    monkeypatch.setenv(SWITCH, "1")
    monkeypatch.setattr("peanut.ops.attention.cpu_multiplies", lambda _: True)  # whatever processor this is
    monkeypatch.setattr("peanut.ops.attention.attend", lambda *x: ways.append(x[0].shape) or attend(*x))
    large, little = torch.randn(1, 2, 600, 16), torch.randn(1, 2, 20, 16)
    with torch.autocast("cpu", torch.bfloat16), FastAttention():
        out = F.scaled_dot_product_attention(large, large, large, dropout_p=0.0)
        F.scaled_dot_product_attention(little, little, little)
    assert ways == [large.shape]
    torch.testing.assert_close(out.double(), plainly(large, large, large), rtol=2e-2, atol=2e-2)
    with FastAttention():
        F.scaled_dot_product_attention(large, large, large)
    assert len(ways) == 1  # float32 stays as it is


@torch.inference_mode()
def test_values_may_be_narrower_than_keys():
    q, k, v = torch.randn(1, 2, 600, 16), torch.randn(1, 2, 700, 16), torch.randn(1, 2, 700, 4)
    with FastAttention():
        out = F.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(out.double(), plainly(q, k, v), rtol=1e-5, atol=1e-5)
