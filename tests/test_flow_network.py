"""Any network as an estimator: conventions with modules whose answer is known; RAFT from the store of weights."""

import io
from hashlib import sha256

import pytest
import torch
import torch.nn.functional as F
from clips import noise_with_holes
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torchvision.models.optical_flow import raft_small
from weights_rows import spynet_file, use
from weights_server import Server

from peanut import DIS, RAFT, NetworkFlow, UsageError, licence
from peanut.flow.estimator import FlowEstimator
from peanut.stages.flow_eraser import FlowEraser
from peanut.weights.table import Entry, File

H, W = 50, 70


class Shift(nn.Module):
    """A network that knows one thing: all goes right and down by what the first image's red and blue in a corner say.

    It insists on one convention, and answers in the one of PWC-Net: at a quarter of the size, divided by 20.
    """

    def __init__(self, pair="two", colors="RGB", low=0.0, high=1.0, quarter=4, divided=20.0, wrap=lambda flow: flow):
        super().__init__()
        self.pair, self.colors, self.low, self.high = pair, colors, low, high
        self.quarter, self.divided, self.wrap = quarter, divided, wrap
        self.one = nn.Parameter(torch.ones(1))

    def forward(self, *given):
        image, other = {
            "two": lambda: given,
            "channels": lambda: given[0].split(3, dim=1),
            "stacked": lambda: given[0].unbind(dim=2),
        }[self.pair]()
        assert image.shape == other.shape
        assert not any(side % 64 for side in image.shape[2:])
        levels = (image[0, :, 1, 1] - self.low) / (self.high - self.low) * 255
        assert torch.allclose(other[0, :, 1, 1], image[0, :, 1, 1] * 0 + self.high, atol=1e-5)  # all white
        red, _, blue = levels if self.colors == "RGB" else levels.flip(0)
        flow = torch.stack([red, blue]).view(1, 2, 1, 1) / self.divided * self.one
        h, w = image.shape[2:]
        return self.wrap(flow.expand(1, 2, h // self.quarter, w // self.quarter))


def images(right, down, size=(H, W)):
    image = torch.zeros(3, *size, dtype=torch.uint8)
    image[0], image[1], image[2] = right, 200, down
    return image, torch.full_like(image, 255)


@settings(max_examples=30)
@given(
    pair=st.sampled_from(["two", "channels", "stacked"]),
    colors=st.sampled_from(["RGB", "BGR"]),
    values=st.sampled_from([(0.0, 1.0, 0.0, 255.0), (0.0, 255.0, 0.0, 1.0), (-1.0, 1.0, 127.5, 127.5)]),
    quarter=st.sampled_from([1, 4]),
    divided=st.sampled_from([1.0, 20.0]),
    motion=st.tuples(st.integers(0, 30), st.integers(0, 30)),
)
def test_a_shift_comes_out_whatever_the_convention(pair, colors, values, quarter, divided, motion):
    low, high, mean, std = values
    network = Shift(pair, colors, low, high, quarter, divided)
    estimator: FlowEstimator = NetworkFlow(
        network, colors=colors, mean=mean, std=std, pair=pair, flow_scale=divided, device="cpu"
    )
    flow = estimator(*images(*motion))
    assert (flow.dtype, flow.shape, flow.requires_grad) == (torch.float32, (2, H, W), False)
    expected = torch.tensor(motion, dtype=torch.float32).view(2, 1, 1).expand(2, H, W)
    torch.testing.assert_close(flow, expected, atol=1e-3, rtol=1e-4)


def test_an_enlarged_image_has_its_flow_made_smaller_again():
    flow = NetworkFlow(Shift(), resize=True, flow_scale=20, device="cpu")(*images(32, 16))
    torch.testing.assert_close(flow[:, 7, 9], torch.tensor([32 * W / 128, 16 * H / 64]))
    whole = NetworkFlow(Shift(), resize=True, flow_scale=20, device="cpu")(*images(32, 16, (64, 128)))
    torch.testing.assert_close(whole[:, 7, 9], torch.tensor([32.0, 16.0]))


@pytest.mark.parametrize("resize", [False, True])
def test_every_pixel_keeps_its_place(resize):
    """A flow that grows to the right and downwards is neither shifted nor cut."""

    def slope(image, other):
        h, w = image.shape[2:]
        y, x = torch.meshgrid(torch.arange(h) / h, torch.arange(w) / w, indexing="ij")
        return F.avg_pool2d(torch.stack([x, y])[None], 4)

    flow = NetworkFlow(slope, resize=resize, device="cpu")(*images(0, 0))
    for values, side, inner in ((flow[0, 25], W, 128), (flow[1, :, 35], H, 64)):
        assert (values - torch.arange(side) / inner)[6:-6].abs().max() < 0.03


def test_means_and_deviations_are_those_of_each_channel_in_the_networks_order():
    seen = []

    def look(image, other):
        seen.append(image[0, :, 0, 0])
        return torch.zeros(1, 2, 4, 4)

    NetworkFlow(look, colors="BGR", mean=(1, 2, 3), std=(1, 2, 4), device="cpu")(*images(11, 5))
    torch.testing.assert_close(seen[0], torch.tensor([4.0, 99.0, 2.0]))


@pytest.mark.parametrize(
    ("wrap", "output"),
    [
        (lambda flow: (flow, flow * 0), 0),
        (lambda flow: [flow * 0, flow], -1),
        (lambda flow: {"flow": flow}, "flow"),
    ],
    ids=["a tuple", "a list", "a dict"],
)
def test_which_output_is_the_flow_can_be_said(wrap, output):
    flow = NetworkFlow(Shift(wrap=wrap), output=output, flow_scale=20, device="cpu")(*images(7, 3))
    torch.testing.assert_close(flow[:, 5, 5], torch.tensor([7.0, 3.0]))


@pytest.mark.parametrize(
    ("wrap", "output", "sentence"),
    [
        (lambda flow: (flow, flow), None, "the flow must be 1 2 h w, got a tuple of 2: output= says which of several "),
        (lambda flow: flow[0], None, r"the flow must be 1 2 h w, got a tensor \(2, 16, 32\): "),
        (lambda flow: (flow,), 3, "the network gives no output 3, but a tuple of 1"),
        (lambda flow: {"flow": flow}, "flo", "the network gives no output 'flo', but a dict of 'flow'"),
        (lambda flow: None, None, "the flow must be 1 2 h w, got a NoneType: "),
    ],
    ids=["several", "no batch", "too few", "no such name", "nothing"],
)
def test_what_is_no_flow_is_named(wrap, output, sentence):
    with pytest.raises(UsageError, match=f"^NetworkFlow: {sentence}"):
        NetworkFlow(Shift(wrap=wrap), output=output, device="cpu")(*images(7, 3))


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"std": 0}, "NetworkFlow: std must be a number or one per channel, none of std 0, got (0.0, 0.0, 0.0)."),
        ({"mean": (1, 2)}, "NetworkFlow: mean must be a number or one per channel, none of std 0, got (1, 2)."),
        ({"pair": "one"}, "NetworkFlow: pair must be 'two', 'channels' or 'stacked', got 'one'."),
        ({"multiple": 0}, "NetworkFlow: multiple must be at least 1, got 0."),
        ({"flow_scale": 0}, "NetworkFlow: flow_scale must be above 0, got 0."),
        ({"network": "pwc"}, "NetworkFlow: network must be called with two images, got 'pwc'."),
    ],
)
def test_settings_that_cannot_be_are_refused(setting, sentence):
    with pytest.raises(UsageError) as refused:
        NetworkFlow(**{"network": Shift(), **setting})
    assert str(refused.value).startswith(sentence)


