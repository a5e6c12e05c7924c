"""How fast P-MASK's parts are. Weights are stand-ins: they change neither time nor memory.

python -m benchmarks.p_mask adapters    fused attention against `nn.MultiheadAttention` as published, side by side
python -m benchmarks.p_mask chain       a clip in bfloat16 against float32, Hiera-T and Hiera-B+
python -m benchmarks.p_mask prompts     what a further prompt on the same stream costs
python -m benchmarks.p_mask memory      400 frames with a small network, 40 with one of full width
python -m benchmarks.p_mask live CLIP...    clips of 1 with and without remembered tokens: cost, memory (Hiera-T), how
    far they agree with clips of 8 (a small network), on the first 16 frames of videos or folders of pictures
"""

import json
import resource
import subprocess
import sys
from fractions import Fraction
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import torch
from torch import Tensor, nn

import peanut
from benchmarks.ratio import ratio
from peanut import Frame
from peanut.devices import multiplies_bfloat16
from peanut.networks.cmt_adapter import HEADS, WIDTH, Adapter, Attention
from peanut.networks.samwise import SAMWISE

SMALL = {"num_hidden_layers": 12, "hidden_size": 64, "num_attention_heads": 2, "intermediate_size": 64}


class Published(nn.MultiheadAttention):
    """With averaged attention weights, which nobody reads."""

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(query, key, value, need_weights=True)[0]

    def of_few_queries(self, query: Tensor, key: Tensor) -> Tensor:
        return self(query, key, key)


def plain(adapter: Adapter, published: bool) -> Adapter:
    """The same adapter without folded projections, by the fused kernel or as published."""
    other = Adapter(adapter.proj_vis_down[0].in_channels, 768, adapter.patch).eval()
    if published:
        for part, name in (
            (other.hsa, "self_attn"),
            (other.ca_V2T, "multihead_attn"),
            (other.ca_T2V, "multihead_attn"),
        ):
            setattr(part, name, Published(WIDTH, HEADS, batch_first=True).eval())
    other.load_state_dict(adapter.state_dict())
    attention: Any = other.ca_V2T.multihead_attn
    other._of_text = lambda seen, words: attention(  # type: ignore[method-assign]
        seen, words.expand(len(seen), -1, -1), words.expand(len(seen), -1, -1)
    )
    if not published:
        unfolded: Any = other.ca_T2V.multihead_attn
        unfolded.of_few_queries = lambda query, key: Attention.forward(unfolded, query, key, key)
    return other


@torch.inference_mode()
def adapters() -> None:
    for frames in (8, 1):
        levels = [(112 * 2, 128, 8), (112 * 4, 64, 4), (112 * 8, 32, 2)]  # Hiera-B+ at 1024
        ours = [Adapter(width, 768, patch).eval() for width, _, patch in levels]
        inputs = [torch.randn(frames, side, side, width) for width, side, _ in levels]
        text = torch.randn(1, 8, 768)

        def run(chosen: list[Adapter], inputs: list[Tensor] = inputs, text: Tensor = text) -> Tensor:
            return torch.cat([adapter(x, text)[0].flatten() for adapter, x in zip(chosen, inputs, strict=True)])

        published, fused = ([plain(adapter, kind) for adapter in ours] for kind in (True, False))
        alone = ratio(lambda: run(fused), lambda: run(published), rounds=3)  # noqa: B023
        folded = ratio(lambda: run(ours), lambda: run(published), rounds=3)  # noqa: B023
        print(f"adapters, clips of {frames}, against nn.MultiheadAttention as published:", end=" ")
        print(f"fused attention {alone}, projections folded as well {folded}", flush=True)


def spell(text: str, words: Any = ()) -> Any:
    return [0, *(3 + ord(letter) % 90 for letter in text[:6]), 2], (), False


def clip(count: int) -> list[Frame]:
    torch.manual_seed(0)
    coarse = torch.rand(1, 3, 27, 48)
    picture = (255 * torch.nn.functional.interpolate(coarse, (432, 768), mode="bilinear")[0]).to(torch.uint8)
    return [Frame(index=n, time=Fraction(n, 25), image=picture.roll(3 * n, 2)) for n in range(count)]


def seen(network: SAMWISE) -> SAMWISE:
    with torch.no_grad():  # objects are seen, so that there are masks to compare
        network.sam.sam_mask_decoder.pred_obj_score_head.layers[-1].bias.fill_(8.0)
    return network.eval()


def masks(network: SAMWISE, dtype: torch.dtype, *prompts: str) -> tuple[float, Tensor]:
    """Seconds a frame over a clip of 8 (after one frame to warm up), and the masks."""
    stage = peanut.PMask(*prompts, model=network, tokenizer=spell, dtype=dtype, device="cpu")
    list(stage(iter(clip(1))))
    start = perf_counter()
    out = torch.stack([frame.mask for frame in stage(iter(clip(8))) if frame.mask is not None])
    return (perf_counter() - start) / 8, out


