"""FlowEraser on drawn clips: what was behind is back, everything else is untouched."""

import numpy as np
import pytest
import torch
from clips import panning, psnr, red_holes, texture

from peanut import UsageError
from peanut.flow.dis import DIS
from peanut.frame import Frame
from peanut.stages.flow_eraser import FlowEraser
from peanut.vision.morphology import grow_mask
from peanut.windows.candidates import candidates
from peanut.windows.preset import PRESETS
from peanut.windows.window_frame import WindowFrame


def square(length: int, h: int, w: int, speed: int, size: int = 14) -> np.ndarray:
    masks = np.zeros((length, h, w), bool)
    for t in range(length):
        masks[t, 20 : 20 + size, 4 + speed * t : 4 + speed * t + size] = True
    return masks


@pytest.mark.parametrize("preset", ["quality", "fast"])
def test_what_was_behind_a_moving_hole_is_back(preset):
    truth, masks = panning(12), square(12, 72, 96, speed=5)
    erased = list(FlowEraser(preset=preset)(iter(red_holes(truth, masks))))
    for frame, true, mask in zip(erased, truth, masks, strict=True):
        assert psnr(frame.numpy()[mask], true[mask]) > 30
        assert np.array_equal(frame.numpy()[~mask], true[~mask])


def test_what_moves_otherwise_than_the_camera_is_followed_behind_the_hole():
    truth, masks = panning(16, speed=2), np.zeros((16, 72, 96), bool)
    board = texture(40, 96 + 14 * 16, seed=1)
    for t in range(16):
        truth[t, 16:56] = board[:, 14 * (15 - t) : 14 * (15 - t) + 96]  # rushes by, too fast for dense flow
        masks[t, 18:54, 6 + 3 * t : 26 + 3 * t] = True
    erased = list(FlowEraser()(iter(red_holes(truth, masks))))
    assert np.mean([psnr(f.numpy()[m], t[m]) for f, t, m in zip(erased, truth, masks, strict=True)]) > 25


def two_layers() -> np.ndarray:
    """A board that moves 4 pixels per frame to the right before a background that moves 2 to the left."""
    camera, board = texture(72, 140), texture(40, 160, seed=1)
    images = np.stack([camera[:, 2 * t : 2 * t + 96] for t in range(3)])
    for t in range(3):
        images[t, 30:70, 20:80] = board[:, 60 - 4 * t : 120 - 4 * t]
    return images


def window_frames(masks: np.ndarray) -> list[WindowFrame]:
    return [WindowFrame(frame, frame.mask.numpy(), PRESETS["quality"]) for frame in red_holes(two_layers(), masks)]


def test_a_layer_is_supported_by_what_moves_with_it():
    masks = np.zeros((3, 72, 96), bool)
    masks[1, 4:20, 4:20] = True
    before, frame, after = window_frames(masks)
    with_camera, with_board = (frame.support(layer, [before, after]) for layer in (0, 1))
    outside, on_board = np.s_[4:22, 30:90], np.s_[42:60, 35:65]
    assert with_camera[outside].all()
    assert with_board[on_board].all()
    assert with_camera[on_board].mean() < 0.05
    assert with_board[outside].mean() < 0.05
    assert before.support(0, [before]) is None  # one layer: nothing to tell


def test_flow_between_two_layers_is_far_from_both():
    masks = np.zeros((3, 72, 96), bool)
    masks[1, 18:42, 36:60] = True
    window = tuple(window_frames(masks))
    to_next = next(each for each in candidates(window, 1, (), np.s_[0:72, 0:96]) if each.frame is window[2])
    along_edge, outside = np.s_[28:32, 46:50], ~grow_mask(masks[1], 8)
    distance = to_next.layer_distance
    assert 1.5 < distance[along_edge].min() <= distance.max() < 4  # half of the 6 pixels between them is 3
    assert (distance[outside] == 0).all()


def test_a_pattern_goes_on_where_no_frame_ever_shows_it():
    truth = np.stack([np.tile(texture(20, 24), (8, 10, 1))] * 3)
    masks = np.zeros(truth.shape[:3], bool)
    masks[:, 62:98, 90:140] = True
    erased = list(FlowEraser()(iter(red_holes(truth, masks))))
    smooth = list(FlowEraser(preset="fast")(iter(red_holes(truth, masks))))
    for frame, plain, true, mask in zip(erased, smooth, truth, masks, strict=True):
        assert psnr(frame.numpy()[mask], true[mask]) > 30 > psnr(plain.numpy()[mask], true[mask])
        assert (frame.layers["filled_from"].numpy()[mask] == -1).all()


