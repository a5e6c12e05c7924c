"""RoBERTa (Liu et al., 2019) from transformers, under fairseq's names, layer by layer."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from peanut.errors import UsageError

EMBEDDINGS = {
    "embeddings.word_embeddings": "embed_tokens",
    "embeddings.position_embeddings": "embed_positions",
    "embeddings.LayerNorm": "layernorm_embedding",
}
LAYER = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "output.LayerNorm": "final_layer_norm",
}
"""Names of transformers: those of fairseq."""
PREFIX = "model.encoder.sentence_encoder."
TYPES = "roberta.embeddings.token_type_embeddings.weight"
"""The table of token types, which RoBERTa does not have, and transformers does: zeros."""


class TextEncoder(nn.Module):
    """Token ids -> states, which others may change between layers. Its checkpoint has fairseq's names."""

    def __init__(self, **sizes: int) -> None:
        super().__init__()
        try:
            from transformers import RobertaConfig, RobertaModel
        except ImportError as error:
            raise UsageError(
                "finding things by text needs the package transformers: pip install 'peanut-video[p-mask]'."
            ) from error
        settings = {"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
        config = RobertaConfig(**{**settings, **sizes})  # type: ignore[arg-type]
        self.roberta = RobertaModel(config, add_pooling_layer=False)
        self.register_state_dict_post_hook(_to_fairseq)  # type: ignore[no-untyped-call]
        self.register_load_state_dict_pre_hook(_from_fairseq)  # type: ignore[no-untyped-call]

    def embed(self, ids: Tensor) -> Tensor:
        """1 n -> 1 n d: the state before the first layer."""
        embedded: Tensor = self.roberta.embeddings(input_ids=ids, token_type_ids=torch.zeros_like(ids))
        return embedded

    def run(self, state: Tensor, first: int, end: int) -> Tensor:
        """Layers first .. end - 1, counted from 0."""
        for layer in self.roberta.encoder.layer[first:end]:
            out = layer(state)
            state = out if isinstance(out, Tensor) else out[0]  # older versions give a tuple
        return state


def _pairs(module: Any) -> Iterator[tuple[str, str]]:
    """(name here, published name) of every tensor."""
    parts = dict(EMBEDDINGS)
    for number in range(len(module.roberta.encoder.layer)):
        parts |= {f"encoder.layer.{number}.{ours}": f"layers.{number}.{theirs}" for ours, theirs in LAYER.items()}
    for ours, theirs in parts.items():
        for kind in ("weight", "bias"):
            yield f"roberta.{ours}.{kind}", f"{PREFIX}{theirs}.{kind}"


def _to_fairseq(module: Any, state: dict[str, Tensor], prefix: str, _: Any) -> None:
    state.pop(prefix + TYPES, None)
    for ours, theirs in _pairs(module):
        if prefix + ours in state:
            state[prefix + theirs] = state.pop(prefix + ours)


def _from_fairseq(module: Any, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    state[prefix + TYPES] = torch.zeros_like(module.roberta.embeddings.token_type_embeddings.weight)
    for ours, theirs in _pairs(module):
        if prefix + theirs in state:
            state[prefix + ours] = state.pop(prefix + theirs)
