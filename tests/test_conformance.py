import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from peanut.conformance import main, stand_in

CASES = Path(__file__).parent / "conformance"


ARRAYS = {"spynet": 2, "basicvsr_plusplus": 1, "e2fgvi_hq_video": 1, "samwise_tiny": 12}


@pytest.mark.parametrize(
    "case",
    [
        "spynet",
        "basicvsr_plusplus",
        pytest.param("e2fgvi_hq_video", marks=pytest.mark.slow),
        pytest.param("samwise_tiny", marks=pytest.mark.slow),
    ],
)
def test_the_published_networks_are_reproduced(case, capsys):
    if case == "samwise_tiny":
        pytest.importorskip("sam2")
        pytest.importorskip("transformers")
    assert main([str(CASES), case]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == ARRAYS[case]
    assert all(line.startswith(case) and line.endswith(" ok") for line in lines)


@pytest.fixture
def spynet(tmp_path):
    """A folder with the case `spynet`, to spoil."""
    for path in CASES.glob("spynet.*"):
        shutil.copy(path, tmp_path)
    return tmp_path


def change(folder, **entries):
    path = folder / "spynet.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **entries}))


def test_another_checkpoint_is_told_apart(spynet, capsys):
    change(spynet, seed=8)
    assert main([str(spynet)]) == 1
    assert "NOT OK" in capsys.readouterr().out


def test_a_nan_is_not_ok(spynet, capsys):
    with np.load(spynet / "spynet.npz") as arrays:
        spoilt = dict(arrays)
    spoilt["flow"][0, 0, 0, 0] = np.nan
    np.savez(spynet / "spynet.npz", **spoilt)
    assert main([str(spynet)]) == 1
    assert "nan" in capsys.readouterr().out


def test_a_case_without_its_network_fails_only_if_it_was_named(spynet, capsys):
    change(spynet, network="holography")
    shutil.copy(CASES / "spynet.npz", spynet / "other.npz")
    shutil.copy(CASES / "spynet.json", spynet / "other.json")
    assert main([str(spynet)]) == 0
    assert "no network called 'holography' yet" in capsys.readouterr().out
    assert main([str(spynet), "spynet"]) == 1
    assert main([str(spynet), "other", "spynet"]) == 1


def test_it_fails_if_no_case_ran(tmp_path, spynet, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main([str(empty)]) == 1
    assert main([str(spynet), "nothing"]) == 1
    assert f"no case called nothing in {spynet}. There: spynet." in capsys.readouterr().err


def test_an_unknown_filling_rule_is_named():
    with pytest.raises(ValueError, match=r"unknown filling rule 'odd' for a\.weight\."):
        stand_in("a.weight", (1,), "odd", 7)