def test_a_pattern_goes_on_in_an_image_that_is_reduced_to_find_it():
    truth = np.tile(texture(71, 77), (4, 17, 1))[None, :260, :1300]
    masks = np.zeros(truth.shape[:3], bool)
    masks[:, 70:150, 500:600] = True
    (frame,) = FlowEraser()(iter(red_holes(truth, masks)))
    assert psnr(frame.numpy()[masks[0]], truth[masks]) > 30


def test_a_frame_with_nothing_masked_is_the_same_object():
    frames = red_holes(panning(3), np.zeros((3, 72, 96), bool))
    assert all(a is b for a, b in zip(FlowEraser()(iter(frames)), frames, strict=True))


def test_a_frame_without_a_mask_is_refused():
    with pytest.raises(UsageError, match=r"FlowEraser needs masks: put masks\(path\), MovingObjects"):
        list(FlowEraser()(iter([Frame.from_numpy(texture(32, 32))])))


def test_an_unknown_preset_is_refused_when_built():
    with pytest.raises(ValueError, match="preset"):
        FlowEraser(preset="best")


@pytest.mark.parametrize(
    "hole",
    [np.s_[:, :], np.s_[:0, :0], np.s_[10:11, 10:11], np.s_[:1, :], np.s_[:, -3:], np.s_[30:, 40:]],
    ids=["everything", "nothing", "one pixel", "top row", "right border", "corner"],
)
@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("size", [(72, 96), (9, 7), (1, 1)])
def test_any_hole_comes_out_once_and_changes_nothing_outside(hole, length, size):
    images, masks = panning(length, *size), np.zeros((length, *size), bool)
    masks[(slice(None), *hole)] = True
    frames = red_holes(images, masks)
    erased = list(FlowEraser()(iter(frames)))
    assert [f.index for f in erased] == list(range(length))
    for before, after in zip(frames, erased, strict=True):
        assert torch.equal(before.image[:, ~before.mask], after.image[:, ~before.mask])


def test_no_pixel_crosses_a_cut():
    images, masks = panning(8), square(8, 72, 96, speed=5)
    images[4:] = 255 - images[4:] // 4
    alone = [*FlowEraser()(iter(red_holes(images, masks)[:4])), *FlowEraser()(iter(red_holes(images, masks)[4:]))]
    together = FlowEraser()(iter(red_holes(images, masks, [0] * 4 + [1] * 4)))
    assert all(torch.equal(a.image, b.image) for a, b in zip(alone, together, strict=True))


def test_filled_from_tells_real_pixels_from_invented_ones():
    truth, masks = panning(12), square(12, 72, 96, speed=5)
    masks[:, 50:54, 60:64] = True  # over a part of the wall that comes and goes
    erased = list(FlowEraser()(iter(red_holes(truth, masks))))
    for frame, mask in zip(erased, masks, strict=True):
        origin = frame.layers["filled_from"].numpy()
        assert (origin[~mask] == 0).all()
        assert (origin[mask] != 0).all()
        assert np.abs(origin).max() < 12
    # nobody ever sees behind this hole
    still = red_holes(np.repeat(truth[:1], 3, axis=0), np.repeat(masks[:1], 3, axis=0))
    assert all((f.layers["filled_from"].numpy()[masks[0]] == -1).all() for f in FlowEraser()(iter(still)))


