"""NanoDet-g equals its published graph; `tools/nanodet_oracle.py` made the numbers by evaluating that graph."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import peanut
from peanut import weights
from peanut.networks.nanodet import CLASSES, DEVIATION, MEAN, STRIDES, NanoDet

ORACLE = json.loads((Path(__file__).parent / "nanodet_oracle.json").read_text())
SIDE, GREY, CELLS = 416, 114, (52 * 52, 26 * 26, 13 * 13)


@pytest.fixture(scope="module")
def network():
    return weights.network("nanodet-g", device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def images(bikes):
    """416 columns of each frame that the oracle looked at, on grey, as the network wants them: n 3 416 416."""
    frames = {frame.index: frame.numpy() for frame in peanut.read(bikes, start="7.5", stop="8.5", shots=False)}
    canvas = np.full((len(ORACLE), SIDE, SIDE, 3), GREY, np.float32)
    for image, said in zip(canvas, ORACLE, strict=True):
        seen = frames[said["frame"]][:, said["left"] : said["left"] + SIDE]
        image[: len(seen)] = seen[..., ::-1]
    return torch.from_numpy((canvas - np.float32(MEAN)) / np.float32(DEVIATION)).permute(0, 3, 1, 2).contiguous()


@pytest.fixture(scope="module")
def seen(network, images):
    """Scores n 3549 80 and boxes n 3549 4 of the images, one by one."""
    with torch.no_grad():
        scores, boxes = zip(*(network(image[None]) for image in images), strict=True)
    return torch.cat(scores), torch.cat(boxes)


def noise(*size):
    return torch.randn(size, generator=torch.Generator().manual_seed(0))


def sums(x):
    """The sum, and one that depends on the order."""
    values = x.double().flatten()
    return [float(values.sum()), float(values @ torch.arange(len(values)).double().cos())]


def test_the_images_are_those_of_the_oracle(images):
    for image, said in zip(images, ORACLE, strict=True):
        np.testing.assert_allclose(sums(image), said["input"], atol=1e-3)


def test_scores_and_boxes_are_those_of_the_published_graph(seen):
    for scores, boxes, said in zip(*seen, ORACLE, strict=True):
        for cell, kind, score, *box in said["best"]:
            np.testing.assert_allclose(float(scores[cell, kind]), score, atol=2e-5)
            np.testing.assert_allclose(boxes[cell], box, atol=0.005)
        best = scores.flatten().topk(len(said["best"])).values
        np.testing.assert_allclose(best, [score for _, _, score, *_ in said["best"]], atol=2e-5)


def test_what_the_best_cells_say_is_in_the_images(seen):
    """Else both could be wrong in the same way: in which of the images a man walks, and where a bicycle stands."""
    assert {(n, said["best"][0][1]) for n, said in enumerate(ORACLE)} == {(0, 0), (1, 1), (2, 0)}


def test_all_scores_are_those_of_the_published_graph(seen):
    for scores, said in zip(seen[0], ORACLE, strict=True):
        for part, expected in zip(scores.split(CELLS), said["scores"], strict=True):
            np.testing.assert_allclose(sums(part), expected, atol=0.003)


def test_all_distributions_of_distances_are_those_of_the_published_graph(network, images):
    with torch.no_grad():
        levels = [head(x) for head, x in zip(network.heads, network.pyramid(images), strict=True)]
    for number, level in enumerate(levels):
        for rows, said in zip(level[:, CLASSES:].flatten(2).transpose(1, 2), ORACLE, strict=True):
            np.testing.assert_allclose(sums(rows), said["distributions"][number], atol=0.02)


def test_a_batch_equals_its_images_one_by_one(network, images, seen):
    with torch.no_grad():
        scores, boxes = network(images)
    torch.testing.assert_close(scores, seen[0], rtol=0, atol=1e-5)
    torch.testing.assert_close(boxes, seen[1], rtol=0, atol=5e-3)


def test_channels_last_equals_contiguous(network, images, seen):
    with torch.no_grad():
        scores, boxes = network(images[:1].contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(scores, seen[0][:1], rtol=0, atol=1e-5)
    torch.testing.assert_close(boxes, seen[1][:1], rtol=0, atol=5e-3)


@pytest.mark.parametrize(("h", "w"), [(32, 32), (64, 160), (192, 96)])
def test_sizes_that_are_multiples_of_32_have_cells_of_three_strides(network, h, w):
    with torch.no_grad():
        scores, boxes = network(noise(2, 3, h, w))
    cells = sum((h // stride) * (w // stride) for stride in STRIDES)
    assert scores.shape == (2, cells, CLASSES)
    assert boxes.shape == (2, cells, 4)
    assert ((scores >= 0) & (scores <= 1)).all()


@pytest.mark.parametrize(("h", "w"), [(64, 160), (160, 64)])
def test_each_cell_lies_in_its_own_box_row_by_row(network, h, w):
    """No distance is negative: the centre of a cell is in its box, wherever rows and columns are not as many."""
    with torch.no_grad():
        _, boxes = network(noise(1, 3, h, w))
    centres = [
        (stride * (x + 0.5), stride * (y + 0.5))
        for stride in STRIDES
        for y in range(h // stride)
        for x in range(w // stride)
    ]
    x, y = torch.tensor(centres).T
    left, top, right, bottom = boxes[0].T
    assert ((left < x) & (x < right) & (top < y) & (y < bottom)).all()


def test_what_lies_in_a_part_of_a_rectangle_is_found_there(network, images, seen):
    """The lower third of the image is grey: without it the man is found where he was."""
    with torch.no_grad():
        scores, boxes = network(images[:1, :, :288])
    cell = int(scores[0, :, 0].argmax())
    before = int(seen[0][0, :, 0].argmax())
    assert scores[0, cell, 0] > 0.5
    torch.testing.assert_close(boxes[0, cell], seen[1][0, before], rtol=0, atol=12)


@pytest.mark.parametrize("size", [(416, 400), (400, 416), (416, 417), (1, 32), (16, 16)])
def test_other_sizes_are_refused(size):
    told = rf"^NanoDet: h and w must be multiples of 32, got \(1, 3, {size[0]}, {size[1]}\)\.$"
    with pytest.raises(ValueError, match=told):
        NanoDet()(torch.zeros(1, 3, *size))


def test_names_and_shapes_are_those_of_the_file(network):
    state = NanoDet().state_dict()
    assert len(state) == 68
    assert sum(x.numel() for x in state.values()) == 3_786_068
    loaded = weights.load("nanodet-g")
    assert {name: x.shape for name, x in loaded.items()} == {name: x.shape for name, x in state.items()}
    NanoDet().load_state_dict(loaded, strict=True)
    del loaded["heads.2.1.bias"]
    with pytest.raises(RuntimeError, match=r'Missing key\(s\) in state_dict: "heads\.2\.1\.bias"'):
        NanoDet().load_state_dict(loaded)
