"""NOFEraser with narrow networks: streaming, regions, seams. The published numbers are the conformance cases' job."""

import gc
import weakref
from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from clips import noise_with_holes
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stand_ins import narrow_e2fgvi

import peanut
from peanut import Frame, UsageError
from peanut.networks.e2fgvi import E2FGVI, MULTIPLE
from peanut.stages.nof_eraser import PRESETS, NOFEraser, _Run
from peanut.windows.region import full_region, region_around

NETWORK = narrow_e2fgvi()
pytestmark = pytest.mark.usefixtures("one_thread")


@torch.inference_mode()
def protocol(frames, stride, every):
    """The published test protocol written plainly: everything of every window computed anew."""
    known = [(frame.image.float() / 127.5 - 1) * ~frame.mask for frame in frames]
    done = [None] * len(frames)
    for centre in range(0, len(frames), stride):
        local = [n for n in range(centre - stride, centre + stride + 1) if 0 <= n < len(frames)]
        references = [n for n in range(0, len(frames), every) if n not in local]
        output = NETWORK(torch.stack([known[n] for n in local + references])[None], len(local))[0]
        for n, picture in zip(local, output, strict=True):
            new = ((picture + 1) / 2 * 255).floor()
            done[n] = new if done[n] is None else (done[n] + new) / 2
    return [
        torch.where(frame.mask, picture.floor().to(torch.uint8), frame.image)
        for frame, picture in zip(frames, done, strict=True)
    ]


@pytest.mark.slow
@settings(max_examples=6)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=2), stride=st.integers(1, 6), every=st.integers(1, 10))
@example(lengths=[40], stride=5, every=10)
@example(lengths=[1, 2, 3], stride=5, every=10)
def test_with_enough_lookahead_streaming_equals_the_protocol(lengths, stride, every):
    frames = noise_with_holes(lengths)
    stage = NOFEraser(
        NETWORK,
        neighbor_stride=stride,
        reference_stride=every,
        max_references=None,
        lookahead=max(lengths),
        region="full",
        device="cpu",
        dtype=torch.float32,
    )
    out = list(stage(iter(frames)))
    shots = [[frame for frame in frames if frame.shot == shot] for shot in range(len(lengths))]
    expected = [picture for shot in shots for picture in protocol(shot, stride, every)]
    assert [frame.index for frame in out] == [frame.index for frame in frames]
    for frame, picture in zip(out, expected, strict=True):
        assert (frame.image.int() - picture.int()).abs().max() <= 2


@settings(max_examples=8)
@given(
    lengths=st.lists(st.integers(1, 12), max_size=3),
    stride=st.integers(1, 5),
    lookahead=st.integers(0, 9),
    most=st.integers(0, 3),
    overlap=st.booleans(),
)
@example(lengths=[8, 1, 23], stride=2, lookahead=4, most=1, overlap=False)
def test_every_frame_comes_out_once_filled_and_within_the_latency(lengths, stride, lookahead, most, overlap):
    frames = noise_with_holes(lengths)
    stage = NOFEraser(
        NETWORK,
        neighbor_stride=stride,
        lookahead=lookahead,
        overlap=overlap,
        max_references=most,
        reference_stride=3,
        dtype=torch.float32,
    )
    run = (peanut.Pipeline() | stage)(frames)
    out = list(run)
    assert [frame.index for frame in out] == [frame.index for frame in frames]
    assert run.statistics.stages[-1].latency <= (lookahead + stride if lookahead else 0)
    for new, old in zip(out, frames, strict=True):
        assert torch.equal(new.image[:, ~old.mask], old.image[:, ~old.mask])
        assert (new is old) or not torch.equal(new.image, old.image)
        assert (new is not old) or not old.mask.any()


@pytest.mark.slow
def test_features_held_are_bounded_by_the_window_and_the_references(monkeypatch):
    held, most = weakref.WeakSet(), []
    encode = E2FGVI.encode

    def watched(self, masked):
        out = encode(self, masked)
        parts = [feature.clone() for feature in out]
        held.update(parts)
        gc.collect()
        most.append(len(held))
        return parts

    monkeypatch.setattr(E2FGVI, "encode", watched)
    stage = NOFEraser(
        NETWORK,
        neighbor_stride=2,
        reference_stride=2,
        max_references=3,
        lookahead=6,
        region="full",
        dtype=torch.float32,
    )
    list(stage(iter(noise_with_holes([40]))))
    assert len(most) > 5
    assert max(most) <= 3 + 2 * 2 + 1


