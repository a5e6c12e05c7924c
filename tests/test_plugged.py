"""Networks that plug in and give what they must not: one sentence that says which part, what was wanted and given."""

from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from clips import noise_with_holes
from stand_ins import small_p_mask
from torch import nn

import peanut
from peanut import UsageError

CLIP = noise_with_holes([4])


class Filling:
    """A network with the parts that `NOFEraser` needs: the mean of what is seen."""

    multiple, fixed_size = (16, 16), None

    def encode(self, masked):
        return F.avg_pool2d(masked, 16)

    def flows(self, masked):
        none = masked.new_zeros(len(masked), masked.shape[1] - 1, 1)
        return none, none

    def complete(self, features, to_next, to_previous, decoded):
        mean = F.interpolate(features.mean(dim=1), scale_factor=16)
        return torch.stack([mean] * (to_next.shape[1] + 1), dim=1)[:, decoded]


class Finding:
    """A network with the parts that `PMask` needs: all is found."""

    image_size, takes_verbs, another = 32, False, None

    def memory(self, **_):
        return []

    def prompt(self, ids, verbs):
        return ids

    def encode_stem(self, frames):
        return frames

    def encode(self, stem, prompt, memory):
        return SimpleNamespace(frame=lambda number: stem[number])

    def step(self, seen, memory):
        return SimpleNamespace(logits=torch.ones(1, 1, 32, 32), another=self.another)


def variant(kind, **parts):
    return type("Variant", (kind,), parts)()


def erased(network):
    return list(peanut.NOFEraser(network, device="cpu", dtype=torch.float32)(iter(CLIP)))


def found(network):
    return list(small_p_mask("a dog", model=network, clip=2)(iter(CLIP)))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"multiple": 16}, r"multiple of the network must be two whole numbers above 0 \(h, w\), got 16"),
        ({"multiple": (0, 16)}, r"multiple of the network must be two .*, got \(0, 16\)"),
        ({"fixed_size": 64}, r"fixed_size of the network must be two .*, or None, got 64"),
        ({"encode": lambda self, x: None}, "encode of the network must give 4 here, one for each, got a NoneType"),
        ({"encode": lambda self, x: x[:1]}, r"encode of the network must give 4 here, .*, got a tensor \(1, 3, "),
        ({"flows": lambda self, x: x}, r"flows of the network must give two, to next and to previous, got a tensor"),
        ({"flows": lambda self, x: (x, x[:1])}, "flows of the network must give 3 here, one for each, got a tensor"),
        ({"complete": lambda self, *x: None}, r"complete of the network must give a tensor \(1, 4, 3, .*a NoneType"),
        ({"complete": lambda self, x, *_: x}, r"complete of the network must give a tensor .* got a tensor \(1, 4"),
    ],
)
def test_a_filling_network_that_gives_something_else(parts, said):
    assert len(erased(Filling())) == 4
    with pytest.raises(UsageError, match=f"NOFEraser: {said}"):
        erased(variant(Filling, **parts))


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"image_size": (32, 32)}, r"image_size of the network must be a whole number above 4, got \(32, 32\)"),
        ({"image_size": 0}, "image_size of the network must be a whole number above 4, got 0"),
        ({"step": lambda *_: None}, r"step \(its logits\) of the network must give a tensor .* got a NoneType"),
        ({"image_size": 64}, r"must give a tensor \(1, 1, 64, 64\) here, got a tensor \(1, 1, 32, 32\)"),
        ({"another": 7.0}, r"step \(its another\) of the network must give a number from 0 to 1, or None, got 7.0"),
        ({"another": float("nan")}, "must give a number from 0 to 1, or None, got nan"),
    ],
)
def test_a_text_network_that_gives_something_else(parts, said):
    assert all(frame.mask.all() for frame in found(Finding()))
    with pytest.raises(UsageError, match=f"PMask: .*{said}"):
        found(variant(Finding, **parts))


def test_a_class_in_place_of_a_network_is_refused():
    with pytest.raises(UsageError, match=r"NOFEraser: model must be a network, got the class Filling: Filling\(\)"):
        erased(Filling)


@pytest.mark.parametrize("given", [lambda x: (x,), lambda x: x[0], lambda x: x[..., :4]])
def test_a_module_that_gives_no_image_like_the_first(given):
    class Module(nn.Module):
        def forward(self, image, mask):
            return given(image)

    with pytest.raises(UsageError, match="PerFrame: a module gives an image like the one it got"):
        list(peanut.PerFrame(Module())(iter(CLIP)))
