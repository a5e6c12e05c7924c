"""E2FGVI-HQ in the published order of work, transcribed plainly: what the speed of ours is measured against.

Every window computed anew, everything encoded, propagated, attended to and decoded; contiguous float32, one operation
after the other, explicit softmax, torchvision's deformable convolution.
"""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor
from torchvision.ops import deform_conv2d

from benchmarks.plain_basicvsr_plusplus import spynet, warp

Weights = Mapping[str, Tensor]
PATCH = {"kernel_size": 7, "stride": 3, "padding": 3}


def conv(weights: Weights, name: str, x: Tensor, stride: int = 1, groups: int = 1) -> Tensor:
    weight = weights[f"{name}.weight"]
    return F.conv2d(x, weight, weights[f"{name}.bias"], stride, weight.shape[-1] // 2, groups=groups)


def linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"])


def encode(weights: Weights, x: Tensor) -> Tensor:
    for number, stride in ((0, 2), (2, 1), (4, 2), (6, 1)):
        x = F.leaky_relu(conv(weights, f"encoder.layers.{number}", x, stride), 0.2)
    early = x
    x = F.leaky_relu(conv(weights, "encoder.layers.8", x), 0.2)
    for number, groups in ((10, 2), (12, 4), (14, 8), (16, 1)):
        parts = [part.unflatten(1, (groups, -1)) for part in (early, x)]
        x = conv(weights, f"encoder.layers.{number}", torch.cat(parts, 2).flatten(1, 2), groups=groups)
        x = F.leaky_relu(x, 0.2)
    return x


def align(weights: Weights, branch: str, current: Tensor, past: list[Tensor], flows: list[Tensor]) -> Tensor:
    if not past:
        return torch.zeros_like(current)
    name = f"feat_prop_module.deform_align.{branch}"
    near, flow = past[-1], flows[-1]
    far, far_flow = torch.zeros_like(near), torch.zeros_like(flow)
    if len(past) > 1:
        far, far_flow = past[-2], flow + warp(flows[-2], flow)
    x = torch.cat([warp(near, flow), current, warp(far, far_flow), flow, far_flow], dim=1)
    for layer in (0, 2, 4):
        x = F.leaky_relu(conv(weights, f"{name}.conv_offset.{layer}", x), 0.1)
    first, second, mask = conv(weights, f"{name}.conv_offset.6", x).chunk(3, dim=1)
    offset = 10 * torch.tanh(torch.cat([first, second], dim=1))
    half = offset.shape[1] // 2
    near_offset = offset[:, :half] + flow.flip(1).repeat(1, half // 2, 1, 1)
    far_offset = offset[:, half:] + far_flow.flip(1).repeat(1, half // 2, 1, 1)
    both = torch.cat([near, far], dim=1), torch.cat([near_offset, far_offset], dim=1)
    return deform_conv2d(*both, weights[f"{name}.weight"], weights[f"{name}.bias"], padding=1, mask=torch.sigmoid(mask))


def branch(weights: Weights, name: str, inputs: list[list[Tensor]], flows: list[Tensor]) -> list[Tensor]:
    out: list[Tensor] = []
    for step, parts in enumerate(inputs):
        aligned = align(weights, name, parts[0], out[-2:], flows[max(0, step - 2) : step])
        x = conv(weights, f"feat_prop_module.backbone.{name}.0", torch.cat([*parts, aligned], dim=1))
        out.append(aligned + conv(weights, f"feat_prop_module.backbone.{name}.2", F.leaky_relu(x, 0.1)))
    return out


def propagate(weights: Weights, features: Tensor, to_next: Tensor, to_previous: Tensor) -> Tensor:
    frames = list(features.split(1))
    backward = branch(weights, "backward_", [[one] for one in frames[::-1]], list(to_next.split(1)))[::-1]
    pairs = [[one, other] for one, other in zip(frames, backward, strict=True)]
    forward = branch(weights, "forward_", pairs, list(to_previous.split(1)))
    both = torch.cat([torch.cat(pair, dim=1) for pair in zip(backward, forward, strict=True)])
    return F.conv2d(both, weights["feat_prop_module.fusion.weight"], weights["feat_prop_module.fusion.bias"]) + features


def windows(x: Tensor) -> Tensor:
    """t m n d -> windows heads (t 45) 128."""
    return rearrange(x, "t (m i) (n j) (a d) -> (m n) a t (i j) d", i=5, j=9, d=128)


def attention(weights: Weights, name: str, x: Tensor, pooled: Tensor) -> Tensor:
    t, m, n, _ = x.shape
    q, k, v = linear(weights, f"{name}.qkv", x).chunk(3, dim=-1)
    pooled_k, pooled_v = linear(weights, f"{name}.qkv", pooled).chunk(3, dim=-1)[1:]
    keep = torch.ones(4, 5, 9, dtype=torch.bool)
    keep[0, :-2, :-4] = keep[1, :-2, 4:] = keep[2, 2:, :-4] = keep[3, 2:, 4:] = False
    keep = keep.flatten(1)

    def keys(fine: Tensor, coarse: Tensor) -> Tensor:
        near = [windows(fine).flatten(2, 3)]
        for kept, shift in zip(keep, ((-2, -4), (-2, 4), (2, -4), (2, 4)), strict=True):
            near.append(windows(fine.roll(shift, (1, 2)))[:, :, :, kept].flatten(2, 3))
        far = F.unfold(coarse.permute(0, 3, 1, 2), (5, 9), padding=(2, 4))
        near.append(rearrange(far, "t (a d k) w -> w a (t k) d", d=128, k=45))
        return torch.cat(near, dim=2)

    outside = F.unfold(torch.ones(1, 1, m // 5, n // 9), (5, 9), padding=(2, 4))[0].T == 0
    bias = torch.zeros(len(outside), t * 165 + t * 45)
    bias[:, t * 165 :] = -100.0 * outside.repeat(1, t)
    logits = windows(q).flatten(2, 3) @ keys(k, pooled_k).transpose(-1, -2) / 128**0.5 + bias[:, None, None]
    out = torch.softmax(logits, dim=-1) @ keys(v, pooled_v)
    shape = {"m": m // 5, "t": t, "i": 5, "j": 9}
    return linear(weights, f"{name}.proj", rearrange(out, "(m n) a (t i j) d -> t (m i) (n j) (a d)", **shape))


def feed_forward(weights: Weights, name: str, x: Tensor, size: torch.Size) -> Tensor:
    m, n = x.shape[1:3]
    patches = linear(weights, f"{name}.conv1.0", x).flatten(1, 2).transpose(1, 2)
    count = F.fold(torch.ones_like(patches), size, **PATCH)
    patches = F.unfold(F.fold(patches, size, **PATCH) / count, **PATCH)
    return linear(weights, f"{name}.conv2.1", F.gelu(patches.transpose(1, 2))).unflatten(1, (m, n))


def block(weights: Weights, name: str, x: Tensor, size: torch.Size) -> Tensor:
    normed = norm(weights, f"{name}.norm1", x)
    cells = rearrange(normed, "t (m i) (n j) d -> t m n d (i j)", i=5, j=9)
    pooled = linear(weights, f"{name}.pool_layers.0", cells).squeeze(-1)
    x = x + attention(weights, f"{name}.attn", normed, pooled)
    return x + feed_forward(weights, f"{name}.mlp", norm(weights, f"{name}.norm2", x), size)


def e2fgvi(weights: Weights, masked: Tensor, local: int) -> Tensor:
    """A window: t 3 h w in [-1, 1], holes 0, local frames first -> all of them, t 3 h w in [-1, 1]."""
    features = encode(weights, masked)
    size = features.shape[-2:]
    small = F.interpolate((masked[:local] + 1) / 2, size, mode="bilinear", align_corners=True)
    flow_weights = {name.removeprefix("update_"): x for name, x in weights.items() if name.startswith("update_")}
    to_next = spynet(flow_weights, small[:-1], small[1:])
    to_previous = spynet(flow_weights, small[1:], small[:-1])
    features = torch.cat([propagate(weights, features[:local], to_next, to_previous), features[local:]])
    x = linear(weights, "ss.embedding", F.unfold(features, **PATCH).transpose(1, 2))
    x = x.unflatten(1, ((size[0] - 1) // 3 + 1, -1))
    for number in range(8):
        x = block(weights, f"transformer.{number}", x, size)
    composed = F.fold(linear(weights, "sc.embedding", x.flatten(1, 2)).transpose(1, 2), size, **PATCH)
    x = features + conv(weights, "sc.bias_conv", composed)
    for number, enlarged in ((0, True), (2, False), (4, True), (6, False)):
        if enlarged:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=True)
        x = conv(weights, f"decoder.{number}.conv" if enlarged else f"decoder.{number}", x)
        x = F.leaky_relu(x, 0.2) if number < 6 else torch.tanh(x)
    return x
