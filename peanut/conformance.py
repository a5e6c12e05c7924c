"""Whether this installation computes what the published networks compute.

python -m peanut.conformance [--device DEVICE] FOLDER [CASE...]

A case is a description `NAME.json` (network, settings, tolerance, names and shapes of the checkpoint's tensors) and
arrays `NAME.npz` (inputs and expected outputs). Its stand-in checkpoint has the published names and shapes, and values
drawn again from a seed; a network that gives the expected arrays with it gives the published results with the published
weights. For every array the largest absolute difference is printed, beside the tolerance. Exit status 1 if one is
larger, if no case ran, or if a case that was named cannot run. The networks run in float32 on the CPU or on DEVICE;
on CUDA without TensorFloat-32, which rounds the factors to 10 bits.
"""

import json
import sys
import zlib
from argparse import ArgumentParser, RawTextHelpFormatter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from peanut.devices import pick_device, prepare_for_inference
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.e2fgvi import E2FGVI
from peanut.networks.sam2 import normalised
from peanut.networks.samwise import SAMWISE, MemoryBank
from peanut.networks.spynet import SPyNet
from peanut.stages.nof_eraser import NOFEraser

Array = npt.NDArray[Any]
Spec = Mapping[str, Any]
Runner = Callable[[Spec, dict[str, Tensor], Mapping[str, Array], torch.device], dict[str, Tensor]]


