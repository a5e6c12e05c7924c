"""What memory and look-ahead of URNet are worth in dB, flicker and time, on real clips with published weights.

python -m benchmarks.ur_net [--frames 120] [--crop 160x96] CLIP[:FIRST-LAST]...

Every clip (one shot, or the frames FIRST to LAST of it) is reduced four times (bicubic, antialiased, 8 bits), cropped
in the middle, enlarged by `basicvsr-reds4`, and compared with the original: the gain in PSNR over bicubic, of
the mean, of the first and the last third, and of the worst five frames in a row; flicker where chunks meet, as the
change from frame to frame (without the truth's own), relative to that elsewhere; processor time per frame.
"""

import argparse
import re
from itertools import islice
from pathlib import Path
from time import process_time

import torch
import torch.nn.functional as F
from torch import Tensor

import peanut
from benchmarks.plot import lines
from peanut.stages.ur_net import BasicVSR, URNet
from peanut.windows.bidirectional_stream import CARRY_STILL_LIVE, CHUNK_STILL

SETTINGS: dict[str, dict[str, object]] = {
    "whole shot, as published": {"chunk": "whole", "memory": None},
    "defaults": {},
    "memory 0": {"memory": 0},
    "memory without end": {"memory": None},
    "look-ahead 7": {"lookahead": 7},
    "chunks of 3": {"chunk": 3},
    "chunks of 15": {"chunk": 15},
    "no fade": {"fade": 0},
    "live": {"lookahead": 0},
}
DRAWN = ("whole shot, as published", "defaults", "memory without end", "live")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("clips", nargs="+")
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--crop", default="160x96", help="of the reduced picture, width x height; 'full': all of it")
    parser.add_argument("--only", nargs="*", default=list(SETTINGS), help="names of settings")
    parser.add_argument("--plot", type=Path, help="folder for a picture of every clip: the gain frame by frame")
    arguments = parser.parse_args()
    print(f"| clip, {arguments.crop} | setting | gain | first third | last third | worst five | flicker | s/frame |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for clip in arguments.clips:
        small, truth = pair(clip, arguments.frames, arguments.crop)
        plain = psnr(F.interpolate(small.float(), scale_factor=4, mode="bicubic").clamp(0, 255).round(), truth)
        print(f"| {Path(clip).name} | bicubic: {plain.mean():.2f} dB | | | | | | |", flush=True)
        series = {}
        for name in arguments.only:
            gain, cells = measure(small, truth, plain, BasicVSR(**SETTINGS[name]))
            print(f"| | {name} | {cells} |", flush=True)
            series[name] = gain.tolist()
        if arguments.plot:
            drawn = {name: series[name] for name in DRAWN if name in series}
            title = f"{Path(clip).name}: gain in PSNR over bicubic enlargement"
            name = Path(clip).name.replace(".mp4", "").replace(":", "-")
            lines(arguments.plot / f"ur-net-{name}.svg", title, "dB", drawn)


def pair(clip: str, frames: int, crop: str) -> tuple[Tensor, Tensor]:
    """The reduced clip, t 3 h w, and the original cropped to the same part, t 3 4h 4w; uint8."""
    path, first, last = re.fullmatch(r"(.+?)(?::(\d+)-(\d+))?", clip).groups()  # type: ignore[union-attr]
    span = islice(peanut.read(path), int(first or 0), int(last) + 1 if last else None)
    images = torch.stack([frame.image for frame in islice(span, frames)])
    h, w = (side // 4 * 4 for side in images.shape[-2:])
    small = torch.cat([reduced(image[None, :, :h, :w]) for image in images])
    if crop == "full":
        return small, images[..., :h, :w]
    wide, high = map(int, crop.split("x"))
    top, left = (h // 4 - high) // 2, (w // 4 - wide) // 2
    inside = images[..., 4 * top : 4 * (top + high), 4 * left : 4 * (left + wide)]
    return small[..., top : top + high, left : left + wide], inside


def reduced(image: Tensor) -> Tensor:
    """A quarter of the size: bicubic, antialiased, rounded to 8 bits."""
    out = F.interpolate(image.float(), scale_factor=1 / 4, mode="bicubic", antialias=True)
    return out.round().clamp(0, 255).to(torch.uint8)


def psnr(out: Tensor, truth: Tensor) -> Tensor:
    """PSNR of every frame, dB."""
    return torch.stack([10 * (255**2 / (a.float() - b.float()).square().mean()).log10() for a, b in zip(out, truth)])  # noqa: B905


def measure(small: Tensor, truth: Tensor, plain: Tensor, stage: URNet) -> tuple[Tensor, str]:
    """The gain of every frame under one setting, dB, and its figures as cells of the table."""
    frames = (peanut.Frame.from_numpy(image.permute(1, 2, 0).numpy(), index=index) for index, image in enumerate(small))
    start = process_time()
    out = torch.stack([frame.image for frame in stage(frames)])
    seconds = (process_time() - start) / len(out)
    gain, third = psnr(out, truth) - plain, len(out) // 3
    worst = min(float(group.mean()) for group in gain.split(5) if len(group) == 5)
    cells = [f"{float(part.mean()):+.2f}" for part in (gain, gain[:third], gain[-third:])]
    return gain, " | ".join([*cells, f"{worst:+.2f}", flicker(out, truth, stage), f"{seconds:.2f}"])


def flicker(out: Tensor, truth: Tensor, stage: URNet) -> str:
    """The mean change from frame to frame that is not the truth's own: where chunks meet, relative to elsewhere."""
    if stage.latency is None:
        return "-"
    length = stage.latency + 1 - stage.lookahead if stage.lookahead else CARRY_STILL_LIVE + 1
    if stage.lookahead and stage.memory == "auto":
        length = min(length, CHUNK_STILL)
    changes = torch.stack(
        [((b.int() - a.int()) - (d.int() - c.int())).abs().float().mean()
         for a, b, c, d in zip(out, out[1:], truth, truth[1:], strict=False)]
    )  # fmt: skip
    meets = (torch.arange(1, len(out)) % length) == 0
    if not meets.any() or meets.all():
        return "-"
    return f"{float(changes[meets].mean() / changes[~meets].mean()):.2f}"


if __name__ == "__main__":
    main()
