"""NOF-Eraser: removing what is masked with E2FGVI (Li et al., CVPR 2022), streaming."""

from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from operator import attrgetter
from typing import Any, Literal

import attrs
import torch
from torch import Tensor

from peanut.buffers import References
from peanut.devices import pick_device, pick_dtype, place
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.networks.e2fgvi import E2FGVI, MULTIPLE
from peanut.ops.inpainting import fill_smooth
from peanut.pipeline import Stage
from peanut.stages.region import Region, full_region, region_around

MARGIN = 48
"""Pixels of known picture around the masks that a region takes in, at least."""


@attrs.define(eq=False)
class _Held:
    """A frame in the window, with what was computed for it and for its pair with the next."""

    frame: Frame
    region: Region | None = None
    masked: Tensor | None = None
    """3 h w in [-1, 1], holes 0: the region as the network sees it."""
    feature: Tensor | None = None
    flows: tuple[Tensor, Tensor] | None = None
    """To the next frame and back, 2 h/4 w/4."""
    completed: Tensor | None = None
    """3 n: what the hole's pixels have become so far, 0 to 255, float."""

    @property
    def shot(self) -> int:
        return self.frame.shot

    @property
    def mask(self) -> Tensor:
        mask = self.frame.mask
        if mask is None:
            raise UsageError("NOFEraser needs masks: put masks(path), MovingObjects() or PMask(prompt) before it.")
        return mask

    def forget(self) -> None:
        """Drop what was computed, for another region."""
        self.region = self.masked = self.feature = self.flows = None


