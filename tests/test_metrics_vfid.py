"""I3D has the published names and TensorFlow's padding; the Frechet distance is known for Gaussians worked by hand."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from peanut import UsageError, weights
from peanut.metrics import Gaussian, Vfid, frechet_distance
from peanut.networks.i3d import I3D, MIXED, pad_same
from peanut.weights.networks import expected_of, network_like

pytestmark = pytest.mark.usefixtures("one_thread")


@given(size=st.integers(1, 30), kernel=st.integers(1, 7), stride=st.integers(1, 3))
def test_same_padding_is_tensorflows(size, kernel, stride):
    """Size over stride windows, rounded up; the padding that takes, its odd pixel behind."""
    padded = pad_same(torch.ones(1, 1, size, 1, 1), (kernel, 1, 1), (stride, 1, 1)).flatten()
    before, behind = int(padded.argmax()), int(padded.flip(0).argmax())
    assert before + behind + size == len(padded)
    if kernel >= stride:
        assert (len(padded) - kernel) // stride + 1 == -(-size // stride)
        assert len(padded) - kernel == (-(-size // stride) - 1) * stride or before + behind == 0
    assert behind - before in (0, 1)


def unit(x, of, name, kernel, stride=1):
    """Convolution, normalization with the trained statistics, rectifier; the padding by hand."""
    for axis in (2, 3, 4):
        size = x.shape[axis]
        total = max(0, kernel - stride if size % stride == 0 else kernel - size % stride)
        zeros = [0] * 6
        zeros[2 * (4 - axis)], zeros[2 * (4 - axis) + 1] = total // 2, total - total // 2
        x = F.pad(x, zeros)
    x = F.conv3d(x, of[f"{name}.conv3d.weight"], stride=stride)
    mean, variance, weight, bias = (
        of[f"{name}.bn.{part}"].view(-1, 1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return ((x - mean) / (variance + 0.001).sqrt() * weight + bias).relu()


def pool(x, kernel, stride):
    """The largest of what lies in each window, on what is left of it at the border (time, then both sides)."""
    for axis, (k, s) in enumerate(zip(kernel, stride, strict=True), 2):
        size = x.shape[axis]
        total = max(0, k - s if size % s == 0 else k - size % s)
        starts = range(-(total // 2), size + total - total // 2 - k + 1, s)
        windows = [x.narrow(axis, max(0, a), min(size, a + k) - max(0, a)).amax(dim=axis) for a in starts]
        x = torch.stack(windows, dim=axis)
    return x


def plain_i3d(video, of):
    x = unit(video.transpose(1, 2), of, "Conv3d_1a_7x7", 7, 2)
    x = pool(x, (1, 3, 3), (1, 2, 2))
    x = unit(unit(x, of, "Conv3d_2b_1x1", 1), of, "Conv3d_2c_3x3", 3)
    x = pool(x, (1, 3, 3), (1, 2, 2))
    for name in MIXED:
        if name == "4b":
            x = pool(x, (3, 3, 3), (2, 2, 2))
        if name == "5b":
            x = pool(x, (2, 2, 2), (2, 2, 2))
        at = f"Mixed_{name}"
        x = torch.cat(
            [
                unit(x, of, f"{at}.b0", 1),
                unit(unit(x, of, f"{at}.b1a", 1), of, f"{at}.b1b", 3),
                unit(unit(x, of, f"{at}.b2a", 1), of, f"{at}.b2b", 3),
                unit(pool(x, (3, 3, 3), (1, 1, 1)), of, f"{at}.b3b", 1),
            ],
            dim=1,
        )
    return x.mean(dim=(2, 3, 4))


def drawn_i3d():
    torch.manual_seed(0)
    network = I3D().eval()
    for name, tensor in network.state_dict().items():
        if ".bn." in name:
            tensor.uniform_(0.5, 1.5)
        elif name.endswith("conv3d.weight"):
            torch.nn.init.kaiming_normal_(tensor)
    return network


@torch.no_grad()
def test_the_network_is_the_papers():
    network, video = drawn_i3d(), torch.rand(1, 11, 3, 45, 58)
    torch.testing.assert_close(network(video), plain_i3d(video, network.state_dict()), rtol=1e-4, atol=1e-4)


def test_its_names_are_those_of_the_checkpoint():
    expected = expected_of(weights.entries()["i3d"])
    assert expected["Conv3d_1a_7x7.conv3d.weight"] == (64, 3, 7, 7, 7)
    assert expected["Mixed_4f.b2b.bn.running_var"] == (128,)
    assert expected["logits.conv3d.weight"] == (400, 1024, 1, 1, 1)
    assert expected["logits.conv3d.bias"] == (400,)
    assert len(expected) == 57 * 5 + 2
    assert isinstance(network_like(drawn_i3d().state_dict()), I3D)


@torch.no_grad()
def test_classes_are_scored_from_windows_of_the_features():
    network, video = I3D(classes=5).eval(), torch.rand(1, 9, 3, 193, 193)
    features = network(video)
    weight, bias = network.logits.conv3d.weight, network.logits.conv3d.bias
    torch.testing.assert_close(network.classify(video), features @ weight.view(5, -1).T + bias, rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"^I3D: 9 frames of 193x193 are the least to classify"):
        network.classify(video[:, :8])


def diagonal(*numbers):
    return torch.tensor(numbers).double().diag()


BY_HAND = {
    "equal": ((0, 0), diagonal(2, 3), (0, 0), diagonal(2, 3), 0),
    "apart by 3 and 4": ((0, 0), diagonal(1, 1), (3, 4), diagonal(1, 1), 25),
    "deviations of 1 and 3": ((0, 0), diagonal(1, 1), (0, 0), diagonal(9, 1), 4),
    "one is a point": ((1, 1), diagonal(0, 0), (1, 1), diagonal(4, 5), 9),
    "turned by 45 degrees: root of [[5, 4], [4, 5]] is [[2, 1], [1, 2]]": (
        (0, 0),
        diagonal(1, 1),
        (0, 0),
        torch.tensor([[5.0, 4.0], [4.0, 5.0]]),
        2 + 10 - 2 * 4,
    ),
}


@pytest.mark.parametrize(("mean", "cov", "other", "other_cov", "known"), BY_HAND.values(), ids=BY_HAND)
def test_distances_worked_by_hand(mean, cov, other, other_cov, known):
    found = frechet_distance(torch.tensor(mean), cov, torch.tensor(other), other_cov)
    assert float(found) == pytest.approx(known, abs=1e-9)
    assert float(frechet_distance(torch.tensor(other), other_cov, torch.tensor(mean), cov)) == pytest.approx(
        known, abs=1e-9
    )


@given(seed=st.integers(0, 1000), d=st.integers(1, 6))
@settings(max_examples=30)
def test_the_distance_is_that_by_the_root_of_the_product(seed, d):
    linalg = pytest.importorskip("scipy.linalg")
    random = np.random.default_rng(seed)
    a, b = (random.normal(size=(d, d)) for _ in range(2))
    a, b, m = a @ a.T, b @ b.T, random.normal(size=d)
    by_root = (m @ m) + np.trace(a + b - 2 * linalg.sqrtm(a @ b).real)
    found = frechet_distance(*(torch.from_numpy(x) for x in (m, a, np.zeros(d), b)))
    assert float(found) == pytest.approx(by_root, rel=1e-5, abs=1e-5)


@given(seed=st.integers(0, 1000), count=st.integers(2, 12), offset=st.sampled_from([0, 1e3]))
def test_sums_give_mean_and_covariance(seed, count, offset):
    vectors = torch.from_numpy(np.random.default_rng(seed).normal(offset, 1, (count, 4)))
    held = Gaussian(4)
    for vector in vectors:
        held.add(vector)
    torch.testing.assert_close(held.mean, vectors.mean(dim=0))
    torch.testing.assert_close(held.covariance, vectors.T.cov())


class Corner:
    """Stands for I3D: features that are known of a clip."""

    def __call__(self, video):
        return F.pad(video[:, 0, :, 0, 0], (0, 1021))


def test_a_set_of_clips_is_compared_as_a_whole():
    measure = Vfid(Corner(), device="cpu")
    assert math.isnan(measure.value["vfid"])
    for level in (0.0, 0.5, 1.0):
        clip = torch.full((4, 3, 8, 8), level)
        measure.add(clip / 2, clip)
    """Three channels alike: means 0.25 apart, deviations 0.5 and 0.25, all in one direction."""
    assert measure.value["vfid"] == pytest.approx(3 * 0.25**2 + 3 * (0.5 - 0.25) ** 2)
    assert Vfid(Corner(), levels="signed", device="cpu").features(clip)[:3].tolist() == [1, 1, 1]


def test_what_does_not_fit_is_said():
    with pytest.raises(UsageError, match=r"^frechet_distance: shapes must be d, d d, d and d d, got \(2,\), \(2, 3\)"):
        frechet_distance(torch.zeros(2), torch.zeros(2, 3), torch.zeros(2), torch.zeros(2, 2))
    with pytest.raises(UsageError, match=r"^Gaussian: vectors must have 4 numbers, got \(3,\)\.$"):
        Gaussian(4).add(torch.zeros(3))
    with pytest.raises(UsageError, match=r"^Vfid: clips must be t 3 h w, got \(3, 8, 8\)\.$"):
        Vfid(Corner(), device="cpu").add(torch.zeros(3, 8, 8), torch.zeros(3, 8, 8))
