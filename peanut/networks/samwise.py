"""SAMWISE: text-driven video segmentation with a frozen SAM 2 and a frozen RoBERTa (Cuttano et al., CVPR 2025).

Cross-modal temporal adapters let text and frames inform each other inside both encoders; the [CLS] state becomes the
prompt of SAM 2's mask decoder; the conditional memory encoder notices when another object fits the text better now and
corrects what is remembered. Module names are those of the published checkpoints.
"""

import threading
from collections import deque
from collections.abc import Mapping
from typing import Any, Literal

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.networks.cmt_adapter import HEADS, WIDTH, Adapter
from peanut.networks.sam2 import build, lighten, pyramid, sequence, size_of
from peanut.networks.text_encoder import TextEncoder

PATCHES = (8, 4, 2)
"""Sides of the adapters' cells, in tokens."""
TEXT_LAYERS = (4, 8, 12)
"""After how many layers of the text encoder the adapters stand; in the trunk after stages 2, 3 and 4."""
Correction = Literal["reweight", "avg", "all_mask"]
"""What is remembered after a switch: `corrected` says how each is computed."""


@attrs.frozen(eq=False)
class TextPrompt:
    """A sentence, as far as it does not depend on the frames."""

    state: Tensor
    """1 n d, after the first four layers."""
    verbs: tuple[int, ...] = ()
    """Places of the verbs' tokens in it."""


@attrs.frozen(eq=False)
class Clip:
    """A clip as seen under a prompt."""

    levels: list[Tensor]
    """Three levels of features, finest first: t c h w."""
    positions: list[Tensor]
    tokens: Tensor
    """1 n 256: the prompt of the mask decoder."""
    adapted: list[tuple[Tensor, Tensor]]
    """What each adapter added: visual t h w c, text 1 n d."""

    def frame(self, number: int) -> "Clip":
        """One frame of it."""
        one = slice(number, number + 1)
        return attrs.evolve(self, levels=[x[one] for x in self.levels], positions=[x[one] for x in self.positions])


@attrs.frozen(eq=False)
class Prediction:
    """What the decoder says about one frame."""

    low_resolution: Tensor
    """Mask logits, 1 1 h/4 w/4; -1024 where the object is not visible."""
    logits: Tensor
    """The same at the size of the frame the network saw: 1 1 h w."""
    pointer: Tensor
    """Object pointer: 1 256."""
    score: Tensor
    """Object score logit: 1 1."""
    early_pointer: Tensor
    """The mask token after the decoder's first layer: 1 256."""
    decision: Tensor | None = None
    """Logits (same object, another object): 1 2; None where the memory encoder was not consulted."""

    @property
    def another(self) -> float | None:
        """How sure it is that another object is seen than is remembered, 0 to 1; above a half the memory switches."""
        return None if self.decision is None else float(self.decision.float().softmax(dim=-1)[0, 1])


@attrs.define(eq=False)
class MemoryBank:
    """What is remembered of one object: what attention can use, and nothing else.

    tokens: frames of which each adapter keeps its visual tokens for the frames after them (live); 0 is as published.
    decision_window: the conditional memory encoder is consulted from frame decision_window + 1 on (the first is 0), and
    after a switch again decision_window - 1 frames later.
    correction: what it changes; None: it is never consulted.
    """

    tokens: int = 0
    decision_window: int = 4
    correction: Correction | None = "reweight"
    spatial: deque[tuple[Tensor, Tensor]] = attrs.field(init=False, factory=lambda: deque(maxlen=6))
    """Spatial memories and their positions, the newest last: (h w) 1 64 each."""
    pointers: deque[Tensor] = attrs.field(init=False, factory=lambda: deque(maxlen=15))
    """Object pointers, the newest last: 1 256."""
    adapters: tuple[deque[Tensor], ...] = attrs.field(init=False)
    """For each adapter its visual tokens of the last frames, the newest last: 256 h w each."""
    frames: int = attrs.field(init=False, default=0)
    """Frames seen."""
    last_switch: int = attrs.field(init=False, default=0)

    @adapters.default
    def _none_yet(self) -> tuple[deque[Tensor], ...]:
        return tuple(deque(maxlen=self.tokens) for _ in PATCHES)

    def __len__(self) -> int:
        """Tensors held."""
        return 2 * len(self.spatial) + len(self.pointers) + sum(map(len, self.adapters))

    @property
    def consults(self) -> bool:
        """Whether the next frame asks the conditional memory encoder."""
        rested = self.frames - self.last_switch >= self.decision_window - 1
        return self.correction is not None and self.frames > self.decision_window and rested


