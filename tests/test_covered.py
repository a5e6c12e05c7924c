"""A hole that covers everything: all erasers decide the same, and say it once."""

import logging

import numpy as np
import pytest
import torch
from clips import panning, psnr, red_holes
from stand_ins import narrow_e2fgvi

import peanut
from peanut import FlowEraser, NOFEraser, PerFrame

NETWORK = narrow_e2fgvi()


class Fills(torch.nn.Module):
    """Called as LaMa is; answers with grey."""

    def forward(self, image, mask):
        return image * 0 + 0.5


def nof(**settings):
    return NOFEraser(NETWORK, neighbor_stride=2, reference_stride=3, dtype=torch.float32, device="cpu", **settings)


ERASERS = {
    "flow": FlowEraser,
    "flow fast": lambda: FlowEraser(preset="fast"),
    "telea": PerFrame,
    "navier-stokes": lambda: PerFrame("navier-stokes"),
    "module": lambda: PerFrame(Fills(), device="cpu"),
    "nof": lambda: nof(lookahead=4),
    "nof without look-ahead": lambda: nof(lookahead=0),
    "nof live": lambda: nof(preset="live", lookahead=0),
}
BY_TIME = [name for name in ERASERS if name.startswith(("flow", "nof"))]


def covered(length, at, size=(60, 108)):
    """A pan; the frames `at` are covered whole and red, the others have no mask."""
    masks = np.zeros((length, *size), bool)
    masks[list(at)] = True
    return panning(length, *size), red_holes(panning(length, *size), masks)


def sentence(eraser, frame):
    return (
        f"{type(eraser).__name__}: the mask of frame {frame} covers the whole image and there is nothing to fill it"
        " from: it stays as it is, and so do others like it."
    )


@pytest.mark.parametrize("kind", ERASERS)
def test_where_all_frames_are_covered_they_stay_as_they_are_and_it_is_said_once(kind, caplog):
    eraser, (_, frames) = ERASERS[kind](), covered(6, range(6))
    out = list(frames | eraser)
    assert [torch.equal(new.image, old.image) for new, old in zip(out, frames, strict=True)] == [True] * 6
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages == [sentence(eraser, 0)]
    assert all((frame.layers.get("filled_from", torch.zeros(1)) == 0).all() for frame in out)


@pytest.mark.parametrize("kind", BY_TIME)
def test_one_covered_frame_among_others_is_filled_from_them(kind, caplog):
    _, frames = covered(8, [4])
    out = list(frames | ERASERS[kind]())
    assert not torch.equal(out[4].image, frames[4].image)
    assert all(new is old for new, old in zip(out, frames, strict=True) if old.index != 4)
    assert caplog.messages == []


def test_what_the_others_show_of_a_covered_frame_is_right_and_the_rest_is_no_black():
    truth, frames = covered(14, range(4, 9))
    out = list(frames | FlowEraser())
    for index in range(4, 9):
        assert psnr(out[index].numpy(), truth[index]) > 20
        assert out[index].image.sum(dim=0).min() > 20


@pytest.mark.parametrize("kind", ["telea", "navier-stokes", "module"])
def test_a_frame_by_itself_has_nothing_to_be_filled_from(kind, caplog):
    eraser, (_, frames) = ERASERS[kind](), covered(4, [1, 2])
    assert all(new is old for new, old in zip(frames | eraser, frames, strict=True))
    assert caplog.messages == [sentence(eraser, 1)]


def test_a_function_gets_covered_frames_too():
    _, frames = covered(2, [1])
    out = list(frames | PerFrame(lambda image, mask: image * 0))
    assert not out[1].image.any()


def test_nothing_crosses_a_cut(caplog):
    _, frames = covered(6, range(3, 6))
    frames = [frame.with_shot(int(frame.index > 2)) for frame in frames]
    out = list(frames | peanut.FlowEraser())
    assert [torch.equal(new.image, old.image) for new, old in zip(out, frames, strict=True)] == [True] * 6
    assert caplog.messages == [sentence(FlowEraser(), 3)]
