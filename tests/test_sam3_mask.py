"""Text to masks with SAM 3: the stage around a tiny network with random weights."""

import copy
import sys
from types import SimpleNamespace

import pytest
import torch
from strategies import make_frames
from weights_rows import use
from weights_server import Server

import peanut
from peanut import UsageError
from peanut.stages import sam3_mask
from peanut.weights import at_hand
from peanut.weights.table import Entry, File

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def tiny():
    """A SAM 3 of all its parts, each as small as it goes, that takes most of its guesses for objects."""
    transformers = pytest.importorskip("transformers", minversion="5")
    from transformers.models.sam2_video import Sam2VideoVideoProcessor
    from transformers.models.sam3 import Sam3ImageProcessor

    side, patch, width = 56, 14, 128
    vision = {
        "backbone_config": {
            "hidden_size": width,
            "intermediate_size": width,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "image_size": side,
            "patch_size": patch,
            "window_size": 2,
            "global_attn_indexes": [1],
            "pretrain_image_size": 28,
            "model_type": "sam3_vit_model",
        },
        "fpn_hidden_size": width,
        "backbone_feature_sizes": [[16, 16], [8, 8], [4, 4]],
        "model_type": "sam3_vision_model",
    }
    small = {"hidden_size": width, "num_attention_heads": 2}
    one_layer = {**small, "num_layers": 1, "intermediate_size": width}
    detector = {
        "model_type": "sam3",
        "vision_config": vision,
        "text_config": {
            "model_type": "clip_text_model",
            "vocab_size": 300,
            "hidden_size": width,
            "intermediate_size": width,
            "projection_dim": width,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "max_position_embeddings": 32,
        },
        "geometry_encoder_config": one_layer,
        "detr_encoder_config": one_layer,
        "detr_decoder_config": {**one_layer, "num_queries": 3},
        "mask_decoder_config": small,
    }
    tracker = {
        "model_type": "sam3_tracker_video",
        "vision_config": vision,
        "image_size": side,
        "prompt_encoder_config": {"hidden_size": width, "image_size": side, "patch_size": patch},
        "mask_decoder_config": {**small, "mlp_dim": width, "iou_head_hidden_dim": width},
        "memory_attention_hidden_size": width,
        "memory_attention_num_layers": 1,
        "memory_attention_feed_forward_hidden_size": width,
        "memory_encoder_hidden_size": width,
        "mask_downsampler_embed_dim": width,
        "memory_fuser_embed_dim": width,
        "memory_fuser_intermediate_dim": width,
        "memory_attention_rope_feat_sizes": [4, 4],
    }
    config = transformers.Sam3VideoConfig(
        detector_config=detector,
        tracker_config=tracker,
        low_res_mask_size=16,
        det_nms_thresh=0.0,
        fill_hole_area=0,
    )
    torch.manual_seed(0)
    model = transformers.Sam3VideoModel(config).eval()
    with torch.no_grad():
        model.tracker_model.mask_decoder.pred_obj_score_head.proj_out.bias += 10  # what is tracked stays in sight
    words = ["<|startoftext|>", "<|endoftext|>", *(chr(letter) for letter in range(97, 123))]
    vocabulary = {word: number for number, word in enumerate([*words, *(f"{word}</w>" for word in words[2:])])}
    processor = transformers.Sam3VideoProcessor(
        image_processor=Sam3ImageProcessor(size={"height": side, "width": side}),
        video_processor=Sam2VideoVideoProcessor(),
        tokenizer=transformers.CLIPTokenizer(vocab=vocabulary, merges=[]),
    )
    return model, processor


def noisy(lengths, size=(20, 30)):
    """Frames whose pictures differ, so that their masks do."""
    random = torch.Generator().manual_seed(1)
    return [
        frame.with_image(torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=random)).with_mask(None)
        for frame in make_frames(lengths, size)
    ]


def masks(frames, stage):
    return [frame.mask for frame in frames | stage]


def two_objects(tiny):
    """The tiny model, which takes noise for new objects all the time, with two at most."""
    model, processor = copy.copy(tiny[0]), tiny[1]
    model.max_num_objects = 2
    return model, processor


def confirming(tiny):
    """Its tracks are confirmed every third frame, as those of a trained one are now and then."""
    model, processor = two_objects(tiny)
    model.recondition_every_nth_frame = 3
    model.assoc_iou_thresh, model.high_conf_thresh, model.high_iou_thresh = 0.0, 0.0, 0.0
    return model, processor


def test_every_frame_comes_out_once_with_a_mask_of_its_size(tiny):
    frames = noisy([4, 2])
    out = list(frames | peanut.Sam3Mask("red car", tiny, threshold=0.0))
    assert [frame.index for frame in out] == list(range(6))
    for before, after in zip(frames, out, strict=True):
        assert after.image is before.image
        assert after.mask.dtype == torch.bool
        assert after.mask.shape == before.size
        assert 0 < after.mask.float().mean() < 1
        assert not after.mask.is_inference()