def test_each_frame_is_encoded_once_while_its_region_stays(monkeypatch):
    counted = []
    encode = E2FGVI.encode
    monkeypatch.setattr(E2FGVI, "encode", lambda self, masked: counted.append(len(masked)) or encode(self, masked))
    list(NOFEraser(NETWORK, region="full", dtype=torch.float32)(iter(noise_with_holes([20]))))
    assert sum(counted) == 20


def test_frames_far_from_any_mask_pass_as_the_same_objects():
    frames = [frame.with_mask(torch.zeros_like(frame.mask)) for frame in noise_with_holes([30])]
    frames[0] = frames[0].with_mask(noise_with_holes([1])[0].mask)
    out = list(NOFEraser(NETWORK, dtype=torch.float32)(iter(frames)))
    assert all(a is b for a, b in zip(out[1:], frames[1:], strict=True))
    assert not torch.equal(out[0].image, frames[0].image)


@pytest.mark.slow
@torch.inference_mode()
def test_without_lookahead_every_frame_is_the_published_network_on_the_frames_before():
    frames = noise_with_holes([23])
    known = [(frame.image.float() / 127.5 - 1) * ~frame.mask for frame in frames]
    stage = NOFEraser(NETWORK, lookahead=0, max_references=None, region="full", device="cpu", dtype=torch.float32)
    for number, out in enumerate(stage(iter(frames))):
        local = list(range(max(0, number - 9), number + 1))
        references = [n for n in range(0, number, 10) if n not in local]
        picture = NETWORK(torch.stack([known[n] for n in local + references])[None], len(local))[0, len(local) - 1]
        expected = ((picture + 1) / 2 * 255).clamp(0, 255).floor()
        hole = frames[number].mask
        assert not hole.any() or (out.image[:, hole] - expected[:, hole]).abs().max() <= 1


@pytest.mark.parametrize("settings", [{"lookahead": 0}, {"preset": "live"}], ids=str)
def test_live_frames_leave_at_once_and_know_nothing_of_what_comes_later(settings):
    frames, others = noise_with_holes([25]), noise_with_holes([25], seed=9)
    stage = peanut.Pipeline() | NOFEraser(NETWORK, dtype=torch.float32, **settings)
    with stage.session(fps=25) as first, stage.session(fps=25) as second:
        for number, frame in enumerate(frames):
            (a,) = first.push(frame)
            if number < 14:
                (b,) = second.push(frame)
                assert torch.equal(a.image, b.image)
            else:
                second.push(others[number])


@torch.inference_mode()
def test_the_live_preset_computes_one_frame_at_a_time_and_the_first_as_the_network_does(monkeypatch):
    frames, counted = noise_with_holes([30]), []
    encode = E2FGVI.encode
    monkeypatch.setattr(E2FGVI, "encode", lambda self, masked: counted.append(len(masked)) or encode(self, masked))
    live = list(NOFEraser(NETWORK, preset="live", region="full", dtype=torch.float32)(iter(frames)))
    assert sum(counted) == 30
    exact = list(NOFEraser(NETWORK, lookahead=0, region="full", dtype=torch.float32)(iter(frames[:1])))
    assert (live[0].image.int() - exact[0].image.int()).abs().max() <= 1


def test_a_network_without_propagation_and_attention_to_others_is_the_same_live(monkeypatch):
    """Where frames do not look at each other, remembering them changes nothing."""
    alone = narrow_e2fgvi()
    with torch.no_grad():
        for block in alone.transformer:
            block.attn.proj.weight.zero_()
        propagation = alone.feat_prop_module
        propagation.fusion.weight.zero_()
    exact = list(NOFEraser(alone, lookahead=0, region="full", dtype=torch.float32)(iter(noise_with_holes([15]))))
    live = list(NOFEraser(alone, preset="live", region="full", dtype=torch.float32)(iter(noise_with_holes([15]))))
    assert all((a.image.int() - b.image.int()).abs().max() <= 1 for a, b in zip(exact, live, strict=True))


def test_presets_are_defaults_that_can_be_changed_one_by_one():
    for name, preset in PRESETS.items():
        stage = NOFEraser(NETWORK, preset=name)
        assert (stage.lookahead, stage.max_pixels) == (preset.lookahead, preset.max_pixels)
    assert NOFEraser(NETWORK, preset="fast", lookahead=3).lookahead == 3
    assert str(peanut.Pipeline() | NOFEraser(NETWORK, preset="fast", lookahead=3)) == (
        "NOFEraser(model=E2FGVI(...), preset='fast', lookahead=3)"
    )


