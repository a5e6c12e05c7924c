"""LPIPS computes what its paper says, with the published weights of the channels; the trunks here are random."""

import pytest
import torch
import torch.nn.functional as F

from peanut import UsageError, weights
from peanut.metrics import Lpips
from peanut.metrics.lpips import distance, lpips
from peanut.networks.lpips import LPIPS, Heads, alexnet, vgg16
from peanut.weights import store
from peanut.weights.layouts import convert

TRUNKS = {"alex": alexnet, "vgg": vgg16}
pytestmark = pytest.mark.usefixtures("one_thread")


def heads(trunk):
    try:
        return weights.load(f"lpips-{trunk}-head")
    except UsageError as error:
        pytest.skip(f"the weights cannot be fetched: {error}")


def judge(trunk, seed=0):
    torch.manual_seed(seed)
    body = TRUNKS[trunk]()
    top = Heads(body.channels)
    top.load_state_dict(heads(trunk))
    return LPIPS(body, top).eval()


def alex_maps(x, of):
    """AlexNet as its paper's table has it."""
    maps = []
    for number, settings in (
        (0, {"stride": 4, "padding": 2}),
        (3, {"padding": 2}),
        *((n, {"padding": 1}) for n in (6, 8, 10)),
    ):
        x = F.max_pool2d(x, 3, 2) if number in (3, 6) else x
        x = F.conv2d(x, of[f"features.{number}.weight"], of[f"features.{number}.bias"], **settings).relu()
        maps.append(x)
    return maps


def vgg_maps(x, of):
    maps, number = [], 0
    for count in (2, 2, 3, 3, 3):
        for _ in range(count):
            x = F.conv2d(x, of[f"features.{number}.weight"], of[f"features.{number}.bias"], padding=1).relu()
            number += 2
        maps.append(x)
        x, number = F.max_pool2d(x, 2), number + 1
    return maps


def plainly(x, y, maps, trunk, head):
    """Formula 1 of the paper: sum over maps of the mean over pixels of |w (unit features - unit features)|^2."""
    mean, deviation = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    total = 0
    sides = [maps((2 * image - 1 - mean.view(3, 1, 1)) / deviation.view(3, 1, 1), trunk) for image in (x, y)]
    for number, pair in enumerate(zip(*sides, strict=True)):
        a, b = (one / (one.pow(2).sum(dim=1, keepdim=True).sqrt() + 1e-10) for one in pair)
        weight = head[f"lin{number}.model.1.weight"].view(1, -1, 1, 1)
        total += (weight * (a - b) ** 2).sum(dim=1).mean()
    return float(total)


@pytest.mark.parametrize(("trunk", "maps"), [("alex", alex_maps), ("vgg", vgg_maps)])
def test_it_is_the_formula_of_the_paper(trunk, maps):
    network = judge(trunk)
    generator = torch.Generator().manual_seed(1)
    x, y = (torch.rand(2, 3, 40, 52, generator=generator) for _ in range(2))
    found = distance(x, y, network)
    of = network.trunk.state_dict()
    with torch.no_grad():
        assert found.tolist() == pytest.approx(
            [plainly(a[None], b[None], maps, of, heads(trunk)) for a, b in zip(x, y, strict=True)], rel=1e-5
        )
    assert distance(x, x, network).tolist() == [0, 0]
    assert (found > 0).all()
    torch.testing.assert_close(distance((x * 255).byte(), (y * 255).byte(), network), found, rtol=0.01, atol=0)


@pytest.mark.parametrize("trunk", TRUNKS)
def test_the_trunks_have_torchvisions_names_and_results(trunk):
    models = pytest.importorskip("torchvision.models")
    network = TRUNKS[trunk]()
    theirs = {"alex": models.alexnet, "vgg": models.vgg16}[trunk]
    with torch.device("meta"):
        names = {name: tensor.shape for name, tensor in theirs().state_dict().items()}
    expected = {name: tensor.shape for name, tensor in network.state_dict().items()}
    whole = {name: torch.empty(shape, device="meta") for name, shape in names.items()}
    assert list(convert("TVF", whole, expected)) == [name for name in names if name.startswith("features.")]
    assert weights.entries()[f"lpips-{trunk}-trunk"].layout == "TVF"
    x = torch.rand(1, 3, 64, 64)
    other = theirs().features
    other.load_state_dict(network.features.state_dict())
    with torch.no_grad():
        layers = other[: network.tapped[-1] + 1]
        torch.testing.assert_close(network(x)[-1], layers(x))


@pytest.mark.parametrize(("trunk", "side"), [("alex", 31), ("vgg", 16)])
def test_the_smallest_image_is_the_smallest_that_works(trunk, side):
    network = judge(trunk)
    assert float(distance(torch.zeros(3, side, side), torch.ones(3, side, side), network)) > 0
    with pytest.raises(RuntimeError):
        network.trunk(torch.zeros(1, 3, side - 1, side - 1))
    with pytest.raises(UsageError, match=f"^lpips: images must be at least {side} x {side}"):
        distance(*(torch.zeros(3, side - 1, side),) * 2, network)


def test_a_clip_is_the_mean_of_its_frames():
    network = judge("alex")
    x, y = torch.rand(3, 3, 40, 40), torch.rand(3, 3, 40, 40)
    clip = Lpips(network=network)
    for frame in zip(x, y, strict=True):
        clip.add(*frame)
    assert clip.value["lpips"] == pytest.approx(float(distance(x, y, network).mean()))


def test_without_weights_the_sentence_is_that_of_the_store(monkeypatch, tmp_path):
    heads("alex")
    monkeypatch.setattr(store, "fetched", lambda entry, file: (_ for _ in ()).throw(UsageError(f"no {entry.name}.")))
    with pytest.raises(UsageError, match="lpips-alex"):
        lpips(torch.rand(3, 40, 40), torch.rand(3, 40, 40))
    with pytest.raises(UsageError, match=r"^lpips: trunk must be 'alex' or 'vgg', got 'squeeze'\.$"):
        lpips(torch.rand(3, 40, 40), torch.rand(3, 40, 40), "squeeze")
