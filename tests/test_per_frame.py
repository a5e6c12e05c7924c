"""The baseline: each frame inpainted alone."""

import re

import pytest
import torch
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from strategies import drain, make_frames

import peanut
from peanut import UsageError
from peanut.cli import cli
from peanut.stages.per_frame import _mirrored
from peanut.weights import by_hand, loading, networks, store
from peanut.weights.sources import sha256_of
from peanut.weights.table import Entry, File


class TinyLaMa(torch.nn.Module):
    """Called as the published program is; notes in its answer what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1))

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if image.dim() != 4 or mask.dim() != 4 or image.size(1) != 3 or mask.size(1) != 1:
            raise ValueError("b 3 h w and b 1 h w are wanted")
        if image.size(2) % 8 != 0 or image.size(3) % 8 != 0 or image.max() > 1:
            raise ValueError("sides of multiples of 8 and values of 0 to 1 are wanted")
        return (image * 0 + mask * 0.2 + 0.4) * self.scale


def masked(lengths, size=(13, 18), at=(slice(4, 9), slice(5, 12))):
    """Frames with noise in them, and a hole."""
    random = torch.Generator().manual_seed(2)
    mask = torch.zeros(size, dtype=torch.bool)
    mask[at] = True
    return [
        frame.with_image(torch.randint(0, 256, (3, *size), dtype=torch.uint8, generator=random)).with_mask(mask)
        for frame in make_frames(lengths, size)
    ]


def vandal(image, mask):
    """Writes into all that it is given, and answers with other pixels everywhere."""
    image.fill_(7)
    mask.fill_(True)
    return image


INPAINTERS = ["telea", "navier-stokes", vandal, TinyLaMa(), torch.jit.script(TinyLaMa())]


@pytest.mark.parametrize("inpainter", INPAINTERS, ids=["telea", "navier-stokes", "function", "module", "program"])
@given(
    size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    share=st.sampled_from([0.05, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_outside_the_mask_no_bit_changes(inpainter, size, share, seed):
    random = torch.Generator().manual_seed(seed)
    (frame,) = masked([1], size)
    frame = frame.with_mask(torch.rand(size, generator=random) < share)
    before, hole = frame.image.clone(), frame.mask.clone()
    (out,) = [frame] | peanut.PerFrame(inpainter, device="cpu")
    assert torch.equal(out.image[:, ~hole], before[:, ~hole])
    assert torch.equal(frame.image, before)
    assert torch.equal(out.mask, hole)
    assert torch.equal(frame.mask, hole)


@pytest.mark.parametrize("inpainter", ["telea", "navier-stokes"])
def test_what_is_around_the_hole_goes_into_it(inpainter):
    (frame,) = masked([1], (40, 50), (slice(10, 30), slice(15, 35)))
    ramp = torch.linspace(40, 200, 50).to(torch.uint8).expand(3, 40, 50)
    spoiled = frame.with_image(torch.where(frame.mask, torch.tensor(255, dtype=torch.uint8), ramp))
    (out,) = [spoiled] | peanut.PerFrame(inpainter)
    assert (out.image.float() - ramp).abs().mean() < 5
    assert out.image[:, frame.mask].max() < 200


def test_colors_keep_their_places():
    red = torch.tensor([200, 100, 50], dtype=torch.uint8).reshape(3, 1, 1).expand(3, 13, 18)
    (out,) = [frame.with_image(red) for frame in masked([1])] | peanut.PerFrame()
    assert (out.image.int() - red.int()).abs().max() <= 3  # OpenCV's method is not exact on a flat color


def test_a_frame_is_filled_alone():
    frames = masked([3])
    together = [frame.image for frame in frames | peanut.PerFrame()]
    alone = [next(iter([frame] | peanut.PerFrame())).image for frame in frames]
    assert all(torch.equal(a, b) for a, b in zip(together, alone, strict=True))


def test_frames_with_nothing_to_fill_pass_as_the_same_objects():
    frames = make_frames([3])
    out = list(frames | peanut.PerFrame(lambda image, mask: None))
    assert all(a is b for a, b in zip(frames, out, strict=True))


def test_masks_that_are_not_known_are_refused():
    frames = masked([3])
    frames[1] = frames[1].with_mask(None)
    out, error = drain(iter(frames | peanut.PerFrame()))
    assert [frame.index for frame in out] == [0]
    assert isinstance(error, UsageError)
    assert str(error) == "PerFrame needs masks: put masks(path), MovingObjects() or PMask(prompt) before it."


def test_a_function_gets_the_picture_and_the_hole():
    seen = []

    def grey(image, mask):
        seen.append((image, mask))
        return torch.full_like(image, 128)

    frames = masked([2])
    out = list(frames | peanut.PerFrame(grey))
    for frame, after, (image, mask) in zip(frames, out, seen, strict=True):
        assert torch.equal(image, frame.image)
        assert torch.equal(mask, frame.mask)
        assert (after.image[:, frame.mask] == 128).all()


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (lambda image, mask: image.float(), "torch.float32 (3, 13, 18)"),
        (lambda image, mask: image[:, 1:], "torch.uint8 (3, 12, 18)"),
        (lambda image, mask: image[:1], "torch.uint8 (1, 13, 18)"),
        (lambda image, mask: image.numpy(), "ndarray"),
        (lambda image, mask: None, "NoneType"),
    ],
)
def test_another_answer_than_an_image_is_refused(answer, got):
    out, error = drain(iter(masked([1]) | peanut.PerFrame(answer)))
    assert out == []
    assert isinstance(error, UsageError)
    assert str(error) == f"PerFrame: an inpainter gives an image like the one it got, uint8 (3, 13, 18); got {got}."


def test_a_module_is_called_as_lama_is():
    (out,) = masked([1]) | peanut.PerFrame(TinyLaMa(), device="cpu")
    hole = masked([1])[0].mask
    assert (out.image[:, hole] == round(0.6 * 255)).all()


def test_lama_comes_from_the_table_of_weights(tmp_path, monkeypatch):
    path = tmp_path / "big-lama.pt"
    torch.jit.script(TinyLaMa()).save(path)
    row = Entry("big-lama", "LaMa, traced", (File(path.name, None, sha256_of(path), ()),), "Apache", "JIT", False)
    monkeypatch.setenv("PEANUT_CACHE", str(tmp_path / "cache"))
    for module in (store, loading, networks, by_hand):
        monkeypatch.setattr(module, "entries", lambda: {"big-lama": row}, raising=False)
    peanut.weights.add(path, "big-lama")
    (out,) = masked([1]) | peanut.PerFrame("big-lama", device="cpu")
    assert (out.image[:, masked([1])[0].mask] == 153).all()


def panning(length, size=(72, 96), shots=1, step=2):
    """A pattern that moves to the left under a hole that stays, and what is behind the hole."""
    noise = torch.rand(
        1, 3, size[0] // 6, (size[1] + step * length) // 6 + 2, generator=torch.Generator().manual_seed(5)
    )
    wide = torch.nn.functional.interpolate(noise, scale_factor=6, mode="bicubic")[0, :, : size[0]].clamp(0, 1)
    truth = [(255 * wide[..., step * n : step * n + size[1]]).round().to(torch.uint8) for n in range(length)]
    mask = torch.zeros(size, dtype=torch.bool)
    mask[24:48, 36:60] = True
    frames = make_frames([length // shots] * shots, size)
    hidden = [image.masked_fill(mask, 0) for image in truth]
    return [frame.with_image(image).with_mask(mask) for frame, image in zip(frames, hidden, strict=True)], truth


class Oracle:
    """Knows what is behind the hole of a frame, and counts how often it is asked."""

    def __init__(self, frames, truth):
        self.asked = []
        self.frames, self.truth = frames, truth

    def __call__(self, image, mask):
        self.asked += [n for n, frame in enumerate(self.frames) if torch.equal(frame.image, image)]
        return self.truth[self.asked[-1]]


def test_key_frames_alone_are_inpainted_and_carried_along_the_motion():
    frames, truth = panning(9)
    oracle = Oracle(frames, truth)
    out = list(frames | peanut.PerFrame(oracle, every=4))
    assert oracle.asked == [0, 4, 8]
    for before, after, true in zip(frames, out, truth, strict=True):
        assert torch.equal(after.image[:, ~before.mask], before.image[:, ~before.mask])
        assert (after.image.float() - true).abs()[:, before.mask].mean() < 6
    still = [(truth[0].float() - true).abs()[:, frames[0].mask].mean() for true in truth[1:4]]
    assert min(still) > 12, "what stands still would not do"


def test_every_frame_is_a_key_frame_by_default():
    frames, truth = panning(3)
    oracle = Oracle(frames, truth)
    assert all(torch.equal(a.image, b) for a, b in zip(frames | peanut.PerFrame(oracle), truth, strict=True))
    assert oracle.asked == [0, 1, 2]


def test_what_is_carried_does_not_flicker():
    random = torch.Generator().manual_seed(1)
    frames, _ = panning(4, step=0)

    def noise(image, mask):
        return torch.randint(0, 256, image.shape, dtype=torch.uint8, generator=random)

    a, *others = (frame.image[:, frame.mask].float() for frame in frames | peanut.PerFrame(noise, every=4))
    assert all((a - b).abs().max() <= 1 for b in others)


def test_a_key_frame_begins_after_a_cut_and_after_a_frame_without_a_hole():
    frames, truth = panning(8, shots=2)
    frames[6] = frames[6].with_mask(torch.zeros_like(frames[6].mask))
    oracle = Oracle(frames, truth)
    out = list(frames | peanut.PerFrame(oracle, every=100))
    assert oracle.asked == [0, 4, 7]
    assert out[6] is frames[6]


def test_a_frame_whose_hole_the_key_frame_does_not_show_is_inpainted():
    """The camera turns to where the key frame did not look."""
    frames, truth = panning(6, step=6)
    mask = torch.zeros_like(frames[0].mask)
    mask[20:50, 80:] = True
    frames = [
        frame.with_image(image.masked_fill(mask, 0)).with_mask(mask) for frame, image in zip(frames, truth, strict=True)
    ]
    oracle = Oracle(frames, truth)
    list(frames | peanut.PerFrame(oracle, every=100))
    assert oracle.asked == [0, 1, 2, 3, 4, 5]


@given(
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)), share=st.sampled_from([0.05, 0.9]), seed=st.integers(0, 99)
)
def test_carried_or_not_outside_the_mask_no_bit_changes(size, share, seed):
    random = torch.Generator().manual_seed(seed)
    frames = [frame.with_mask(torch.rand(size, generator=random) < share) for frame in masked([3], size)]
    for before, after in zip(frames, frames | peanut.PerFrame(every=3), strict=True):
        assert torch.equal(after.image[:, ~before.mask], before.image[:, ~before.mask])


@given(h=st.integers(1, 20), w=st.integers(1, 20))
def test_sides_are_mirrored_to_multiples_of_8(h, w):
    x = torch.arange(h * w, dtype=torch.float32).reshape(1, 1, h, w)
    out = _mirrored(x)
    assert out.shape == (1, 1, h + -h % 8, w + -w % 8)
    assert torch.equal(out[..., :h, :w], x)
    tall = torch.cat([x, x.flip(2)] * 8, dim=2)
    assert torch.equal(out, torch.cat([tall, tall.flip(3)] * 8, dim=3)[..., : out.shape[2], : out.shape[3]])


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: peanut.PerFrame("talea"), "no inpainter called 'talea', did you mean 'telea'?"),
        (lambda: peanut.PerFrame(3), "PerFrame: inpainter must be a name, a function or a module, got 3."),
        (lambda: peanut.PerFrame(radius=0), "PerFrame: radius must be above 0, got 0."),
        (lambda: peanut.PerFrame(every=0), "PerFrame: every must be at least 1, got 0."),
    ],
)
def test_silly_settings_are_refused_when_the_stage_is_built(build, sentence):
    with pytest.raises(UsageError, match=re.escape(sentence)):
        build()


def test_a_stage_is_shown_without_its_insides():
    names = [str(peanut.PerFrame(inpainter, device="cpu")) for inpainter in ("telea", vandal, TinyLaMa())]
    assert names == ["PerFrame('telea')", "PerFrame(vandal)", "PerFrame(module)"]


def test_the_command_line_has_it(walker, tmp_path):
    words = ["erase", str(walker.video), "-o", str(tmp_path / "clean.mp4"), "--masks", str(walker.masks)]
    done = CliRunner().invoke(cli, [*words, "--model", "perframe"])
    assert done.exit_code == 0, done.output
    before, after = (next(iter(peanut.read(path))).image.float() for path in (walker.video, tmp_path / "clean.mp4"))
    hole = next(iter(peanut.read(walker.video) | peanut.masks(walker.masks))).mask
    assert (after - before).abs()[:, ~hole].mean() < 3 < (after - before).abs()[:, hole].mean()


def test_latency_is_none():
    run = iter(masked([4]) | peanut.PerFrame())
    assert len(list(run)) == 4
    assert run.statistics.stages[-1].latency == 0
