"""From the names of published files to the names of our networks, strictly."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
import torch
from torch import Tensor

from peanut.errors import UsageError, pick
from peanut.networks.text_encoder import EMBEDDINGS, LAYER

VERSION = 2
"""Goes up when a conversion gives something else: what was converted before is then made again."""
SHOWN = 10
"""Names that a report lists at most."""

WRAPPINGS = ("params", "params_ema", "state_dict", "model")
"""Keys under which the tensors may lie in a file: the first that is there, otherwise the file itself."""
FREE = (  # names that a file may have and no network needs: constants, counters, index tables
    r"(.*spynet\.)?(mean|std)",
    r".*\.valid_ind_rolled",
    r"step_counter",
    r"(.*\.)?total_(params|ops)",
    r"(.*\.)?(position_ids|num_batches_tracked)",
)
HEADS = (r"(.*\.)?(lm_head|pooler|classification_heads)\..*", r"(.*\.)?version")  # RoBERTa's, for other tasks


@attrs.frozen
class Layout:
    """How a publisher lays out files."""

    about: str
    prefix: str = ""
    """What our part's names begin with, if any does."""
    others: tuple[str, ...] = ()
    """Patterns of further names that may be there and are not needed."""
    renames: tuple[tuple[str, str], ...] = ()
    """(pattern, replacement), applied in order."""
    optional: tuple[str, ...] = ()
    """Patterns of parts that a file has or has not, each as a whole; the network is built by what is there."""
    ignored: tuple[str, ...] = ()
    """Types that a file may hold beside tensors and that are read as empty objects."""


ROBERTA = (  # transformers' names to fairseq's, which SAMWISE has
    *((rf"^(roberta\.)?{re.escape(ours)}\.", f"{theirs}.") for ours, theirs in EMBEDDINGS.items()),
    (r"^(roberta\.)?encoder\.layer\.", "layers."),
    *((rf"\.{re.escape(ours)}\.", f".{theirs}.") for ours, theirs in LAYER.items()),
)
FAIRSEQ = (
    (r"^(.*\.)?(decoder|encoder)\.sentence_encoder\.", ""),
    (r"^emb_layer_norm\.", "layernorm_embedding."),
)
MMLAB_BASICVSR = ((r"_resblocks\.", "_trunk."), (r"upsample(\d)\.upsample_conv\.", r"upconv\1."))
GAN = (r"generator\..*", r"discriminator\..*", r"perceptual_loss\..*")
NAMESPACE = ("argparse.Namespace",)
SAMWISE_PARTS = (  # motion prompts, and whether the object is visible, which the checkpoint of images does not tell
    r".*\.project_motion_prompts\..*",
    r".*\.(sam_mask_decoder\.(obj_score_token|pred_obj_score_head)\..*|no_obj_ptr)",
)

LAYOUTS = {
    "PLAIN": Layout("the file is the dict"),
    "DP": Layout("saved from DataParallel: every name begins with module."),
    "E2": Layout("E2FGVI: the generator alone"),
    "SAM2": Layout("SAM 2: under model"),
    "SAM3": Layout("SAM 3: under model, or the file itself"),
    "SAMWISE": Layout(
        "the whole model, SAM 2 and RoBERTa included", others=HEADS, optional=SAMWISE_PARTS, ignored=NAMESPACE
    ),
    "FSQ": Layout("RoBERTa by fairseq", others=HEADS, renames=FAIRSEQ, ignored=NAMESPACE),
    "HF": Layout("RoBERTa by Hugging Face", others=HEADS, renames=ROBERTA),
    "SPYMM": Layout("SPyNet by OpenMMLab"),
    "SNIKLAUS": Layout("SPyNet by sniklaus", renames=((r"moduleBasic\.", "basic_module."),)),
    "MMG": Layout("OpenMMLab: the generator of a trained pair", "generator."),
    "MMB": Layout("BasicVSR by OpenMMLab", "generator.", renames=MMLAB_BASICVSR),
    "MME": Layout("RealBasicVSR: the averaged generator", "generator_ema.", others=GAN),
    "BSR": Layout("BasicSR: under params"),
    "BSR spynet": Layout("the SPyNet in a BasicVSR by BasicSR", "spynet.", others=(".*",)),
    "TVF": Layout("a classifier by torchvision: its convolutions", others=(r"classifier\..*",)),
    "PL": Layout("LaMa by Lightning: the generator", "generator.", others=(".*",)),
}
"""How published files are laid out, by the key that the table gives."""


