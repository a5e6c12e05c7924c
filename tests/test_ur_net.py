"""The laws of streaming with narrow networks: whatever the chunks, the pixels are those of a plain computation."""

import copy
import os
import re
import subprocess
import sys
import weakref
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
import torch
import torch.nn.functional as F
from clips import drifting
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import BASICVSR_KINDS, narrow_basicvsr
from strategies import make_frames

from peanut import UsageError
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.stages.ur_net import URNet
from peanut.windows.bidirectional_stream import BidirectionalStream

pytestmark = pytest.mark.usefixtures("one_thread")

NETWORKS = {name: narrow_basicvsr(kind) for name, kind in BASICVSR_KINDS.items()}
networks = st.sampled_from(list(NETWORKS))


def streamed(network, frames, chunk, lookahead, memory=None, fade=0):
    stream = BidirectionalStream(network, chunk, lookahead, memory, fade)
    out = [done for frame in frames for done in stream.push(frame[None])]
    return torch.cat(out + stream.flush())


def recomputed(network, frames, chunk, lookahead):
    """Every chunk anew from the first frame, as its definition says: nothing carried, nothing kept."""
    images, length, outputs = list(frames.split(1)), len(frames), []
    spatial = [network.encode(image) for image in images]
    pairs = [network.flows(first, second) for first, second in pairwise(images)]
    to_next, to_previous = [*(pair[0] for pair in pairs), None], [None, *(pair[1] for pair in pairs)]
    settled = {branch: [] for branch in network.branches if branch.startswith("forward")}
    for start in range(0, length, chunk):
        stop, end = min(start + chunk, length), min(start + chunk + lookahead, length)
        features = [{"spatial": feature} for feature in spatial[:end]]
        for branch in network.branches:
            if branch.startswith("backward"):  # over the chunk and its look-ahead alone
                order = range(end - 1, start - 1, -1)
                found = network.propagate(branch, [features[i] for i in order], [to_next[i] for i in order])[0]
            else:  # from the first frame of all; before the chunk with the features of the chunks before
                order = range(end)
                inputs = [settled[branch][i] if i < start else features[i] for i in order]
                found = network.propagate(branch, inputs, to_previous[:end])[0]
                settled[branch] += [dict(features[i]) for i in range(start, stop)]
            for i, feature in zip(order, found, strict=True):
                features[i][branch] = feature
        outputs += [network.reconstruct(images[i], features[i]) for i in range(start, stop)]
    return torch.cat(outputs)


@pytest.mark.slow
@given(name=networks, length=st.integers(1, 8), chunk=st.integers(1, 9))
@settings(max_examples=15)
def test_with_all_of_the_future_streaming_is_the_whole_clip(name, length, chunk):
    network, frames = NETWORKS[name], drifting(length)
    whole = network(frames[None])[0]
    for memory in (None, 0, "auto"):
        torch.testing.assert_close(streamed(network, frames, None, 0, memory), whole, rtol=0, atol=1e-4)
    ahead = max(0, length - chunk)
    torch.testing.assert_close(streamed(network, frames, chunk, ahead), whole, rtol=0, atol=1e-4)