def test_the_network_that_was_given_is_not_touched():
    network = Shift().train()
    estimator = NetworkFlow(network, flow_scale=20, device="cpu")
    with torch.no_grad():
        network.one.zero_()
    assert estimator(*images(7, 3)).any()
    assert network.training
    assert network.one.requires_grad
    assert repr(estimator).startswith("NetworkFlow(network=..., colors='RGB', mean=(0.0, 0.0, 0.0)")


@pytest.fixture
def published(cache, monkeypatch):
    """A RAFT with random weights as the table's "raft-small", on a server."""
    torch.manual_seed(0)
    network, held = raft_small(weights=None).eval(), io.BytesIO()
    torch.save(network.state_dict(), held)
    content = held.getvalue()
    with Server() as server:
        server.files["/raft.pth"] = content
        file = File("raft.pth", len(content), sha256(content).hexdigest(), (f"{server.address}/raft.pth",))
        use(monkeypatch, Entry("raft-small", "RAFT small, torchvision C_T_V2", (file,), "TV", "PLAIN", False))
        yield server, network


def noise():
    return torch.randint(0, 256, (2, 3, 128, 136), dtype=torch.uint8, generator=torch.manual_seed(3))


def test_raft_is_fetched_once_verified_and_then_needs_no_network(published, monkeypatch, tmp_path, one_thread):
    server, network = published
    expected = RAFT(model=network, updates=2, device="cpu")(*noise())
    assert torch.equal(RAFT(updates=2, device="cpu")(*noise()), expected)
    assert [path for path, _ in server.asked] == ["/raft.pth"]
    monkeypatch.setenv("PEANUT_OFFLINE", "1")
    again = RAFT(model="raft-small", updates=2, device="cpu")
    assert torch.equal(again(*noise()), expected)
    assert again.weights == ("raft-small",)
    assert licence(FlowEraser(flow=again)).startswith("commercial use is not clear, because of raft-small")
    assert len(server.asked) == 1


