"""E2FGVI and E2FGVI-HQ: end-to-end flow-guided video inpainting (Li et al., CVPR 2022).

One class for both: E2FGVI adds a learned map of fixed size in its soft composition, E2FGVI-HQ a convolution, which fits
any size. Module names are those of the published checkpoints, so that these load strictly.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from peanut.networks.alignment import SecondOrderAlignment
from peanut.networks.spynet import SPyNet
from peanut.ops.attention import attend
from peanut.ops.convolution import Chain, convolve
from peanut.ops.warp import warp

WINDOW = 5, 9
"""Rows and columns of tokens that attend to each other, and reach of the pooled neighbourhood."""
KERNEL, STRIDE, PADDING = 7, 3, 3
"""The soft split's patches, in feature pixels."""
Memory = Tensor
"""What a block remembers of frames: keys and values of their tokens, then of the pooled ones, b heads t tokens 2d."""
MULTIPLE = 60, 108
"""Frames must be multiples of this: 4 (encoder) x 3 (soft split) x (5, 9) (window)."""


class Encoder(nn.Module):
    """Content encoder: b 3 h w, holes 0 -> b channels h/4 w/4. Later layers see an early feature again, in groups."""

    GROUPS = (2, 4, 8, 1)

    def __init__(self, channels: int = 128) -> None:
        super().__init__()
        c = channels
        plan = [(3, c // 2, 2), (c // 2, c // 2, 1), (c // 2, c, 2), (c, 2 * c, 1), (2 * c, 3 * c, 1)]
        layers: list[nn.Module] = []
        for inputs, outputs, stride in plan:
            layers += [nn.Conv2d(inputs, outputs, 3, stride, 1), nn.LeakyReLU(0.2)]
        widths = [3 * c, 4 * c, 3 * c, 2 * c, c]
        for groups, inputs, outputs in zip(self.GROUPS, widths, widths[1:], strict=False):
            layers += [nn.Conv2d(2 * c + inputs, outputs, 3, 1, 1, groups=groups), nn.LeakyReLU(0.2)]
        self.layers = Chain(*layers)

    def forward(self, frames: Tensor) -> Tensor:
        early: Tensor = self.layers[:8](frames)
        x = self.layers[8:10](early)
        for groups, number in zip(self.GROUPS, range(10, 18, 2), strict=True):
            skip, own = (rearrange(part, "b (g c) h w -> b g c h w", g=groups) for part in (early, x))
            x = self.layers[number : number + 2](torch.cat([skip, own], dim=2).flatten(1, 2))
        return x


class Enlarge(nn.Module):
    """Twice as large (bilinear, corners aligned), then a convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return convolve(F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True), self.conv)


class Propagation(nn.Module):
    """Bidirectional second-order flow-guided deformable propagation over the local frames (section 3.3)."""

    def __init__(self, channels: int = 128, published_flow_order: bool = True) -> None:
        super().__init__()
        self.published_flow_order = published_flow_order
        self.deform_align = nn.ModuleDict({name: SecondOrderAlignment(channels) for name in ("backward_", "forward_")})
        self.backbone = nn.ModuleDict(
            {
                name: Chain(
                    nn.Conv2d(parts * channels, channels, 3, 1, 1),
                    nn.LeakyReLU(0.1),
                    nn.Conv2d(channels, channels, 3, 1, 1),
                )
                for name, parts in (("backward_", 2), ("forward_", 3))
            }
        )
        self.fusion = nn.Conv2d(2 * channels, channels, 1)

    def forward(self, features: Tensor, flow_to_next: Tensor, flow_to_previous: Tensor) -> Tensor:
        """features: b t c h w. flow_to_next, flow_to_previous: b (t - 1) 2 h w, between neighbours, in feature pixels.

        Returns b t c h w, with the encoder's features added.
        """
        encoded = list(features.unbind(1))
        to_next, to_previous = list(flow_to_next.unbind(1)), list(flow_to_previous.unbind(1))
        # Published quirk: the backward branch, too, takes its flows from the start of the list, so step k gets
        # the flow of frame k - 1, not its own; the published weights were trained with it.
        used = to_next if self.published_flow_order else to_next[::-1]
        backward = self._run("backward_", [[feature] for feature in encoded[::-1]], used)[::-1]
        forward = self._run("forward_", [list(pair) for pair in zip(encoded, backward, strict=True)], to_previous)
        both = torch.stack([torch.cat(pair, dim=1) for pair in zip(backward, forward, strict=True)], dim=1)
        fused = convolve(both.flatten(0, 1), self.fusion)
        return rearrange(fused, "(b t) c h w -> b t c h w", b=len(features)) + features

    def _run(self, branch: str, inputs: list[list[Tensor]], flows: list[Tensor]) -> list[Tensor]:
        """One branch in its running order; inputs: per frame the encoder's feature first."""
        propagated: list[Tensor] = []
        for number, parts in enumerate(inputs):
            propagated.append(self.step(branch, parts, propagated[-2:], flows[max(0, number - 2) : number]))
        return propagated

    def step(self, branch: str, parts: list[Tensor], past: list[Tensor], flows: list[Tensor]) -> Tensor:
        """One frame further along a branch: its propagated feature, b c h w.

        parts: the frame's features, the encoder's first. past: propagated features of the one or two frames before, the
        nearest last; flows: from each of their successors to them.
        """
        aligned = self._aligned(branch, parts[0], past, flows)
        out: Tensor = aligned + self.backbone[branch](torch.cat([*parts, aligned], dim=1))
        return out

    def _aligned(self, branch: str, current: Tensor, past: list[Tensor], flows: list[Tensor]) -> Tensor:
        if not past:
            return torch.zeros_like(current)
        older = past[0] if len(past) > 1 else None
        older_flow = second_order(flows[-1], flows[-2]) if len(past) > 1 else None
        aligned: Tensor = self.deform_align[branch](current, past[-1], flows[-1], older, older_flow)
        return aligned


def second_order(flow: Tensor, before: Tensor) -> Tensor:
    """Flow over two steps: flow + warp(flow of the step before, flow). b 2 h w, pixels."""
    return flow + warp(before, flow)


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


def token_grid(side: int) -> int:
    """How many tokens stand along a side of the feature."""
    return (side + 2 * PADDING - KERNEL) // STRIDE + 1


@cache
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


@cache
def pooled_tokens(m: int, n: int) -> tuple[Tensor, Tensor]:
    """Which pooled tokens (one a window) lie around each window: (windows, k), and which of them exist (the rest pads).

    What lies outside the picture has no share in the attention: published as zeros with -100 on their logits.
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
            found = rearrange(keys[:, :, :, part.to(x.device)], "b a t w k d -> b w a (t k) d")
            asked = rearrange(q[:, :, :, own.to(x.device)], "b a t w k d -> b w a (t k) d")
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


@cache
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


class E2FGVI(nn.Module):
    """The generator. Local frames come first, then reference frames; only the local ones are propagated.

    fixed_size: (h, w) of the frames for E2FGVI (240, 432); None for E2FGVI-HQ, which takes any multiple of 60 x 108.
    """

    def __init__(
        self,
        fixed_size: tuple[int, int] | None = None,
        channels: int = 128,
        dim: int = 512,
        heads: int = 4,
        blocks: int = 8,
        hidden: int = 40 * KERNEL**2,
        published_flow_order: bool = True,
    ) -> None:
        super().__init__()
        self.fixed_size = fixed_size
        self.encoder = Encoder(channels)
        self.decoder = Chain(
            Enlarge(channels, channels),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels, channels // 2, 3, 1, 1),
            nn.LeakyReLU(0.2),
            Enlarge(channels // 2, channels // 2),
            nn.LeakyReLU(0.2),
            nn.Conv2d(channels // 2, 3, 3, 1, 1),
        )
        self.feat_prop_module = Propagation(channels, published_flow_order)
        self.ss = SoftSplit(channels, dim)
        self.sc = SoftComposition(channels, dim, fixed_size and (fixed_size[0] // 4, fixed_size[1] // 4))
        self.transformer = nn.ModuleList(Block(dim, heads, hidden) for _ in range(blocks))
        self.update_spynet = SPyNet()

    @classmethod
    def like(cls, weights: Mapping[str, Tensor], **more: bool) -> "E2FGVI":
        """The network that a checkpoint's tensors fit, not loaded yet."""
        fixed = weights["sc.bias"].shape if "sc.bias" in weights else None
        dim = weights["ss.embedding.bias"].shape[0]
        return cls(
            fixed_size=None if fixed is None else (4 * fixed[1], 4 * fixed[2]),
            channels=weights["feat_prop_module.fusion.bias"].shape[0],
            dim=dim,
            heads=max(1, dim // 128),
            blocks=len({name.split(".")[1] for name in weights if name.startswith("transformer.")}),
            hidden=weights["transformer.0.mlp.conv1.0.bias"].shape[0],
            **more,
        )

    def check_size(self, h: int, w: int) -> None:
        """Raise ValueError for frames that the network cannot take."""
        if self.fixed_size is not None and (h, w) != self.fixed_size:
            raise ValueError(f"E2FGVI takes {self.fixed_size[1]}x{self.fixed_size[0]} alone, got {w}x{h}.")
        if h % MULTIPLE[0] or w % MULTIPLE[1]:
            raise ValueError(f"sides must be multiples of {MULTIPLE[1]}x{MULTIPLE[0]}, got {w}x{h}.")

    def encode(self, masked: Tensor) -> Tensor:
        """b 3 h w in [-1, 1], holes 0 -> b c h/4 w/4."""
        out: Tensor = self.encoder(masked)
        return out

    def flows(self, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Completed flow between neighbours: b t 3 h w -> to next and to previous, b (t - 1) 2 h/4 w/4, pixels."""
        b, t, _, h, w = masked.shape
        small = F.interpolate((masked.flatten(0, 1) + 1) / 2, (h // 4, w // 4), mode="bilinear", align_corners=True)
        small = rearrange(small, "(b t) c h w -> b t c h w", b=b)
        if t == 1:
            none = small.new_zeros(b, 0, 2, h // 4, w // 4)
            return none, none
        first, second = small[:, :-1].flatten(0, 1), small[:, 1:].flatten(0, 1)
        both = self.update_spynet(torch.cat([first, second]), torch.cat([second, first]))
        to_next, to_previous = rearrange(both, "(two b t) c h w -> two b t c h w", two=2, b=b)
        return to_next, to_previous

    def complete(self, features: Tensor, flow_to_next: Tensor, flow_to_previous: Tensor, decoded: slice) -> Tensor:
        """From encoded features, local frames first, to the frames `decoded`: b t 3 h w in [-1, 1]."""
        local = flow_to_next.shape[1] + 1
        propagated = self.feat_prop_module(features[:, :local], flow_to_next, flow_to_previous)
        features = torch.cat([propagated, features[:, local:]], dim=1)
        return self.decode(features[:, decoded], self.tokens(features, decoded))

    def tokens(self, features: Tensor, decoded: slice) -> Tensor:
        """Soft split and transformer: b t c h w -> b t m n d; the last block runs for the frames `decoded` alone."""
        size = features.shape[-2], features.shape[-1]
        tokens = self.ss(features)
        for block in self.transformer:
            tokens, _ = block(tokens, size, decoded if block is self.transformer[-1] else slice(None))
        return tokens

    def decode(self, features: Tensor, tokens: Tensor) -> Tensor:
        """Soft composition and decoder, with the features that went into the soft split added: b t 3 h w."""
        x = features + self.sc(tokens, (features.shape[-2], features.shape[-1]))
        return rearrange(torch.tanh(self.decoder(x.flatten(0, 1))), "(b t) c h w -> b t c h w", b=len(x))

    def forward(self, masked: Tensor, local: int, decode_all: bool = False) -> Tensor:
        """Complete a window: b t 3 h w in [-1, 1], holes 0, `local` neighbouring frames first, then references.

        Returns b local 3 h w in [-1, 1], or all frames with `decode_all`. Raises ValueError for a size or a count of
        local frames that does not fit.
        """
        b, t, _, h, w = masked.shape
        self.check_size(h, w)
        if not 1 <= local <= t:
            raise ValueError(f"local must be 1 to {t}, the frames given, got {local}.")
        features = rearrange(self.encode(masked.flatten(0, 1)), "(b t) c h w -> b t c h w", b=b)
        return self.complete(features, *self.flows(masked[:, :local]), decoded=slice(t if decode_all else local))
