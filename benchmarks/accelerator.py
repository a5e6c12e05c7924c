"""The three learned stages on an accelerator: milliseconds per frame and peak memory, streaming, transfers included.

python -m benchmarks.accelerator [PART...] [-- FRAMES [WEIGHTS]]    parts: ur_net, nof_eraser, p_mask, length, quality

`length`: memory over the length of a stream, 100 frames against 1,000, of each stage and of the cascade.

Weights are stand-ins (they change neither time nor memory), except for `quality`: the published BasicVSR on the first
15 of FRAMES (a video) reduced four times, as whole clip, against the frames themselves. WEIGHTS: its file.
"""

import sys
from collections.abc import Iterator
from fractions import Fraction
from time import perf_counter

import torch
import torch.nn.functional as F
from torch import Tensor

import peanut
from benchmarks.nof_eraser import stand_in
from benchmarks.p_mask import seen, spell
from benchmarks.plain_basicvsr_plusplus import basicvsr_plusplus
from benchmarks.ratio import ratio
from peanut import Frame, NOFEraser, PMask, Stage, URNet
from peanut.devices import pick_device, prepare_for_inference
from peanut.networks.basicvsr import BasicVSR
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.samwise import SAMWISE

DEVICE = pick_device("auto")


def clip(count: int, size: tuple[int, int], hole: bool = False) -> Iterator[Frame]:
    """A smooth picture that drifts by two pixels a frame, with a hole of 5 % that drifts over it."""
    torch.manual_seed(0)
    height, width = size
    coarse = torch.rand(1, 3, height // 8, width // 8)
    picture = (255 * F.interpolate(coarse, (height, width), mode="bilinear")[0]).to(torch.uint8)
    mask = torch.zeros(height, width, dtype=torch.bool)
    mask[height // 3 : height // 3 + height // 4, width // 4 : width // 4 + width // 5] = hole
    for n in range(count):
        masked = mask.roll(n % (width // 2), 1) if hole else None
        yield Frame(index=n, time=Fraction(n, 25), image=picture.roll(2 * n, 2), mask=masked)


def cost(name: str, stage: Stage, frames: int, size: tuple[int, int], hole: bool = False) -> None:
    """Run a stage twice over a clip, the second time against the clock."""
    list(stage(clip(frames, size, hole)))
    torch.cuda.reset_peak_memory_stats()
    start = perf_counter()
    list(stage(clip(frames, size, hole)))
    torch.cuda.synchronize()
    each, peak = (perf_counter() - start) / frames * 1e3, torch.cuda.max_memory_allocated() / 2**20
    print(f"{name}, {size[1]}x{size[0]}: {each:.1f} ms a frame, {peak:.0f} MiB", flush=True)


@torch.no_grad()
def ur_net() -> None:
    torch.manual_seed(0)
    for network in (BasicVSRPlusPlus(), BasicVSR(64, 30)):
        name = f"UR-Net, {type(network).__name__} x4"
        for settings in ({"dtype": torch.float32}, {}, {"compile": True}, {"lookahead": 0}):
            shown = ", ".join(f"{key}={value}" for key, value in settings.items()) or "defaults"
            cost(f"{name}, {shown}", URNet(network, device=DEVICE, **settings), 56, (180, 320))
        cost(f"{name}, defaults", URNet(network, device=DEVICE), 56, (90, 160))
    pictures = torch.stack([frame.image for frame in clip(10, (180, 320))]).to(DEVICE) / 255
    plus = BasicVSRPlusPlus()
    weights = {key: value.to(DEVICE) for key, value in plus.state_dict().items()}
    for dtype in (torch.float32, torch.bfloat16):
        ours = prepare_for_inference(plus, DEVICE, dtype)
        against = ratio(
            lambda ours=ours: ours(pictures[None])[0],
            lambda: basicvsr_plusplus(weights, pictures),
            rounds=5,
            tolerance=None,
        )
        print(f"BasicVSR++, whole clip of 10, {dtype}, against the plain order of work in float32: {against}")


def nof_eraser() -> None:
    for preset in ("quality", "balanced", "fast", "live"):
        stage = NOFEraser(stand_in(), preset=preset, device=DEVICE)
        cost(f"NOF-Eraser, preset {preset}", stage, 60, (240, 432), hole=True)
    for size in ((480, 864), (720, 1280)):
        cost("NOF-Eraser, defaults", NOFEraser(stand_in(), device=DEVICE), 60, size, hole=True)
    exact = NOFEraser(stand_in(), device=DEVICE, dtype=torch.float32)
    cost("NOF-Eraser, float32", exact, 60, (240, 432), hole=True)


def p_mask() -> None:
    for size in ("t", "b+"):
        for settings in ({"dtype": torch.float32}, {}, {"clip": 1}):
            torch.manual_seed(0)
            shown = ", ".join(f"{key}={value}" for key, value in settings.items()) or "defaults"
            stage = PMask("a dog", model=seen(SAMWISE(size)), tokenizer=spell, device=DEVICE, **settings)
            cost(f"P-MASK, Hiera-{size.upper()}, {shown}", stage, 32, (432, 768))


def length() -> None:
    """GPU memory after 100 and after 1,000 frames: it should be the same."""
    torch.manual_seed(0)
    finder = PMask("a dog", model=seen(SAMWISE("t")), tokenizer=spell, device=DEVICE)
    eraser, sharpener = NOFEraser(stand_in(), device=DEVICE), URNet(BasicVSRPlusPlus(), device=DEVICE)
    size = 120, 216
    known_around = peanut.FixedRegion((50, 30, 110, 90))  # a stand-in finds nearly everything
    rows = {
        "P-MASK": peanut.Pipeline() | finder,
        "NOF-Eraser": peanut.Pipeline() | eraser,
        "UR-Net": peanut.Pipeline() | sharpener,
        "the cascade": peanut.Pipeline() | finder | known_around | eraser | sharpener,
    }
    for name, stages in rows.items():
        peaks = []
        torch.cuda.reset_peak_memory_stats()
        for number, _ in enumerate(stages(clip(1000, size, hole=True)), start=1):
            if number in (100, 1000):
                peaks.append(torch.cuda.max_memory_allocated() / 2**20)
        print(f"{name}, {size[1]}x{size[0]}: peak {peaks[0]:.0f} MiB after 100 frames, {peaks[1]:.0f} after 1,000")


def quality(video: str, model: str = "basicvsr-reds4") -> None:
    truth = torch.stack([frame.image for frame, _ in zip(peanut.read(video), range(15), strict=False)])
    half = [side // 4 for side in truth.shape[-2:]]
    small = F.interpolate(truth / 255, half, mode="bicubic", antialias=True, align_corners=False)
    frames = [Frame(index=n, time=Fraction(n, 25), image=x) for n, x in enumerate((255 * small).round().byte())]
    for dtype in (torch.float32, torch.bfloat16):
        stage = URNet(model, chunk="whole", carry=None, device=DEVICE, dtype=dtype)
        outputs = torch.stack([frame.image.cpu() for frame in stage(iter(frames))])
        print(f"basicvsr-reds4, whole clip, {dtype}: {decibels(outputs[7], truth[7]):.3f} dB on frame 7,", end=" ")
        print(f"{decibels(outputs, truth):.3f} dB over all")


def decibels(image: Tensor, truth: Tensor) -> float:
    return float(10 * torch.log10(255**2 / (image.double() - truth).square().mean()))


if __name__ == "__main__":
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parts, video = arguments[:split], arguments[split + 1 :]
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}")
    for part in (ur_net, nof_eraser, p_mask, length):
        if part.__name__ in parts or not parts:
            part()
    if video and ("quality" in parts or not parts):
        quality(*video)