def test_the_same_frames_give_the_same_pixels():
    frames = red_holes(panning(6), square(6, 72, 96, speed=5))
    first, second = (list(FlowEraser()(iter(frames))) for _ in range(2))
    assert all(torch.equal(a.image, b.image) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize(("preset", "usual"), [("quality", "medium"), ("fast", "fast")])
def test_a_flow_of_ones_own_is_used_and_the_usual_one_changes_nothing(preset, usual):
    asked = []

    def counted(image, other):
        asked.append((image.dtype, tuple(image.shape)))
        return DIS(usual)(image, other)

    def still(image, other):
        return torch.zeros(2, *image.shape[1:], requires_grad=True)  # as a network in training gives it

    two_ways = np.concatenate([panning(6)[:, :36], panning(6, speed=3)[:, 36:]], axis=1)  # no single motion explains it
    frames = red_holes(two_ways, square(6, 72, 96, speed=5))
    flows = ({}, {"flow": counted}, {"flow": still})
    plain, given, other = (list(FlowEraser(preset, **flow)(iter(frames))) for flow in flows)
    assert set(asked) == {(torch.uint8, (3, 72, 96))}
    assert all(torch.equal(a.image, b.image) for a, b in zip(plain, given, strict=True))
    assert not all(torch.equal(a.image, b.image) for a, b in zip(plain, other, strict=True))


@pytest.mark.parametrize("flow", [DIS, "dis"])
def test_a_flow_that_cannot_be_asked_is_refused_when_built(flow):
    with pytest.raises(UsageError, match=r"FlowEraser: flow must be an estimator such as DIS\(\), got"):
        FlowEraser(flow=flow)


def test_a_flow_of_another_size_is_refused():
    frames = red_holes(panning(3), square(3, 72, 96, speed=5))
    with pytest.raises(UsageError, match=r"flow must give \(2, 72, 96\) here, got \(2, 36, 48\)"):
        list(FlowEraser(flow=lambda image, other: torch.zeros(2, 36, 48))(iter(frames)))


STILL = np.zeros((12, 72, 96), bool)
STILL[:, 20:52, 30:62] = True


def invented(calls):
    def inpaint(image, mask):
        calls.append(int(mask.sum()))
        return torch.where(mask, torch.tensor([10, 200, 30], dtype=torch.uint8)[:, None, None], image)

    return inpaint


def test_what_no_frame_shows_is_invented_once_and_stands_still():
    calls = []
    frames = red_holes(np.repeat(panning(1), 12, axis=0), STILL)
    result = [frame.numpy() for frame in FlowEraser(unseen=invented(calls))(iter(frames))]
    assert calls == [32 * 32]
    middle = np.stack(result)[:, 34:38, 44:48].astype(int)
    assert abs(middle - middle[:1]).max() <= 1, "it stands still"
    assert abs(middle - [10, 200, 30]).max() < 90, "it is what was invented, but for the seam"


def test_what_was_invented_gives_way_to_what_is_shown_later():
    images = np.repeat(panning(1), 50, axis=0)
    masks = np.repeat(STILL[:1], 50, axis=0)
    masks[45:] = False
    result = [frame.numpy() for frame in FlowEraser(unseen=invented([]))(iter(red_holes(images, masks)))]
    errors = [np.abs(r[masks[0]].astype(int) - images[0][masks[0]]).mean() for r in result]
    assert errors[0] > 20, "nothing shows it yet"
    assert errors[40] < 1, "what follows does"
    steps = np.abs(np.diff(errors))
    assert steps.max() < 0.4 * max(errors), "without a pop"


def test_stripes_go_on_where_no_frame_shows_them():
    x = np.arange(96)
    stripes = np.broadcast_to(np.where((x // 6) % 2, 190, 110)[None, :, None], (72, 96, 3)).astype(np.uint8)
    frames = red_holes(np.repeat(stripes[None], 8, axis=0), STILL[:8])
    for frame in FlowEraser()(iter(frames)):
        assert np.abs(frame.numpy().astype(int) - stripes).mean() < 2


@pytest.mark.parametrize("preset", ["quality", "fast"])
def test_a_fill_goes_with_the_light(preset):
    light = np.concatenate([np.linspace(1, 0.05, 12), [0.05, 1.3, 0.6]])
    clean = np.clip(panning(15) * light[:, None, None, None] * 0.7, 0, 255).astype(np.uint8)
    masks = square(15, 72, 96, speed=4)
    result = [frame.numpy() for frame in FlowEraser(preset)(iter(red_holes(clean, masks)))]
    for filled, true, mask in zip(result, clean, masks, strict=True):
        assert abs(filled[mask].mean() - true[mask].mean()) < 2.5


def test_an_unknown_way_to_fill_what_is_unseen_is_refused():
    with pytest.raises(UsageError, match="no way to fill what is unseen called 'lama', did you mean 'big-lama'"):
        FlowEraser(unseen="lama")