@pytest.mark.parametrize("region", ["auto", "full"])
def test_when_memory_runs_out_it_makes_do_with_less_says_so_once_and_goes_on(monkeypatch, caplog, region):
    complete, limit = E2FGVI.complete, 16 * 30 * 54 if region == "auto" else 16 * 15 * 54

    def small(self, features, *rest):
        if features[0, :, 0].numel() > limit:
            raise torch.OutOfMemoryError("out of memory")
        return complete(self, features, *rest)

    monkeypatch.setattr(E2FGVI, "complete", small)
    size = (240, 432) if region == "auto" else (60, 216)
    frames = noise_with_holes([30], size)
    if region == "auto":  # holes that need all of the picture
        frames = [frame.with_mask(torch.ones_like(frame.mask).tril(-60)) for frame in frames]
    stage = NOFEraser(NETWORK, region=region, reference_stride=1, max_references=16, dtype=torch.float32)
    out = list(stage(iter(frames)))
    assert len(out) == 30
    assert sum("out of memory on cpu" in record.message for record in caplog.records) == 1
    assert all(torch.equal(a.image[:, ~b.mask], b.image[:, ~b.mask]) for a, b in zip(out, frames, strict=True))


def test_when_memory_runs_out_for_good_the_error_is_raised(monkeypatch):
    def never(self, *_):
        raise torch.OutOfMemoryError("out of memory")

    monkeypatch.setattr(E2FGVI, "complete", never)
    with pytest.raises(torch.OutOfMemoryError):
        list(NOFEraser(NETWORK, dtype=torch.float32)(iter(noise_with_holes([3]))))


@pytest.mark.parametrize("size", [(60, 108), (150, 260), (50, 90), (131, 240), (40, 300)])
def test_a_network_that_knows_the_answer_gives_it_back_without_a_seam(monkeypatch, size):
    """A network that gives the true background, all of it a little too bright: the seam is corrected away."""
    rows, columns = torch.meshgrid(torch.arange(size[0]), torch.arange(size[1]), indexing="ij")
    truth = torch.stack([40 + rows, 60 + columns // 2, 90 + (rows + columns) // 4]).clamp(max=235).to(torch.uint8)
    frames = []
    for index in range(12):
        mask = torch.zeros(size, dtype=torch.bool)
        mask[8:24, 10 + 4 * index : 30 + 4 * index] = True
        image = truth.clone()
        image[:, mask] = 255
        frames.append(Frame(index=index, time=Fraction(index, 25), image=image, mask=mask))
    regions = []

    def knows(self, features, to_next, to_previous, decoded):
        picture = regions[-1].cut(truth.float() + 9) / 127.5 - 1
        return picture.expand(1, decoded.stop - decoded.start, -1, -1, -1)

    region_for = _Run._region_for
    monkeypatch.setattr(_Run, "_region_for", lambda self, local: regions.append(region_for(self, local)) or regions[-1])
    monkeypatch.setattr(E2FGVI, "complete", knows)
    for frame in NOFEraser(NETWORK, dtype=torch.float32)(iter(frames)):
        assert (frame.image.int() - truth.int()).abs().max() <= 3


@given(
    size=st.tuples(st.integers(20, 400), st.integers(20, 400)),
    spot=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.01, 1), st.floats(0.01, 1)),
    max_pixels=st.sampled_from([60 * 108, 120 * 216, 720 * 1296]),
)
def test_a_region_covers_the_mask_in_sides_that_the_network_takes(size, spot, max_pixels):
    h, w = size
    top, left = int(spot[0] * (h - 1)), int(spot[1] * (w - 1))
    mask = torch.zeros(size, dtype=torch.bool)
    mask[top : top + max(1, int(spot[2] * h)), left : left + max(1, int(spot[3] * w))] = True
    region = region_around(mask, MULTIPLE, margin=20, max_pixels=max_pixels)
    assert region.covers(mask)
    assert region.size[0] % MULTIPLE[0] == region.size[1] % MULTIPLE[1] == 0
    assert region.size[0] * region.size[1] <= max(max_pixels, MULTIPLE[0] * MULTIPLE[1])
    assert 0 <= region.top <= region.top + region.height <= h
    assert 0 <= region.left <= region.left + region.width <= w
    picture = torch.rand(3, h, w)
    assert region.cut(picture).shape == (3, *region.size)
    if not region.reduced:
        assert torch.equal(region.restore(region.cut(picture)), picture[(slice(None), *region.box)])
        if region.height >= MULTIPLE[0] and region.size[0] != region.height:
            assert region.height == h  # padded only where the picture itself is smaller


