"""Cross-modal temporal adapter of SAMWISE (Cuttano et al., CVPR 2025, section 3.2): text and frames inform each other.

It sits between the stages of two frozen encoders and adds to both.
"""

import math
from collections import deque

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

WIDTH, HEADS = 256, 8


class Attention(nn.MultiheadAttention):
    """Multi-head attention by the fused kernel; the published one also averages weights that nobody reads."""

    def __init__(self) -> None:
        super().__init__(WIDTH, HEADS, batch_first=True)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # type: ignore[override]
        """b n d, b m d, b m d -> b n d."""
        weights, biases = self.in_proj_weight.chunk(3), self.in_proj_bias.chunk(3)
        q, k, v = (
            rearrange(F.linear(x, weight, bias), "b n (a d) -> b a n d", a=HEADS)
            for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
        )
        out = rearrange(F.scaled_dot_product_attention(q, k, v), "b a n d -> b n (a d)")
        return self.out_proj(out)

    def of_few_keys(self, query: Tensor, key: Tensor) -> Tensor:
        """The same for many queries and few keys, key = value: 1 m d. What projects the queries folds into the keys.

        q_h . k_h = (W_q x + b_q) . k_h = x . (W_q^T k_h) + b_q . k_h, and out = sum_h p_h (v_h W_o,h^T) + b_o.
        """
        q_weight, k_weight, v_weight = self.in_proj_weight.chunk(3)
        q_bias, k_bias, v_bias = self.in_proj_bias.chunk(3)
        k, v = (
            rearrange(F.linear(key[0], weight, bias), "m (a d) -> a m d", a=HEADS)
            for weight, bias in ((k_weight, k_bias), (v_weight, v_bias))
        )
        scale = k.shape[-1] ** -0.5
        folded = torch.einsum("amd,adc->amc", k, rearrange(q_weight, "(a d) c -> a d c", a=HEADS)) * scale
        bias = torch.einsum("amd,ad->am", k, rearrange(q_bias, "(a d) -> a d", a=HEADS)) * scale
        logits = F.linear(query, folded.flatten(0, 1), bias.flatten())  # b n (a m)
        shares = rearrange(logits, "b n (a m) -> b n a m", a=HEADS).softmax(dim=-1).flatten(2)
        outs = torch.einsum("amd,cad->amc", v, rearrange(self.out_proj.weight, "c (a d) -> c a d", a=HEADS))
        return shares @ outs.flatten(0, 1) + self.out_proj.bias

    def of_few_queries(self, query: Tensor, key: Tensor) -> Tensor:
        """The same for few queries and many keys, key = value: 1 m d. What projects the keys folds into the queries.

        q_h . (W_k x + b_k) = (W_k^T q_h) . x + a constant, which softmax ignores;
        sum p (W_v x + b_v) = W_v sum(p x) + b_v.
        """
        q_weight, k_weight, v_weight = (rearrange(w, "(a d) c -> a d c", a=HEADS) for w in self.in_proj_weight.chunk(3))
        q_bias, _, v_bias = (rearrange(b, "(a d) -> a 1 d", a=HEADS) for b in self.in_proj_bias.chunk(3))
        q = query[0] @ q_weight.transpose(1, 2) + q_bias  # a n d
        logits = (q @ k_weight) @ key[0].T * q.shape[-1] ** -0.5  # a n m
        gathered = logits.softmax(dim=-1) @ key[0]  # a n c
        out = gathered @ v_weight.transpose(1, 2) + v_bias
        return self.out_proj(rearrange(out, "a n d -> 1 n (a d)"))


class Cross(nn.Module):
    """A cross-attention under its published name."""

    def __init__(self) -> None:
        super().__init__()
        self.multihead_attn = Attention()