@pytest.mark.slow
@given(name=networks, length=st.integers(1, 8), chunk=st.integers(1, 4), lookahead=st.integers(0, 4))
@settings(max_examples=15)
def test_with_some_of_the_future_it_is_a_plain_recomputation(name, length, chunk, lookahead):
    network, frames = NETWORKS[name], drifting(length)
    expected = recomputed(network, frames, chunk, lookahead)
    torch.testing.assert_close(streamed(network, frames, chunk, lookahead), expected, rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_future_and_the_past_matter(name):
    network, frames = NETWORKS[name], drifting(8)
    whole = streamed(network, frames, None, 0)
    assert (streamed(network, frames, 2, 1) - whole).abs().max() > 1e-3
    assert (streamed(network, frames, 2, 6, memory=0) - whole).abs().max() > 1e-3


@pytest.mark.slow
@given(name=networks, chunk=st.integers(1, 3), lookahead=st.integers(0, 2), memory=st.integers(0, 4))
@settings(max_examples=15)
def test_a_frame_knows_no_more_than_it_may(name, chunk, lookahead, memory):
    """Frames further back than memory + chunk - 1, or further ahead than chunk - 1 + lookahead, change nothing."""
    network, frames, place = NETWORKS[name], drifting(9), 5
    before, after = place - memory - chunk + 1, place + chunk - 1 + lookahead
    changed = frames.clone()
    changed[: max(0, before)] = 0.5
    changed[after + 1 :] = 0.5
    outs = [streamed(network, shown, chunk, lookahead, memory) for shown in (frames, changed)]
    assert torch.equal(outs[0][place], outs[1][place])


@pytest.mark.slow
@given(name=networks, chunk=st.integers(1, 4), lookahead=st.integers(1, 3), fade=st.integers(1, 6))
@settings(max_examples=10)
def test_a_chunk_goes_over_into_the_next_in_equal_steps(name, chunk, lookahead, fade):
    network, frames = NETWORKS[name], drifting(2 * chunk + lookahead)
    provisional = streamed(network, frames[: chunk + lookahead], None, 0)
    anew = streamed(network, frames[chunk:], chunk, lookahead, memory=0)
    out = streamed(network, frames, chunk, lookahead, memory=0, fade=fade)
    torch.testing.assert_close(out[:chunk], provisional[:chunk], rtol=0, atol=1e-4)
    steps = min(chunk, lookahead, fade)
    for place in range(chunk):
        share = min(1, (place + 1) / (steps + 1))
        expected = torch.lerp(provisional[chunk + place], anew[place], share) if share < 1 else anew[place]
        torch.testing.assert_close(out[chunk + place], expected, rtol=0, atol=1e-4)


@pytest.mark.slow
@given(name=networks, memory=st.integers(0, 3), fade=st.integers(1, 5))
@settings(max_examples=10)
def test_live_a_new_state_fades_in_while_the_old_one_goes_on(name, memory, fade):
    network, frames = NETWORKS[name], drifting(6)
    begin = memory + 1
    carried, anew = streamed(network, frames, 1, 0), streamed(network, frames[begin:], 1, 0)
    out = streamed(network, frames, 1, 0, memory, fade)
    torch.testing.assert_close(out[:begin], carried[:begin], rtol=0, atol=1e-4)
    for place in range(min(fade, memory + 1, len(anew))):  # until the next renewal
        expected = torch.lerp(carried[begin + place], anew[place], (place + 1) / (fade + 1))
        torch.testing.assert_close(out[begin + place], expected, rtol=0, atol=1e-4)


class Drift(torch.nn.Module):
    """Flow of 2 pixels between images that differ, none between equal ones."""

    def forward(self, first, second):
        moved = (first != second).flatten(1).any(dim=1).float()
        return 2 * moved[:, None, None, None].expand(-1, 2, *first.shape[-2:])


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("fits", [True, False])
def test_states_reach_as_far_as_motion_and_fit_allow(name, fits, monkeypatch):
    """14 images that move, 21 that do not: there a state reaches 14 images, but for one that still fits."""
    monkeypatch.setattr("peanut.windows.bidirectional_stream.TOLERANCE", float("inf") if fits else 0.0)
    network, frames = copy.deepcopy(NETWORKS[name]), drifting(35)
    network.spynet, frames[14:] = Drift(), frames[14]
    out, far = streamed(network, frames, 7, 9, "auto"), streamed(network, frames, 7, 9, memory=60)
    assert torch.equal(out[:14], far[:14])
    if fits:
        assert torch.equal(out, far)
    else:
        short = streamed(network, frames[14:], 7, 7, memory=0)[:14]
        end = streamed(network, frames[21:], 7, 7, memory=None)[7:]  # no look-ahead: the past makes up for it
        assert torch.equal(out[14:], torch.cat([short, end]))


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_a_far_state_goes_on_where_its_pictures_fit_the_input(name, monkeypatch):
    """What is compared: the images of a chunk, made as small as the input."""
    network, frames = copy.deepcopy(NETWORKS[name]), drifting(23)
    network.spynet, frames[14:] = Drift(), frames[14]
    far = streamed(network, frames, 7, 9, memory=60)[14:21]
    short = streamed(network, frames[14:], 7, 7, memory=None)[:7]
    errors = [
        F.interpolate(out, frames.shape[-2:], mode="bicubic", antialias=True).sub(frames[14:21]).square().mean()
        for out in (far, short)
    ]
    for allowed, expected in ((1.01, far), (0.99, short)):
        monkeypatch.setattr("peanut.windows.bidirectional_stream.TOLERANCE", allowed * float(errors[0] / errors[1]))
        assert torch.equal(streamed(network, frames, 7, 9, "auto")[14:21], expected)


def stage(name="BasicVSR", **options):
    return URNet(NETWORKS[name], dtype="float32", device="cpu", **options)


def images(lengths, size=(18, 20)):
    torch.manual_seed(0)
    frames = make_frames(lengths, size)
    return [attrs.evolve(frame, image=torch.randint(0, 256, (3, *size), dtype=torch.uint8)) for frame in frames]


@given(lengths=st.lists(st.integers(1, 5), max_size=3), chunk=st.integers(1, 4), lookahead=st.integers(0, 3))
@settings(max_examples=15)
def test_every_frame_comes_out_once_enlarged_with_all_it_carries(lengths, chunk, lookahead):
    frames = images(lengths)
    out = list(stage(chunk=chunk, lookahead=lookahead)(iter(frames)))
    assert [(frame.index, frame.time, frame.shot) for frame in out] == [(f.index, f.time, f.shot) for f in frames]
    assert all(frame.size == (72, 80) and frame.mask.shape == (72, 80) for frame in out)


def test_nothing_crosses_a_cut_or_a_change_of_size():
    first, second = images([3]), images([3], size=(20, 18))
    second = [attrs.evolve(frame, index=frame.index + 3) for frame in second]
    together = list(stage(chunk=2, lookahead=2)(iter(first + second)))
    apart = [frame for part in (first, second) for frame in stage(chunk=2, lookahead=2)(iter(part))]
    assert all(torch.equal(a.image, b.image) for a, b in zip(together, apart, strict=True))
    cut = [*first, *(attrs.evolve(frame, index=frame.index + 3, shot=1) for frame in first)]
    out = list(stage(chunk=2, lookahead=2)(iter(cut)))
    assert all(torch.equal(a.image, b.image) for a, b in zip(out[:3], out[3:], strict=True))


@pytest.mark.parametrize(("chunk", "lookahead", "latency"), [(4, 3, 6), (1, 0, 0), (None, 0, 0), (3, 0, 2)])
def test_it_waits_for_its_latency_and_holds_no_more(chunk, lookahead, latency):
    alive, pulled, upscaler = weakref.WeakSet(), 0, stage(chunk=chunk, lookahead=lookahead)

    def source():
        nonlocal pulled
        for frame in images([12]):
            pulled += 1
            fresh = attrs.evolve(frame)
            alive.add(fresh)
            yield fresh
            del fresh

    most, waited = 0, 0
    for place, _ in enumerate(upscaler(source())):
        waited, most = max(waited, pulled - place - 1), max(most, len(alive))
    assert waited == latency == upscaler.latency
    assert most <= latency + 2


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("size", [(1, 1), (3, 50), (17, 2)])
def test_any_size_works(name, size):
    assert [f.size for f in stage(name, chunk=2)(iter(images([3], size)))] == [(4 * size[0], 4 * size[1])] * 3


def test_restoring_keeps_the_size_whatever_the_sides():
    upscaler = URNet(narrow_basicvsr(BasicVSRPlusPlus, same_size=True), chunk=2, dtype="float32", device="cpu")
    assert [frame.size for frame in upscaler(iter(images([3], (37, 42))))] == [(37, 42)] * 3


def test_fidelity_0_is_the_plain_enlargement():
    frame = images([1])[0]
    (out,) = stage(fidelity=0)(iter([frame]))
    plain = F.interpolate(frame.image[None].float(), scale_factor=4, mode="bicubic").clamp(0, 255).round()
    assert (out.image.float() - plain[0]).abs().max() <= 1


def test_tiles_show_no_seam():
    frames = [
        attrs.evolve(f, image=(255 * image).to(torch.uint8))
        for f, image in zip(images([3], (80, 120)), drifting(3, (80, 120)), strict=True)
    ]
    whole, tiled = (list(stage(tile=tile, chunk=3)(iter(frames))) for tile in (None, 64))
    difference = max((a.image.int() - b.image.int()).abs().max() for a, b in zip(whole, tiled, strict=True))
    steps = max(a.image.int().diff(dim=-1).abs().max() for a in whole)
    assert difference <= max(2, steps / 4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"scale": 2}, "has the scale 4, not 2"),
        ({"chunk": 0}, "chunk must be at least 1, 'whole' or None, got 0."),
        ({"lookahead": -1}, "lookahead must be at least 0, got -1."),
        ({"carry": -1}, "carry must be at least 0, 'auto' or None, got -1."),
        ({"fidelity": 1.5}, "fidelity must be 0 to 1, got 1.5."),
        ({"tile": 8}, "tile must be at least 32, 'auto' or None, got"),
    ],
)
def test_a_mistake_is_said_when_it_is_built(options, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        stage(**options)


def test_scales_that_no_model_has_are_refused_before_anything_is_loaded():
    with pytest.raises(UsageError, match=r"scale must be 4 \(enlarge\) or 1 \(restore\), got 3\."):
        URNet(scale=3)


def test_damaged_weights_are_refused():
    network = narrow_basicvsr(BasicVSR)
    network.fusion.weight[0, 0] = torch.nan
    with pytest.raises(UsageError, match=r"fusion\.weight holds values that are no numbers"):
        URNet(network)


@pytest.mark.parametrize("name", NETWORKS)
def test_bfloat16_is_close(name):
    frames = images([4])
    exact = list(stage(name, chunk=2)(iter(frames)))
    rounded = list(URNet(narrow_basicvsr(BASICVSR_KINDS[name]), dtype="bfloat16", device="cpu", chunk=2)(iter(frames)))
    for a, b in zip(exact, rounded, strict=True):
        assert (a.image.int() - b.image.int()).abs().float().mean() < 1.5


PEAK = """
import resource, sys, torch
from peanut.stages.ur_net import BasicVSR
from peanut.networks.basicvsr import BasicVSR as Network
from strategies import make_frames
torch.set_num_threads(1)
for frame in BasicVSR(Network(8, 1), device="cpu")(iter(make_frames([int(sys.argv[1])], (90, 160)))):
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_length():
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}

    def peak(frames):
        run = [sys.executable, "-c", PEAK, str(frames)]
        return int(subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout)

    assert peak(120) < 1.1 * peak(50)  # what is held is full after 35
