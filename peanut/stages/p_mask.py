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
from peanut.doubts import Doubts
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.networks.plugs import TextMaskNetwork
from peanut.networks.sam2 import normalised
from peanut.networks.samwise import Correction
from peanut.ops.attention import FastAttention
from peanut.pipeline import Stage
from peanut.stages.grow import grown
from peanut.validators import at_least, one_of
from peanut.weights import names_used, pull, resolve
from peanut.weights.tokenizer import LONGEST, Tokenizer
from peanut.windows.plugged import check_shape, check_share, check_square
from peanut.words.verbs import is_word, verbs_of

log = logging.getLogger(__name__)

PRESETS = {"clips": (8, 0), "live": (1, 7)}
"""Frames of a clip, and frames before it that the adapters remember."""
SWITCHED = "sure that what fits the words is another object than was followed, which corrected the memory,"
Sentence = str | Callable[[Frame], str]
Verbs = Sequence[str] | Literal["auto"] | Callable[[str], Sequence[str]]
Encode = Callable[[str, Sequence[str]], tuple[list[int], tuple[int, ...], bool]]


@attrs.frozen(init=False, repr=False)
class PMask(Stage):
    """Mask what sentences mean: `PMask("the man in the red jacket")`.

    prompts: sentences; what is masked is the union of what they mean. One may be a function that is asked with each
        frame: another answer ends the clip and forgets what was followed.
    but_not: sentences; what they mean is taken out again.
    model: a name in the table of weights, or a network.
    preset: "clips", as published, or "live": the values of clip and remember that are not given.
    clip: frames that the temporal adapters see at once; 1 gives each frame as it comes.
    remember: frames before a clip whose tokens each adapter still sees. Not published: earlier frames do not learn from
        later ones. It gives time to clips of 1, which without it see none.
    clips: "connected" by one memory, or "independent": every clip starts without (a baseline).
    on_cut: whether to "reset" or to "keep" the memory at a cut.
    correction: what the conditional memory encoder remembers when another object is seen than before: "reweight" (what
        is seen without memory, ten times), "avg", "all_mask" (that alone), or None: it is not asked.
    decision_window: it is asked from frame decision_window + 1 on (the first is 0), and after a switch again
        decision_window - 1 frames later.
    verbs: words of the prompts that tell motion, for checkpoints that take them (`project_motion_prompts`); a function
        from a prompt to such words; "auto": `peanut.words.verbs` finds them.
    grow: pixels added around the mask, a disc; None: what suits the size of the image (`peanut.grow`).
    device, dtype: "auto" takes the fastest that is there.
    tokenizer: None fetches RoBERTa's; otherwise (text, verbs) -> (ids, places of the verbs, whether it was cut).

    Replaces the mask of a frame. Adds the layers `confidence` (h w, uint8: 255 times the sigmoid of the logits) and
    `another_object` (h w, uint8, one value a frame: 255 times how sure the conditional memory encoder is that another
    object is seen than is followed; 0 where it was not asked) and, of several prompts, each one's mask as
    `object: SENTENCE` (bool). Where nothing is visible the mask is empty. A switch is logged (level info), and counted
    among what the run is unsure of.
    Latency: clip - 1 frames. Holds: clip frames, and for each sentence at most 6 spatial memories, 15 object pointers
    and the adapters' tokens of `remember` frames (22 MB a frame at 1024 pixels in float32), however long the stream.
    Raises UsageError for an empty prompt, for settings that do not fit, and for verbs where the model takes none.
    """

    prompts: tuple[Sentence, ...]
    but_not: tuple[Sentence, ...]
    model: str | Path | TextMaskNetwork
    preset: Literal["clips", "live"] = attrs.field(validator=one_of(*PRESETS))
    clip: int = attrs.field(validator=at_least(1))
    remember: int = attrs.field(validator=at_least(0))
    clips: Literal["connected", "independent"] = attrs.field(validator=one_of("connected", "independent"))
    on_cut: Literal["reset", "keep"] = attrs.field(validator=one_of("reset", "keep"))
    correction: Correction | None = attrs.field(validator=one_of("reweight", "avg", "all_mask", None))
    decision_window: int = attrs.field(validator=at_least(1))
    verbs: Callable[[str], Sequence[str]] | None
    grow: int | None = attrs.field(validator=at_least(0, also=(None,)))
    device: str | torch.device
    dtype: str | torch.dtype
    tokenizer: Encode | None
    _network: TextMaskNetwork

    def __init__(
        self,
        *prompts: Sentence,
        but_not: Sentence | Sequence[Sentence] = (),
        model: str | Path | TextMaskNetwork = "samwise-mevis",
        preset: Literal["clips", "live"] = "clips",
        clip: int | None = None,
        remember: int | None = None,
        clips: Literal["connected", "independent"] = "connected",
        on_cut: Literal["reset", "keep"] = "reset",
        correction: Correction | None = "reweight",
        decision_window: int = 4,
        verbs: Verbs = (),
        grow: int | None = None,
        device: str | torch.device = "auto",
        dtype: str | torch.dtype = "auto",
        tokenizer: Encode | None = None,
    ) -> None:
        without = tuple(but_not) if isinstance(but_not, list | tuple) else (but_not,)
        if not prompts:
            raise UsageError('PMask needs a sentence: PMask("the man in the red jacket").')
        for sentence in (*prompts, *without):
            _check(sentence)
        usual_clip, usual_past = PRESETS["live" if preset == "live" else "clips"]  # another is refused by its validator
        clip, remember = usual_clip if clip is None else clip, usual_past if remember is None else remember
        on = pick_device(device)
        network = _network_of(model, verbs, on)
        if tokenizer is not None and not callable(tokenizer):
            raise UsageError(f"PMask: tokenizer must be a function (text, verbs), or None, got {tokenizer!r}.")
        encode = _tokenizer() if tokenizer is None else tokenizer
        time = preset, clip, remember, clips, on_cut, correction, decision_window
        how = _finder_of(verbs) if verbs else None, grow, on, pick_dtype(dtype, on), encode
        self.__attrs_init__(prompts, without, model, *time, *how, network)

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
        frames = FrameStream.of(frames)
        run = _Run(self, frames.doubts)
        for texts, clip in run.clips(frames):
            yield from run.masked(texts, clip)
            del clip
        if run.frames and not run.found:
            log.warning("PMask: %s was found in none of %d frames.", _named(self.prompts), run.frames)

    def __str__(self) -> str:
        shown = [repr(sentence) if isinstance(sentence, str) else "..." for sentence in self.prompts]
        shown += [f"but_not={_named(self.but_not)}"] if self.but_not else []
        shown += [f"preset={self.preset!r}"] if self.preset != "clips" else []
        shown += [f"clip={self.clip}"] if self.clip != PRESETS[self.preset][0] else []
        return f"PMask({', '.join(shown)})"


