"""Flow estimators on drawn pairs whose flow is known; a wrong sign or swapped axes would fail every bound."""

import cv2
import numpy as np
import pytest
import torch
from flow_pairs import H, W, error, pair, shifted, turned
from hypothesis import given, settings
from hypothesis import strategies as st
from torchvision.models.optical_flow import raft_small

import peanut
from peanut import (
    DIS,
    RAFT,
    Farneback,
    HomographyFlow,
    HornSchunck,
    LucasKanade,
    NvidiaFlow,
    SPyNetFlow,
    UsageError,
    flow_image,
)
from peanut.flow.visualize import STEPS, WHEEL
from peanut.networks.spynet import SPyNet
from peanut.ops.warp import warp

CLASSICAL = [
    *(DIS(), Farneback(), LucasKanade(), HornSchunck(), HomographyFlow()),
    *(LucasKanade(penalty="quadratic"), HornSchunck(penalty="quadratic")),
]


def named(estimator):
    return type(estimator).__name__ + (" quadratic" if getattr(estimator, "penalty", "") == "quadratic" else "")


by_name = pytest.mark.parametrize("estimator", CLASSICAL, ids=named)


@by_name
@pytest.mark.parametrize("motion", [(5.0, -2.5), (-3.3, 0.0), (0.0, 4.7), (0.4, 0.3)], ids=str)
def test_a_shift_is_found(estimator, motion):
    image, other, truth = pair(shifted(*motion))
    flow = estimator(image, other)
    assert (flow.dtype, flow.shape, flow.device.type) == (torch.float32, (2, H, W), "cpu")
    assert error(flow, truth) < 0.15


@by_name
@pytest.mark.parametrize("degrees", [4, -3])
def test_a_turn_with_a_zoom_is_found(estimator, degrees):
    image, other, truth = pair(turned(degrees))
    assert truth.norm(dim=0).mean() > 1.5
    assert error(estimator(image, other), truth) < 0.3


@by_name
def test_the_flow_says_where_to_look(estimator):
    image, other, _ = pair(turned(3) @ shifted(4, -2))
    flow = estimator(image, other)
    inside = np.s_[:, 12:-12, 12:-12]
    back = warp(other[None].float(), flow[None])[0]
    assert (image - back)[inside].abs().mean() < 0.1 * (image.float() - other)[inside].abs().mean()


@by_name
def test_the_same_picture_does_not_move(estimator):
    image, _, _ = pair(shifted(0, 0))
    flow = estimator(image, image)
    assert flow.abs().mean() < 0.005
    assert flow.abs().max() < 0.2  # Farneback's borders


@by_name
@pytest.mark.parametrize("level", [0, 255])
def test_where_nothing_is_seen_nothing_moves(estimator, level):
    flat = torch.full((3, 40, 50), level, dtype=torch.uint8)
    assert estimator(flat, flat).abs().max() < 0.02


@by_name
def test_pictures_are_left_as_they_are_and_need_not_be_contiguous(estimator):
    image, other, _ = pair(shifted(2, 1))
    strided = [x.permute(1, 2, 0).contiguous().permute(2, 0, 1) for x in (image, other)]
    kept = [x.clone() for x in strided]
    assert torch.equal(estimator(*strided), estimator(image, other))
    assert all(torch.equal(a, b) for a, b in zip(strided, kept, strict=True))


@given(h=st.integers(0, 40), w=st.integers(0, 40), seed=st.integers(0, 9))
@settings(max_examples=25)
def test_any_size_gives_finite_numbers_and_tiny_ones_zeros(h, w, seed):
    image, other = torch.randint(0, 256, (2, 3, h, w), dtype=torch.uint8, generator=torch.manual_seed(seed))
    for estimator in CLASSICAL:
        flow = estimator(image, other)
        assert flow.shape == (2, h, w)
        assert flow.isfinite().all()
        assert min(h, w) >= 16 or not flow.any()


@given(right=st.floats(-6, 6), down=st.floats(-6, 6))
@settings(max_examples=10)
def test_our_own_two_find_any_shift(right, down):
    image, other, truth = pair(shifted(right, down))
    for estimator in (LucasKanade(), HornSchunck()):
        assert error(estimator(image, other), truth) < 0.2


def network_of(kind):
    torch.manual_seed(0)
    if kind is RAFT:
        return RAFT(model=raft_small(weights=None), updates=2, device="cpu")
    return SPyNetFlow(SPyNet(), device="cpu")