def convert(layout: str, state: Any, expected: Mapping[str, torch.Size]) -> dict[str, Tensor]:
    """The tensors of a published file under the names that `expected` has, in its order.

    Parts that a layout calls optional are left out where the file has none of them, and kept where it alone has them.

    layout: a key of `LAYOUTS`. state: what the file holds. expected: names and shapes of the network.
    Raises UsageError that names what is missing, unexpected, there twice or of another shape.
    """
    how = pick("layout", layout, LAYOUTS)
    free = re.compile("|".join((*FREE, *how.others)))
    found: dict[str, Tensor] = {}
    more: dict[str, Tensor] = {}
    unexpected, twice = [], []
    for name, tensor in _ours(how, state, expected):
        if name in found:
            twice.append(name)
        elif name in expected:
            found[name] = tensor
        elif any(re.fullmatch(part, name) for part in how.optional):
            more[name] = tensor
        elif not free.fullmatch(name):
            unexpected.append(name)
    wrong = [
        f"{name} ({_shape(tensor.shape)}, must be {_shape(expected[name])})"
        for name, tensor in found.items()
        if tuple(tensor.shape) != tuple(expected[name])
    ]
    left_out = [part for part in how.optional if not any(re.fullmatch(part, name) for name in found)]
    missing = [
        name for name in expected if name not in found and not any(re.fullmatch(part, name) for part in left_out)
    ]
    _report({"missing": missing, "unexpected": unexpected, "there twice": twice, "of the wrong shape": wrong})
    return {name: found[name] for name in expected if name in found} | more


def unwrapped(state: Any) -> dict[str, Tensor]:
    """The tensors of a file, by name; everything else in it is dropped. Raises UsageError if there are none."""
    where = next((key for key in WRAPPINGS if isinstance(state, Mapping) and isinstance(state.get(key), Mapping)), None)
    held = state if where is None else state[where]
    items = held.items() if isinstance(held, Mapping) else ()
    tensors = {name: x for name, x in items if isinstance(name, str) and isinstance(x, Tensor)}
    if not tensors:
        raise UsageError(f"the file holds no tensors{f' under {where}' if where else ''}.")
    if all(name.startswith("module.") for name in tensors):  # saved from DataParallel
        tensors = {name.removeprefix("module."): x for name, x in tensors.items()}
    return tensors


def _ours(how: Layout, state: Any, expected: Mapping[str, torch.Size]) -> Iterator[tuple[str, Tensor]]:
    """Every tensor under our name for it; what lies outside the layout's prefix keeps a name that no network has."""
    tensors = unwrapped(state)
    if how.renames is ROBERTA:
        tensors = _without_token_types(tensors)
    prefixed = any(name.startswith(how.prefix) for name in tensors)
    outer = _outer(how, expected)
    for name, tensor in tensors.items():
        if prefixed and not name.startswith(how.prefix):
            yield (name if name not in expected else f"{name} (outside {how.prefix})"), tensor
            continue
        ours = name.removeprefix(how.prefix)
        for pattern, replacement in how.renames:
            ours = re.sub(pattern, replacement, ours)
        for part, piece in _parts(how, ours, tensor):
            yield _spelled(outer + part if outer + part in expected else part, expected), piece


def _outer(how: Layout, expected: Mapping[str, torch.Size]) -> str:
    """Where RoBERTa's encoder lies in the network: what stands before its embedding's name."""
    if how.renames not in (ROBERTA, FAIRSEQ):
        return ""
    return next((name.removesuffix("embed_tokens.weight") for name in expected if "embed_tokens." in name), "")


def _without_token_types(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Hugging Face's RoBERTa adds one row (of zeros, in the published file) to every token: add it to the table."""
    types = [name for name in tensors if name.endswith("token_type_embeddings.weight")]
    out = {name: tensor for name, tensor in tensors.items() if name not in types}
    for name in out:
        if types and name.endswith("word_embeddings.weight"):
            out[name] = out[name] + tensors[types[0]]
    return out


def _parts(how: Layout, name: str, tensor: Tensor) -> Iterator[tuple[str, Tensor]]:
    """fairseq's older files keep query, key and value in one tensor."""
    fused = re.fullmatch(r"(layers\.\d+\.self_attn)\.in_proj_(weight|bias)", name)
    if how.renames is not FAIRSEQ or fused is None:
        yield name, tensor
        return
    for part, third in zip("qkv", tensor.chunk(3), strict=True):
        yield f"{fused[1]}.{part}_proj.{fused[2]}", third


def _spelled(name: str, expected: Mapping[str, torch.Size]) -> str:
    """SPyNet's convolutions are `.K.conv` in OpenMMLab's names and `.2K` in BasicSR's: the one that is expected."""
    found = re.fullmatch(r"(.*basic_module\.\d+\.basic_module\.)(\d+)(\.conv)?(\.weight|\.bias)", name)
    if name in expected or found is None:
        return name
    number = int(found[2])
    other = f"{number * 2}" if found[3] else f"{number // 2}.conv"
    fits = found[3] or number % 2 == 0
    ours = f"{found[1]}{other}{found[4]}"
    return ours if fits and ours in expected else name


def _shape(size: Sequence[int]) -> str:
    return "x".join(map(str, size)) or "one number"


def _report(faults: Mapping[str, list[str]]) -> None:
    """Raise UsageError for what does not fit: how many of each kind, and at most `SHOWN` names in all."""
    faults = {kind: names for kind, names in faults.items() if names}
    if not faults:
        return
    share = SHOWN // len(faults)
    told = [
        f"{len(names)} {kind}: {', '.join(names[:share])}{', ...' if len(names) > share else ''}"
        for kind, names in faults.items()
    ]
    raise UsageError(f"the file does not fit the network. {'; '.join(told)}.")
