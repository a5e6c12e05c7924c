"""P-MASK | NOF-Eraser | UR-Net as one pipeline, with small networks in place of the published ones."""

from functools import cache

import pytest
import torch
from clips import noise_with_holes
from stand_ins import narrow_basicvsr, narrow_e2fgvi, shared_samwise, small_p_mask, small_samwise

import peanut
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus

pytest.importorskip("sam2")
pytest.importorskip("transformers")
pytestmark = [pytest.mark.usefixtures("one_thread"), pytest.mark.slow]
EXACT = {"device": "cpu", "dtype": torch.float32}


@cache
def stages(live=False, found=True):
    """The three stages, with short windows."""
    model = shared_samwise() if found else small_samwise(score=-50.0)
    time = {"lookahead": 0} if live else {"lookahead": 2}
    eraser = {"preset": "live"} if live else {"neighbor_stride": 2, "reference_stride": 3, **time}
    sharpen = {**time, "fade": 0} if live else {"chunk": 3, "fade": 1, **time}
    return (
        small_p_mask("the man", model=model, **({"preset": "live"} if live else {"clip": 2})),
        peanut.NOFEraser(narrow_e2fgvi(), **eraser, **EXACT),
        peanut.URNet(narrow_basicvsr(BasicVSRPlusPlus), **sharpen, **EXACT),
    )


@peanut.map
def in_a_box(frame):
    """A stand-in finds nearly everything: something must be known around it."""
    box = torch.zeros_like(frame.mask)
    box[10:40, 20 + frame.index : 50 + frame.index] = True
    return frame.with_mask(frame.mask & box)


def cascade(**which):
    p_mask, eraser, sharpener = stages(**which)
    return peanut.Pipeline() | p_mask | in_a_box | eraser | sharpener


def clip(*lengths):
    """Frames without masks."""
    return [frame.with_mask(None) for frame in noise_with_holes(lengths)]


def same(out, other):
    return all(
        one.index == two.index and torch.equal(one.image, two.image) and torch.equal(one.mask, two.mask)
        for one, two in zip(out, other, strict=True)
    )


def pushed(pipeline, frames):
    with pipeline.session(fps=25) as session:
        for frame in frames:
            yield from session.push(frame)
        yield from session.flush()


def test_pulled_pushed_and_prefetched_are_the_same():
    frames = clip(4, 2)
    pulled = list(cascade()(frames))
    assert [frame.index for frame in pulled] == list(range(6))
    assert pulled[0].size == (240, 432)
    assert any(frame.mask.any() for frame in pulled)
    assert same(list(pushed(cascade(), frames)), pulled)
    p_mask, eraser, sharpener = stages()
    threads = peanut.Pipeline() | p_mask | in_a_box | peanut.prefetch(2) | eraser | peanut.prefetch(2) | sharpener
    assert same(list(threads(frames)), pulled)


def test_live_gives_a_frame_for_a_frame():
    frames = clip(4)
    with cascade(live=True).session(fps=25) as session:
        out = []
        for frame in frames:
            (one,) = session.push(frame)
            out.append(one)
        assert not list(session.flush())
    assert same(out, list(cascade(live=True)(frames)))


def test_a_cut_ends_the_world():
    joined = clip(3, 4)
    out = list(cascade()(joined))
    alone = [frame for shot in (joined[:3], joined[3:]) for frame in cascade()(shot)]
    assert same(out, alone)


def test_what_is_not_found_passes_bit_for_bit():
    frames = clip(4)
    p_mask, eraser, sharpener = stages(found=False)
    untouched = list((peanut.Pipeline() | p_mask | eraser)(frames))
    assert all(torch.equal(new.image, old.image) for new, old in zip(untouched, frames, strict=True))
    sharp, alone = list(cascade(found=False)(frames)), list(sharpener(iter(frames)))
    assert all(torch.equal(new.image, old.image) for new, old in zip(sharp, alone, strict=True))


def test_each_stage_measures_the_flow_of_a_pair_once(monkeypatch):
    """NOF-Eraser's is completed over holes, at a quarter of the size, UR-Net's is the result's: none is shared."""
    frames, pairs = clip(6), {}
    for stage in stages()[1:]:
        network, name = stage._network, type(stage).__name__
        flows = network.flows
        pairs[name] = 0

        def counted(*images, flows=flows, name=name):
            to_next, back = flows(*images)
            pairs[name] += to_next.shape[:-3].numel()  # pairs before c h w
            return to_next, back

        monkeypatch.setattr(network, "flows", counted)
    list(cascade()(frames))
    assert pairs == {"NOFEraser": 5, "URNet": 5}


def test_no_stage_is_later_or_holds_more_than_it_tells():
    run = cascade()(clip(10))
    list(run)
    p_mask, _, *others = run.statistics.stages[-4:]
    for stage, told in zip([p_mask, *others], stages(), strict=True):
        assert stage.latency <= told.latency
        assert stage.most_held <= told.memory + 1  # the first frame of the next shot tells that there is a cut