@pytest.mark.parametrize("kind", [SPyNetFlow, RAFT])
@pytest.mark.parametrize("size", [(20, 33), (130, 150), (9, 200)], ids=str)
def test_learned_ones_take_any_size(one_thread, kind, size):
    image, other = torch.randint(0, 256, (2, 3, *size), dtype=torch.uint8, generator=torch.manual_seed(0))
    flow = network_of(kind)(image, other)
    assert (flow.dtype, flow.shape, flow.requires_grad) == (torch.float32, (2, *size), False)
    assert flow.isfinite().all()
    assert bool(flow.any()) == (min(size) >= 16)


def test_raft_sees_what_torchvision_asks_for(one_thread):
    torch.manual_seed(0)
    image, other = torch.randint(0, 256, (2, 3, 128, 136), dtype=torch.uint8)
    network = raft_small(weights=None).eval()
    with torch.no_grad():
        expected = network(image[None] / 127.5 - 1, other[None] / 127.5 - 1, num_flow_updates=3)[-1][0]
    torch.testing.assert_close(RAFT(model=network, updates=3, device="cpu")(image, other), expected)


def test_spynet_is_the_network_of_the_erasers(one_thread):
    torch.manual_seed(0)
    image, other = torch.randint(0, 256, (2, 3, 40, 50), dtype=torch.uint8)
    network = SPyNet().eval()
    with torch.no_grad():
        expected = network(image[None] / 255, other[None] / 255)[0]
    torch.testing.assert_close(SPyNetFlow(network, device="cpu")(image, other), expected)


def test_published_spynet_finds_a_shift(one_thread):
    from peanut.weights import entries
    from peanut.weights.store import is_here, kept_at

    entry = entries()["spynet-reds4"]
    if not is_here(kept_at(entry, entry.file)):
        pytest.skip("peanut weights pull spynet-reds4")
    image, other, truth = pair(shifted(3, -1.5))
    assert error(SPyNetFlow(device="cpu")(image, other), truth) < 0.3


ONE, FLOATS, SMALLER = (
    torch.zeros(3, 20, 24, dtype=torch.uint8),
    torch.zeros(3, 20, 24),
    torch.zeros(3, 24, 20, dtype=torch.uint8),
)


@pytest.mark.parametrize("estimator", [*CLASSICAL, network_of(SPyNetFlow)], ids=named)
@pytest.mark.parametrize(
    ("other", "sentence"),
    [
        (SMALLER, r"both images must have one size, got \(3, 20, 24\) and \(3, 24, 20\)\.$"),
        (FLOATS, r"images must be 3 h w, uint8, RGB, got float32 \(3, 20, 24\)\.$"),
        (ONE[:1], r"images must be 3 h w, uint8, RGB, got uint8 \(1, 20, 24\)\.$"),
        (ONE[None], r"images must be 3 h w, uint8, RGB, got uint8 \(1, 3, 20, 24\)\.$"),
        (ONE.to("meta"), r"images must be on the CPU, got one on meta\.$"),
    ],
    ids=["another size", "floats", "grey", "a batch", "elsewhere"],
)
def test_pictures_that_do_not_fit_are_named(estimator, other, sentence):
    with pytest.raises(UsageError, match=f"^{type(estimator).__name__}: {sentence}"):
        estimator(ONE, other)


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: DIS("quick"), "DIS: preset must be 'ultrafast', 'fast' or 'medium', got 'quick'."),
        (lambda: Farneback(levels=0), "Farneback: levels must be at least 1, got 0."),
        (lambda: LucasKanade(radius=0), "LucasKanade: radius must be at least 1, got 0."),
        (lambda: LucasKanade(damping=float("nan")), "LucasKanade: damping must be at least 0.01, got nan."),
        (lambda: HornSchunck(smoothness=-1), "HornSchunck: smoothness must be at least 0.1, got -1."),
        (lambda: HornSchunck(warps="5"), "HornSchunck: warps must be a whole number, at least 1, got '5'."),
        (lambda: HornSchunck(smoothness=float("inf")), "HornSchunck: smoothness must be at least 0.1, got inf."),
        (lambda: RAFT(updates=1.5), "RAFT: updates must be a whole number, at least 1, got 1.5."),
        (lambda: SPyNetFlow(raft_small(weights=None)), "SPyNetFlow: model must be a SPyNet; got a RAFT"),
        (lambda: SPyNetFlow("spynet-red"), "no weights called 'spynet-red', did you mean 'spynet-reds4'?"),
        (lambda: RAFT(model="raft-smal"), "no weights called 'raft-smal', did you mean 'raft-small'?"),
        (lambda: RAFT(small=1), "RAFT: small must be True or False, got 1."),
        (lambda: HomographyFlow(per_cell=0), "HomographyFlow: per_cell must be at least 1, got 0."),
        (
            lambda: HornSchunck(penalty="huber"),
            "HornSchunck: penalty must be 'charbonnier' or 'quadratic', got 'huber'.",
        ),
        (lambda: LucasKanade(epsilon=0), "LucasKanade: epsilon must be at least 0.01, got 0."),
        (lambda: NvidiaFlow(grid=3), "NvidiaFlow: grid must be 1, 2 or 4, got 3."),
    ],
)
def test_settings_that_cannot_be_are_refused_when_built(build, sentence):
    with pytest.raises(UsageError) as caught:
        build()
    assert str(caught.value).startswith(sentence)


