"""Published layouts become our networks' tensors strictly, and never through a live pickle."""

import argparse
import json
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from peanut import UsageError, weights
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.spynet import SPyNet
from peanut.pipeline import Pipeline
from peanut.weights import loading, store
from peanut.weights.layouts import LAYOUTS, convert
from peanut.weights.licences import consequence, licence
from peanut.weights.networks import expected_of
from peanut.weights.pickles import open_checkpoint
from peanut.weights.sources import sha256_of
from peanut.weights.table import Entry, File

CASES = Path(__file__).parent / "conformance"
NAMESPACE = ("argparse.Namespace",)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("PEANUT_CACHE", str(tmp_path / "cache"))
    for name in ("PEANUT_OFFLINE", "PEANUT_WEIGHTS_MIRROR"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "cache"


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
    extra = {"sam.total_ops": torch.zeros(1), "sam.project_motion_prompts.0.weight": torch.zeros(1)}
    whole = {f"module.{name}": tensor for name, tensor in {**tensors, **extra}.items()}
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


# --- pickles --------------------------------------------------------------------------------------------------------


class Trap:
    """Unpickled by a careless reader it creates a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


@pytest.mark.parametrize("kind", ["torch", "old torch", "namespace", "plain pickle"])
def test_a_malicious_pickle_is_refused_and_creates_nothing(tmp_path, kind):
    path, sprung = tmp_path / "thing.pth", tmp_path / "sprung"
    trap = Trap(sprung)
    if kind == "plain pickle":
        path.write_bytes(pickle.dumps(trap))
    elif kind == "namespace":
        torch.save({"model": {"a": torch.zeros(1)}, "args": argparse.Namespace(trap=trap)}, path)
    else:
        torch.save({"a": torch.zeros(1), "b": trap}, path, _use_new_zipfile_serialization=kind == "torch")
    for ignored in ((), NAMESPACE):
        with pytest.raises(UsageError, match=r"thing\.pth is refused: it holds "):
            open_checkpoint(path, ignored)
    with zipfile.ZipFile(tmp_path / "models.zip", "w") as opened:
        opened.write(path, "thing.pth")
    made = Entry(
        "thing", "SPyNet", (File("thing.pth", None, "", (f"{tmp_path}/models.zip#thing.pth",)),), "MIT", "", False
    )
    with pytest.raises(UsageError, match=r"is refused"):
        open_checkpoint(store.fetched(made, made.file))
    assert not sprung.exists()
    with pytest.raises(FileNotFoundError):  # and the trap is one
        pickle.loads(pickle.dumps(Trap(tmp_path / "nowhere" / "sprung")))


def test_a_refused_type_is_named_and_a_damaged_file_is_said(tmp_path):
    path = tmp_path / "thing.pth"
    torch.save({"args": argparse.Namespace()}, path)
    with pytest.raises(UsageError, match=r"it holds argparse\.Namespace, and nothing but tensors is read\."):
        open_checkpoint(path)
    for content in (b"", b"nonsense", path.read_bytes()[:300]):
        path.write_bytes(content)
        with pytest.raises(UsageError, match=r"thing\.pth is refused: it holds more than tensors, or is damaged"):
            open_checkpoint(path)
    program = torch.jit.trace(torch.nn.ReLU(), torch.zeros(1))
    program.save(path)
    with pytest.raises(UsageError, match="it is a TorchScript program, and nothing but tensors is read"):
        open_checkpoint(path)
    broken = tmp_path / "thing.safetensors"
    broken.write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"thing\.safetensors cannot be read"):
        open_checkpoint(broken)


def test_a_file_as_samwise_saves_it_loads_and_its_arguments_do_not(tmp_path, monkeypatch):
    layer = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    path = tmp_path / "final_model.pth"
    saved = {
        "model": {f"module.{name}": x for name, x in layer.state_dict().items()},
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": torch.optim.lr_scheduler.MultiStepLR(optimizer, [3]).state_dict(),
        "epoch": 3,
        "args": argparse.Namespace(lr=1e-4, resume="", dataset=["mevis"]),
    }
    torch.save(saved, path)
    held = open_checkpoint(path, NAMESPACE)
    assert vars(held["args"]) == {}
    made = Entry("thing", "SAMWISE", (File("final_model.pth", None, "", (str(path),)),), "Apache", "SAMWISE", False)
    use(monkeypatch, made)
    found = weights.load("thing", expected=sizes(layer.state_dict()))
    assert torch.equal(found["weight"], layer.weight)
    with pytest.raises(UsageError, match="is refused"):  # the allowance ended with the load
        open_checkpoint(path)


# --- load, network, and the table -----------------------------------------------------------------------------------


def use(monkeypatch, *rows):
    table = {row.name: row for row in rows}
    for module in (loading, store):
        monkeypatch.setattr(module, "entries", lambda: table)


def spynet_file(folder, seed=0):
    torch.manual_seed(seed)
    path = folder / "spynet.pth"
    torch.save({"state_dict": SPyNet().state_dict()}, path)
    return path


def spynet_row(path):
    return Entry("thing", "SPyNet", (File("spynet.pth", None, "", (str(path),)),), "SPY", "SPYMM", False)


def test_the_second_load_reads_no_pickle_and_a_changed_network_meets_no_old_file(tmp_path, monkeypatch, cache):
    path = spynet_file(tmp_path)
    use(monkeypatch, spynet_row(path))
    first = weights.load("thing")
    path.unlink()
    with monkeypatch.context() as patched:
        patched.setattr(torch, "load", None)
        second = weights.load("thing")
        assert all(torch.equal(first[name], second[name]) for name in first)
        with pytest.raises(UsageError, match="refused"):
            patched.setattr(loading, "VERSION", 999)
            weights.load("thing")
    renamed = {f"first.{name}": size for name, size in sizes(first).items()}
    with pytest.raises(UsageError, match=r"thing: the file does not fit .* 60 missing: first\."):
        weights.load("thing", expected=renamed)
    assert len(list(cache.rglob("*.safetensors"))) == 1
    weights.remove("thing")
    assert not list(cache.rglob("*.safetensors"))


def test_a_cache_that_only_others_may_write_still_loads(tmp_path, monkeypatch, caplog):
    use(monkeypatch, spynet_row(spynet_file(tmp_path)))
    folder = weights.pull("thing").parent
    monkeypatch.setattr(loading.Path, "replace", lambda *_: (_ for _ in ()).throw(PermissionError("read-only")))
    assert len(weights.load("thing")) == 60
    assert "cannot be written (read-only): the checkpoint is converted at every start" in caplog.text
    assert not [*folder.glob("*.safetensors"), *folder.glob("*.tmp")]


def test_a_file_of_ones_own_loads_by_what_it_is_like(tmp_path, monkeypatch):
    path = spynet_file(tmp_path)
    found = weights.load(path)
    assert len(found) == len(weights.load(str(path))) == len(weights.load(path, like="spynet")) == 60
    with pytest.raises(UsageError, match="no such file of weights"):
        weights.load(tmp_path / "nothing.pth")
    with pytest.raises(UsageError, match=r"1 missing: other"):
        weights.load(path, expected={"other": torch.Size([1])} | sizes(found))
    with pytest.raises(UsageError, match=r"spynet\.pth: the file does not fit the network\. 234 missing"):
        weights.load(path, like="e2fgvi-hq")
    use(monkeypatch, spynet_row(path))
    assert torch.equal(*(x["basic_module.5.basic_module.4.conv.bias"] for x in (found, weights.load("thing"))))


def test_a_network_is_shared_while_it_is_used_and_follows_its_file(tmp_path):
    path = spynet_file(tmp_path)
    one = weights.network(path, device="cpu", dtype="float32")
    assert one is weights.network(path, device="cpu", dtype=torch.float32)
    assert not one.training
    frames = torch.rand(2, 1, 3, 32, 32)
    before = one(*frames)
    spynet_file(tmp_path, seed=1)
    other = weights.network(path, device="cpu", dtype="float32")
    assert not torch.equal(other(*frames), before)
    torch.save({"a": torch.zeros(1)}, path)
    with pytest.raises(UsageError, match="its tensors are those of no network of ours"):
        weights.network(path, device="cpu")


def test_a_program_runs_only_when_it_is_named_and_only_if_it_is_the_published_one(tmp_path, monkeypatch):
    path = tmp_path / "big.pt"
    torch.jit.trace(torch.nn.ReLU(), torch.zeros(1)).save(path)
    sha256 = sha256_of(path)
    use(
        monkeypatch, Entry("big", "LaMa, traced", (File("big.pt", None, sha256, (str(path),)),), "Apache", "JIT", False)
    )
    with pytest.raises(UsageError, match=r"big is a TorchScript program, not tensors"):
        weights.load("big")
    program = weights.network("big", device="cpu", dtype="float32")
    assert program(torch.tensor([-1.0, 2.0])).tolist() == [0, 2]
    del program
    kept = weights.pull("big")
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(torch.jit, "load", None)
    with pytest.raises(UsageError, match="is damaged: its sha256 is"):
        weights.network("big", device="cpu", dtype="float32")


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("basicvsrpp-red4", "no weights called 'basicvsrpp-red4', did you mean 'basicvsrpp-reds4'"),
        ("propainter", "PEANUT has no network of its own for ProPainter generator"),
        ("sam3", r"PEANUT has no network of its own for SAM 3 \(text prompts\)"),
        ("i3d", "PEANUT has no network of its own for I3D"),
        ("referformer-swin-l-joint", "PEANUT has no network of its own for ReferFormer"),
        ("realbasicvsr-x4", "PEANUT has no network of its own for RealBasicVSR x4"),
        ("big-lama", "big-lama is a TorchScript program, not tensors"),
        ("roberta-base-tokenizer", "holds no tensors: `peanut weights pull roberta-base-tokenizer`"),
    ],
)
def test_load_refuses_what_it_cannot_load_before_it_fetches(name, sentence, monkeypatch):
    monkeypatch.setattr(store, "fetch", None)
    with pytest.raises(UsageError, match=sentence):
        weights.load(name)


def test_the_table_is_whole():
    table = weights.entries()
    assert len(table) == 56
    for name, row in table.items():
        assert consequence(row.licence), name
        assert row.layout in {*LAYOUTS, "JIT", "TEXT"}, name
        for file in row.files:
            assert file.sources, name
            assert len(file.sha256) in (0, 8, 64), name
            kinds = ("https://", "http://", "hub:", "drive:", "pypi:")
            assert all(source.startswith(kinds) for source in file.sources), name
    assert {name for name, row in table.items() if row.reached} == {
        *("basicvsr-reds4", "basicvsr-vimeo-bi", "basicvsr-vimeo-bd", "spynet-reds4"),
        *("lpips-alex-head", "lpips-vgg-head"),
    }


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("spynet", "spynet"),
        ("basicvsrpp-reds4", "basicvsr_plusplus"),
        ("e2fgvi", "e2fgvi"),
        ("e2fgvi-hq", "e2fgvi_hq"),
    ],
)
def test_what_is_expected_of_a_row_is_what_its_case_has(name, case):
    tensors = json.loads((CASES / f"{case}.json").read_text())["tensors"]
    assert expected_of(weights.entries()[name]) == {key: torch.Size(shape) for key, (shape, _) in tensors.items()}


class Learned:
    """A stage, as far as licences go."""

    def __init__(self, **told):
        self.__dict__.update(told)

    def __call__(self, frames):
        return frames


def test_the_licence_of_a_pipeline_is_that_of_its_stages_together():
    assert licence(Pipeline() | Learned()) == "no published weights: nothing to observe"
    both = Pipeline() | Learned(model="sam2.1-tiny") | Learned(weights=("roberta-base", "i3d"))
    assert licence(both) == "any use, commercial too; keep the notices of sam2.1-tiny, roberta-base, i3d"
    assert licence(both | Learned(model="raft-small")).startswith("commercial use is not clear, because of raft-small")
    inner = Learned(branches={"a": Pipeline() | Learned(model="e2fgvi-hq"), "b": None})
    assert licence(both | Learned(model="raft-small") | inner).startswith("non-commercial, because of e2fgvi-hq (CC BY")