def test_one_frame_goes_in_before_one_comes_out(tiny):
    run = iter(noisy([3]) | peanut.Sam3Mask("red car", tiny, threshold=0.0))
    assert len(list(run)) == 3
    assert run.statistics.stages[-1].latency == 0


def test_a_cut_begins_anew(tiny):
    frames = noisy([3, 4])
    stage = peanut.Sam3Mask("red car", tiny, threshold=0.0)
    together = masks(frames, stage)
    apart = masks(frames[:3], stage) + masks(frames[3:], stage)
    assert all(torch.equal(a, b) for a, b in zip(together, apart, strict=True))


def test_a_long_shot_begins_anew_every_so_many_frames(tiny, monkeypatch):
    monkeypatch.setattr(sam3_mask, "RESTART", 3)
    frames = noisy([7])
    stage = peanut.Sam3Mask("red car", tiny, threshold=0.0)
    together = masks(frames, stage)
    apart = [mask for start in (0, 3, 6) for mask in masks(frames[start : start + 3], stage)]
    assert all(torch.equal(a, b) for a, b in zip(together, apart, strict=True))


def held(thing, seen=None):
    """Numbers in the tensors that a session holds, each storage counted once."""
    seen = {} if seen is None else seen
    if isinstance(thing, torch.Tensor):
        seen[thing.untyped_storage().data_ptr()] = thing.untyped_storage().nbytes()
    elif isinstance(thing, dict):
        for value in thing.values():
            held(value, seen)
    elif isinstance(thing, list | tuple):
        for value in thing:
            held(value, seen)
    elif hasattr(thing, "__dict__"):
        held(vars(thing), seen)
    return sum(seen.values())


@pytest.mark.parametrize("variant", [two_objects, confirming])
def test_what_is_forgotten_is_never_missed_and_memory_stays(tiny, variant, monkeypatch):
    frames, model = noisy([22], (12, 16)), variant(tiny)
    forget, sizes, sessions = sam3_mask.forget, [], []

    def measured(session, *rest):
        forget(session, *rest)
        sizes.append(held(session))

    monkeypatch.setattr(sam3_mask, "forget", measured)
    lean = masks(frames, peanut.Sam3Mask("red car", model, threshold=0.0))
    monkeypatch.setattr(sam3_mask, "forget", lambda session, *_: sessions.append(session))
    full = masks(frames, peanut.Sam3Mask("red car", model, threshold=0.0))
    assert all(torch.equal(a, b) for a, b in zip(lean, full, strict=True))
    assert sizes[-1] < 1.05 * sizes[16]
    assert sizes[-1] < held(sessions[-1]) / 2
    confirmed = sessions[-1].output_dict_per_obj[0]["cond_frame_outputs"]
    assert (len(confirmed) > 4) == (variant is confirming)


def test_thresholds_belong_to_the_stage_and_not_to_the_model(tiny):
    frames = noisy([2])
    none, all_of_them = (peanut.Sam3Mask("red car", tiny, threshold=threshold) for threshold in (1.0, 0.0))
    assert not any(mask.any() for mask in masks(frames, none))
    assert all(mask.any() for mask in masks(frames, all_of_them))
    assert tiny[0].score_threshold_detection == 0.5


def test_grow_adds_to_the_mask(tiny):
    frames = noisy([2])
    plain, grown = (masks(frames, peanut.Sam3Mask("red car", tiny, threshold=0.0, grow=grow)) for grow in (0, 2))
    assert all((~a | b).all() and b.sum() > a.sum() for a, b in zip(plain, grown, strict=True))


def test_a_folder_is_loaded_as_a_repository_is(tiny, tmp_path):
    for part in tiny:
        part.save_pretrained(tmp_path)
    frames = noisy([2])
    exact = peanut.Sam3Mask("red car", str(tmp_path), device="cpu", dtype="float32", threshold=0.0)
    ready = peanut.Sam3Mask("red car", tiny, threshold=0.0)
    assert all(torch.equal(a, b) for a, b in zip(masks(frames, exact), masks(frames, ready), strict=True))
    rough = peanut.Sam3Mask("red car", str(tmp_path), device="cpu", dtype="bfloat16", threshold=0.0)
    assert [mask.shape for mask in masks(frames, rough)] == [(20, 30)] * 2


def test_without_transformers_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        UsageError, match=r"^Sam3Mask needs transformers 5 or newer: pip install .peanut-video\[p-mask\]"
    ):
        peanut.Sam3Mask("red car", device="cpu")