@attrs.frozen
class NOFEraser(Stage):
    """Fill what is masked with E2FGVI: flow-guided propagation from neighbours, attention to frames far away.

    model: a name in the table of weights, or a network. neighbor_stride: frames between windows, and reach of a window
        to both sides. reference_stride: every how many frames of the shot one is a non-local reference.
    max_references: references at most, spread over the past and the look-ahead; None keeps all (memory then grows).
    lookahead: frames after a window's centre that are waited for; references come from there too.
    region: "auto" computes a box around the masks alone and corrects the seam; "full" the whole picture as published.
    max_pixels: area above which a box is reduced. device, dtype: "auto" takes the fastest that is there.

    Frames without a mask in their window pass through untouched, as the same objects; outside the masks no pixel
    changes. With `region="full"`, float32, `max_references=None` and a look-ahead as long as the shot it is the
    published test protocol (masks as they are: the protocol's dilation is `grow`'s job).
    Latency: lookahead + neighbor_stride. Holds: lookahead + 2 neighbor_stride + 1 frames, and features of at most
    max_references + 2 neighbor_stride + 1. Raises UsageError for frames without masks and settings that do not fit.
    """

    model: str | E2FGVI = attrs.field(default="e2fgvi-hq", repr=lambda x: repr(x) if isinstance(x, str) else "...")
    neighbor_stride: int = attrs.field(default=5, validator=attrs.validators.ge(1))
    reference_stride: int = attrs.field(default=10, validator=attrs.validators.ge(1))
    max_references: int | None = attrs.field(default=8)
    lookahead: int = attrs.field(default=15, validator=attrs.validators.ge(1))
    region: Literal["auto", "full"] = attrs.field(default="auto", validator=attrs.validators.in_(("auto", "full")))
    max_pixels: int = attrs.field(default=720 * 1296, validator=attrs.validators.ge(MULTIPLE[0] * MULTIPLE[1]))
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = "auto"
    _network: E2FGVI = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        if self.max_references is not None and self.max_references < 0:
            raise UsageError(f"NOFEraser: max_references must be at least 0 or None, got {self.max_references}.")
        device = pick_device(self.device)
        network: Any = place(_network(self.model), device, pick_dtype(self.dtype, device))
        object.__setattr__(self, "_network", network)

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        references: References[_Held] = References(self.reference_stride, self.max_references)
        for _, shot in groupby((_Held(frame) for frame in frames), key=attrgetter("shot")):
            yield from self._run_shot(shot, references)

    def _run_shot(self, shot: Iterable[_Held], references: References[_Held]) -> Iterator[Frame]:
        """The frames of one shot; windows stand at every `neighbor_stride`-th of them."""
        stride, held, centre, start, ended = self.neighbor_stride, deque[_Held](), 0, 0, False
        items = iter(shot)
        while not ended or start + len(held) > centre:
            while not ended and start + len(held) <= centre + self.lookahead:
                item = next(items, None)
                ended = item is None
                if item is not None:
                    item.mask  # noqa: B018  (refused before it is held)
                    references.add(item)
                    held.append(item)
            if start + len(held) <= centre:
                break
            local = list(held)[max(0, centre - stride) - start : centre + min(stride, self.lookahead) + 1 - start]
            if any(item.mask.any() for item in local):
                self._complete(local, references.pick(local))
            centre += stride
            while held and start < centre - stride:  # no later window holds them
                yield _finished(held.popleft())
                start += 1
        while held:
            yield _finished(held.popleft())

    @torch.inference_mode()
    def _complete(self, local: list[_Held], references: tuple[_Held, ...]) -> None:
        """Compute one window, and blend what it gives into the frames it completes."""
        region = self._region_for(local)
        self._encode([*local, *references], region)
        self._find_flows(local)
        network = self._network
        features = torch.stack([_there(item.feature) for item in (*local, *references)])[None]
        pairs = [_there_both(item.flows) for item in local[:-1]]
        none = features.new_zeros(0, 2, *features.shape[-2:], dtype=torch.float32)
        to_next, to_previous = (
            torch.stack([pair[way] for pair in pairs])[None] if pairs else none[None] for way in (0, 1)
        )
        out = network.complete(features, to_next, to_previous, decoded=len(local))[0].float().cpu()
        for item, picture in zip(local, out, strict=True):
            if item.mask.any():
                self._blend(item, region, (region.restore(picture) + 1) / 2 * 255)

    def _region_for(self, local: list[_Held]) -> Region:
        """The region of a window: that of the window before for as long as the masks stay in it."""
        size = local[0].frame.size
        multiple = self._network.fixed_size or MULTIPLE
        if self.region == "full" or self._network.fixed_size is not None:
            whole = full_region(size, multiple)
            return whole if self._network.fixed_size is None else attrs.evolve(whole, size=self._network.fixed_size)
        masks = torch.stack([item.mask for item in local]).any(dim=0)
        before = next((item.region for item in local if item.region is not None), None)
        if before is not None and before.covers(masks):
            return before
        return region_around(masks, multiple, MARGIN, self.max_pixels)

    def _encode(self, items: list[_Held], region: Region) -> None:
        """Encode those frames whose features of this region are not there yet."""
        missing = [item for item in items if item.region != region or item.feature is None]
        weight = next(self._network.encoder.parameters())
        for item in missing:
            item.forget()
            item.region = region
            known = (item.frame.image.float() / 127.5 - 1) * ~item.mask
            item.masked = region.cut(known).to(weight.device)
        if missing:
            masked = torch.stack([_there(item.masked) for item in missing])
            encoded = self._network.encode(masked.to(weight.dtype).contiguous(memory_format=torch.channels_last))
            for item, feature in zip(missing, encoded, strict=True):
                item.feature = feature

    def _find_flows(self, local: list[_Held]) -> None:
        """Flows between neighbours that are not there yet."""
        missing = [(a, b) for a, b in pairwise(local) if a.flows is None]
        if missing:
            pairs = torch.stack([torch.stack([_there(a.masked), _there(b.masked)]) for a, b in missing])
            to_next, to_previous = self._network.flows(pairs)
            for (a, _), there, back in zip(missing, to_next, to_previous, strict=True):
                a.flows = there[0], back[0]

    def _blend(self, item: _Held, region: Region, picture: Tensor) -> None:
        """Half old, half new, in the order of the windows, as published. picture: 3 h w, 0 to 255, of the region."""
        hole = item.mask[region.box]
        if self.region == "auto":
            picture = _without_seam(picture, item.frame.image[(slice(None), *region.box)], hole)
        new = picture[:, hole].clamp(0, 255).floor()  # the published code truncates
        item.completed = new if item.completed is None else (item.completed + new) / 2


def _network(model: str | E2FGVI) -> E2FGVI:
    if isinstance(model, E2FGVI):
        return model
    from peanut import weights

    tensors = weights.load(model)
    network = E2FGVI.like(tensors)
    network.load_state_dict(tensors)
    return network


def _there(x: Tensor | None) -> Tensor:
    if x is None:
        raise RuntimeError("a feature was asked for before it was computed.")
    return x


def _there_both(x: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    if x is None:
        raise RuntimeError("a flow was asked for before it was computed.")
    return x


def _without_seam(picture: Tensor, real: Tensor, hole: Tensor) -> Tensor:
    """The picture with its difference to what is real around the hole, carried inwards smoothly, taken back."""
    difference = (real.float() - picture).permute(1, 2, 0).contiguous().numpy()
    correction = fill_smooth(difference, ~hole.numpy())
    return picture + torch.from_numpy(correction).permute(2, 0, 1)


def _finished(item: _Held) -> Frame:
    """The frame as it leaves: its hole filled, the rest as it came."""
    if item.completed is None:
        return item.frame
    image = item.frame.image.clone()
    image[:, item.mask] = item.completed.floor().to(torch.uint8)
    return item.frame.with_image(image)