def test_the_full_region_is_continued_by_the_mirrored_picture():
    picture = torch.arange(50.0).reshape(1, 50, 1).expand(3, 50, 108)
    cut = full_region((50, 108), MULTIPLE).cut(picture)
    assert cut[0, :, 0].tolist() == [*range(50), *range(49, 39, -1)]


@pytest.mark.parametrize(
    "mask",
    [
        torch.ones(60, 108, dtype=torch.bool),
        torch.zeros(60, 108, dtype=torch.bool),
        torch.eye(60, 108, dtype=torch.bool),
        torch.arange(60 * 108).reshape(60, 108) == 0,
        torch.arange(60 * 108).reshape(60, 108) == 60 * 108 - 1,
    ],
    ids=["everything", "nothing", "a line", "one pixel", "the last pixel"],
)
def test_masks_of_any_shape(mask):
    frames = [frame.with_mask(mask) for frame in noise_with_holes([3])]
    out = list(NOFEraser(NETWORK, dtype=torch.float32)(iter(frames)))
    assert all(torch.equal(a.image[:, ~mask], b.image[:, ~mask]) for a, b in zip(out, frames, strict=True))


class Averages:
    """What the frames of a window show in the mean, by a sixteenth of the size: no module, no weights."""

    multiple, fixed_size = (16, 16), None

    def __init__(self):
        self.windows = []

    def encode(self, masked):
        return F.avg_pool2d(masked, 16)

    def flows(self, masked):
        none = masked.new_zeros(masked.shape[0], masked.shape[1] - 1, 1)
        return none, none

    def complete(self, features, to_next, to_previous, decoded):
        local = to_next.shape[1] + 1
        self.windows.append((local, features.shape[1] - local))
        mean = F.interpolate(features.mean(dim=1), scale_factor=16)
        return mean[:, None].expand(-1, local, -1, -1, -1)[:, decoded]


def test_any_network_with_the_parts_gets_windows_references_region_and_blending():
    network, frames = Averages(), noise_with_holes([30])
    settings = {"neighbor_stride": 2, "reference_stride": 3, "max_references": 2, "lookahead": 6}
    out = list(NOFEraser(network, **settings)(iter(frames)))
    assert [frame.index for frame in out] == list(range(30))
    for new, old in zip(out, frames, strict=True):
        assert torch.equal(new.image[:, ~old.mask], old.image[:, ~old.mask])
        assert not old.mask.any() or not torch.equal(new.image[:, old.mask], old.image[:, old.mask])
    assert {local for local, _ in network.windows} == {3, 5, 4}  # the first window, those within, the last
    assert max(references for _, references in network.windows) == 2
    with pytest.raises(
        UsageError, match="model must be a OnlineFillingNetwork; got a Averages, which lacks complete_n"
    ):
        NOFEraser(network, preset="live")


def test_what_does_not_fit_is_refused():
    with pytest.raises(UsageError, match="NOFEraser needs masks: put masks"):
        list(NOFEraser(NETWORK)([noise_with_holes([1])[0].with_mask(None)]))
    with pytest.raises(UsageError, match="max_references must be at least 0 or None, got -1"):
        NOFEraser(NETWORK, max_references=-1)
    with pytest.raises(
        UsageError,
        match="NOFEraser: preset must be 'quality', 'balanced', 'fast' or 'live', got 'livee': did you mean 'live'",
    ):
        NOFEraser(NETWORK, preset="livee")
    with pytest.raises(UsageError, match="remember=True sees no later frame, got lookahead=5"):
        NOFEraser(NETWORK, preset="live", lookahead=5)
    with pytest.raises(UsageError, match="NOFEraser: region must be 'auto' or 'full', got 'some'"):
        NOFEraser(NETWORK, region="some")
    with pytest.raises(ValueError, match="multiples of 108x60, got 100x60"):
        NETWORK(torch.zeros(1, 1, 3, 60, 100), 1)
