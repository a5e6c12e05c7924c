"""PMask with a small SAMWISE: streaming, memory, prompts. The published numbers are the conformance case's job."""

import gc
import json
import logging
from types import SimpleNamespace

import pytest
import torch
from clips import rolling
from hypothesis import given, settings
from hypothesis import strategies as st
from stand_ins import TEXT, shared_samwise, small_p_mask, small_samwise, spell
from torch import nn

import peanut
from peanut import UsageError

pytest.importorskip("sam2")
pytest.importorskip("transformers")
from peanut.networks.cmt_adapter import Attention
from peanut.networks.samwise import SAMWISE, MemoryBank, corrected
from peanut.stages.p_mask import fitted, prepared
from peanut.weights import convert
from peanut.weights.tokenizer import Tokenizer

pytestmark = pytest.mark.usefixtures("one_thread")
NETWORK = shared_samwise()


@pytest.mark.slow
@settings(max_examples=5)
@given(lengths=st.lists(st.integers(1, 4), max_size=3), length=st.integers(1, 3))
def test_every_frame_comes_out_once_in_order_and_within_the_latency(lengths, length):
    run = (peanut.Pipeline() | small_p_mask("a dog", clip=length))(rolling(lengths))
    out = list(run)
    assert [frame.index for frame in out] == list(range(sum(lengths)))
    assert run.statistics.stages[-1].latency <= length - 1
    for frame in out:
        assert (frame.mask.dtype, frame.mask.shape) == (torch.bool, frame.size)
        confidence = frame.layers["confidence"]
        assert (confidence.dtype, confidence.shape) == (torch.uint8, frame.size)
        assert not (frame.mask & (confidence < 127)).any()


def test_the_bank_holds_what_attention_can_use_and_nothing_else():
    bank, prompt = MemoryBank(), NETWORK.prompt(torch.tensor(spell("a dog")[0]))
    frame = prepared(rolling((1,))[0].image, (189, 252), 256)[None]
    with torch.inference_mode():
        seen = NETWORK.encode(NETWORK.encode_stem(frame), prompt, bank)
        for number in range(25):
            NETWORK.step(seen, bank)
            assert len(bank.spatial) == min(number + 1, 6)
            assert len(bank.pointers) == min(number + 1, 15)
            assert len(bank) == 2 * min(number + 1, 6) + min(number + 1, 15)
    assert all(memory.untyped_storage().nbytes() == memory.nbytes for memory, _ in bank.spatial)


@pytest.mark.slow
def test_a_long_stream_leaves_no_tensors_behind():
    def held():
        gc.collect()
        return sum(isinstance(x, torch.Tensor) for x in gc.get_objects())

    counts = [held() for frame in small_p_mask("a dog", clip=1)(iter(rolling((24,)))) if frame.index in (17, 23)]
    assert counts[1] <= counts[0] + 2


@pytest.mark.slow
def test_a_cut_starts_anew_unless_the_memory_is_kept():
    frames = rolling((3, 3))
    alone = list(small_p_mask("a dog", clip=2)(iter(frames[3:])))
    reset = list(small_p_mask("a dog", clip=2)(iter(frames)))
    kept = list(small_p_mask("a dog", clip=2, on_cut="keep")(iter(frames)))
    assert torch.equal(reset[3].layers["confidence"], alone[0].layers["confidence"])
    assert not torch.equal(kept[3].layers["confidence"], alone[0].layers["confidence"])


def test_another_prompt_ends_the_clip_and_forgets():
    frames = rolling((6,))
    said, asked = ["a dog"] * 3 + ["the red ball"] * 3, []
    changing = list(small_p_mask(lambda frame: asked.append(frame.index) or said[frame.index], clip=4)(iter(frames)))
    assert asked == list(range(6))  # once a frame
    first, second = (
        list(small_p_mask("a dog", clip=4)(iter(frames[:3]))),
        list(small_p_mask("the red ball", clip=4)(iter(frames[3:]))),
    )
    for out, expected in zip(changing, [*first, *second], strict=True):
        assert torch.equal(out.layers["confidence"], expected.layers["confidence"])


