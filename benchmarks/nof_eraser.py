"""How fast NOFEraser is, and how much memory it needs. Weights are stand-ins: they change neither.

    python -m benchmarks.nof_eraser protocol FRAMES MASKS    against the published protocol, written plainly
    python -m benchmarks.nof_eraser region                   a box around the mask against the whole picture
    python -m benchmarks.nof_eraser live FRAMES MASKS        the causal forms and the default, per frame
    python -m benchmarks.nof_eraser presets FRAMES MASKS     what the presets cost
    python -m benchmarks.nof_eraser memory                   along 2,000 frames with few channels, 300 with all
    python -m benchmarks.nof_eraser table                    peak of the tensors, counted, by size and window

FRAMES, MASKS: folders of pictures; the first 40 are used, at 432x240.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from fractions import Fraction
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.weak import WeakIdKeyDictionary

import peanut
from benchmarks.plain_e2fgvi import e2fgvi
from peanut import Frame, NOFEraser
from peanut.devices import multiplies_bfloat16
from peanut.networks.e2fgvi import E2FGVI

CPU = torch.device("cpu")


def stand_in(**widths: int) -> E2FGVI:
    """The network with random weights of an even gain."""
    torch.manual_seed(0)
    network = E2FGVI(**widths)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(torch.randn_like(parameter) / max(1, parameter[0].numel()) ** 0.5)
    return network


def clip(pictures: str, masks: str, count: int = 40) -> list[Frame]:
    frames = peanut.read(pictures) | peanut.masks(masks) | peanut.resize((240, 432))
    return [frame for _, frame in zip(range(count), frames, strict=False)]


@torch.inference_mode()
def plain_protocol(network: E2FGVI, frames: list[Frame]) -> list[Tensor]:
    """The published protocol: everything of every window computed anew. 3 h w, 0 to 255, not yet truncated."""
    weights = network.state_dict()
    known = torch.stack([(frame.image.float() / 127.5 - 1) * ~frame.mask for frame in frames])
    done: list[Any] = [None] * len(frames)
    for centre in range(0, len(frames), 5):
        local = list(range(max(0, centre - 5), min(len(frames), centre + 6)))
        references = [number for number in range(0, len(frames), 10) if number not in local]
        for number, picture in zip(local, e2fgvi(weights, known[local + references], len(local)), strict=False):
            new = ((picture + 1) / 2 * 255).clamp(0, 255).floor()
            done[number] = new if done[number] is None else (done[number] + new) / 2
    return done


def protocol(pictures: str, masks: str) -> None:
    frames, network = clip(pictures, masks), stand_in()
    start = perf_counter()
    theirs = plain_protocol(network, frames)
    plain = perf_counter() - start
    print(f"the protocol, plainly, {len(frames)} frames: {plain / len(frames):.2f} s a frame", flush=True)
    if peanut.keep_memory():
        start = perf_counter()
        plain_protocol(network, frames[:20])
        kept = (perf_counter() - start) / 20
        print(
            f"memory kept from here on, as by the command line; the protocol with it, 20 frames: {kept:.2f} s a frame"
        )
    for dtype in (torch.float32, *([torch.bfloat16] if multiplies_bfloat16(CPU) else [])):
        settings: dict[str, Any] = {"region": "full", "max_references": None, "lookahead": len(frames)}
        stage = NOFEraser(stand_in(), device="cpu", dtype=dtype, **settings)
        start = perf_counter()
        ours = list(stage(iter(frames)))
        seconds = perf_counter() - start
        apart = torch.cat(
            [
                (frame.image.float() - picture.floor()).abs()[:, frame.mask].flatten()
                for frame, picture in zip(ours, theirs, strict=True)
            ]
        )
        print(f"NOFEraser, {dtype}: {plain / seconds:.2f}x, {seconds / len(frames):.2f} s a frame;", end=" ")
        more = (apart > 1).float().mean()
        print(f"grey levels apart inside the masks: mean {apart.mean():.3f}, more than 1 in {more:.1%}", flush=True)


def region() -> None:
    """1280x720, a mask of 3 %, eight frames."""
    torch.manual_seed(0)
    picture = torch.randint(0, 256, (3, 720, 1280), dtype=torch.uint8)
    mask = torch.zeros(720, 1280, dtype=torch.bool)
    mask[260:420, 500:672] = True
    frames = [Frame(index=n, time=Fraction(n, 25), image=picture.roll(n, 2), mask=mask) for n in range(8)]
    seconds = {}
    for kind in ("auto", "full"):
        stage = NOFEraser(stand_in(), region=kind, device="cpu")
        start = perf_counter()
        list(stage(iter(frames)))
        seconds[kind] = (perf_counter() - start) / len(frames)
    print(
        f"region auto, mask {mask.float().mean():.1%}: {seconds['auto']:.2f} s a frame, full {seconds['full']:.2f} s:",
        end=" ",
    )
    print(f"{seconds['full'] / seconds['auto']:.1f}x")


def per_frame(frames: list[Frame], stage: NOFEraser, quiet: int, timed: int) -> tuple[float, list[Frame]]:
    """Seconds for each of the last `timed` of `frames`; the first `quiet` come without masks, which costs nothing."""
    blank = torch.zeros_like(frames[0].mask)
    out = []
    with (peanut.Pipeline() | stage).session(fps=25) as session:
        for frame in frames[:-timed]:
            out += session.push(frame.with_mask(blank) if frame.index < quiet else frame)
        start = perf_counter()
        for frame in frames[-timed:]:
            out += session.push(frame)
        return (perf_counter() - start) / timed, out[-timed:]


def live(pictures: str, masks: str) -> None:
    peanut.keep_memory()
    frames, common = clip(pictures, masks), {"region": "full", "max_references": 3, "device": "cpu"}
    exact, first = per_frame(frames, NOFEraser(stand_in(), lookahead=0, **common), quiet=36, timed=3)
    cached, second = per_frame(frames, NOFEraser(stand_in(), preset="live", **common), quiet=26, timed=3)
    default, _ = per_frame(frames, NOFEraser(stand_in(), **common), quiet=0, timed=10)
    errors = [
        (a.image[:, a.mask].double() - b.image[:, a.mask]).square().mean() for a, b in zip(first, second, strict=True)
    ]
    level = 10 * torch.log10(255**2 / torch.stack(errors).mean())
    print(f"lookahead=0: {exact:.2f} s a frame; preset='live': {cached:.2f} ({cached / exact:.2f} of it);", end=" ")
    print(f"default: {default:.2f} ({cached / default:.2f} of it).", end=" ")
    print(f"Live against lookahead=0 inside the masks: {level:.1f} dB")


def presets(pictures: str, masks: str) -> None:
    frames = clip(pictures, masks)
    for preset in ("quality", "balanced", "fast"):
        stage = NOFEraser(stand_in(), preset=preset, region="full", device="cpu")
        start = perf_counter()
        list(stage(iter(frames)))
        print(
            f"preset {preset}, {len(frames)} frames: {(perf_counter() - start) / len(frames):.2f} s a frame", flush=True
        )


def narrow_stream(count: int) -> Iterator[Frame]:
    picture = torch.randint(0, 256, (3, 136, 240), dtype=torch.uint8)
    for index in range(count):
        mask = torch.zeros(136, 240, dtype=torch.bool)
        mask[40:80, 20 + index % 160 : 50 + index % 160] = True
        yield Frame(index=index, time=Fraction(index, 25), image=picture.roll(index, 2), mask=mask)


def memory(channels: str = "") -> None:
    """The process's peak along one stream of 240x136."""
    if not channels:
        for each in ("few", "all"):
            subprocess.run([sys.executable, "-m", "benchmarks.nof_eraser", "memory", each], check=True)
        return
    few = {"channels": 16, "dim": 32, "heads": 1, "blocks": 2, "hidden": 98}
    widths, marks = {"few": (few, (200, 1000, 2000)), "all": ({}, (60, 180, 300))}[channels]
    stage = NOFEraser(stand_in(**widths), device="cpu", dtype=torch.float32)
    for number, _ in enumerate(stage(narrow_stream(marks[-1])), start=1):
        if number in marks:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            print(f"memory, {channels} channels: peak {peak:.0f} MB after {number} frames", flush=True)


