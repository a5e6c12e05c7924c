"""E2FGVI and E2FGVI-HQ: end-to-end flow-guided video inpainting (Li et al., CVPR 2022).

One class for both: E2FGVI adds a learned map of fixed size in its soft composition, E2FGVI-HQ a convolution, which fits
any size. Module names are those of the published checkpoints, so that these load strictly.
"""

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from peanut.networks.alignment import SecondOrderAlignment
from peanut.networks.e2fgvi_online import Remembered, complete_newest
from peanut.networks.focal_transformer import KERNEL, Block, SoftComposition, SoftSplit
from peanut.networks.spynet import SPyNet
from peanut.ops.convolution import Chain, convolve
from peanut.ops.warp import warp

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
        """features: b t c h w. flow_to_next, flow_to_previous: b (t - 1) 2 h w, between neighbors, in feature pixels.

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


class E2FGVI(nn.Module):
    """The generator. Local frames come first, then reference frames; only the local ones are propagated.

    fixed_size: (h, w) of the frames for E2FGVI (240, 432); None for E2FGVI-HQ, which takes any multiple of 60 x 108.
    """

    multiple = MULTIPLE

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
        """b 3 h w in [-1, 1], holes 0, any float type -> b c h/4 w/4, type of the weights."""
        weight = next(self.encoder.parameters())
        out: Tensor = self.encoder(masked.to(weight.dtype).contiguous(memory_format=torch.channels_last))
        return out

    def flows(self, masked: Tensor) -> tuple[Tensor, Tensor]:
        """Completed flow between neighbors: b t 3 h w -> to next and to previous, b (t - 1) 2 h/4 w/4, pixels."""
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

    def complete_newest(
        self, feature: Tensor, flow: Tensor | None, before: Sequence[Remembered], others: Sequence[Remembered]
    ) -> tuple[Tensor, Remembered]:
        """One new frame completed from what is remembered of earlier ones: `e2fgvi_online.complete_newest`."""
        return complete_newest(self, feature, flow, before, others)

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
        """Complete a window: b t 3 h w in [-1, 1], holes 0, `local` neighboring frames first, then references.

        Returns b local 3 h w in [-1, 1], or all frames with `decode_all`. Raises ValueError for a size or a count of
        local frames that does not fit.
        """
        b, t, _, h, w = masked.shape
        self.check_size(h, w)
        if not 1 <= local <= t:
            raise ValueError(f"local must be 1 to {t}, the frames given, got {local}.")
        features = rearrange(self.encode(masked.flatten(0, 1)), "(b t) c h w -> b t c h w", b=b)
        return self.complete(features, *self.flows(masked[:, :local]), decoded=slice(t if decode_all else local))
