"""Published layouts become our networks' tensors, strictly."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peanut import UsageError
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.spynet import SPyNet
from peanut.weights.layouts import convert

CASES = Path(__file__).parent / "conformance"


def sizes(tensors):
    return {name: tensor.shape for name, tensor in tensors.items()}


def published(case, tensors):
    """The layout of a case's network, and its checkpoint as the publisher would have saved it."""
    if case.startswith("basicvsr_plusplus"):
        generator = {f"generator.{name}": tensor for name, tensor in tensors.items()}
        return "MMG", {"meta": {"epoch": 1}, "state_dict": {"step_counter": torch.zeros(1), **generator}}
    if case == "basicvsr":
        return "BSR", {"params": {"spynet.mean": torch.zeros(1, 3, 1, 1), **tensors}}
    if case == "spynet":
        return "SPYMM", {"mean": torch.zeros(1, 3, 1, 1), **tensors}
    if case.startswith("e2fgvi"):
        tables = {f"transformer.{n}.attn.valid_ind_rolled": torch.zeros(4) for n in range(8)}
        return "E2", {"update_spynet.std": torch.zeros(1, 3, 1, 1), **tables, **tensors}
    whole = {f"module.{name}": tensor for name, tensor in {**tensors, "sam.total_ops": torch.zeros(1)}.items()}
    return "SAMWISE", {"model": whole, "epoch": 3, "args": None}


@pytest.mark.parametrize("case", sorted(path.stem for path in CASES.glob("*.json")))
def test_stand_in_checkpoints_of_the_conformance_cases_convert_strictly(case):
    spec = json.loads((CASES / f"{case}.json").read_text())
    tensors = {name: torch.empty(shape, device="meta") for name, (shape, _) in spec["tensors"].items()}
    layout, state = published(case, tensors)
    found = convert(layout, state, sizes(tensors))
    assert list(found) == list(tensors)
    assert all(found[name] is tensors[name] for name in tensors)


def test_basicvsr_by_openmmlab_is_basicvsr_by_basicsr():
    with torch.device("meta"):
        ours = BasicVSR().state_dict()
    theirs = {
        "generator."
        + name.replace("_trunk.", "_resblocks.")
        .replace("upconv1.", "upsample1.upsample_conv.")
        .replace("upconv2.", "upsample2.upsample_conv."): tensor
        for name, tensor in ours.items()
    }
    assert "generator.backward_resblocks.main.0.weight" in theirs
    assert convert("MMB", {"state_dict": theirs}, sizes(ours)).keys() == ours.keys()


def test_of_two_generators_the_averaged_one_is_taken_and_nothing_else():
    expected = {"conv.weight": torch.Size([2])}
    pair = {"generator.conv.weight": torch.zeros(2), "generator_ema.conv.weight": torch.ones(2)}
    assert convert("MME", {"state_dict": pair}, expected)["conv.weight"].tolist() == [1, 1]
    with pytest.raises(UsageError, match=r"1 unexpected: generator_ema\.conv\.weight"):
        convert("MMG", {"state_dict": pair}, expected)


def test_a_name_inside_and_outside_the_prefix_is_not_taken_twice():
    state = {"generator.conv.weight": torch.zeros(2), "conv.weight": torch.ones(2)}
    with pytest.raises(UsageError, match=r"1 unexpected: conv\.weight \(outside generator\.\)"):
        convert("MMG", {"state_dict": state}, {"conv.weight": torch.Size([2])})


def test_two_names_for_one_tensor_are_refused():
    flow = SPyNet().state_dict()
    again = {"basic_module.0.basic_module.0.weight": torch.zeros(32, 8, 7, 7)}
    with pytest.raises(UsageError, match=r"1 there twice: basic_module\.0\.basic_module\.0\.conv\.weight"):
        convert("PLAIN", {**flow, **again}, sizes(flow))


def basicsr_names(flow):
    """A SPyNet under the names that BasicSR gives it."""
    parts = [name.split(".") for name in flow]
    return {
        ".".join([*part[:3], str(2 * int(part[3])), part[5]]): tensor
        for part, tensor in zip(parts, flow.values(), strict=True)
    }


def test_spynet_in_all_names_it_is_published_under():
    flow = SPyNet().state_dict()
    theirs = basicsr_names(flow)
    first = {name.replace("basic_module.", "moduleBasic.", 1): x for name, x in theirs.items()}
    first = {name.replace(".basic_module.", ".moduleBasic."): x for name, x in first.items()}
    inside = {f"spynet.{name}": x for name, x in theirs.items()} | {"conv_hr.weight": torch.zeros(1)}
    for layout, state in (
        ("SPYMM", {"state_dict": flow}),
        ("BSR", {"params": theirs}),
        ("SNIKLAUS", first),
        ("BSR spynet", {"params": inside}),
    ):
        found = convert(layout, state, sizes(flow))
        assert all(found[name] is flow[name] for name in flow), layout
    back = convert("SPYMM", flow, sizes(theirs))
    assert all(back[name] is theirs[name] for name in theirs)


ENCODER = "text_encoder.model.encoder.sentence_encoder."
HF_LAYER = {
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "attention.output.LayerNorm": "self_attn_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
    "output.LayerNorm": "final_layer_norm",
}
HF_EMBEDDING = {
    "word_embeddings": "embed_tokens",
    "position_embeddings": "embed_positions",
    "LayerNorm": "layernorm_embedding",
}