class Count(TorchDispatchMode):
    """The most bytes that tensors made inside hold at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: Any = WeakIdKeyDictionary()
        self.most = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for tensor in out if isinstance(out, tuple | list) else (out,):
            if isinstance(tensor, Tensor):
                self.alive[tensor] = None
        storages = (tensor.untyped_storage() for tensor in list(self.alive))
        self.most = max(self.most, sum({storage._cdata: storage.nbytes() for storage in storages}.values()))
        return out


def table() -> None:
    print("| size | local + references | weights and features kept, float16 | peak while a window is computed |")
    print("| --- | --- | --- | --- |")
    with torch.device("meta"):
        network = E2FGVI().half()
    weights = sum(parameter.nbytes for parameter in network.parameters())
    for h, w in ((240, 432), (360, 648), (480, 864), (720, 1296)):
        for local, references in ((11, 4), (11, 8), (10, 3)):
            sides = h // 4, w // 4
            features = torch.empty(1, local + references, 128, *sides, dtype=torch.half, device="meta")
            flows = torch.empty(1, local - 1, 2, *sides, device="meta")
            with torch.inference_mode(), Count() as count:
                network.complete(features, flows, flows, slice(local))
            kept = weights + features.nbytes
            row = f"{w}x{h} | {local} + {references} | {kept / 1e6:.0f} MB | {(weights + count.most) / 1e6:.0f} MB"
            print(f"| {row} |", flush=True)


if __name__ == "__main__":
    parts = (protocol, region, live, presets, memory, table)
    {part.__name__: part for part in parts}[sys.argv[1]](*sys.argv[2:])
