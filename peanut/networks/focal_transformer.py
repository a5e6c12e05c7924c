"""The temporal focal transformer of E2FGVI (Li et al., CVPR 2022, section 3.4), with FuseFormer's soft split around it.

Features become overlapping patches, patches tokens, which attend to each other within windows, over all frames.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from peanut.ops.attention import attend

WINDOW = 5, 9
"""Rows and columns of tokens that attend to each other, and reach of the pooled neighborhood."""
KERNEL, STRIDE, PADDING = 7, 3, 3
"""The soft split's patches, in feature pixels."""
Memory = Tensor
"""What a block remembers of frames: keys and values of their tokens, then of the pooled ones, b heads t tokens 2d."""


class SoftSplit(nn.Module):
    """Soft split (FuseFormer, ICCV 2021): overlapping patches become tokens, b t c h w -> b t m n d."""

    def __init__(self, channels: int, dim: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(channels * KERNEL**2, dim)

    def forward(self, features: Tensor) -> Tensor:
        tokens = from_patches(features.flatten(0, 1), self.embedding)
        return rearrange(tokens, "(b t) d m n -> b t m n d", b=len(features))


class SoftComposition(nn.Module):
    """Soft composition (FuseFormer): tokens become overlapping patches, which are summed: b t m n d -> b t c h w."""

    def __init__(self, channels: int, dim: int, fixed_size: tuple[int, int] | None) -> None:
        super().__init__()
        self.embedding = nn.Linear(dim, channels * KERNEL**2)
        self.bias = nn.Parameter(torch.zeros(channels, *fixed_size)) if fixed_size else None
        self.bias_conv = None if fixed_size else nn.Conv2d(channels, channels, 3, 1, 1)

    def forward(self, tokens: Tensor, size: tuple[int, int]) -> Tensor:
        summed = to_patches(rearrange(tokens, "b t m n d -> (b t) d m n"), self.embedding, size)
        refine: Any = self.bias_conv
        out = summed + self.bias if self.bias is not None else refine(summed)  # large sums: not by minimal filtering
        return rearrange(out, "(b t) c h w -> b t c h w", b=len(tokens))


def from_patches(x: Tensor, linear: Any) -> Tensor:
    """linear(unfold(x)), as one convolution: b c h w -> b d m n."""
    weight = rearrange(linear.weight, "d (c i j) -> d c i j", i=KERNEL, j=KERNEL)
    return F.conv2d(x, weight, linear.bias, STRIDE, PADDING)


def to_patches(tokens: Tensor, linear: Any, size: tuple[int, int]) -> Tensor:
    """fold(linear(tokens)), as one transposed convolution: b d m n -> b c h w, overlaps summed."""
    weight = rearrange(linear.weight, "(c i j) d -> d c i j", i=KERNEL, j=KERNEL)
    bias = rearrange(linear.bias, "(one c i j) -> one c i j", one=1, i=KERNEL, j=KERNEL)
    more = [side - (STRIDE * (n - 1) + KERNEL - 2 * PADDING) for side, n in zip(size, tokens.shape[2:], strict=True)]
    out = F.conv_transpose2d(tokens, weight, None, STRIDE, PADDING, more)
    ones = tokens.new_ones(1, 1, *tokens.shape[2:])  # the bias is added by every patch that covers a pixel
    return out + F.conv_transpose2d(ones, bias, None, STRIDE, PADDING, more)


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # what is kept serves training as well
def window_tokens(m: int, n: int) -> Tensor:
    """Which tokens of an m x n grid each window sees: its own 45, and 30 of each of the four grids rolled around it.

    Of a rolled grid only those are kept that lie in the rows and columns the roll brought in. Returns (windows, 165).
    """
    rows, columns = WINDOW
    numbers = torch.arange(m * n).reshape(m, n)
    seen = [_windows(numbers)]
    for down, right in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        rolled = _windows(numbers.roll((down * (rows // 2), right * (columns // 2)), (0, 1)))
        kept = torch.zeros(rows, columns, dtype=torch.bool)
        kept[slice(-(rows // 2), None) if down < 0 else slice(0, rows // 2)] = True
        kept[:, slice(-(columns // 2), None) if right < 0 else slice(0, columns // 2)] = True
        seen.append(rolled[:, kept.flatten()])
    return torch.cat(seen, dim=1)


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # what is kept serves training as well
def pooled_tokens(m: int, n: int) -> tuple[Tensor, Tensor]:
    """Which pooled tokens (one a window) lie around each window: (windows, k), and which of them exist (the rest pads).

    What lies outside the image has no share in the attention: published as zeros with -100 on their logits.
    """
    rows, columns = WINDOW
    m, n = m // rows, n // columns
    around = [
        [
            i * n + j
            for i in range(max(0, row - rows // 2), min(m, row + rows // 2 + 1))
            for j in range(max(0, column - columns // 2), min(n, column + columns // 2 + 1))
        ]
        for row in range(m)
        for column in range(n)
    ]
    most = max(map(len, around))
    exists = torch.tensor([[k < len(one) for k in range(most)] for one in around])
    return torch.tensor([one + [0] * (most - len(one)) for one in around]), exists


def _windows(grid: Tensor) -> Tensor:
    """m n -> (windows, 45)."""
    return rearrange(grid, "(m i) (n j) -> (m n) (i j)", i=WINDOW[0], j=WINDOW[1])


def _gather(x: Tensor, tokens: Tensor) -> Tensor:
    """The tokens (w k) of each window, of all frames: b a t n d -> b w a (t k) d."""
    found = x.index_select(3, tokens.flatten().to(x.device))  # whole rows at a time; by x[...] value by value
    return rearrange(found, "b a t (w k) d -> b w a (t k) d", w=len(tokens))


class FocalAttention(nn.Module):
    """Temporal focal attention (section 3.4): a window in all frames, its surroundings, pooled tokens farther out."""

    AT_ONCE = 2**26
    """Values of keys that are gathered at a time on an accelerator; all windows of a large frame would need gigabytes.
    A CPU takes one window at a time: nothing is copied twice, and it stays in the cache."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)

    def remember(self, x: Tensor) -> Tensor:
        """Keys and values of tokens, fine or pooled: b t m n d -> b heads t (m n) 2d."""
        d = x.shape[-1]
        kv = F.linear(x, self.qkv.weight[d:], self.qkv.bias[d:])
        return rearrange(kv, "b t m n (s a d) -> b a t (m n) (s d)", s=2, a=self.heads)

    def forward(self, x: Tensor, keys: Memory) -> Tensor:
        """x: b t m n d, the normalised tokens that ask. keys: what is remembered of all frames. Returns b t m n d."""
        t, m, n, d = x.shape[1:]
        near, (far, exists) = window_tokens(m, n), pooled_tokens(m, n)
        q = rearrange(
            F.linear(x, self.qkv.weight[:d], self.qkv.bias[:d]), "b t m n (a d) -> b a t (m n) d", a=self.heads
        )
        seen = torch.cat([near, far + m * n], dim=1)  # of the tokens, and the pooled ones behind them
        valid = torch.cat([torch.ones(near.shape, dtype=torch.bool), exists], dim=1).repeat(1, keys.shape[2])
        each = len(keys) * self.heads * keys.shape[2] * seen.shape[1] * keys.shape[-1]
        step = 1 if x.device.type == "cpu" else max(1, self.AT_ONCE // each)
        windows = []
        for first in range(0, len(seen), step):
            own, part, there = (one[first : first + step] for one in (near[:, : WINDOW[0] * WINDOW[1]], seen, valid))
            found, asked = _gather(keys, part), _gather(q, own)
            mask = None if there.all() else there[None, :, None].to(x.device)
            k, v = found.chunk(2, dim=-1)
            windows.append(attend(asked, k, v, mask))
        shape = {"m": m // WINDOW[0], "t": t, "i": WINDOW[0], "j": WINDOW[1]}
        out = rearrange(torch.cat(windows, dim=1), "b (m n) a (t i j) d -> b t (m i) (n j) (a d)", **shape)
        return self.proj(out)


class FusionFeedForward(nn.Module):
    """Fusion feed-forward F3N (FuseFormer): between its two linear layers, overlapping patches agree on their mean.

    As patches of the mean are patches, whatever is done to single values (GELU) is done before they are cut out.
    """

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Linear(dim, hidden))
        self.conv2 = nn.Sequential(nn.GELU(), nn.Linear(hidden, dim))

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """x: b t m n d, of a feature of `size`."""
        first, (gelu, second) = self.conv1[0], self.conv2
        agreed = to_patches(rearrange(x, "b t m n d -> (b t) d m n"), first, size) / overlaps(size).to(x)
        return rearrange(from_patches(gelu(agreed), second), "(b t) d m n -> b t m n d", b=len(x))


@lru_cache(maxsize=16)
@torch.inference_mode(False)  # what is kept serves training as well
def overlaps(size: tuple[int, int]) -> Tensor:
    """How many patches cover each pixel of a feature: 1 1 h w."""
    ones = F.unfold(torch.ones(1, 1, *size), KERNEL, stride=STRIDE, padding=PADDING)
    return F.fold(ones, size, KERNEL, stride=STRIDE, padding=PADDING)


class Block(nn.Module):
    """Temporal focal transformer block: b t m n d -> b t m n d, or those frames of it that ask."""

    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.pool_layers = nn.ModuleList([nn.Linear(WINDOW[0] * WINDOW[1], 1)])
        self.norm1 = nn.LayerNorm(dim)
        self.attn = FocalAttention(dim, heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = FusionFeedForward(dim, hidden)

    def remember(self, x: Tensor) -> Memory:
        """What the frames' tokens (normalised) give to the attention."""
        cells = rearrange(x, "b t (m i) (n j) d -> b t m n d (i j)", i=WINDOW[0], j=WINDOW[1])
        return torch.cat([self.attn.remember(x), self.attn.remember(self.pool_layers[0](cells).squeeze(-1))], dim=3)

    def forward(
        self, x: Tensor, size: tuple[int, int], asking: slice, past: Sequence[Memory] = ()
    ) -> tuple[Tensor, Memory]:
        """The tokens of the frames `asking`, and what the frames given are remembered by.

        past: what further frames, computed before, are remembered by.
        """
        normalised = self.norm1(x)
        memory = self.remember(normalised)
        keys = torch.cat([*past, memory], dim=2) if past else memory
        x = x[:, asking] + self.attn(normalised[:, asking], keys)
        return x + self.mlp(self.norm2(x), size), memory
