"""`peanut weights try`: what a checkpoint does on a real clip, and whether that is what it is there for."""

import pytest
import torch
from click.testing import CliRunner
from stand_ins import narrow_basicvsr, narrow_e2fgvi, small_sam2, small_samwise, spell

import peanut
import peanut.trial
from peanut.cli.app import cli
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.trial import trial

pytestmark = [pytest.mark.usefixtures("one_thread", "bikes"), pytest.mark.slow]


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("erases", narrow_e2fgvi),
        ("enlarges", lambda: narrow_basicvsr(BasicVSRPlusPlus)),
        ("denoise", lambda: narrow_basicvsr(BasicVSRPlusPlus, same_size=True)),
        ("decompress", lambda: narrow_basicvsr(BasicVSRPlusPlus, same_size=True)),
    ],
)
def test_random_weights_are_not_as_expected_and_are_shown(name, make):
    done = trial(name, make())
    assert not done.as_expected
    assert len({len(frames) for frames in done.shown.values()}) == 1
    assert peanut.sheet(done.shown, rows=1).dtype == torch.uint8
    assert "{measured" in done.said


def test_what_finds_is_compared_with_what_moves(monkeypatch):
    pytest.importorskip("sam2")
    pytest.importorskip("transformers")
    walking = peanut.trial._walking()
    monkeypatch.setattr("peanut.trial._walking", lambda: walking)  # once for both
    monkeypatch.setattr("peanut.stages.p_mask._tokenizer", lambda: spell)
    for network in (small_samwise(), small_sam2()):
        done = trial("finds", network)
        assert 0 <= done.measured <= 1
        assert list(done.shown) == ["this", "what moves"]


def test_published_weights_are_as_expected(tmp_path):
    try:
        peanut.URNet("basicvsr-reds4", device="cpu")
    except peanut.UsageError as error:
        pytest.skip(f"the weights cannot be fetched: {error}")
    names = ["basicvsr-reds4", "basicvsr-vimeo-bd", "spynet-reds4"]
    out = CliRunner().invoke(cli, ["weights", "try", *names, "--to", str(tmp_path)])
    assert out.exit_code == 0, out.output
    assert out.output.count(": as expected") == 3
    assert {path.name for path in tmp_path.iterdir()} == {f"{name}.png" for name in names}