class ConditionalMemoryEncoder(nn.Module):
    """Whether what is seen without memory is another object than what is remembered (section 3.4)."""

    def __init__(self) -> None:
        super().__init__()
        self.transformerBlock = nn.TransformerEncoderLayer(WIDTH, HEADS, dim_feedforward=128, batch_first=True)
        self.transformerBlock.norm3 = nn.LayerNorm(WIDTH)  # the published block has one more; the second is not used
        self.decision_token = nn.Embedding(1, WIDTH)
        self.decision_class_head = nn.Linear(WIDTH, 2)

    def forward(self, with_memory: Tensor, without_memory: Tensor) -> Tensor:
        """Pointer with memory and early pointer without, b 256 each -> logits b 2; class 1: another object."""
        block: Any = self.transformerBlock
        token = self.decision_token.weight.expand(len(with_memory), -1)
        x = torch.stack([token, with_memory, without_memory], dim=1)
        x = block.norm1(x + block.self_attn(x, x, x, need_weights=False)[0])
        x = block.norm3(x + block.linear2(F.relu(block.linear1(x))))
        out: Tensor = self.decision_class_head(x[:, 0])
        return out


class _Now(threading.local):
    """What one thread computes just now: two threads may run one network, and a copy of it knows nothing of either."""

    def __deepcopy__(self, _: Any) -> "_Now":
        return _Now()


