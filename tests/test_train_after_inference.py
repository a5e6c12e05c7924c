"""Networks that a stage ran, or that ran by themselves for inference, can be trained in the same process."""

import pytest
import torch
from clips import noise_with_holes, rolling
from stand_ins import narrow_basicvsr, narrow_e2fgvi, small_p_mask, small_samwise

import peanut
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.spynet import SPyNet

pytestmark = pytest.mark.usefixtures("one_thread")


def e2fgvi():
    network = narrow_e2fgvi()
    stage = peanut.NOFEraser(network, region="full", device="cpu", dtype=torch.float32)
    size = noise_with_holes([1])[0].size
    masked = torch.rand(1, 4, 3, -(-size[0] // 60) * 60, -(-size[1] // 108) * 108) - 0.5
    return network, lambda: list(stage(iter(noise_with_holes([6])))), lambda: network(masked, 3).square().mean()


def basicvsr_plusplus():
    network = narrow_basicvsr(BasicVSRPlusPlus)
    stage = peanut.URNet(network, device="cpu", dtype=torch.float32)
    clip = torch.rand(1, 3, 3, 16, 20)
    return network, lambda: list(stage(iter(rolling((3,))))), lambda: network(clip).square().mean()


def spynet():
    network = SPyNet()
    stage = peanut.SPyNetFlow(network, device="cpu")
    pair = torch.rand(2, 1, 3, 32, 40)
    images = [frame.image for frame in rolling((2,))]
    return network, lambda: stage(*images), lambda: network(*pair).square().mean()


def samwise():
    pytest.importorskip("sam2")
    pytest.importorskip("transformers")
    network, clip = small_samwise(), torch.rand(2, 3, 256, 256)

    def loss():
        bank = network.memory(decision_window=0)
        seen = network.encode(network.encode_stem(clip), network.prompt(torch.tensor([0, 7, 8, 2])), bank)
        steps = [network.step(seen.frame(n), bank) for n in (0, 1)]
        return sum(step.logits.sigmoid().mean() for step in steps) + steps[1].decision.square().sum()

    return network, lambda: list(small_p_mask("a dog", model=network)(iter(rolling((2,))))), loss


def state(network):
    return {name: (x.clone(), x.requires_grad) for name, x in (*network.named_parameters(), *network.named_buffers())}


@pytest.mark.parametrize("make", [e2fgvi, basicvsr_plusplus, spynet, samwise])
def test_training_goes_on_after_inference_and_a_stage_leaves_the_network_as_it_was(make):
    torch.manual_seed(0)
    network, run_stage, loss = make()
    network.train().requires_grad_(True)
    before = state(network)
    run_stage()
    after = state(network)
    assert network.training
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name][0], x) and before[name][1] == grad for name, (x, grad) in after.items())
    with torch.inference_mode():
        inferred = network.eval() and loss()
    value = loss()
    value.backward()
    torch.testing.assert_close(value.detach(), inferred.clone())
    assert any(x.grad is not None and x.grad.abs().sum() > 0 for x in network.parameters())
    assert all(x.grad.isfinite().all() for x in network.parameters() if x.grad is not None)
