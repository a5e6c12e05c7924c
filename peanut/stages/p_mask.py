"""P-MASK: what a sentence means, found and followed with SAMWISE (Cuttano et al., CVPR 2025), streaming."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Literal

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.devices import pick_device, pick_dtype
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.networks.sam2 import normalised
from peanut.networks.samwise import SAMWISE, MemoryBank, TextPrompt
from peanut.ops.attention import FastAttention
from peanut.pipeline import Stage
from peanut.stages.grow import grown
from peanut.validators import at_least, one_of
from peanut.weights import names_used, pull, resolve
from peanut.weights.tokenizer import LONGEST, Tokenizer

log = logging.getLogger(__name__)

Sentence = str | Callable[[Frame], str]
Encode = Callable[[str, Sequence[str]], tuple[list[int], tuple[int, ...], bool]]


@attrs.frozen(init=False, repr=False)
class PMask(Stage):
    """Mask what sentences mean: `PMask("the man in the red jacket")`.

    prompts: sentences; what is masked is the union of what they mean. One may be a function that is asked with each
        frame: another answer ends the clip and forgets what was followed.
    but_not: sentences; what they mean is taken out again.
    model: a name in the table of weights, or a network.
    clip: frames that the temporal adapters see at once; 1 for live streams.
    on_cut: whether to "reset" or to "keep" the memory at a cut.
    verbs: words of the prompts that tell motion, for checkpoints that take them (`project_motion_prompts`).
    grow: pixels added around the mask, a disc; None: what suits the size of the image (`peanut.grow`).
    device, dtype: "auto" takes the fastest that is there.
    tokenizer: None fetches RoBERTa's; otherwise (text, verbs) -> (ids, places of the verbs, whether it was cut).

    Replaces the mask of a frame. Adds the layer `confidence` (h w, uint8: 255 times the sigmoid of the logits) and,
    of several prompts, each one's mask as `object: SENTENCE` (bool). Where nothing is visible the mask is empty.
    Latency: clip - 1 frames. Holds: clip frames, and for each sentence at most 6 spatial memories and 15 object
    pointers, however long the stream. Raises UsageError for an empty prompt and settings that do not fit.
    """

    prompts: tuple[Sentence, ...]
    but_not: tuple[Sentence, ...]
    model: str | Path | SAMWISE
    clip: int = attrs.field(validator=at_least(1))
    on_cut: Literal["reset", "keep"] = attrs.field(validator=one_of("reset", "keep"))
    verbs: tuple[str, ...]
    grow: int | None = attrs.field(validator=at_least(0, also=(None,)))
    device: str | torch.device
    dtype: str | torch.dtype
    tokenizer: Encode | None
    _network: SAMWISE

    def __init__(
        self,
        *prompts: Sentence,
        but_not: Sentence | Sequence[Sentence] = (),
        model: str | Path | SAMWISE = "samwise-mevis",
        clip: int = 8,
        on_cut: Literal["reset", "keep"] = "reset",
        verbs: Sequence[str] = (),
        grow: int | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        tokenizer: Encode | None = None,
    ) -> None:
        without = (but_not,) if isinstance(but_not, str) or callable(but_not) else tuple(but_not)
        if not prompts:
            raise UsageError('PMask needs a sentence: PMask("the man in the red jacket").')
        for sentence in (*prompts, *without):
            _check(sentence)
        on = pick_device(device)
        network = resolve("PMask", model, SAMWISE, device=on, dtype=torch.float32)
        encode = _tokenizer() if tokenizer is None else tokenizer
        settings = prompts, without, model, clip, on_cut, tuple(verbs), grow, on, pick_dtype(dtype, on), encode
        self.__attrs_init__(*settings, network)

    @property
    def latency(self) -> int:
        return self.clip - 1

    @property
    def memory(self) -> int:
        return self.clip

    @property
    def weights(self) -> tuple[str, ...]:
        vocabulary = ("roberta-base-tokenizer",) if isinstance(self.tokenizer, Tokenizer) else ()
        return names_used(self.model) + vocabulary

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        run = _Run(self)
        for texts, clip in run.clips(frames):
            yield from run.masked(texts, clip)
            del clip
        if run.frames and not run.found:
            log.warning("PMask: %s was found in none of %d frames.", _named(self.prompts), run.frames)

    def __str__(self) -> str:
        shown = [repr(sentence) if isinstance(sentence, str) else "..." for sentence in self.prompts]
        shown += [f"but_not={_named(self.but_not)}"] if self.but_not else []
        shown += [f"clip={self.clip}"] if self.clip != 8 else []
        return f"PMask({', '.join(shown)})"


@attrs.define(eq=False)
class _Followed:
    """One sentence, and what is remembered of what it means."""

    sentence: Sentence
    text: str = ""
    prompt: TextPrompt | None = None
    bank: MemoryBank = attrs.field(factory=MemoryBank)


class _Run:
    """What one run knows."""

    def __init__(self, stage: PMask) -> None:
        self.stage, self.network = stage, stage._network
        self.wanted = [_Followed(sentence) for sentence in stage.prompts]
        self.unwanted = [_Followed(sentence) for sentence in stage.but_not]
        self.shot: int | None = None
        self.frames, self.found = 0, False

    def clips(self, frames: Iterable[Frame]) -> Iterator[tuple[list[str], list[Frame]]]:
        """Frames of one shot and the same texts, `clip` at most; each frame is asked for its texts once."""
        asked = ((self._texts(frame), frame) for frame in frames)
        for (_, _, texts), group in groupby(asked, key=lambda pair: (pair[1].shot, pair[1].size, pair[0])):
            while clip := [frame for _, frame in islice(group, self.stage.clip)]:
                yield texts, clip
                del clip

    def _texts(self, frame: Frame) -> list[str]:
        return [_check(x.sentence(frame)) if callable(x.sentence) else x.sentence for x in self.wanted + self.unwanted]

    @torch.inference_mode()
    def masked(self, texts: list[str], clip: list[Frame]) -> list[Frame]:
        """The frames of a clip with their masks."""
        everything = self.wanted + self.unwanted
        if self.shot is not None and clip[0].shot != self.shot and self.stage.on_cut == "reset":
            for one in everything:
                one.bank = MemoryBank()
        self.shot = clip[0].shot
        device: torch.device = self.stage.device  # type: ignore[assignment]
        dtype: torch.dtype = self.stage.dtype  # type: ignore[assignment]
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32), FastAttention():
            for one, text in zip(everything, texts, strict=True):
                self._ask(one, text)
            size = fitted(clip[0].size, self.network.image_size)
            batch = torch.stack([prepared(frame.image, size, self.network.image_size) for frame in clip])
            stem = self.network.encode_stem(batch.to(device))
            logits = [self._follow(one, stem, size, clip[0].size) for one in everything]
        wanted, unwanted = logits[: len(self.wanted)], logits[len(self.wanted) :]
        return [
            self._with_mask(frame, [x[n] for x in wanted], [x[n] for x in unwanted]) for n, frame in enumerate(clip)
        ]

    def _ask(self, one: _Followed, text: str) -> None:
        """Encode a text that is new, and forget what the old one meant."""
        if one.prompt is not None and text == one.text:
            return
        ids, verbs, cut = self.stage.tokenizer(text, [word for word in self.stage.verbs if word in text])  # type: ignore[misc]
        if cut:
            log.warning("PMask: a prompt of more than %d tokens was cut: %.60s...", LONGEST, text)
        device = next(self.network.parameters()).device
        one.text, one.prompt, one.bank = (
            text,
            self.network.prompt(torch.tensor(ids, device=device), verbs),
            MemoryBank(),
        )

    def _follow(self, one: _Followed, stem: list[Tensor], size: tuple[int, int], whole: tuple[int, int]) -> Tensor:
        """Mask logits of a clip under one text: t h w, float32."""
        if one.prompt is None:
            raise RuntimeError("a text was followed before it was encoded.")
        clip, out = self.network.encode(stem, one.prompt), []
        for number in range(len(clip.levels[0])):
            seen = self.network.step(clip.frame(number), one.bank).logits[..., : size[0], : size[1]]
            out.append(F.interpolate(seen.float(), whole, mode="bilinear", align_corners=False)[0, 0].cpu())
        return torch.stack(out)

    def _with_mask(self, frame: Frame, wanted: list[Tensor], unwanted: list[Tensor]) -> Frame:
        logits = torch.stack(wanted).amax(dim=0)
        mask = logits > 0  # sigmoid above a half
        for one in unwanted:
            mask &= one <= 0
        mask = grown(mask, self.stage.grow)
        self.frames += 1
        self.found |= bool(mask.any())
        out = frame.with_mask(mask).with_layer("confidence", (255 * logits.sigmoid()).round().to(torch.uint8))
        for followed, own in zip(self.wanted, wanted, strict=True) if len(wanted) > 1 else ():
            out = out.with_layer(f"object: {followed.text}", own > 0)
        return out


def fitted(size: tuple[int, int], side: int) -> tuple[int, int]:
    """At which size (h, w) a frame lies in the network's square of `side` pixels.

    Short side 4 less than the square, or, where the long one would leave it, long side as the square (as published).
    """
    short, long = min(size), max(size)
    scale = min((side - 4) / short, side / long)
    h, w = (min(side, max(1, round(x * scale))) for x in size)
    return h, w


def prepared(image: Tensor, size: tuple[int, int], side: int) -> Tensor:
    """uint8 3 h w -> normalised, in the upper left corner of a square of zeros: 3 side side."""
    resized = F.interpolate(image[None].float(), size, mode="bilinear", align_corners=False, antialias=True)
    return F.pad(normalised(resized)[0], (0, side - size[1], 0, side - size[0]))


def _check(sentence: Sentence) -> Any:
    if isinstance(sentence, str) and not sentence.strip():
        raise UsageError("PMask: the prompt is empty; say what to find, as in 'the man in the red jacket'.")
    if not isinstance(sentence, str) and not callable(sentence):
        raise UsageError(f"PMask: a prompt is a sentence, or a function from a frame to one, got {sentence!r}.")
    return sentence


def _named(sentences: Sequence[Sentence]) -> str:
    return " or ".join(repr(x) if isinstance(x, str) else "what was asked for" for x in sentences)


def _tokenizer() -> Encode:
    vocabulary = pull("roberta-base-tokenizer")
    return Tokenizer(vocabulary, vocabulary.with_name("merges.txt"))
