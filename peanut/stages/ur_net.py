"""UR-Net: making a video sharp with recurrent bidirectional networks, streaming in bounded memory."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.devices import pick_device, pick_dtype, prepare_for_inference
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.networks.bidirectional import Bidirectional, Trunk
from peanut.ops.padding import pad_to_multiple
from peanut.ops.tiling import Tile, blend, tiles
from peanut.pipeline import Stage
from peanut.validators import at_least, between
from peanut.weights import names_used, resolve
from peanut.windows.bidirectional_stream import BidirectionalStream

DEFAULTS = {4: "basicvsrpp-reds4", 1: "basicvsrpp-decompress-3"}
"""The published weights that a scale stands for: enlarging, and restoring compressed video at its own size."""
BUDGET = 4 * 2**30
"""Bytes that the features in a window may take before `tile="auto"` cuts the image."""
CHUNK = 14
"""Frames of a chunk, unless given."""
OVERLAP = 16
"""Pixels that neighboring tiles share, of the input."""


@attrs.frozen(repr=False)
class URNet(Stage):
    """Enlarge four times, or restore at the same size, with BasicVSR++ or BasicVSR.

    model: a name in the table of weights, a path, or a network; it decides network and scale. None: the published
        default of `scale`, 4 or 1.
    chunk: frames that are computed together; "whole": a shot at once, as published.
    lookahead: frames after a chunk that its backward branches start from. 0 is live: chunks of one frame, unless given.
    carry: a forward state that would reach back further than this from a chunk's first frame begins anew: a state that
        is carried for ever drifts. "auto": 60 while the image moves; while it does not, chunks of at most 7 frames
        begin anew (live: after 8) and see 7 frames ahead, unless the state comes from moving images and still fits.
        None: it never begins anew.
    fade: frames over which a chunk goes over into the next, within its look-ahead; live, an old state into a new one.
    fidelity: how much of the network's image is taken, 0 to 1; the rest is the plain enlargement (bicubic).
    tile: the longest side, in pixels of the input, that is computed at once; "auto" cuts what would need much memory,
        None never.
    device, dtype: "auto" takes the fastest that is there; float32 gives the published numbers.
    compile: run the trunks through `torch.compile`, which needs a C++ compiler on the CPU.

    Masks and layers are enlarged with the image. Nothing crosses a cut or a change of size.
    Latency: chunk - 1 + lookahead. Holds: chunk + lookahead frames with their features. Raises UsageError for settings
    that do not fit the model or each other, and for weights that are not finite.
    """

    model: str | Path | Bidirectional | None = None
    scale: int | None = None
    chunk: int | Literal["whole"] | None = attrs.field(default=None, validator=at_least(1, also=("whole", None)))
    lookahead: int = attrs.field(default=21, validator=at_least(0))
    carry: int | Literal["auto"] | None = attrs.field(default="auto", validator=at_least(0, also=("auto", None)))
    fade: int = attrs.field(default=7, validator=at_least(0))
    fidelity: float = attrs.field(default=1.0, validator=between(0.0, 1.0))
    tile: int | Literal["auto"] | None = attrs.field(
        default="auto", validator=at_least(2 * OVERLAP, also=("auto", None))
    )
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = "auto"
    compile: bool = False
    _network: Bidirectional = attrs.field(init=False, repr=False)
    _device: torch.device = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        device = pick_device(self.device)
        network = self._resolved(device)
        if self.compile:
            network = prepare_for_inference(network, device)  # a copy: others may share the one that was resolved
            for part in network.modules():
                if isinstance(part, Trunk):
                    part.compile()
        object.__setattr__(self, "_network", network)
        object.__setattr__(self, "_device", device)

    def _resolved(self, device: torch.device) -> Bidirectional:
        """The network with its weights. Raises UsageError if model, scale and weights do not go together."""
        if self.model is None and self.scale not in (None, *DEFAULTS):
            raise UsageError(f"URNet: scale must be 4 (enlarge) or 1 (restore), got {self.scale}.")
        model, dtype = self._model, pick_dtype(self.dtype, device)
        network = resolve("URNet", model, Bidirectional, device=device, dtype=dtype)  # type: ignore[type-abstract]
        if self.scale not in (None, network.scale):
            shown = model if isinstance(model, str | Path) else type(model).__name__
            raise UsageError(f"URNet: {shown} has the scale {network.scale}, not {self.scale}: leave scale away.")
        for tensor_name, tensor in network.state_dict().items():
            if not tensor.isfinite().all():
                raise UsageError(f"URNet: {tensor_name} holds values that are no numbers: the weights are damaged.")
        return network

    @property
    def _model(self) -> str | Path | Bidirectional:
        return DEFAULTS[self.scale or 4] if self.model is None else self.model

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self._model)

    @property
    def memory(self) -> int | None:
        length = self._length
        return None if length is None else length + self.lookahead

    @property
    def latency(self) -> int | None:
        length = self._length
        return None if length is None else length - 1 + self.lookahead

    @property
    def _length(self) -> int | None:
        """Frames of a chunk; None: the whole shot."""
        if self.chunk == "whole":
            return None
        if self.chunk is None:
            return 1 if self.lookahead == 0 else CHUNK
        return self.chunk

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for (_, size), shot in groupby(frames, key=lambda frame: (frame.shot, frame.size)):
            yield from self._run_shot(size, shot)

    def _run_shot(self, size: tuple[int, int], shot: Iterable[Frame]) -> Iterator[Frame]:
        boxes = self._boxes(size)
        settings = self._length, self.lookahead, self.carry, self.fade
        streams = [BidirectionalStream(self._network, *settings) for _ in boxes]
        waiting: deque[tuple[Frame, Tensor]] = deque()
        for frame in shot:
            image = pad_to_multiple(frame.image[None].to(self._device).float() / 255, self._network.multiple)
            waiting.append((frame, image))
            del frame
            done = [stream.push(box.of(image)) for stream, box in zip(streams, boxes, strict=True)]
            yield from self._finished(waiting, done, boxes)
        yield from self._finished(waiting, [stream.flush() for stream in streams], boxes)

    def _boxes(self, size: tuple[int, int]) -> list[Tile]:
        """How a padded image is cut."""
        multiple = self._network.multiple
        h, w = (-(-side // multiple) * multiple for side in size)
        side: int | None = None if self.tile in (None, "auto") else int(self.tile or 0)
        if self.tile == "auto" and (most := self._pixels_at_once()) < h * w:
            side = max(4 * OVERLAP, int(most**0.5))
        if side is None or max(h, w) <= side:
            return [Tile(0, 0, h, w)]
        boxes = tiles((h // multiple, w // multiple), side // multiple, OVERLAP // multiple)
        return [box.scaled(multiple) for box in boxes]

    def _pixels_at_once(self) -> float:
        """Input pixels whose features take `BUDGET` in a window; for whole shots, one of twice the usual length."""
        network, frames = self._network, (self._length or 2 * CHUNK) + self.lookahead
        features = frames * (len(network.branches) + 1) * network.channels * network.conv_last.weight.element_size()
        return BUDGET / features * network.reduction**2

    def _finished(
        self, waiting: deque[tuple[Frame, Tensor]], done: list[list[Tensor]], boxes: list[Tile]
    ) -> Iterator[Frame]:
        """The frames whose tiles are done: put together, mixed with the plain enlargement, rounded."""
        scale = self._network.scale
        scaled = [box.scaled(scale) for box in boxes]
        for pieces in zip(*done, strict=True):
            frame, image = waiting.popleft()
            h, w = (side * scale for side in frame.size)
            sharp = pieces[0] if len(pieces) == 1 else blend(pieces, scaled, OVERLAP * scale)
            if self.fidelity < 1:
                plain = image if scale == 1 else F.interpolate(image, scale_factor=scale, mode="bicubic")
                sharp = torch.lerp(plain, sharp, self.fidelity)
            pixels = (sharp[0, :, :h, :w].clamp(0, 1) * 255).round().to("cpu", torch.uint8)
            yield frame.resized((h, w)).with_image(pixels)
            del frame, image


def BasicVSR(model: str | Bidirectional = "basicvsr-reds4", **settings: Any) -> URNet:
    """`URNet` with the weights of BasicVSR (first-order propagation), which come from the Python package index."""
    return URNet(model, **settings)