def test_several_prompts_are_their_union_and_but_not_is_taken_out():
    frames = rolling((2,))
    dog, ball = (list(small_p_mask(text)(iter(frames))) for text in ("a dog", "the red ball"))
    both = list(small_p_mask("a dog", "the red ball")(iter(frames)))
    without = list(small_p_mask("a dog", but_not="the red ball")(iter(frames)))
    for one, other, union, rest in zip(dog, ball, both, without, strict=True):
        assert torch.equal(union.mask, one.mask | other.mask)
        assert torch.equal(union.layers["object: a dog"], one.mask)
        assert torch.equal(rest.mask, one.mask & ~other.mask)


def test_an_object_that_is_not_visible_gives_empty_masks_and_the_run_says_so(caplog):
    unseen = small_samwise(score=-50.0)
    with torch.inference_mode():
        stem, bank = unseen.encode_stem(torch.zeros(1, 3, 256, 256)), MemoryBank()
        out = unseen.step(unseen.encode(stem, unseen.prompt(torch.tensor([0, 5, 2])), bank), bank)
    assert (out.low_resolution == -1024).all()
    assert torch.equal(out.pointer, unseen.sam.no_obj_ptr)
    frames = list(small_p_mask("a dog", model=unseen)(iter(rolling((3,)))))
    assert not any(frame.mask.any() for frame in frames)
    assert "PMask: 'a dog' was found in none of 3 frames." in caplog.text


def test_what_is_learnt_is_what_samwise_adds():
    network = small_samwise().freeze()
    before = {name: x.clone() for name, x in network.state_dict().items()}
    learns = [x for x in network.parameters() if x.requires_grad]
    optimiser = torch.optim.SGD(learns, lr=0.1)
    prompt, bank = network.prompt(torch.tensor(spell("a dog")[0])), MemoryBank(decision_window=0)
    seen = network.encode(network.encode_stem(torch.rand(2, 3, 256, 256)), prompt, bank)
    outs = [network.step(seen.frame(n), bank) for n in (0, 1)]
    loss = sum(out.logits.sigmoid().mean() for out in outs) + outs[1].decision.square().sum()
    loss.backward()
    optimiser.step()
    changed = {name for name, x in network.state_dict().items() if not torch.equal(x, before[name])}
    assert changed
    added = ("cmt_adapters.", "conditional_memory_encoder.", "sam.sam_prompt_encoder.project_text.")
    assert all(name.startswith(added) for name in changed)
    assert {name.split(".")[0] for name in changed} == {"cmt_adapters", "conditional_memory_encoder", "sam"}
    assert all(x.grad is None for name, x in network.named_parameters() if not name.startswith(added))


def test_it_learns_as_many_parameters_as_published():
    with torch.device("meta"):
        network = SAMWISE("b+").freeze()
    sizes = {"memory": 0, "rest": 0}
    for name, x in network.named_parameters():
        if x.requires_grad:
            sizes["memory" if name.startswith("conditional") else "rest"] += x.numel()
    assert sizes["memory"] == pytest.approx(0.33e6, rel=0.03)
    assert sizes["rest"] == pytest.approx(4.9e6, rel=0.03)


@pytest.mark.parametrize("n", [1, 6, 40])
def test_folded_attentions_are_the_attention(n):
    torch.manual_seed(0)
    attention, plain = Attention(), nn.MultiheadAttention(256, 8, batch_first=True)
    plain.load_state_dict(attention.state_dict())
    nn.init.normal_(attention.in_proj_bias)
    nn.init.normal_(attention.out_proj.bias)
    plain.load_state_dict(attention.state_dict())
    many, few = torch.randn(2, 50, 256), torch.randn(1, n, 256)
    expected = plain(many, few.expand(2, -1, -1), few.expand(2, -1, -1))[0]
    torch.testing.assert_close(attention(many, few.expand(2, -1, -1), few.expand(2, -1, -1)), expected)
    torch.testing.assert_close(attention.of_few_keys(many, few), expected)
    torch.testing.assert_close(attention.of_few_queries(few, many[:1]), plain(few, many[:1], many[:1])[0])


