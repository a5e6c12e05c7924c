"""SPyNet and the recurrent networks, beyond what the published cases tell."""

import pytest
import torch

from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.spynet import SPyNet

pytestmark = pytest.mark.usefixtures("one_thread")


def basicsr_names(state):
    """The same weights as BasicSR's files name them, with the constants they carry."""
    moved = {}
    for name, tensor in state.items():
        _, level, _, place, _, kind = name.split(".")
        moved[f"basic_module.{level}.basic_module.{2 * int(place)}.{kind}"] = tensor
    return {**moved, "mean": torch.zeros(1, 3, 1, 1), "std": torch.ones(1, 3, 1, 1)}


def test_spynet_reads_both_layouts_of_names():
    torch.manual_seed(0)
    network, other = SPyNet(), SPyNet()
    other.load_state_dict(basicsr_names(network.state_dict()))
    pair = torch.rand(2, 1, 3, 32, 40)
    with torch.no_grad():
        assert torch.equal(network(*pair), other(*pair))
    assert torch.equal(other.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))


@pytest.mark.parametrize("same_size", [False, True])
def test_a_network_is_built_from_the_names_of_its_weights(same_size):
    network = BasicVSRPlusPlus(16, 3, same_size)
    other = BasicVSRPlusPlus.like(network.state_dict())
    other.load_state_dict(network.state_dict())
    assert (other.channels, other.scale) == (16, 1 if same_size else 4)
    BasicVSR.like(BasicVSR(8, 2).state_dict()).load_state_dict(BasicVSR(8, 2).state_dict())


def test_sides_that_do_not_fit_are_named():
    with pytest.raises(ValueError, match=r"^frames must have sides that are multiples of 4, got 10x8\.$"):
        BasicVSRPlusPlus(16, 1, same_size=True)(torch.rand(1, 2, 3, 8, 10))


@pytest.mark.parametrize("kind", [BasicVSR, BasicVSRPlusPlus])
def test_networks_can_be_trained(kind):
    """Every parameter receives a gradient."""
    torch.manual_seed(0)
    network = kind(16, 1)
    network(torch.rand(1, 3, 3, 16, 20)).square().mean().backward()
    without = [name for name, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []


def test_the_discriminator_judges_patches_and_teaches_both_sides():
    from peanut.networks.discriminator import TemporalPatchDiscriminator, hinge_losses

    torch.manual_seed(0)
    network = TemporalPatchDiscriminator()
    assert sum(x.numel() for x in network.parameters()) == 75 * sum((96, 2048, 8192, 16384, 16384, 16384)) + 128
    real, completed = torch.rand(1, 3, 3, 64, 96), torch.rand(1, 3, 3, 64, 96, requires_grad=True)
    scores = network(completed)
    assert scores.shape[:3] == (1, 3, 128)
    judged, _ = hinge_losses(network(real), network(completed.detach()))
    judged.backward()
    assert completed.grad is None
    hinge_losses(torch.zeros(1), scores)[1].backward()
    assert completed.grad.abs().sum() > 0
    assert hinge_losses(torch.full((1,), 2.0), torch.full((1,), -2.0))[0] == 0  # told apart by more than the margin
