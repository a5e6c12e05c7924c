"""Frames whose size changes in mid-stream, with nobody telling of a cut: another size is another shot."""

import pytest
import torch
from clips import texture
from stand_ins import narrow_e2fgvi

import peanut
from peanut import Frame

STAGES = {
    "MovingObjects": lambda: peanut.MovingObjects(preset="fast"),
    "FlowEraser": lambda: peanut.FlowEraser(preset="fast"),
    "NOFEraser": lambda: peanut.NOFEraser(narrow_e2fgvi(), dtype=torch.float32, device="cpu"),
    "NOFEraser, live": lambda: peanut.NOFEraser(narrow_e2fgvi(), preset="live", dtype=torch.float32, device="cpu"),
    "PerFrame": lambda: peanut.PerFrame(every=3),
}


def frames():
    """Three of one size, three of another, three of the first again, all in shot 0."""
    image, out = texture(64, 64), []
    for index in range(9):
        h, w = (32, 40) if index // 3 == 1 else (48, 56)
        mask = torch.zeros(h, w, dtype=torch.bool)
        mask[8:16, 8 + index : 18 + index] = True
        out.append(Frame.from_numpy(image[:h, index : index + w].copy(), index=index).with_mask(mask))
    return out


@pytest.mark.parametrize("stage", STAGES)
def test_another_size_begins_a_new_shot(stage):
    told = [frame.with_shot(frame.index // 3) for frame in frames()]
    expected = list(STAGES[stage]()(iter(told)))
    found = list(STAGES[stage]()(iter(frames())))
    assert [frame.index for frame in found] == list(range(9))
    for one, other in zip(found, expected, strict=True):
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.mask, other.mask)