@attrs.define(eq=False)
class _Followed:
    """One sentence, and what is remembered of what it means."""

    sentence: Sentence
    text: str = ""
    prompt: Any = None
    memory: Any = None


@attrs.frozen(eq=False)
class _Found:
    """What one sentence means in one frame."""

    logits: Tensor
    """h w, float32."""
    another: float | None
    """How sure it is that it is another object than was followed."""


class _Run:
    """What one run knows."""

    def __init__(self, stage: PMask, doubts: Doubts) -> None:
        self.stage, self.network, self.doubts = stage, stage._network, doubts
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
        return [_asked(x.sentence, frame) for x in self.wanted + self.unwanted]

    @torch.inference_mode()
    def masked(self, texts: list[str], clip: list[Frame]) -> list[Frame]:
        """The frames of a clip with their masks."""
        everything = self.wanted + self.unwanted
        cut = self.shot is not None and clip[0].shot != self.shot and self.stage.on_cut == "reset"
        self.shot = clip[0].shot
        device: torch.device = self.stage.device  # type: ignore[assignment]
        dtype: torch.dtype = self.stage.dtype  # type: ignore[assignment]
        with torch.autocast(device.type, dtype, enabled=dtype != torch.float32), FastAttention():
            for one, text in zip(everything, texts, strict=True):
                self._ask(one, text, forget=cut or self.stage.clips == "independent")
            size = fitted(clip[0].size, self.network.image_size)
            batch = torch.stack([prepared(frame.image, size, self.network.image_size) for frame in clip])
            stem = self.network.encode_stem(batch.to(device))
            seen = [self._follow(one, stem, size, clip) for one in everything]
        wanted, unwanted = seen[: len(self.wanted)], seen[len(self.wanted) :]
        return [
            self._with_mask(frame, [x[n] for x in wanted], [x[n] for x in unwanted]) for n, frame in enumerate(clip)
        ]

    def _ask(self, one: _Followed, text: str, forget: bool) -> None:
        """Encode a text that is new; then, or if asked to, forget what was followed."""
        known = one.prompt is not None and text == one.text
        if not known or forget:
            stage = self.stage
            one.memory = self.network.memory(
                tokens=stage.remember, decision_window=stage.decision_window, correction=stage.correction
            )
        if known:
            return
        verbs = _verbs_in(text, self.stage.verbs)
        ids, places, cut = self.stage.tokenizer(text, verbs)  # type: ignore[misc]
        if cut:
            log.warning("PMask: a prompt of more than %d tokens was cut: %.60s...", LONGEST, text)
        one.text, one.prompt = text, self.network.prompt(torch.tensor(ids, device=self.stage.device), places)

    def _follow(self, one: _Followed, stem: Any, size: tuple[int, int], frames: list[Frame]) -> list[_Found]:
        """What one text means in each frame of a clip."""
        clip, out = self.network.encode(stem, one.prompt, one.memory), []
        for number, frame in enumerate(frames):
            step = self.network.step(clip.frame(number), one.memory)
            check_shape(
                "PMask", "step (its logits)", getattr(step, "logits", step), (1, 1, *[self.network.image_size] * 2)
            )
            another = getattr(step, "another", None)  # once: on an accelerator it waits for the decision
            check_share("PMask", "step (its another)", another)
            inside = step.logits[..., : size[0], : size[1]].float()
            logits = F.interpolate(inside, frame.size, mode="bilinear", align_corners=False)[0, 0].cpu()
            out.append(_Found(logits, another))
            if another is not None and another > 0.5:
                log.info("PMask: %r is another object from frame %d on (%.2f).", one.text, frame.index, another)
                self.doubts.add(SWITCHED, frame, another)
        return out

    def _with_mask(self, frame: Frame, wanted: list[_Found], unwanted: list[_Found]) -> Frame:
        logits = torch.stack([one.logits for one in wanted]).amax(dim=0)
        mask = logits > 0  # sigmoid above a half
        for one in unwanted:
            mask &= one.logits <= 0
        mask = grown(mask, self.stage.grow)
        self.frames += 1
        self.found |= bool(mask.any())
        another = max(one.another or 0.0 for one in wanted)
        out = (
            frame.with_mask(mask)
            .with_layer("confidence", (255 * logits.sigmoid()).round().to(torch.uint8))
            .with_layer("another_object", torch.tensor(round(255 * another), dtype=torch.uint8).expand(frame.size))
        )
        for followed, own in zip(self.wanted, wanted, strict=True) if len(wanted) > 1 else ():
            out = out.with_layer(f"object: {followed.text}", own.logits > 0)
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