def test_raft_comes_from_a_mirror_or_a_file(published, monkeypatch, tmp_path, one_thread):
    server, network = published
    (tmp_path / "raft.pth").write_bytes(server.files["/raft.pth"])
    monkeypatch.setenv("PEANUT_WEIGHTS_MIRROR", str(tmp_path))
    for model in (None, tmp_path / "raft.pth", str(tmp_path / "raft.pth")):
        flow = RAFT(model=model, updates=1, device="cpu")(*noise())
        assert torch.equal(flow, RAFT(model=network, updates=1, device="cpu")(*noise()))
    assert not server.asked


def test_a_raft_that_cannot_be_had_or_is_another_file_is_said(published, monkeypatch, tmp_path):
    server, _ = published
    with pytest.raises(UsageError, match=r"^RAFT: model must be a RAFT; .*spynet\.pth is a SPyNet\.$"):
        RAFT(model=spynet_file(tmp_path), device="cpu")
    server.files["/raft.pth"] = server.files["/raft.pth"][:-1] + b"?"
    with pytest.raises(
        UsageError, match=r"^raft-small: raft\.pth cannot be had\. .*its sha256 is .*weights add raft\.pth"
    ):
        RAFT(device="cpu")
    monkeypatch.setenv("PEANUT_OFFLINE", "1")
    with pytest.raises(UsageError, match=r"^raft-small: raft\.pth cannot be had\. .*PEANUT_OFFLINE is set"):
        RAFT(device="cpu")


@pytest.mark.parametrize("numbers", [{"mean": None}, {"mean": "abc"}, {"std": float("nan")}, {"mean": (1, 2)}])
def test_means_that_are_no_numbers_are_refused_when_built(numbers):
    with pytest.raises(UsageError, match=f"NetworkFlow: {next(iter(numbers))} must be a number or one per channel"):
        NetworkFlow(lambda first, second: first, **numbers)


@pytest.mark.parametrize("given", [torch.zeros(1, 2, 0, 5), torch.zeros(1, 2, 4, 4, dtype=torch.complex64)])
def test_a_flow_of_nothing_and_one_of_complex_numbers_are_refused(given):
    with pytest.raises(UsageError, match="NetworkFlow: the flow must be"):
        NetworkFlow(lambda first, second: given)(*noise())


def test_what_is_no_raft_is_refused_when_built():
    with pytest.raises(UsageError, match="RAFT: model must be a RAFT; this is a Identity"):
        RAFT(model=nn.Identity())
    with pytest.raises(UsageError, match="RAFT: model must be a name, a file or a network, got 3"):
        RAFT(model=3)


def test_images_that_are_no_tensors_are_refused():
    with pytest.raises(UsageError, match="DIS: images must be tensors 3 h w, uint8, RGB, got a NoneType"):
        DIS()(None, None)


def test_a_function_that_gives_no_flow_is_told_by_the_eraser():
    with pytest.raises(UsageError, match=r"FlowEraser: flow must give \(2, .* got a NoneType"):
        list(FlowEraser(flow=lambda image, other: None)(iter(noise_with_holes([3]))))