def test_the_three_corrections():
    remembered, alone = torch.tensor([1.0, 2.0, -3.0]), torch.tensor([-1.0, 4.0, 2.0])
    assert corrected(remembered, alone, "all_mask").tolist() == [-1, 4, 2]
    assert corrected(remembered, alone, "avg").tolist() == [0, 3, -0.5]
    assert corrected(remembered, alone, "reweight").tolist() == [1, 40, 20]


def confidences(frames):
    return torch.stack([frame.layers["confidence"] for frame in frames])


def test_a_motion_prompt_is_used_where_the_checkpoint_has_one_and_refused_elsewhere():
    network, one = small_samwise(motion_prompt=True), rolling((1,))
    assert "sam.sam_prompt_encoder.project_motion_prompts.layers.0.weight" in network.state_dict()
    without = confidences(small_p_mask("a dog runs", model=network)(iter(one)))
    told = confidences(small_p_mask("a dog runs", model=network, verbs=["runs", "flies"])(iter(one)))
    assert not torch.equal(without, told)
    for verbs in ("auto", lambda text: [text.split()[-1]]):
        assert torch.equal(confidences(small_p_mask("a dog runs", model=network, verbs=verbs)(iter(one))), told)
    with pytest.raises(UsageError, match="verbs= is for checkpoints with a projection of motion prompts"):
        small_p_mask("a dog runs", verbs="auto")
    with pytest.raises(UsageError, match="verbs are a list of words, a function or 'auto', got 'runs'"):
        small_p_mask("a dog runs", model=network, verbs="runs")


@pytest.mark.slow
@pytest.mark.parametrize("parts", [{"motion_prompt": True}, {"object_score": False}])
def test_optional_parts_of_a_checkpoint_decide_what_network_it_is(parts, tmp_path):
    network = small_samwise(**parts)
    expected = {name: x.shape for name, x in small_samwise().state_dict().items()}
    tensors = convert("SAMWISE", {"model": network.state_dict()}, expected)
    assert tensors.keys() == network.state_dict().keys()  # nothing of it is dropped, nothing else asked for
    again = SAMWISE.like(tensors, image_size=256, **TEXT)
    again.load_state_dict(tensors)
    torch.testing.assert_close(
        confidences(small_p_mask("a dog", model=again)(iter(rolling((2,))))),
        confidences(small_p_mask("a dog", model=network)(iter(rolling((2,))))),
    )
    del tensors["conditional_memory_encoder.decision_token.weight"]
    with pytest.raises(UsageError, match=r"1 missing: conditional_memory_encoder.decision_token.weight"):
        convert("SAMWISE", tensors, expected)


@pytest.mark.slow
def test_clips_of_one_with_remembered_tokens_begin_as_clips_do_and_see_time():
    frames = rolling((3,))
    plain, live, clips = (
        confidences(small_p_mask("a dog", **settings)(iter(frames)))
        for settings in ({"clip": 1}, {"preset": "live"}, {"clip": 3})
    )
    assert torch.equal(live[0], plain[0])  # of one frame there is no past
    assert not torch.equal(live[1], plain[1])
    assert not torch.equal(live[2], clips[2])  # not the published result: earlier frames do not learn from later ones
    network, last = NETWORK, torch.stack([prepared(frame.image, (189, 252), 256) for frame in frames])
    prompt, bank = network.prompt(torch.tensor(spell("a dog")[0])), MemoryBank(tokens=7)
    with torch.inference_mode():
        whole = network.encode(network.encode_stem(last), prompt, MemoryBank())
        for one in last:
            seen = network.encode(network.encode_stem(one[None]), prompt, bank)
    first = seen.adapted[0][0][0]
    torch.testing.assert_close(first, whole.adapted[0][0][2], rtol=1e-4, atol=1e-4)  # the first adapter's is the clip's
    assert [len(tokens) for tokens in bank.adapters] == [3, 3, 3]