def _asked(sentence: Sentence, frame: Frame) -> str:
    """A prompt as it is at a frame."""
    if isinstance(sentence, str):
        return sentence
    text = sentence(frame)
    if not isinstance(text, str):
        raise UsageError(f"PMask: a prompt that is a function gives a sentence, got {text!r} at frame {frame.index}.")
    _check(text)
    return text


def _named(sentences: Sequence[Sentence]) -> str:
    return " or ".join(repr(x) if isinstance(x, str) else "what was asked for" for x in sentences)


def _network_of(model: str | Path | TextMaskNetwork, verbs: Verbs, device: torch.device) -> TextMaskNetwork:
    kind: Any = TextMaskNetwork
    network: TextMaskNetwork = resolve("PMask", model, kind, device=device, dtype=torch.float32)
    if verbs and not network.takes_verbs:
        raise UsageError(
            "PMask: verbs= is for checkpoints with a projection of motion prompts (project_motion_prompts), and this"
            " one has none: leave verbs out."
        )
    check_square("PMask", network.image_size)
    return network


def _finder_of(verbs: Verbs) -> Callable[[str], Sequence[str]]:
    """What finds the verbs of a prompt."""
    if callable(verbs):
        return verbs
    if verbs == "auto":
        return verbs_of
    if isinstance(verbs, str):
        raise UsageError(f"PMask: verbs are a list of words, a function or 'auto', got {verbs!r}.")
    words = tuple(verbs) if isinstance(verbs, Iterable) else (verbs,)
    if not all(isinstance(word, str) for word in words):
        raise UsageError(f"PMask: verbs are a list of words, a function or 'auto', got {verbs!r}.")
    return lambda text: [word for word in words if is_word(word, text)]


def _verbs_in(text: str, find: Callable[[str], Sequence[str]] | None) -> Sequence[str]:
    """The verbs of a prompt. Raises UsageError where what is asked gives no words of it."""
    found = () if find is None else find(text)
    words = list(found) if isinstance(found, Iterable) and not isinstance(found, str) else None
    if words is None or not all(isinstance(word, str) for word in words):
        raise UsageError(f"PMask: verbs= must give a list of words for {text!r}, got {found!r}.")
    return words


def _tokenizer() -> Encode:
    vocabulary = pull("roberta-base-tokenizer")
    return Tokenizer(vocabulary, vocabulary.with_name("merges.txt"))
