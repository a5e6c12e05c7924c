"""Small networks with random weights that stand in for the published ones.

What needs an optional package is imported where it is built, so that tests can skip without it.
"""

import functools

import torch

import peanut
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.e2fgvi import E2FGVI

BASICVSR_KINDS = {"BasicVSR": BasicVSR, "BasicVSR++": BasicVSRPlusPlus}
SAM2_SIDE = 256
TEXT = {"num_hidden_layers": 12, "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 64, "vocab_size": 99}


def narrow_e2fgvi(seed=0):
    torch.manual_seed(seed)
    network = E2FGVI(channels=16, dim=32, heads=1, blocks=2, hidden=98)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5)
    return network


def narrow_basicvsr(kind, **options):
    """A narrow network of a class in `BASICVSR_KINDS` whose branches matter: neither dying out nor blowing up."""
    torch.manual_seed(1)
    network = kind(8, 1, **options)
    for name, parameter in network.named_parameters():
        if "spynet" not in name:
            parameter.data = 0.5 * torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5
    return network.eval().requires_grad_(False)


def small_sam2(version="2.1"):
    """A SAM 2 that sees images of `SAM2_SIDE` pixels a side, with random weights with which objects are seen."""
    from peanut.networks.sam2 import build

    network = build("t", version, image_size=SAM2_SIDE, predictor=True)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = max(1, parameter[0].numel()) ** -0.5 if parameter.ndim > 1 else 0.05
            parameter.copy_(parameter + spread * torch.randn(parameter.shape, generator=generator))
        network.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(8.0)
    return network.eval()


def small_samwise(seed=0, score=8.0, **more):
    """A SAMWISE that sees images of 256 pixels a side, with random weights with which objects are seen."""
    from peanut.networks.samwise import SAMWISE

    torch.manual_seed(seed)
    network = SAMWISE("t", image_size=256, **TEXT, **more)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if "roberta" not in name:
                spread = max(1, parameter[0].numel()) ** -0.5 if parameter.ndim > 1 else 0.05
                parameter.copy_(parameter + spread * torch.randn(parameter.shape, generator=generator))
        network.text_encoder.roberta.embeddings.token_type_embeddings.weight.zero_()  # RoBERTa has none
        if network.sam.pred_obj_scores:
            network.sam.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(score)
    return network.eval()


@functools.cache
def shared_samwise():
    """One `small_samwise()` for all tests that leave it as it is."""
    return small_samwise()


def spell(text, words=()):
    """A stand-in for the tokenizer: letters."""
    ids = [ord(letter) % 90 + 3 for letter in text][:510]
    places = tuple(1 + text.index(word) for word in words)
    return [0, *ids, 2], places, len(text) > 510


def small_p_mask(*prompts, model=None, **settings):
    """PMask with `model` (None: `shared_samwise()`) and `spell`, in float32 on the CPU."""
    model = shared_samwise() if model is None else model
    return peanut.PMask(*prompts, model=model, tokenizer=spell, device="cpu", dtype=torch.float32, **settings)