def test_independent_clips_forget_what_was_followed():
    frames = rolling((4,))
    independent = confidences(small_p_mask("a dog", clip=2, clips="independent")(iter(frames)))
    alone = confidences(small_p_mask("a dog", clip=2)(iter(frames[2:])))
    connected = confidences(small_p_mask("a dog", clip=2)(iter(frames)))
    assert torch.equal(independent[2:], alone)
    assert torch.equal(independent[:2], connected[:2])
    assert not torch.equal(independent[2:], connected[2:])


@pytest.mark.slow
def test_a_switch_is_shown_told_and_changes_what_is_remembered(caplog):
    network, frames = small_samwise(), rolling((7,))
    with torch.no_grad():
        network.conditional_memory_encoder.decision_class_head.bias.copy_(torch.tensor([-9.0, 9.0]))
    run = (peanut.Pipeline() | small_p_mask("a dog", model=network, decision_window=2))(frames)
    with caplog.at_level(logging.INFO):
        out = list(run)
    scores = [int(frame.layers["another_object"].unique()) for frame in out]
    assert [score > 127 for score in scores] == [False, False, False, True, True, True, True]
    assert [n for n in range(7) if f"'a dog' is another object from frame {n} on" in caplog.text] == [3, 4, 5, 6]
    (doubt,) = run.statistics.doubts
    assert (doubt.first, doubt.last, doubt.frames) == (3, 6, 4)
    never, averaged = (
        confidences(small_p_mask("a dog", model=network, decision_window=2, correction=correction)(iter(frames)))
        for correction in (None, "avg")
    )
    assert torch.equal(never[:4], confidences(out)[:4])  # a switch leaves the mask of its own frame alone
    assert not torch.equal(never[4:], confidences(out)[4:])
    assert not torch.equal(never[4:], averaged[4:])


class Bright:
    """What is brighter than all before it; not a module, and without any weights."""

    image_size, takes_verbs = 64, False

    def memory(self, **settings):
        return [settings]

    def prompt(self, ids, verbs):
        return len(ids)

    def encode_stem(self, frames):
        return frames.mean(dim=1, keepdim=True)

    def encode(self, stem, prompt, memory):
        return SimpleNamespace(frame=lambda number: stem[number : number + 1])

    def step(self, seen, memory):
        memory.append(max([float(seen.amax()), *memory[1:]]))
        return SimpleNamespace(logits=seen - memory[-1] + 0.5, another=None)


def test_any_network_with_the_parts_gets_clips_memory_and_prompts():
    frames = rolling((2, 2))
    out = list(peanut.PMask("x", "y", but_not="z", model=Bright(), clip=2, tokenizer=spell, device="cpu")(iter(frames)))
    assert [frame.index for frame in out] == [0, 1, 2, 3]
    assert not any(frame.mask.any() for frame in out)  # what all three mean is taken out
    assert out[0].layers["object: x"].any()
    with pytest.raises(UsageError, match="model must be a TextMaskNetwork; got a Linear, which lacks encode, "):
        peanut.PMask("x", model=nn.Linear(1, 1), tokenizer=spell)


def test_frames_lie_in_the_square_as_published():
    assert fitted((1080, 1920), 1024) == (576, 1024)
    assert fitted((500, 500), 1024) == (1020, 1020)
    square = prepared(torch.full((3, 90, 160), 255, dtype=torch.uint8), (144, 256), 256)
    assert square.shape == (3, 256, 256)
    assert (square[:, 144:] == 0).all()
    assert (square[:, :144] > 2).all()


