"""UR-Net: making a video sharp with recurrent bidirectional networks, streaming in bounded memory."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any, Literal

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor

from peanut.devices import pick_device, pick_dtype, place
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.networks.basicvsr import BasicVSR as BasicVSRNetwork
from peanut.networks.basicvsr_plusplus import BasicVSRPlusPlus
from peanut.networks.bidirectional import Bidirectional, Trunk
from peanut.ops.padding import pad_to_multiple
from peanut.ops.tiling import Tile, blend, tiles
from peanut.pipeline import Stage
from peanut.stages.bidirectional_stream import BidirectionalStream

DEFAULTS = {4: "basicvsrpp-reds4", 1: "basicvsrpp-decompress-3"}
"""The published weights that a scale stands for: enlarging, and restoring compressed video at its own size."""
BUDGET = 4 * 2**30
"""Bytes that the features in a window may take before `tile="auto"` cuts the picture."""
CHUNK = 14
"""Frames of a chunk, unless given."""
OVERLAP = 16
"""Pixels that neighbouring tiles share, of the input."""


def _model_repr(model: Any) -> str:
    return repr(model) if isinstance(model, str | None) else "..."


@attrs.frozen
class URNet(Stage):
    """Enlarge four times, or restore at the same size, with BasicVSR++ or BasicVSR.

    model: a name in the table of weights, a path, or a network; it decides network and scale. None: the published
        default of `scale`, 4 or 1.
    chunk: frames that are computed together; "whole": a shot at once, as published.
    lookahead: frames after a chunk that its backward branches start from. 0 is live: chunks of one frame, unless given.
    memory: a forward state that would reach back further than this from a chunk's first frame begins anew: a state that
        is carried for ever drifts. "auto": 60 while the picture moves; while it does not, chunks of at most 7 frames
        begin anew (live: after 8) and see 7 frames ahead, unless the state comes from moving pictures and still fits.
        None: it never begins anew.
    fade: frames over which a chunk goes over into the next, within its look-ahead; live, an old state into a new one.
    fidelity: how much of the network's picture is taken, 0 to 1; the rest is the plain enlargement (bicubic).
    tile: the longest side, in pixels of the input, that is computed at once; "auto" cuts what would need much memory,
        None never.
    device, dtype: "auto" takes the fastest that is there; float32 gives the published numbers.
    compile: run the trunks through `torch.compile`, which needs a C++ compiler on the CPU.

    Masks and layers are enlarged with the picture. Nothing crosses a cut or a change of size.
    Latency: chunk - 1 + lookahead. Holds: chunk + lookahead frames with their features. Raises UsageError for settings
    that do not fit the model or each other, and for weights that are not finite.
    """

    model: str | Bidirectional | None = attrs.field(default=None, repr=_model_repr)
    scale: int | None = None
    chunk: int | Literal["whole"] | None = None
    lookahead: int = 21
    memory: int | Literal["auto"] | None = "auto"
    fade: int = 7
    fidelity: float = 1.0
    tile: int | Literal["auto"] | None = "auto"
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = "auto"
    compile: bool = False
    _network: Bidirectional = attrs.field(init=False, repr=False)
    _device: torch.device = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        name = type(self).__name__
        for field, least in (("lookahead", 0), ("memory", 0), ("fade", 0)):
            if (value := getattr(self, field)) not in (None, "auto") and value < least:
                raise UsageError(f"{name}: {field} must be at least {least}, got {value}.")
        if self.chunk != "whole" and self.chunk is not None and self.chunk < 1:
            raise UsageError(f"{name}: chunk must be at least 1 or 'whole', got {self.chunk}.")
        if not 0 <= self.fidelity <= 1:
            raise UsageError(f"{name}: fidelity must be 0 to 1, got {self.fidelity}.")
        if isinstance(self.tile, int) and self.tile < 2 * OVERLAP:
            raise UsageError(f"{name}: tile must be at least {2 * OVERLAP} pixels, 'auto' or None, got {self.tile}.")
        device = pick_device(self.device)
        network = self._build()
        place(network, device, pick_dtype(self.dtype, device))
        if self.compile:
            for part in network.modules():
                if isinstance(part, Trunk):
                    part.compile()
        object.__setattr__(self, "_network", network)
        object.__setattr__(self, "_device", device)

    def _build(self) -> Bidirectional:
        """The network with its weights. Raises UsageError if model, scale and weights do not go together."""
        name, model = type(self).__name__, self.model
        if model is None:
            if self.scale not in (None, *DEFAULTS):
                raise UsageError(f"{name}: scale must be 4 (enlarge) or 1 (restore), got {self.scale}.")
            model = DEFAULTS[self.scale or 4]
        network = model if isinstance(model, Bidirectional) else _filled(model)
        if self.scale not in (None, network.scale):
            shown = _model_repr(self.model)
            raise UsageError(
                f"{name}: model {shown} has the scale {network.scale}, not {self.scale}: leave scale away."
            )
        for tensor_name, tensor in network.state_dict().items():
            if not tensor.isfinite().all():
                raise UsageError(f"{name}: {tensor_name} holds values that are no numbers: the weights are damaged.")
        return network

    @property
    def latency(self) -> int | None:
        """Frames that must arrive after a frame before it comes out, at most; None: its whole shot."""
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

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        for (_, size), shot in groupby(frames, key=lambda frame: (frame.shot, frame.size)):
            yield from self._run_shot(size, shot)

    def _run_shot(self, size: tuple[int, int], shot: Iterable[Frame]) -> Iterator[Frame]:
        boxes = self._boxes(size)
        settings = self._length, self.lookahead, self.memory, self.fade
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
        """How a padded picture is cut."""
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


def _filled(model: str) -> Bidirectional:
    """The network that published weights, or a file, are for."""
    from peanut.weights import load

    weights = load(model)
    kinds: Mapping[str, type[BasicVSRNetwork | BasicVSRPlusPlus]] = {
        "forward_trunk.main.0.weight": BasicVSRNetwork,
        "deform_align.backward_1.weight": BasicVSRPlusPlus,
    }
    for telling, kind in kinds.items():
        if telling in weights:
            network = kind.like(weights)
            network.load_state_dict(weights)
            return network
    raise UsageError(f"{model!r} holds no weights of BasicVSR or BasicVSR++: try 'basicvsr-reds4'.")
