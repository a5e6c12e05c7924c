"""Every faster way against the plain operation it stands for: refused, missing, or turned off."""

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import peanut
from peanut.devices import _tell_once, pick_dtype
from peanut.ops import attention, convolution, fast_paths
from peanut.ops.attention import FastAttention, attend
from peanut.ops.convolution import convolve
from peanut.ops.deformable import deform_conv2d
from peanut.ops.lookup import serves

CPU = torch.device("cpu")
CACHES = (convolution._works, convolution._minimal_3x3_is_faster, fast_paths.cpu_multiplies, _tell_once)


@pytest.fixture(autouse=True)
def asked_anew():
    """What was found out about this machine is found out again, before and after."""
    for cache in CACHES:
        cache.cache_clear()
    yield
    for cache in CACHES:
        cache.cache_clear()


def refuses(*_, **__):
    raise RuntimeError("bf16 path needs the cpu support avx_ne_convert or avx512bw, avx512vl and avx512dq")


def layer(kernel=3, dtype=torch.float32):
    torch.manual_seed(0)
    return nn.Conv2d(6, 5, kernel, padding=kernel // 2).to(dtype), torch.randn(2, 6, 20, 24).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kernel", [3, 7])
@torch.no_grad()
def test_a_processor_that_refuses_onednn_convolves_all_the_same(kernel, dtype, monkeypatch):
    monkeypatch.setattr(torch._C._nn, "mkldnn_reorder_conv2d_weight", refuses)
    conv, x = layer(kernel, dtype)
    torch.testing.assert_close(convolve(x, conv, nn.ReLU()), conv(x).relu(), rtol=0.02, atol=0.02)
    assert not convolution._works(convolution._direct, dtype)


@pytest.mark.parametrize("gone", ["refused", "missing", "wrong"])
@torch.no_grad()
def test_a_pytorch_without_nnpack_convolves_all_the_same(gone, monkeypatch):
    if gone == "missing":
        monkeypatch.delattr(torch, "_nnpack_spatial_convolution")
    else:
        result = refuses if gone == "refused" else lambda x, *_: torch.zeros_like(x)
        monkeypatch.setattr(torch, "_nnpack_spatial_convolution", result)
    conv, x = layer(7)
    torch.testing.assert_close(convolve(x, conv, nn.ReLU()), conv(x).relu(), rtol=1e-4, atol=1e-5)
    assert not convolution._works(convolution._minimal_filtering, torch.float32)


@torch.no_grad()
def test_nothing_private_is_called_when_turned_off(monkeypatch):
    monkeypatch.setenv(fast_paths.SWITCH, "0")
    monkeypatch.setattr(convolution, "_direct", refuses)
    monkeypatch.setattr(convolution, "_minimal_filtering", refuses)
    monkeypatch.setattr(convolution, "_minimal_3x3_is_faster", refuses)
    for kernel in (1, 3, 7):
        conv, x = layer(kernel)
        assert torch.equal(convolve(x, conv, nn.ReLU()), conv(x).relu())


@pytest.mark.parametrize("way", ["off", "not multiplied"])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float32, 1e-5), (torch.bfloat16, 0.02)])
@torch.inference_mode()
def test_attention_by_the_fused_kernel(way, dtype, close, monkeypatch):
    if way == "off":
        monkeypatch.setenv(fast_paths.SWITCH, "0")
    else:
        monkeypatch.setattr(attention, "cpu_multiplies", lambda _: False)
    monkeypatch.setattr(torch, "mm", refuses)  # what the two products use
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 1, 2, n, 16).to(dtype) for n in (600, 700, 700))
    for values in (v, v[..., :4]):
        expected = (q.double() @ k.double().transpose(-1, -2) / 4).softmax(dim=-1) @ values.double()
        torch.testing.assert_close(attend(q, k, values).double(), expected, rtol=close, atol=close)
    with FastAttention():
        out = F.scaled_dot_product_attention(q[0], k[0], v[0])
    torch.testing.assert_close(out, F.scaled_dot_product_attention(q[0], k[0], v[0]), rtol=close, atol=close)


@torch.no_grad()
def test_half_precision_without_instructions_is_rounded_float32(monkeypatch):
    monkeypatch.setattr(fast_paths, "cpu_multiplies", lambda dtype: dtype == torch.float32)
    monkeypatch.setattr(convolution, "_works", lambda *_: False)
    conv, x = layer(3, torch.bfloat16)
    exact = F.conv2d(x.float(), conv.weight.float(), conv.bias.float(), padding=1)
    assert torch.equal(convolve(x, conv), exact.bfloat16())
    offset, mask = torch.randn(2, 18, 20, 24), torch.rand(2, 9, 20, 24)
    for on in (True, False):
        turned(monkeypatch, on)
        exact = deform_conv2d(x.float(), offset, mask, conv.weight.float(), conv.bias.float())
        out = deform_conv2d(x, offset, mask, conv.weight, conv.bias)
        torch.testing.assert_close(out, exact.bfloat16(), rtol=0.01, atol=0.01)


def turned(monkeypatch, on):
    monkeypatch.setenv(fast_paths.SWITCH, "before")  # given back at the end
    peanut.fast_paths(on)


def test_the_switch(monkeypatch):
    turned(monkeypatch, False)
    assert not fast_paths.allowed()
    assert not serves(torch.ones(1))
    assert not peanut.keep_memory()
    turned(monkeypatch, True)
    assert fast_paths.allowed()
    assert serves(torch.ones(1))


def test_half_precision_that_gains_nothing_is_told_once(monkeypatch, caplog):
    monkeypatch.setattr("peanut.devices.cpu_multiplies", lambda dtype: dtype == torch.float32)
    for dtype in ("float32", "bfloat16", torch.bfloat16):
        pick_dtype(dtype, CPU)
    assert caplog.messages == [
        "this processor does not multiply bfloat16: it gains no time here; dtype='auto' takes float32."
    ]


BITS = """
import hashlib, sys, torch, peanut
from peanut.networks.basicvsr import BasicVSR
torch.manual_seed(0)
network, digest = BasicVSR(8, 1), hashlib.sha256()
frames = list(peanut.read(sys.argv[1], max_size=96, stop="0.15") | peanut.MovingObjects() | peanut.FlowEraser())
for dtype in ("float32", "bfloat16"):
    for frame in peanut.URNet(network, dtype=dtype, device="cpu")(iter(frames)):
        digest.update(frame.numpy().tobytes())
print(digest.hexdigest())
"""


@pytest.mark.slow
def test_plain_operations_give_the_same_bits_in_every_process(walker, monkeypatch):
    monkeypatch.setenv(fast_paths.SWITCH, "0")
    command = [sys.executable, "-c", BITS, str(walker.video)]
    first, second = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
    assert first == second
    assert len(first.strip()) == 64