def test_roberta_in_the_names_of_fairseq_and_of_hugging_face():
    spec = json.loads((CASES / "samwise_tiny.json").read_text())
    expected = {name: torch.Size(shape) for name, (shape, _) in spec["tensors"].items() if name.startswith(ENCODER)}
    tensors = {name.removeprefix(ENCODER): torch.empty(size) for name, size in expected.items()}
    embedding = {ours: f"embeddings.{theirs}" for theirs, ours in HF_EMBEDDING.items()}
    layer = {ours: theirs for theirs, ours in HF_LAYER.items()}
    hugging, fused = {}, {}
    for name, tensor in tensors.items():
        part, end = name.rsplit(".", 1)
        if not part.startswith("layers."):
            hugging[f"roberta.{embedding[part]}.{end}"] = tensor
            continue
        _, number, inner = part.split(".", 2)
        hugging[f"roberta.encoder.layer.{number}.{layer[inner]}.{end}"] = tensor
    hugging |= {
        "roberta.embeddings.token_type_embeddings.weight": torch.zeros(1, 768),
        "roberta.embeddings.position_ids": torch.zeros(1, 514),
        "roberta.pooler.dense.weight": torch.zeros(1),
        "lm_head.dense.weight": torch.zeros(1),
    }
    found = convert("HF", hugging, expected)
    same = {name: found[ENCODER + name] is tensor for name, tensor in tensors.items()}
    assert [name for name in same if not same[name]] == ["embed_tokens.weight"]  # with the token type added
    for name, tensor in tensors.items():
        theirs = f"decoder.sentence_encoder.{name.replace('layernorm_embedding', 'emb_layer_norm')}"
        if ".k_proj." in name or ".v_proj." in name:
            continue
        if ".q_proj." in name:
            pieces = [tensors[name.replace(".q_proj.", f".{part}_proj.")] for part in "qkv"]
            fused[theirs.replace(".q_proj.", ".in_proj_")] = torch.cat(pieces)
        else:
            fused[theirs] = tensor
    old = convert("FSQ", {"model": {**fused, "decoder.lm_head.bias": torch.zeros(1)}, "args": None}, expected)
    assert sizes(old) == expected
    key = f"{ENCODER}layers.3.self_attn.k_proj.bias"
    whole = fused["decoder.sentence_encoder.layers.3.self_attn.in_proj_bias"]
    assert old[key].data_ptr() == whole[768:].data_ptr()
    assert len(convert("FSQ", {"model": fused}, {k.removeprefix(ENCODER): v for k, v in expected.items()})) == 196


def test_the_row_that_hugging_face_adds_to_every_token_is_added():
    expected = {"embed_tokens.weight": torch.Size([2, 2])}
    state = {
        "roberta.embeddings.word_embeddings.weight": torch.tensor([[1.0, 2.0], [3.0, 4.0]]),
        "roberta.embeddings.token_type_embeddings.weight": torch.tensor([[10.0, 20.0]]),
    }
    assert convert("HF", state, expected)["embed_tokens.weight"].tolist() == [[11, 22], [13, 24]]


NAMES = st.lists(st.from_regex(r"[a-e]{1,3}\.(weight|bias)", fullmatch=True), unique=True, min_size=1, max_size=24)
WRAPPINGS = {
    "PLAIN": lambda state: state,
    "DP": lambda state: {f"module.{name}": x for name, x in state.items()},
    "MMG": lambda state: {"state_dict": {f"generator.{name}": x for name, x in state.items()}},
    "BSR": lambda state: {"params": state},
    "SAM2": lambda state: {"model": {f"module.{name}": x for name, x in state.items()}, "epoch": 1},
}


@given(names=NAMES, data=st.data(), layout=st.sampled_from(sorted(WRAPPINGS)))
def test_what_is_missing_unexpected_or_of_another_shape_is_counted_and_named(names, data, layout):
    chosen = st.lists(st.sampled_from(names), unique=True)
    renamed, missing, wrong = (set(data.draw(chosen)) for _ in range(3))
    extra = {f"extra{n}.weight" for n in range(data.draw(st.integers(0, 12)))}
    expected = {name: torch.Size([2, 3]) for name in names}
    state = {
        f"renamed.{name}" if name in renamed else name: torch.zeros(3, 2) if name in wrong else torch.zeros(2, 3)
        for name in names
        if name not in missing
    } | {name: torch.zeros(1) for name in extra}
    faults = {
        "missing": missing | renamed,
        "unexpected": extra | {f"renamed.{name}" for name in renamed - missing},
        "of the wrong shape": wrong - missing - renamed,
    }
    if not state:
        with pytest.raises(UsageError, match="the file holds no tensors"):
            convert(layout, WRAPPINGS[layout](state), expected)
        return
    if not any(faults.values()):
        found = convert(layout, WRAPPINGS[layout](state), expected)
        assert list(found) == names
        assert all(found[name] is state[name] for name in names)
        return
    with pytest.raises(UsageError) as caught:
        convert(layout, WRAPPINGS[layout](state), expected)
    told = str(caught.value).removeprefix("the file does not fit the network. ").removesuffix(".").split("; ")
    assert len(told) == sum(map(bool, faults.values()))
    named = 0
    for part in told:
        count, rest = part.split(" ", 1)
        kind, shown = rest.split(": ", 1)
        listed = [name.split(" ")[0] for name in shown.replace("3x2, must", "3x2 must").split(", ") if name != "..."]
        assert int(count) == len(faults[kind])
        assert set(listed) <= faults[kind]
        assert len(listed) == len(faults[kind]) or shown.endswith("...")
        named += len(listed)
    assert named <= 10


def test_a_wrong_shape_is_told_with_the_right_one():
    with pytest.raises(UsageError, match=r"1 of the wrong shape: a\.weight \(3x2, must be 2x3\)\."):
        convert("PLAIN", {"a.weight": torch.zeros(3, 2)}, {"a.weight": torch.Size([2, 3])})