def test_nvidias_engine_is_refused_where_it_is_not():
    if hasattr(cv2.cuda, "NvidiaOpticalFlow_2_0_create") and cv2.cuda.getCudaEnabledDeviceCount():
        image, other, truth = pair(shifted(3, -1.5))
        assert error(NvidiaFlow()(image, other), truth) < 0.3
    else:
        with pytest.raises(UsageError, match=r"NvidiaFlow needs an .*: DIS\(\) runs everywhere\.$"):
            NvidiaFlow()


def test_estimators_are_values():
    assert DIS("fast") == DIS(preset="fast") != DIS()
    assert repr(network_of(RAFT)) == "RAFT(small=True, model=..., updates=2, device='cpu')"
    assert repr(Farneback(3)) == "Farneback(levels=3, window=15, iterations=3, neighborhood=7, sigma=1.5)"


def color(right, down, largest=None):
    return flow_image(torch.tensor([[[float(right)]], [[float(down)]]]), largest)[:, 0, 0].tolist()


def test_no_motion_is_white():
    assert flow_image(torch.zeros(2, 3, 4)).eq(255).all()
    assert flow_image(torch.zeros(2, 3, 4), 5).eq(255).all()
    assert flow_image(torch.zeros(2, 0, 4)).shape == (3, 0, 4)


def test_the_corners_of_the_wheel_are_pure():
    for colors, steps in zip(WHEEL, np.cumsum((0, *STEPS)), strict=True):
        angle = 2 * np.pi * steps / sum(STEPS)
        assert color(np.cos(angle), np.sin(angle)) == pytest.approx(colors, abs=1)


def test_right_is_red_down_yellow_left_blue_and_green_up_violet():
    assert color(1, 0) == [255, 0, 0]
    red, green, blue = color(0, 1)
    assert min(red, green) > 200 > 10 > blue
    red, green, blue = color(-1, 0)
    assert min(green, blue) > 100 > 10 > red
    red, green, blue = color(0, -1)
    assert blue == 255 > red > 50 > green


@given(angle=st.floats(0, 6.28), share=st.floats(0.1, 1), largest=st.floats(0.5, 50))
def test_hue_is_direction_and_paleness_shortness(angle, share, largest):
    vector = np.array([np.cos(angle), np.sin(angle)]) * largest * 0.999  # not longer by rounding
    full, part = (np.array(color(*(vector * length), largest), float) for length in (1, share))
    assert part == pytest.approx(255 - share * (255 - full), abs=1.5)


def test_longer_than_the_largest_is_darker_and_no_number_black():
    assert color(4, 0, largest=2) == [191, 0, 0]
    assert color(float("nan"), 0) == color(0, float("inf")) == [0, 0, 0]


@given(seed=st.integers(0, 9), scale=st.floats(0.01, 100))
@settings(max_examples=20)
def test_the_longest_vector_sets_the_scale(seed, scale):
    flow = torch.randn(2, 5, 6, generator=torch.manual_seed(seed))
    image = flow_image(flow * scale)
    assert (image.dtype, image.shape) == (torch.uint8, (3, 5, 6))
    assert (image.int() - flow_image(flow, flow.norm(dim=0).max().item()).int()).abs().float().mean() < 5


@pytest.mark.parametrize(
    ("flow", "largest", "sentence"),
    [
        (torch.zeros(3, 4, 4), None, r"flow_image: a flow must be 2 h w, got \(3, 4, 4\)\."),
        (torch.zeros(2, 4), None, r"flow_image: a flow must be 2 h w, got \(2, 4\)\."),
        (torch.zeros(2, 4, 4), 0, r"flow_image: largest must be above 0, got 0\."),
        (torch.zeros(2, 4, 4), float("nan"), r"flow_image: largest must be above 0, got nan\."),
    ],
)
def test_flows_that_cannot_be_drawn_are_named(flow, largest, sentence):
    with pytest.raises(UsageError, match=sentence):
        flow_image(flow, largest)


def test_a_function_is_an_estimator():
    def still(image: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return torch.zeros(2, *image.shape[1:])

    estimator: peanut.FlowEstimator = still
    assert not estimator(ONE, ONE).any()