def stand_in(name: str, shape: Sequence[int], rule: str, seed: int) -> Array:
    """The stand-in value of one tensor: float32, or int64 for the rule "zero_int".

    The generator is seeded by (seed, name), so the value depends on nothing else.
    Raises ValueError for an unknown rule.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    kind, _, argument = rule.partition(":")
    value: Array
    if kind == "weight":  # convolution or linear: standard deviation gain / sqrt(fan-in)
        fan_in = int(np.prod(shape[1:])) or 1
        value = float(argument or 1) * rng.standard_normal(shape) / np.sqrt(fan_in)
    elif rule == "small":  # embeddings, positional tables and biases
        value = 0.05 * rng.standard_normal(shape)
    elif rule == "scale":  # normalisation gains
        value = 1 + 0.1 * rng.standard_normal(shape)
    elif rule == "variance":  # running variances
        value = rng.uniform(0.5, 1.5, shape)
    elif kind == "constant":
        value = np.full(shape, float(argument))
    elif kind == "ramp":  # 0, step, 2 * step, ...
        value = float(argument) * np.arange(np.prod(shape)).reshape(shape)
    elif rule == "zero_int":
        return np.zeros(shape, np.int64)
    else:
        raise ValueError(f"unknown filling rule {rule!r} for {name}.")
    return value.astype(np.float32)


def checkpoint(spec: Spec) -> dict[str, Tensor]:
    """All tensors of a case, in the published layout."""
    return {
        name: torch.from_numpy(stand_in(name, shape, rule, spec["seed"]))
        for name, (shape, rule) in spec["tensors"].items()
    }


def load(case: str, folder: Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """One case: its description and its arrays."""
    spec = json.loads((folder / f"{case}.json").read_text())
    with np.load(folder / f"{case}.npz") as arrays:
        return spec, {name: arrays[name] for name in arrays.files}


def _spynet(
    spec: Spec, weights: dict[str, Tensor], arrays: Mapping[str, Array], device: torch.device
) -> dict[str, Tensor]:
    network = SPyNet()
    network.load_state_dict(weights)
    network = prepare_for_inference(network, device, torch.float32)
    ends = [name.removeprefix("first") for name in arrays if name.startswith("first")]
    pairs = {f"flow{end}": (arrays[f"first{end}"], arrays[f"second{end}"]) for end in ends}
    return {name: network(*(torch.from_numpy(picture).to(device) for picture in pair)) for name, pair in pairs.items()}


def _basicvsr(
    spec: Spec, weights: dict[str, Tensor], arrays: Mapping[str, Array], device: torch.device
) -> dict[str, Tensor]:
    network = BasicVSR.like(weights)
    network.load_state_dict(weights)
    network = prepare_for_inference(network, device, torch.float32)
    frames = torch.from_numpy(arrays["frames"]).to(device)
    centre = len(frames) // 2
    return {"output": network(frames[None])[0, centre : centre + 1, :, ::2, ::2]}


def _basicvsr_plusplus(
    spec: Spec, weights: dict[str, Tensor], arrays: Mapping[str, Array], device: torch.device
) -> dict[str, Tensor]:
    network = BasicVSRPlusPlus.like(weights)
    network.load_state_dict(weights)
    network = prepare_for_inference(network, device, torch.float32)
    return {"output": network(torch.from_numpy(arrays["frames"]).to(device)[None])[0, :, :, ::2, ::2]}


def _e2fgvi(
    spec: Spec, weights: dict[str, Tensor], arrays: Mapping[str, Array], device: torch.device
) -> dict[str, Tensor]:
    network = E2FGVI.like(weights)
    network.load_state_dict(weights)
    network = prepare_for_inference(network, device, torch.float32)
    if "protocol" in spec:
        return {"completed": _inpainted(network, arrays["frames"], arrays["masks"], device)}
    masked = torch.from_numpy(arrays["masked_frames"]).to(device)[None]
    local = spec["settings"]["local_frames"]
    to_next, to_previous = network.flows(masked[:, :local])
    encoded = network.encode(masked[0])[None]
    propagated = network.feat_prop_module(encoded[:, :local], to_next, to_previous)
    features = torch.cat([propagated, encoded[:, local:]], dim=1)
    output = network(masked, local, decode_all=True)[0]
    step = output.shape[-1] // arrays["output"].shape[-1]
    return {
        "forward_flow": to_next[0],
        "backward_flow": to_previous[0],
        "encoded_sample": encoded[0, :, ::16, ::3, ::3],
        "propagated_sample": propagated[0, :, ::16, ::3, ::3],
        "tokens_sample": network.tokens(features, slice(None))[0, :, ::4, ::4, ::32],
        "output": output[..., ::step, ::step],
    }


def _samwise(
    spec: Spec, weights: dict[str, Tensor], arrays: Mapping[str, Array], device: torch.device
) -> dict[str, Tensor]:
    settings = spec["settings"]
    network = SAMWISE.like(weights)
    network.load_state_dict(weights)
    network = prepare_for_inference(network, device, torch.float32)
    frames = normalised(torch.from_numpy(arrays["frames"]).to(device))
    h, w = frames.shape[-2:]
    frames = torch.nn.functional.pad(frames, (0, network.image_size - w, 0, network.image_size - h))
    prompt = network.prompt(torch.from_numpy(arrays["token_ids"]).to(device))
    bank = MemoryBank(decision_window=settings["cme_decision_window"], correction=settings["switch_mem"])
    out: dict[str, Tensor] = {}
    steps, consulted = [], []
    for first in range(0, len(frames), settings["clip_length"]):
        clip = network.encode(network.encode_stem(frames[first : first + settings["clip_length"]]), prompt, bank)
        if not first:
            for number, (visual, text) in enumerate(clip.adapted):
                out[f"adapter{number}_visual_sample"] = visual.permute(0, 3, 1, 2)[:, ::16, ::8, ::8]
                out[f"adapter{number}_text"] = text[0][:, None]
        for number in range(len(clip.levels[0])):
            steps.append(network.step(clip.frame(number), bank))
            consulted += [first + number] if steps[-1].decision is not None else []
    return {
        **out,
        "low_res_masks": torch.cat([step.low_resolution[:, 0, ::4, ::4] for step in steps]),
        "object_pointers": torch.cat([step.pointer for step in steps]),
        "early_object_pointers": torch.cat([step.early_pointer for step in steps]),
        "masks_sample": torch.cat([step.logits[:, 0, :h:6, :w:6] for step in steps]),
        "memory_decisions": torch.cat([step.decision for step in steps if step.decision is not None]),
        "consulted_frames": torch.tensor(consulted),
    }


def _inpainted(network: Any, frames: Array, masks: Array, device: torch.device) -> Tensor:
    """The published test protocol over a whole clip, by the stage: n h w 3, uint8."""
    stage = NOFEraser(
        network, lookahead=len(frames), max_references=None, region="full", device=device, dtype=torch.float32
    )
    clip = [
        Frame.from_numpy(frame, index=index, time=Fraction(index, 25), mask=mask > 0)
        for index, (frame, mask) in enumerate(zip(frames, masks, strict=True))
    ]
    return torch.stack([torch.from_numpy(frame.numpy()) for frame in stage(iter(clip))])


RUNNERS: dict[str, Runner] = {
    "spynet": _spynet,
    "basicvsr": _basicvsr,
    "basicvsr_plusplus": _basicvsr_plusplus,
    "e2fgvi": _e2fgvi,
    "e2fgvi_hq": _e2fgvi,
    "samwise": _samwise,
}
"""How the cases of each network are run: (description, checkpoint, arrays, device) -> the arrays that are compared."""


def differences(spec: Spec, arrays: Mapping[str, Array], device: torch.device) -> dict[str, float]:
    """The largest absolute difference to each expected array of a case. Raises ValueError if one has another shape."""
    with torch.no_grad():
        results = RUNNERS[spec["network"]](spec, checkpoint(spec), arrays, device)
    found = {}
    for name, result in results.items():
        expected = arrays[name]
        if tuple(result.shape) != expected.shape:
            raise ValueError(f"{name} must have the shape {expected.shape}, got {tuple(result.shape)}.")
        difference = np.abs(result.cpu().double().numpy() - expected.astype(np.float64))
        found[name] = float(difference.max(initial=0.0))  # NaN stays NaN
    return found


def run(case: str, folder: Path, device: torch.device) -> Iterator[tuple[str, bool]]:
    """Run one case: for every array a line of text, and whether it is within the tolerance."""
    spec, arrays = load(case, folder)
    for name, difference in differences(spec, arrays, device).items():
        fits = difference <= spec["tolerance"]
        yield (
            f"{case:28} {name:24} {difference:.2e} (at most {spec['tolerance']:.0e}) {'ok' if fits else 'NOT OK'}",
            fits,
        )


def main(arguments: Sequence[str]) -> int:
    """The command: 0 if every array of every case that ran is within its tolerance."""
    parser = ArgumentParser("python -m peanut.conformance", description=__doc__, formatter_class=RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("case", nargs="*")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args(arguments)
    folder, named = asked.folder, asked.case
    try:
        device = pick_device(asked.device)
    except UsageError as error:
        parser.error(str(error))
    known = sorted(path.stem for path in folder.glob("*.json") if path.with_suffix(".npz").is_file())
    if missing := [case for case in named if case not in known]:
        print(f"no case called {', '.join(missing)} in {folder}. There: {', '.join(known) or 'none'}.", file=sys.stderr)
        return 1
    torch.backends.cudnn.allow_tf32 = False
    verdicts = []
    for case in named or known:
        network = json.loads((folder / f"{case}.json").read_text())["network"]
        if network not in RUNNERS:
            print(f"{case:28} no network called {network!r} yet")
            verdicts += [False] if named else []
            continue
        for line, fits in run(case, folder, device):
            print(line, flush=True)
            verdicts.append(fits)
    if not verdicts:
        print(f"no case in {folder} could run.", file=sys.stderr)
    return 0 if verdicts and all(verdicts) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