def chain() -> None:
    peanut.keep_memory()  # as in the command line
    for size in ("t", "b+"):
        torch.manual_seed(0)
        network = seen(SAMWISE(size))
        exact, expected = masks(network, torch.float32, "a dog")
        line = f"PMask, Hiera-{size.upper()}, 1024 x 1024, clips of 8: float32 {exact:.2f} s a frame"
        if multiplies_bfloat16(torch.device("cpu")):
            half, got = masks(network, torch.bfloat16, "a dog")
            overlap = (got & expected).sum() / (got | expected).sum()
            line += f", bfloat16 {half:.2f} ({exact / half:.2f}x), IoU of the masks {overlap:.4f}"
        print(line, flush=True)


def prompts() -> None:
    peanut.keep_memory()
    torch.manual_seed(0)
    network = seen(SAMWISE("b+"))
    one, _ = masks(network, torch.float32, "a dog")
    two, _ = masks(network, torch.float32, "a dog", "the ball")
    print(f"one prompt {one:.2f} s a frame, two {two:.2f}: a further one costs {two / one - 1:.0%} more")


def memory(width: str = "") -> None:
    """The process's peak along one stream."""
    if not width:
        for each in ("small", "Hiera-T"):
            subprocess.run([sys.executable, "-m", "benchmarks.p_mask", "memory", each], check=True)
        return
    torch.manual_seed(0)
    small = {"image_size": 256, "vocab_size": 99, **SMALL}
    options, marks, dtype = {"small": (small, (50, 400), torch.float32), "Hiera-T": ({}, (20, 40), "auto")}[width]
    stage = peanut.PMask("a dog", model=seen(SAMWISE("t", **options)), tokenizer=spell, dtype=dtype, device="cpu")
    for number, _ in enumerate(stage(iter(clip(marks[-1]))), start=1):
        if number in marks:
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
            print(f"memory, {width} network: peak {peak:.0f} MB after {number} frames", flush=True)


WAYS: dict[str, dict[str, Any]] = {"clips of 8": {}, "clips of 1": {"clip": 1}, "preset live": {"preset": "live"}}


def live(*paths: str) -> None:
    """Agreement with clips of 8 by a small network, cost by one of full width, each in a process of its own."""
    clips = {Path(path).parent.name if Path(path).is_dir() else Path(path).stem: path for path in paths}
    print(f"| way | {' | '.join(f'{name}: levels apart, J' for name in clips)} | processor s a frame | peak, MB |")
    print("| --- " * (len(clips) + 3) + "|")
    expected: dict[str, Tensor] = {}
    for way, settings in WAYS.items():
        cells = []
        for name, path in clips.items():
            found = confidences(stirred(), path, settings)
            close = expected.setdefault(name, found)
            cells.append(f"{(found - close).abs().mean():.2f}, {iou(found > 127, close > 127):.3f}")
        command = [sys.executable, "-m", "benchmarks.p_mask", "cost", json.dumps(settings), paths[0]]
        cost_of = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        print(f"| {way} | {' | '.join(cells)} | {cost_of} |", flush=True)


def stirred() -> SAMWISE:
    """A small network whose weights are large enough for every part to matter."""
    torch.manual_seed(0)
    network = SAMWISE("t", image_size=256, vocab_size=99, **SMALL)
    with torch.no_grad():
        for name, x in network.named_parameters():
            if "roberta" not in name:
                spread = max(1, x[0].numel()) ** -0.5 if x.ndim > 1 else 0.05
                x.add_(spread * torch.randn_like(x))
    return seen(network)


def confidences(network: SAMWISE, path: str, settings: dict[str, Any], count: int = 16) -> Tensor:
    """0 to 255, of the first frames of a video: t h w."""
    stage = peanut.PMask("the dog", model=network, tokenizer=spell, dtype=torch.float32, device="cpu", **settings)
    return torch.stack([frame.layers["confidence"].float() for frame in stage(islice(peanut.read(path), count))])


def iou(ours: Tensor, theirs: Tensor) -> float:
    """Mean over the frames in which either finds something."""
    shares = [float((a & b).sum() / (a | b).sum()) for a, b in zip(ours, theirs, strict=True) if (a | b).any()]
    return sum(shares) / max(1, len(shares))


def cost(settings: str, path: str) -> None:
    """Of Hiera-T in full width, over 16 frames: seconds of the processor a frame, and the process's peak in MB."""
    torch.manual_seed(0)
    network, start = seen(SAMWISE("t")), process_time()
    confidences(network, path, json.loads(settings))
    each = (process_time() - start) / 16
    print(f"{each:.1f} | {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f}")


if __name__ == "__main__":
    if sys.argv[1:2] in (["memory"], ["live"], ["cost"]):
        {"memory": memory, "live": live, "cost": cost}[sys.argv[1]](*sys.argv[2:])
    else:
        for part in (adapters, chain, prompts):
            if part.__name__ in sys.argv[1:] or len(sys.argv) < 2:
                part()
