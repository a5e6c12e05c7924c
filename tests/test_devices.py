import pytest
import torch

from peanut import UsageError
from peanut.devices import multiplies_bfloat16, pick_device, pick_dtype, prepare_for_inference
from peanut.networks.basicvsr import BasicVSR

CPU = torch.device("cpu")


def test_auto_takes_what_is_there():
    expected = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    assert pick_device("auto").type == expected
    assert pick_dtype("auto", CPU) == (torch.bfloat16 if multiplies_bfloat16(CPU) else torch.float32)
    assert pick_dtype("float32", CPU) == pick_dtype(torch.float32, CPU) == torch.float32


def test_what_is_not_there_is_said():
    with pytest.raises(UsageError, match=r"^no device 'cuda:99' here \(.*\): device='auto' takes what there is\.$"):
        pick_device("cuda:99")
    with pytest.raises(UsageError, match=r"^dtype must be 'auto', float32, bfloat16 or float16, got 'int8'\.$"):
        pick_dtype("int8", CPU)


def test_flow_weights_lose_nothing():
    network = BasicVSR(4, 1)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    network = prepare_for_inference(network, CPU, torch.bfloat16)
    for name, tensor in network.state_dict().items():
        exact = name.startswith("spynet.")
        assert tensor.dtype == (torch.float32 if exact else torch.bfloat16)
        assert torch.equal(tensor, before[name].to(tensor.dtype))
    assert network.spynet.mean.dtype == torch.float32
    assert not any(parameter.requires_grad for parameter in network.parameters())
