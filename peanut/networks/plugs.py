"""What stages need of a network: whatever has these parts can take the place of the published one.

A stage gives it windows, memory, regions, references and blending; the network knows tensors alone. All tensors are on
the device of the stage.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class FillingNetwork(Protocol):
    """What `NOFEraser` needs of a network: `E2FGVI` has it.

    multiple: sides (h, w) of what it sees are multiples of these. fixed_size: the one size (h, w) that it takes; None:
    any such multiple.
    """

    @property
    def multiple(self) -> tuple[int, int]: ...
    @property
    def fixed_size(self) -> tuple[int, int] | None: ...

    def encode(self, masked: Tensor, /) -> Tensor:
        """Features of frames, computed once for each: b 3 h w in [-1, 1], float32, holes 0 -> b c m n, any c m n."""
        ...

    def flows(self, masked: Tensor, /) -> tuple[Tensor, Tensor]:
        """Between neighbors: b t 3 h w as above -> to next and to previous, b (t - 1) ... each; kept for each pair."""
        ...

    def complete(self, features: Tensor, flow_to_next: Tensor, flow_to_previous: Tensor, decoded: slice, /) -> Tensor:
        """The local frames `decoded`, complete: b t 3 h w in [-1, 1].

        features: b t c m n, local frames first, then references. flows: b (local - 1) ..., of the local frames.
        """
        ...


@runtime_checkable
class OnlineFillingNetwork(FillingNetwork, Protocol):
    """What `NOFEraser(remember=True)` needs beside that: the newest frame alone, from what is remembered."""

    def complete_newest(
        self, feature: Tensor, flow: Tensor | None, before: Sequence[Any], others: Sequence[Any], /
    ) -> tuple[Tensor, Any]:
        """The newest frame, b 3 h w in [-1, 1], and what to remember it by.

        feature: b c m n. flow: from it to the frame before, b ...; None where that is not known. before: what the one
        or two frames directly before it are remembered by, the nearest last. others: the same of all that it may see.
        """
        ...


class Step(Protocol):
    """What `TextMaskNetwork.step` says of one frame."""

    @property
    def logits(self) -> Tensor:
        """1 1 h w at the size of the square that the network saw; above 0 is found."""
        ...

    @property
    def another(self) -> float | None:
        """How sure it is that another object is seen than is remembered, 0 to 1; None where it was not asked."""
        ...


class Encoded(Protocol):
    """What `TextMaskNetwork.encode` makes of a clip."""

    def frame(self, number: int, /) -> "Encoded":
        """One frame of it."""
        ...


@runtime_checkable
class TextMaskNetwork(Protocol):
    """What `PMask` needs of a network: `SAMWISE` has it. Whatever it remembers is in what `memory` makes.

    image_size: side of the square that it sees, in pixels. takes_verbs: whether `prompt` uses the places of verbs.
    """

    @property
    def image_size(self) -> int: ...
    @property
    def takes_verbs(self) -> bool: ...

    def memory(self, *, tokens: int, decision_window: int, correction: Any) -> Any:
        """An empty memory of what one sentence means; settings as in `PMask`."""
        ...

    def prompt(self, ids: Tensor, verbs: tuple[int, ...], /) -> Any:
        """A sentence, once: token ids n, and the places of its verbs in them."""
        ...

    def encode_stem(self, frames: Tensor, /) -> Any:
        """A clip, once for all sentences: t 3 s s, normalized as for SAM 2, s = image_size."""
        ...

    def encode(self, stem: Any, prompt: Any, memory: Any, /) -> Encoded:
        """A clip under a sentence."""
        ...

    def step(self, seen: Any, memory: Any, /) -> Step:
        """One frame of it under what is remembered, which then holds it too."""
        ...
