"""Published files are opened as tensors and nothing else, loaded, shared; the table and its page are whole."""

import argparse
import json
import pickle
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from weights_rows import spynet_file, spynet_row, use

from peanut import FlowEraser, MovingObjects, PerFrame, SPyNetFlow, URNet, UsageError, licence, merge, tap, weights
from peanut.cli.weights import weights as commands
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.spynet import SPyNet
from peanut.weights import loading, store
from peanut.weights.layouts import LAYOUTS
from peanut.weights.licences import LICENCES, consequence
from peanut.weights.networks import expected_of
from peanut.weights.pickles import open_checkpoint
from peanut.weights.sources import sha256_of
from peanut.weights.table import Entry, File

CASES = Path(__file__).parent / "conformance"
NAMESPACE = ("argparse.Namespace",)
UNWANTED = "huggingface_hub", "gdown", "safetensors"
pytestmark = pytest.mark.usefixtures("cache")


def sizes(tensors):
    return {name: tensor.shape for name, tensor in tensors.items()}


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
    assert len(table) == 59
    for name, row in table.items():
        assert consequence(row.licence), name
        assert row.layout in {*LAYOUTS, "JIT", "ONNX", "TEXT"}, name
        for file in row.files:
            assert file.sources, name
            assert len(file.sha256) in (0, 8, 64), name
            kinds = ("https://", "http://", "hub:", "drive:", "pypi:", "package:")
            assert all(source.startswith(kinds) for source in file.sources), name
    assert {name for name, row in table.items() if row.reached} == {
        *("basicvsr-reds4", "basicvsr-vimeo-bi", "basicvsr-vimeo-bd", "spynet-reds4"),
        *("lpips-alex-head", "lpips-vgg-head", "centerface", "nanodet-g"),
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


@pytest.fixture
def stand_ins(monkeypatch):
    """Networks without their weights: what a stage is called with is what counts here."""
    built = {"basicvsrpp-reds4": lambda: BasicVSRPlusPlus(8, 1), "spynet-reds4": SPyNet, "big-lama": torch.nn.Identity}
    monkeypatch.setattr(loading, "network", lambda name, **_: built[name]())


def test_a_stage_names_its_weights_and_the_licence_of_a_pipeline_is_that_of_all_together(stand_ins):
    upscale, flow = URNet(scale=4), FlowEraser(flow=SPyNetFlow())
    assert upscale.weights == ("basicvsrpp-reds4",)
    assert flow.weights == ("spynet-reds4",)
    assert licence(upscale).startswith("commercial use is not clear, because of basicvsrpp-reds4")
    assert licence(flow).startswith("commercial use is not clear, because of spynet-reds4 (contains SPyNet")
    assert licence(PerFrame("big-lama")) == "any use, commercial too; keep the notices of big-lama"
    assert licence(MovingObjects() | flow | upscale) == licence(flow | upscale)
    assert licence(merge(None, tap(flow))) == licence(flow)
    assert licence(MovingObjects() | FlowEraser()) == "no published weights: nothing to observe"


def test_networks_of_the_users_own_bring_no_published_licence():
    assert licence(URNet(BasicVSRPlusPlus(8, 1))) == "no published weights: nothing to observe"


def test_a_checkpoint_that_is_not_known_is_refused_with_what_is_near():
    with pytest.raises(UsageError, match="did you mean 'e2fgvi-hq'"):
        licence("e2fgvi-hd")


def test_the_page_for_users_is_in_step_with_the_table():
    page = (Path(__file__).parent.parent / "docs" / "weights.md").read_text()
    shown = CliRunner().invoke(commands, ["list", "--markdown"]).output
    assert page.endswith("\n\n" + shown), (
        "`peanut weights list --markdown` prints the table that the page must end with"
    )
    assert [line for line in page.splitlines() if line.startswith("- **") and "**: " in line][-len(LICENCES) :] == [
        f"- **{key}**: {terms.says}" for key, terms in LICENCES.items()
    ]


def test_importing_peanut_and_its_weights_imports_no_client():
    code = f"import sys, peanut, peanut.weights; print([name for name in {UNWANTED} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