class SelectiveAttention(nn.Module):
    """Hierarchical selective attention: the tokens at one place of all frames attend to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.self_attn = Attention()
        self.linear = nn.Linear(WIDTH, WIDTH)

    def forward(self, x: Tensor, seen: Tensor) -> Tensor:
        """x: b n d, the queries. seen: b m d, keys and values: the tokens of all frames, those of x among them."""
        return self.linear(self.self_attn(x, seen, seen))


class Adapter(nn.Module):
    """One level: visual features t h w c and text states 1 n d -> what is added to each.

    patch: side of the cells within which tokens attend to each other, in tokens.
    """

    def __init__(self, visual: int, text: int, patch: int) -> None:
        super().__init__()
        self.patch = patch
        self.spatial_pos_embed = nn.Parameter(torch.zeros(1, 1, 1, patch * patch, WIDTH))
        self.proj_vis_down = nn.Sequential(nn.Conv2d(visual, WIDTH, 1, bias=False), nn.BatchNorm2d(WIDTH), nn.ReLU())
        self.proj_vis_up = nn.Sequential(
            nn.ConvTranspose2d(WIDTH, visual, 1, bias=False), nn.BatchNorm2d(visual), nn.ReLU()
        )
        self.proj_text_down = nn.Sequential(nn.Linear(text, WIDTH, bias=False))
        self.proj_text_up = nn.Sequential(nn.Linear(WIDTH, text, bias=False))
        self.hsa = SelectiveAttention()
        self.ca_V2T, self.ca_T2V = Cross(), Cross()
        self.norm_pre_HSA = nn.LayerNorm(WIDTH)

    def forward(self, visual: Tensor, text: Tensor, past: deque[Tensor]) -> tuple[Tensor, Tensor]:
        """past: tokens of the frames before, 256 h w each, which the given ones join; as published there are none."""
        v = self.proj_vis_down(rearrange(visual, "t h w c -> t c h w"))
        words = self.proj_text_down(text)
        t, _, h, w = v.shape
        seen = torch.cat([torch.stack([*past]), v]) if past else v
        mean = rearrange(seen.mean(dim=0, keepdim=True), "t c h w -> t (h w) c")  # attention to the mean of the frames
        tokens = rearrange(v + self._select(seen, t), "t c h w -> t (h w) c")
        tokens = tokens * self._of_text(tokens, words)
        words = words * self.ca_T2V.multihead_attn.of_few_queries(words, mean)
        up = self.proj_vis_up(rearrange(tokens, "t (h w) c -> t c h w", h=h, w=w))
        if past.maxlen:
            past.extend(v.clone().unbind()[-past.maxlen :])
        return rearrange(up, "t c h w -> t h w c"), self.proj_text_up(words)

    def _of_text(self, seen: Tensor, words: Tensor) -> Tensor:
        attention = self.ca_V2T.multihead_attn
        if HEADS * words.shape[1] <= WIDTH:
            return attention.of_few_keys(seen, words)
        return attention(seen, words.expand(len(seen), -1, -1), words.expand(len(seen), -1, -1))

    def _select(self, seen: Tensor, last: int) -> Tensor:
        """What the last frames' tokens gather from those of all at the same cell."""
        t, _, h, _ = seen.shape
        cells = {"p": self.patch, "q": self.patch, "h": h // self.patch}
        tokens = rearrange(seen, "t c (h p) (w q) -> (h w) t (p q) c", p=self.patch, q=self.patch)
        coded = tokens + time_code(t, seen)[:, None] + self.spatial_pos_embed[0, 0]
        normed = self.norm_pre_HSA(coded.flatten(1, 2))
        out = self.hsa(normed[:, -last * self.patch**2 :], normed)
        return rearrange(out, "(h w) (t p q) c -> t c (h p) (w q)", t=last, **cells)


def time_code(frames: int, like: Tensor) -> Tensor:
    """Sine code of the place of each frame in its clip: frames 256."""
    place = torch.arange(1, frames + 1, device=like.device, dtype=torch.float32) / (frames + 1e-6) * 2 * math.pi
    pair = torch.arange(0, WIDTH, 2, device=like.device, dtype=torch.float32) / WIDTH
    angle = place[:, None] / 10000**pair
    return torch.stack([angle.sin(), angle.cos()], dim=-1).flatten(1).to(like.dtype)