class SAMWISE(nn.Module):
    """The whole model: `prompt` once a sentence, `encode_stem` and `encode` once a clip, `step` once a frame.

    size: SAM 2's, "t", "s", "b+" or "l". image_size: side of the square it sees, in pixels. motion_prompt: with a
    projection of the verbs. object_score: with the parts that tell whether the object is visible. Not all checkpoints
    have these. text: sizes of the text encoder.
    """

    sam: Any

    def __init__(
        self,
        size: str = "b+",
        image_size: int = 1024,
        motion_prompt: bool = False,
        object_score: bool = True,
        **text: int,
    ) -> None:
        super().__init__()
        from sam2.modeling.sam2_utils import MLP

        sam: Any = build(size, image_size=image_size, object_score=object_score)
        lighten(sam)
        self.sam = sam
        self.text_encoder = TextEncoder(**text)
        trunk, states = sam.image_encoder.trunk, self.text_encoder.roberta.config.hidden_size
        widths = trunk.channel_list[::-1][1:]
        self.cmt_adapters = nn.ModuleList(Adapter(*pair) for pair in zip(widths, [states] * 3, PATCHES, strict=True))
        encoder = sam.sam_prompt_encoder
        encoder.project_text = MLP(states, WIDTH, WIDTH, 3)
        encoder.project_motion_prompts = MLP(states, WIDTH, WIDTH, 3) if motion_prompt else None
        self.conditional_memory_encoder = ConditionalMemoryEncoder()
        self._now = _Now()
        encoder.register_forward_hook(self._append_prompt)
        sam.sam_mask_decoder.transformer.layers[0].register_forward_hook(self._keep_early_pointer)

    @classmethod
    def like(cls, weights: Mapping[str, Tensor], **more: Any) -> "SAMWISE":
        """The network that a checkpoint's tensors fit, not loaded yet."""
        motion_prompt = any("project_motion_prompts" in name for name in weights)
        object_score = "sam.sam_mask_decoder.obj_score_token.weight" in weights
        return cls(size_of(weights, "sam."), motion_prompt=motion_prompt, object_score=object_score, **more)

    @property
    def image_size(self) -> int:
        """Side of the square it sees, in pixels."""
        return int(self.sam.image_size)

    @property
    def takes_verbs(self) -> bool:
        """Whether its checkpoint has the projection of motion prompts."""
        return self.sam.sam_prompt_encoder.project_motion_prompts is not None

    def freeze(self) -> "SAMWISE":
        """Leave only what SAMWISE adds to learn: adapters, the prompt's projections, the memory's decision."""
        learns = ("cmt_adapters.", "conditional_memory_encoder.", "sam.sam_prompt_encoder.project_")
        for name, parameter in self.named_parameters():
            parameter.requires_grad_(name.startswith(learns))
        return self

    def prompt(self, ids: Tensor, verbs: tuple[int, ...] = ()) -> TextPrompt:
        """A sentence's token ids (n, with <s> and </s>) as far as they can be followed without frames."""
        return TextPrompt(self.text_encoder.run(self.text_encoder.embed(ids[None]), 0, TEXT_LAYERS[0]), verbs)

    def encode_stem(self, frames: Tensor) -> list[Tensor]:
        """The trunk's first two stages, which no prompt changes: t 3 h w, normalised -> t h w c each."""
        trunk = self.sam.image_encoder.trunk
        x = trunk.patch_embed(frames)
        x = x + trunk._get_pos_embed(x.shape[1:3])
        return self._stages(x, [0, 1])

    def memory(self, **settings: Any) -> MemoryBank:
        """An empty memory of one object; settings are those of `MemoryBank`."""
        return MemoryBank(**settings)

    def encode(self, stem: list[Tensor], prompt: TextPrompt, bank: MemoryBank) -> Clip:
        """The rest of both encoders, adapters between their stages, whose tokens the bank remembers if it is to."""
        stages, x, text, done, adapted = [stem[0]], stem[1], prompt.state, TEXT_LAYERS[0], []
        for number, adapter in enumerate(self.cmt_adapters):
            if number:
                (x,) = self._stages(x, [number + 1])
                text = self.text_encoder.run(text, done, TEXT_LAYERS[number])
                done = TEXT_LAYERS[number]
            more = adapter(x, text, bank.adapters[number])
            x, text = x + more[0], text + more[1]
            stages.append(x)
            adapted.append(more)
        levels, positions = pyramid(self.sam, [stage.permute(0, 3, 1, 2) for stage in stages])
        return Clip(levels, positions, self._tokens(text, prompt.verbs), adapted)

    def step(self, seen: Clip, bank: MemoryBank) -> Prediction:
        """One frame (of a clip of one) under the memory, which then holds it too."""
        out = self._decode(seen, self._remembering(seen, bank))
        remembered, number = out.logits, bank.frames
        if bank.consults:
            alone = self._decode(seen, seen.levels[-1] + self._no_memory)
            decision = self.conditional_memory_encoder(out.pointer, alone.early_pointer)
            out = attrs.evolve(out, decision=decision)
            if decision.argmax() == 1:
                remembered, bank.last_switch = corrected(remembered, alone.logits, bank.correction), number
        memory, positions = self.sam._encode_new_memory(
            [sequence(seen.levels[-1])], [seen.levels[-1].shape[-2:]], remembered, out.score, is_mask_from_pts=False
        )
        bank.spatial.append((sequence(memory).clone(), sequence(positions[-1]).clone()))
        bank.pointers.append(out.pointer)
        bank.frames += 1
        return out

    @property
    def _no_memory(self) -> Tensor:
        embedding: Tensor = self.sam.no_mem_embed.reshape(1, -1, 1, 1)
        return embedding

    def _stages(self, x: Tensor, numbers: list[int]) -> list[Tensor]:
        """Stages of the trunk, one after the other."""
        trunk, out = self.sam.image_encoder.trunk, []
        for number in numbers:
            first = trunk.stage_ends[number - 1] + 1 if number else 0
            for block in trunk.blocks[first : trunk.stage_ends[number] + 1]:
                x = block(x)
            out.append(x)
        return out

    def _tokens(self, text: Tensor, verbs: tuple[int, ...]) -> Tensor:
        """The contextual prompt ([CLS]) and, where the checkpoint has it, the motion prompt (the mean of the verbs)."""
        encoder = self.sam.sam_prompt_encoder
        tokens = [encoder.project_text(text[:, :1])]
        if verbs and encoder.project_motion_prompts is not None:
            tokens.append(encoder.project_motion_prompts(text[:, list(verbs)].mean(dim=1, keepdim=True)))
        return torch.cat(tokens, dim=1)

    def _remembering(self, seen: Clip, bank: MemoryBank) -> Tensor:
        """The coarsest features, with what is remembered attended to: 1 c h w."""
        feature, position = seen.levels[-1], seen.positions[-1]
        if not bank.spatial:
            return feature + self._no_memory
        places = self.sam.maskmem_tpos_enc[: len(bank.spatial)].flip(0)  # by distance, 1 .. 6, the oldest first
        width = bank.spatial[0][0].shape[-1]
        pointers = torch.cat([pointer.reshape(-1, 1, width) for pointer in bank.pointers])  # cut into tokens that fit
        memory = torch.cat([*(memory for memory, _ in bank.spatial), pointers])
        codes = [code + place for (_, code), place in zip(bank.spatial, places, strict=True)]
        out = self.sam.memory_attention(
            curr=[sequence(feature)],
            curr_pos=[sequence(position)],
            memory=memory,
            memory_pos=torch.cat([*codes, torch.zeros_like(pointers)]),
            num_obj_ptr_tokens=len(pointers),
        )
        return out.permute(1, 2, 0).reshape(feature.shape)

    def _decode(self, seen: Clip, feature: Tensor) -> Prediction:
        """SAM 2's heads under the prompt."""
        self._now.tokens = seen.tokens
        try:
            *_, low_resolution, logits, pointer, score = self.sam._forward_sam_heads(
                feature, high_res_features=seen.levels[:-1]
            )
            return Prediction(low_resolution, logits, pointer, score, self._now.early_pointer)
        finally:
            del self._now.tokens

    def _append_prompt(self, _: nn.Module, __: Any, out: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        sparse, dense = out
        return torch.cat([sparse, self._now.tokens.to(sparse.dtype)], dim=1), dense

    def _keep_early_pointer(self, _: nn.Module, __: Any, out: tuple[Tensor, Tensor]) -> None:
        first_mask = 1 + self.sam.pred_obj_scores  # behind the tokens of the object's score, if any, and of the quality
        self._now.early_pointer = out[0][:, first_mask]


def corrected(remembered: Tensor, alone: Tensor, correction: Correction | None) -> Tensor:
    """What is encoded into memory when another object is seen than is remembered: mask logits, 1 1 h w."""
    if correction == "all_mask":
        return alone
    if correction == "avg":
        return (remembered + alone) / 2
    return torch.where(alone > 0, 10 * alone, remembered)