def test_the_tokenizer_reads_the_published_format(tmp_path):
    letters = {letter: 4 + n for n, letter in enumerate("abcdefghijklmnopqrstuvwxyz\u0120")}
    marks = {"<s>": 0, "<pad>": 1, "</s>": 2, "<unk>": 3}
    merged = {"do": 40, "dog": 41, "\u0120dog": 42, "ru": 43}
    (tmp_path / "vocab.json").write_text(json.dumps(marks | letters | merged))
    (tmp_path / "merges.txt").write_text("#version: 0.2\nd o\ndo g\n\u0120 dog\nr u\n")
    tokenizer = Tokenizer(tmp_path / "vocab.json", tmp_path / "merges.txt")
    assert tokenizer("a dog") == ([0, 4, 42, 2], (), False)
    ids, places, _ = tokenizer("a dog runs", ["runs"])
    assert [ids[place] for place in places] == [43, letters["n"], letters["s"]]
    ids, _, cut = tokenizer("dog " * 600)
    assert (len(ids), cut) == (512, True)
    with pytest.raises(UsageError, match="the verb 'jumps' is not in the prompt"):
        tokenizer("a dog", ["jumps"])


def test_a_prompt_that_is_too_long_is_cut_with_a_warning(caplog):
    with caplog.at_level(logging.WARNING):
        list(small_p_mask("dog " * 600)(iter(rolling((1,)))))
    assert "a prompt of more than 512 tokens was cut: dog dog" in caplog.text


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: small_p_mask(""), "the prompt is empty"),
        (lambda: small_p_mask(), "PMask needs a sentence"),
        (lambda: small_p_mask("a dog", but_not=" "), "the prompt is empty"),
        (lambda: small_p_mask("a dog", clip=0), "clip must be at least 1"),
        (lambda: small_p_mask("a dog", on_cut="forget"), "on_cut must be 'reset' or 'keep', got 'forget'"),
        (lambda: small_p_mask(5), "a prompt is a sentence, or a function"),
    ],
)
def test_what_does_not_fit_is_refused(make, sentence):
    with pytest.raises(UsageError, match=sentence):
        make()


@pytest.mark.slow
def test_two_threads_run_one_network_at_once():
    frames = rolling((4,))
    expected = {text: list(small_p_mask(text, clip=1)(iter(frames))) for text in ("a dog", "the red ball")}
    first, second = ((peanut.Pipeline() | small_p_mask(text, clip=1)).session(fps=25) for text in expected)
    with first, second:
        for n, frame in enumerate(frames):
            for text, session in zip(expected, (first, second), strict=True):
                (out,) = session.push(frame)
                assert torch.equal(out.mask, expected[text][n].mask)


@pytest.mark.parametrize(
    ("verbs", "said"),
    [
        (3, "verbs are a list of words, a function or 'auto', got 3"),
        ([3], r"verbs are a list of words, a function or 'auto', got \[3\]"),
        (lambda text: None, "verbs= must give a list of words for 'a dog runs', got None"),
        (lambda text: "runs", "verbs= must give a list of words for 'a dog runs', got 'runs'"),
    ],
)
def test_verbs_that_are_no_words(verbs, said):
    network = small_samwise(motion_prompt=True)
    with pytest.raises(UsageError, match=f"PMask: {said}"):
        list(small_p_mask("a dog runs", model=network, verbs=verbs)(iter(rolling((1,)))))


def test_a_verb_that_a_prompt_has_within_a_word_alone_is_left_away():
    network, one = small_samwise(motion_prompt=True), rolling((1,))
    without = confidences(small_p_mask("a dog runs", model=network)(iter(one)))
    assert torch.equal(confidences(small_p_mask("a dog runs", model=network, verbs=["run"])(iter(one))), without)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"but_not": None}, "a prompt is a sentence, or a function from a frame to one, got None"),
        ({"preset": ["live"]}, r"preset must be 'clips' or 'live', got \['live'\]"),
    ],
)
def test_settings_of_another_kind_are_refused_when_built(settings, said):
    with pytest.raises(UsageError, match=f"PMask: {said}"):
        small_p_mask("a dog", **settings)


def test_a_prompt_that_is_asked_and_gives_no_sentence_is_refused():
    with pytest.raises(UsageError, match="PMask: a prompt that is a function gives a sentence, got None at frame 0"):
        list(small_p_mask(lambda frame: None)(iter(rolling((1,)))))