@pytest.fixture
def published(tiny, tmp_path, cache, monkeypatch):
    """The tiny model as the table's "sam3", on a server; nothing is in the Hub's own cache."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    for part in tiny:
        part.save_pretrained(tmp_path / "saved")
    with Server() as server:
        paths = sorted((tmp_path / "saved").iterdir(), key=lambda path: path.suffix != ".safetensors")
        server.files.update({f"/sam3/{path.name}": path.read_bytes() for path in paths})
        files = tuple(File(path.name, None, "", (f"{server.address}/sam3/{path.name}",)) for path in paths)
        row = Entry("sam3", "SAM 3 (text prompts)", files, "SAM", "SAM3", False)
        use(monkeypatch, row)
        monkeypatch.setattr(sam3_mask, "entries", lambda: {"sam3": row})
        yield server


def test_the_folder_is_fetched_file_by_file_once_and_then_needs_no_network(published, tiny, monkeypatch):
    frames, exact = noisy([2]), {"device": "cpu", "dtype": "float32", "threshold": 0.0}
    stage = peanut.Sam3Mask("red car", **exact)
    expected = masks(frames, peanut.Sam3Mask("red car", tiny, threshold=0.0))
    assert all(torch.equal(a, b) for a, b in zip(masks(frames, stage), expected, strict=True))
    assert sorted(path for path, _ in published.asked) == sorted(published.files)
    monkeypatch.setenv("PEANUT_OFFLINE", "1")
    again = peanut.Sam3Mask("red car", **exact)
    assert all(torch.equal(a, b) for a, b in zip(masks(frames, again), expected, strict=True))
    assert len(published.asked) == len(published.files)
    assert peanut.licence(again).startswith("any use, commercial too; keep the notices of sam3")


def test_a_mirror_keeps_the_files_in_a_folder_of_the_rows_name(published, tmp_path, monkeypatch):
    monkeypatch.setenv("PEANUT_WEIGHTS_MIRROR", str(tmp_path))
    (tmp_path / "saved").rename(tmp_path / "sam3")
    (tmp_path / "config.json").write_text("{}")  # of another row
    peanut.Sam3Mask("red car", device="cpu")
    assert not published.asked


def test_without_the_weights_the_sentence_says_how_to_get_them(published, monkeypatch):
    published.files.pop("/sam3/config.json")
    with pytest.raises(UsageError, match=r"^sam3: config\.json cannot be had\. .*: the server answers 404 .*--as sam3"):
        peanut.Sam3Mask("red car", device="cpu")
    monkeypatch.setenv("PEANUT_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"^sam3: config\.json cannot be had\. .*PEANUT_OFFLINE is set"):
        peanut.Sam3Mask("red car", device="cpu")


def test_what_the_hubs_own_client_fetched_is_taken_from_there(cache, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    assert at_hand("sam3") is None
    model = tmp_path / "hub" / "models--facebook--sam3"
    for path, text in {"refs/main": "0" * 40, f"snapshots/{'0' * 40}/config.json": "{}"}.items():
        (model / path).parent.mkdir(parents=True)
        (model / path).write_text(text)
    assert at_hand("sam3") == "facebook/sam3"
    assert at_hand("samwise-mevis") is None


@pytest.mark.parametrize("offline", ["", "1"])
def test_a_repository_that_is_gated_says_so_and_offline_is_passed_on(monkeypatch, offline):
    asked = []

    def gated(name, **settings):
        asked.append(settings)
        raise OSError(f"You are trying to access a gated repo.\nRequest access to {name}.")

    monkeypatch.setenv("PEANUT_OFFLINE", offline)
    monkeypatch.setitem(
        sys.modules,
        "transformers",
        SimpleNamespace(Sam3VideoModel=SimpleNamespace(from_pretrained=gated), Sam3VideoProcessor=None),
    )
    with pytest.raises(UsageError) as refused:
        peanut.Sam3Mask("red car", "facebook/sam3", device="cpu")
    assert str(refused.value) == (
        "Sam3Mask cannot load facebook/sam3 (You are trying to access a gated repo.): a folder must hold a"
        " Sam3VideoModel and its processor; of a repository the licence must be accepted at"
        " https://huggingface.co/facebook/sam3, and `hf auth login` must have logged you in."
    )
    assert isinstance(refused.value.__cause__, OSError)
    assert asked == [{"local_files_only": bool(offline)}]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"prompt": " "}, "Sam3Mask: prompt must name what to mask, such as 'red car', got ' '."),
        ({"prompt": "car", "threshold": 1.5}, "Sam3Mask: threshold must be 0 to 1, got 1.5."),
        ({"prompt": "car", "grow": -1}, "Sam3Mask: grow must be at least 0 or None, got -1."),
        ({"prompt": "car", "model": 3}, "Sam3Mask: model must be a name or (model, processor), got 3."),
    ],
)
def test_silly_settings_are_refused_when_the_stage_is_built(settings, sentence):
    with pytest.raises(UsageError) as refused:
        peanut.Sam3Mask(**settings)
    assert str(refused.value) == sentence


def test_a_stage_is_shown_without_the_insides_of_its_model(tiny):
    assert str(peanut.Pipeline() | peanut.Sam3Mask("red car", tiny, grow=2)) == "Sam3Mask('red car')"
