"""Sam2Track: equal to sam2's own video predictor on the same weights, in bounded memory, on streams without an end."""

from fractions import Fraction

import pytest
import torch
import torch.nn.functional as F
from stand_ins import SAM2_SIDE, small_sam2

import peanut
from peanut import Frame, Prompt, Sam2Track, UsageError

pytest.importorskip("sam2")
from peanut.networks.sam2 import build, normalised
from peanut.stages.sam2_track import _Tracks


@pytest.fixture(scope="module", params=["2", "2.1"])
def network(request):
    return small_sam2(request.param)


def clip(count=24, size=(120, 160)):
    generator = torch.Generator().manual_seed(1)
    coarse = torch.rand(1, 3, size[0] // 8, size[1] // 8, generator=generator)
    picture = (255 * F.interpolate(coarse, size, mode="bilinear")[0]).to(torch.uint8)
    return [Frame(index=n, time=Fraction(n, 25), image=picture.roll(2 * n, 2)) for n in range(count)]


def drawn(size=(120, 160)):
    mask = torch.zeros(size, dtype=torch.bool)
    mask[30:80, 40:90] = True
    return mask


CLICK = Prompt(points=[(60, 50), (10, 10)], labels=[1, 0])
BOX = Prompt(box=(30, 20, 100, 90))
MASK = Prompt(mask=drawn())


@torch.inference_mode()
def by_the_predictor(network, frames, prompts):
    """Mask logits by sam2's own predictor, given each prompt before it tracks that frame."""
    from sam2.sam2_video_predictor import SAM2VideoPredictor

    predictor = build(
        "t",
        "2.1" if network.no_obj_embed_spatial is not None else "2",
        image_size=SAM2_SIDE,
        predictor=True,
        video=True,
    )
    assert isinstance(predictor, SAM2VideoPredictor)
    predictor.load_state_dict(network.state_dict())
    images = torch.stack([frame.image for frame in frames])
    images = normalised(F.interpolate(images, (SAM2_SIDE, SAM2_SIDE), mode="bicubic", antialias=True))
    h, w = frames[0].size
    state = predictor_state(predictor, images, h, w)
    out, starts = {}, sorted(prompts)
    for start, end in zip(starts, [*starts[1:], len(frames)], strict=True):
        for name, prompt in prompts[start].items():
            if prompt.mask is not None:
                predictor.add_new_mask(state, start, name, prompt.mask)
            else:
                points = {"points": prompt.points, "labels": prompt.labels} if prompt.points else {}
                predictor.add_new_points_or_box(state, start, name, **points, box=prompt.box)
        for index, names, logits in predictor.propagate_in_video(state, start, end - start - 1):
            out[index] = dict(zip(names, logits[:, 0], strict=True))
    return out


def predictor_state(predictor, images, h, w):
    """What `init_state` makes of a folder of JPEG files, of our pictures."""
    state = {
        "images": images,
        "num_frames": len(images),
        "offload_video_to_cpu": False,
        "offload_state_to_cpu": False,
        "video_height": h,
        "video_width": w,
        "device": torch.device("cpu"),
        "storage_device": torch.device("cpu"),
    }
    kinds = ("point_inputs_per_obj", "mask_inputs_per_obj", "cached_features", "constants", "output_dict_per_obj")
    state |= {kind: {} for kind in (*kinds, "temp_output_dict_per_obj", "frames_tracked_per_obj")}
    from collections import OrderedDict

    return state | {"obj_id_to_idx": OrderedDict(), "obj_idx_to_id": OrderedDict(), "obj_ids": []}


@pytest.mark.slow
@pytest.mark.parametrize(
    "prompts",
    [{0: {1: CLICK}}, {0: {1: BOX}}, {0: {1: MASK}}, {0: {1: CLICK}, 7: {1: MASK}, 15: {1: BOX}}],
    ids=["click", "box", "mask", "three prompted frames"],
)
def test_it_is_the_predictor_of_sam2(network, prompts):
    frames = clip()
    expected = by_the_predictor(network, frames, prompts)
    out = list(Sam2Track(prompts, model=network, grow=0, device="cpu", dtype=torch.float32)(iter(frames)))
    assert [frame.index for frame in out] == list(range(24))
    marked = 0
    for frame in out:
        assert torch.equal(frame.mask, expected[frame.index][1] > 0)
        marked += int(frame.mask.any() and not frame.mask.all())
    assert marked > 12  # the masks say something


def test_objects_come_go_and_are_corrected_while_the_stream_runs(network):
    asked = []

    def prompts(frame):
        asked.append(frame.index)
        return {2: {"left": CLICK}, 4: {"right": BOX}, 6: {"left": MASK}, 8: {"left": None}}.get(frame.index, {})

    with (peanut.Pipeline() | Sam2Track(prompts, model=network, grow=0, dtype=torch.float32)).session(
        fps=25
    ) as session:
        out = [frame for one in clip(10) for frame in session.push(one)]
    assert asked == list(range(10))
    named = [[name for name in frame.layers if name.startswith("object")] for frame in out]
    assert named[1] == []
    assert not out[1].mask.any()
    assert named[2:9:2] == [["object: left"], *[["object: left", "object: right"]] * 2, ["object: right"]]
    union = out[6].layers["object: left"] | out[6].layers["object: right"]
    assert torch.equal(out[6].mask, union)


@pytest.mark.slow
def test_what_is_remembered_of_an_object_is_bounded(network):
    tracks = _Tracks(network, 2, torch.device("cpu"), torch.float32)
    for frame in clip(40):
        tracks.step(frame, {1: CLICK} if frame.index in (0, 3, 5, 9) else {})
        known = tracks.objects[1]
        assert len(known.recent) <= 15
        assert sum("maskmem_features" in out for out in known.recent.values()) <= 6
    assert list(known.prompted) == [0, 9]


@pytest.mark.slow
def test_forgetting_changes_nothing(network, monkeypatch):
    prompts = {0: {1: CLICK}, 5: {1: BOX}}
    frames = clip(24)
    out = list(Sam2Track(prompts, model=network, grow=0, dtype=torch.float32)(iter(frames)))
    monkeypatch.setattr("peanut.stages.sam2_track._Object.forget", lambda *_: None)
    for one, other in zip(
        out, Sam2Track(prompts, model=network, grow=0, dtype=torch.float32)(iter(frames)), strict=True
    ):
        assert torch.equal(one.mask, other.mask)


def test_a_cut_resets_only_where_that_is_asked_for(network):
    frames = [frame.with_shot(frame.index // 3) for frame in clip(5)]
    prompts = {0: {1: MASK}}
    kept = list(Sam2Track(prompts, model=network)(iter(frames)))
    reset = list(Sam2Track(prompts, model=network, grow=0, on_cut="reset")(iter(frames)))
    assert "object: 1" in kept[4].layers
    assert "object: 1" not in reset[4].layers
    assert not reset[4].mask.any()


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: Prompt(), "nothing is given"),
        (lambda: Prompt(points=[(1, 2)], labels=[1, 0]), "1 points need as many labels"),
        (lambda: Prompt(box=(5, 5, 2, 9)), "x0 < x1"),
        (lambda: Prompt(box=(1, 1, 2, 2), mask=drawn()), "a mask excludes"),
    ],
)
def test_prompts_that_mean_nothing_are_refused(make, sentence):
    with pytest.raises(UsageError, match=sentence):
        make()


def test_prompts_outside_the_picture_are_refused_at_their_frame(network):
    for prompt, sentence in (
        (Prompt(points=[(200, 10)]), r"\(200.0, 10.0\) lies outside frame 0, which is 160x120"),
        (Prompt(mask=drawn((60, 80))), r"its mask is \(60, 80\), frame 0 is \(120, 160\)"),
    ):
        with pytest.raises(UsageError, match=sentence):
            list(Sam2Track({0: {1: prompt}}, model=network)(iter(clip(1))))
