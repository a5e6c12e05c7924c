"""NOF-Eraser: removing what is masked with E2FGVI (Li et al., CVPR 2022), streaming."""

import logging
import math
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any, Literal, cast

import attrs
import torch
from torch import Tensor

from peanut.buffers import References
from peanut.devices import pick_device, pick_dtype
from peanut.doubts import MASKED_THROUGHOUT, TOLD, Doubts
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.networks.plugs import FillingNetwork, OnlineFillingNetwork
from peanut.pipeline import Stage
from peanut.validators import at_least, flag, from_preset, mask_of, one_of
from peanut.vision.inpainting import fill_smooth
from peanut.weights import names_used, resolve
from peanut.windows.covered import Covered
from peanut.windows.plugged import check_count, check_pair, check_shape, check_sides
from peanut.windows.region import Region, full_region, region_around

log = logging.getLogger("peanut")

SMALLEST = 60 * 108
"""The least area that a region may be reduced to."""
MARGIN = 48
"""Pixels of the known image around the masks that a region takes in, at least."""


@attrs.frozen
class Preset:
    """What a preset stands for; every field can be given by itself."""

    neighbor_stride: int
    overlap: bool
    reference_stride: int
    max_references: int | None
    lookahead: int
    remember: bool
    max_pixels: int


PRESETS = {
    "quality": Preset(5, True, 10, max_references=12, lookahead=25, remember=False, max_pixels=720 * 1296),
    "balanced": Preset(5, True, 10, max_references=8, lookahead=15, remember=False, max_pixels=720 * 1296),
    "fast": Preset(5, False, 10, max_references=4, lookahead=10, remember=False, max_pixels=360 * 648),
    "live": Preset(5, True, 10, max_references=3, lookahead=0, remember=True, max_pixels=360 * 648),
}


@attrs.define(eq=False)
class _WindowFrame:
    """A frame in the window, with what was computed for it and for its pair with the next."""

    frame: Frame
    number: int
    """Its place in its shot."""
    shot: int
    """The shots of a run are counted; another size begins one, too."""
    region: Region | None = None
    masked: Tensor | None = None
    """3 h w in [-1, 1], holes 0: the region as the network sees it."""
    feature: Tensor | None = None
    flows: tuple[Tensor, Tensor] | None = None
    """To the next frame and back, 2 h/4 w/4."""
    remembered: Any = None
    """Live: what later frames see of it."""
    never_shown: float = 0.0
    """The share of its hole that is masked in every frame that it was computed from."""
    completed: Tensor | None = None
    """3 n: what the hole's pixels have become so far, 0 to 255, float."""

    @property
    def mask(self) -> Tensor:
        return mask_of(self.frame, "NOFEraser")

    def forget(self) -> None:
        """Drop what was computed, for another region."""
        self.region = self.masked = self.feature = self.flows = self.remembered = None


@attrs.frozen(repr=False)
class NOFEraser(Stage):
    """Fill what is masked with E2FGVI: flow-guided propagation from neighbors, attention to frames far away.

    model: a name in the table of weights, a path, or a network: E2FGVI, or any other with the parts of a
        `peanut.networks.plugs.FillingNetwork`, which gets the same windows, references, regions and blending.
    preset: "quality", "balanced", "fast" or "live": the values of what is not given below.
    neighbor_stride: reach of a window to both sides, in frames. overlap: windows stand that many frames apart, so that
        most frames are computed twice or more and blended, as published; False: side by side.
    reference_stride: every how many frames of the shot one is a non-local reference.
    max_references: references at most, spread over the past and the look-ahead; None keeps all (memory then grows).
    lookahead: frames after a window's centre that are waited for; references come from there too. 0 is live: one frame
        in, one frame out, each from a window of the 2 neighbor_stride - 1 frames before it, nothing blended.
    region: "auto" computes a box around the masks alone and corrects the seam; "full" the whole image as published.
    remember: without a look-ahead, compute the newest frame alone, which attends to what is remembered of earlier ones
        (their keys and values) and to nothing later: a fraction of the cost, and not the same images.
    max_pixels: area above which a box is reduced. device, dtype: "auto" takes the fastest that is there.

    Frames without a mask in their window pass through untouched, as the same objects; outside the masks no pixel
    changes. A frame whose mask covers the whole image is filled from the others of its window and the references;
    where all of those are covered too it stays as it is, which is told once. With `region="full"`, float32,
    `max_references=None` and a look-ahead as long as the shot it is the published test protocol (masks as they are: the
    protocol's dilation is `grow`'s job).
    When the accelerator's memory runs out, boxes are computed at half their area from there on, or with half the
    references where the box is the whole image, with one warning.
    Latency: lookahead + neighbor_stride, or 0 without look-ahead. Holds: lookahead + 2 neighbor_stride + 1 frames, and
    features of at most max_references + 2 neighbor_stride + 1. Raises UsageError for frames without masks and settings
    that do not fit.
    """

    model: str | Path | FillingNetwork = "e2fgvi-hq"
    preset: Literal["quality", "balanced", "fast", "live"] = attrs.field(default="balanced", validator=one_of(*PRESETS))
    neighbor_stride: int = from_preset(PRESETS, "neighbor_stride", at_least(1))
    overlap: bool = from_preset(PRESETS, "overlap", flag)
    reference_stride: int = from_preset(PRESETS, "reference_stride", at_least(1))
    max_references: int | None = from_preset(PRESETS, "max_references", at_least(0, also=(None,)))
    lookahead: int = from_preset(PRESETS, "lookahead", at_least(0))
    remember: bool = from_preset(PRESETS, "remember", flag)
    region: Literal["auto", "full"] = attrs.field(default="auto", validator=one_of("auto", "full"))
    max_pixels: int = from_preset(PRESETS, "max_pixels", at_least(SMALLEST))
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = "auto"
    _network: FillingNetwork = attrs.field(init=False, repr=False)
    _device: torch.device = attrs.field(init=False, repr=False)
    needs_masks = True

    def __attrs_post_init__(self) -> None:
        if self.remember and self.lookahead:
            raise UsageError(f"NOFEraser: remember=True sees no later frame, got lookahead={self.lookahead}.")
        device = pick_device(self.device)
        kind: Any = OnlineFillingNetwork if self.remember else FillingNetwork
        network = resolve("NOFEraser", self.model, kind, device=device, dtype=pick_dtype(self.dtype, device))
        check_sides("NOFEraser", network)
        object.__setattr__(self, "_network", network)
        object.__setattr__(self, "_device", device)

    @property
    def latency(self) -> int:
        return self.lookahead + self.neighbor_stride if self.lookahead else 0

    @property
    def memory(self) -> int | None:
        if self.max_references is None:
            return None
        window = self.lookahead + 2 * self.neighbor_stride + 1 if self.lookahead else 2 * self.neighbor_stride
        return window + self.max_references

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self.model)

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        run = _Run(self, frames.doubts)
        shots = groupby(frames, key=lambda frame: (frame.shot, frame.size))
        for part, (_, shot) in enumerate(shots):
            items = (run.take(frame, number, part) for number, frame in enumerate(shot))
            yield from run.in_windows(items) if self.lookahead else run.live(items)


class _Run:
    """What one run knows."""

    def __init__(self, settings: NOFEraser, doubts: Doubts) -> None:
        self.settings, self.device = settings, settings._device
        self.network = settings._network
        self.references: References[_WindowFrame] = References(settings.reference_stride, settings.max_references)
        self.max_pixels, self.max_references, self.warned = settings.max_pixels, settings.max_references, False
        self.covered, self.doubts = Covered("NOFEraser"), doubts

    def take(self, frame: Frame, number: int, shot: int) -> _WindowFrame:
        """The next frame of the stream, with its place in its shot."""
        item = _WindowFrame(frame, number, shot)
        item.mask  # noqa: B018  (refused before it is held)
        self.references.add(item)
        return item

    def in_windows(self, items: Iterator[_WindowFrame]) -> Iterator[Frame]:
        """The frames of one shot; window after window."""
        of, held, centre, start, ended = self.settings, deque[_WindowFrame](), 0, 0, False
        ahead = min(of.neighbor_stride, of.lookahead)
        step = of.neighbor_stride if of.overlap else of.neighbor_stride + ahead + 1
        covered = 0  # frames of the shot that some window held
        while not ended or start + len(held) > min(centre, covered):
            while not ended and start + len(held) <= centre + of.lookahead:
                item = next(items, None)
                ended = item is None
                held.extend([] if item is None else [item])
            if start + len(held) <= min(centre, covered):
                break
            first, covered = max(start, centre - of.neighbor_stride), centre + ahead + 1
            self._complete(list(held)[first - start : covered - start], live=False)
            centre += step
            while held and start < centre - of.neighbor_stride:  # no later window holds them
                yield self._finished(held.popleft())
                start += 1
        while held:
            yield self._finished(held.popleft())

    def live(self, items: Iterator[_WindowFrame]) -> Iterator[Frame]:
        """The frames of one shot, each as it comes."""
        local = deque[_WindowFrame](maxlen=2 * self.settings.neighbor_stride)
        for item in items:
            local.append(item)
            self._complete(list(local), live=True)
            yield self._finished(item)

    def _complete(self, local: list[_WindowFrame], live: bool) -> None:
        """Compute one window, and blend what it gives into the frames it completes: all, or live the last."""
        wanted = local[-1:] if live else local
        if not any(item.mask.any() for item in wanted):
            return
        while True:
            references = self.references.pick(local)
            if self.max_references is not None and len(references) > self.max_references:  # memory ran out
                references = references[:: -(-len(references) // self.max_references)] if self.max_references else ()
            always = torch.stack([item.mask for item in (*local, *references)]).all(dim=0)
            if always.all():  # nothing is known
                return
            try:
                region = self._region_for(local)
                pictures = self._newest(local, references, region) if live else self._window(local, references, region)
                break
            except torch.OutOfMemoryError:
                if not self._make_do([*local, *references], len(references)):
                    raise
            if self.device.type == "cuda":  # here nothing of the failed attempt is held any more
                torch.cuda.empty_cache()
        for item, picture in zip(wanted, pictures, strict=True):
            if item.mask.any():
                item.never_shown = float(always.sum() / item.mask.sum())
                self._blend(item, region, (region.restore(picture) + 1) / 2 * 255)

    @torch.inference_mode()
    def _window(self, local: list[_WindowFrame], references: tuple[_WindowFrame, ...], region: Region) -> Tensor:
        """The local frames as the network sees them: t 3 h w in [-1, 1]; with a look-ahead of 0 the last alone."""
        self._encode([*local, *references], region)
        self._find_flows(local)
        features = torch.stack([_there(item.feature) for item in (*local, *references)])[None]
        pairs = [_there_both(item.flows) for item in local[:-1]]
        if pairs:
            to_next, to_previous = (torch.stack([pair[way] for pair in pairs])[None] for way in (0, 1))
        else:  # of one frame a network says itself what no flow looks like
            to_next, to_previous = self.network.flows(_there(local[0].masked)[None, None])
        decoded = slice(0 if self.settings.lookahead else len(local) - 1, len(local))
        given = self.network.complete(features, to_next, to_previous, decoded)
        check_shape("NOFEraser", "complete", given, (1, len(local[decoded]), 3, *region.size))
        return given[0].float().cpu()

    @torch.inference_mode()
    def _newest(self, local: list[_WindowFrame], references: tuple[_WindowFrame, ...], region: Region) -> Tensor:
        """The newest frame as the network sees it: 1 3 h w in [-1, 1]."""
        if not self.settings.remember:
            return self._window(local, references, region)
        held = [*references, *local]
        for count, item in enumerate(held):
            if item.remembered is None or item.region != region:
                self._encode([item], region)
                picture = self._step(item, held[:count])
        return picture.float().cpu()

    def _step(self, item: _WindowFrame, earlier: list[_WindowFrame]) -> Tensor:
        """One frame completed from what is remembered of earlier ones, and remembered itself: 1 3 h w in [-1, 1]."""
        before = [one for one in earlier[-2:] if item.number - one.number <= 2]
        flow = None
        if before and before[-1].number == item.number - 1:
            self._find_flows([before[-1], item])
            flow = _there_both(before[-1].flows)[1][None]
        seen = [one.remembered for one in earlier if one.remembered is not None]
        near = [one.remembered for one in before if one.remembered is not None] if flow is not None else []
        network = cast(OnlineFillingNetwork, self.network)  # checked when the stage was built
        picture, item.remembered = network.complete_newest(_there(item.feature)[None], flow, near, seen)
        return picture

    def _make_do(self, items: list[_WindowFrame], references: int) -> bool:
        """Ask for less memory from here on; False if there is nothing left to give up."""
        region, smallest = items[0].region, math.prod(self.network.multiple)
        area = self.max_pixels if region is None else min(self.max_pixels, region.size[0] * region.size[1])
        if self.settings.region == "auto" and self.network.fixed_size is None and area > smallest:
            self.max_pixels = max(smallest, area // 2)
            less = f"regions of at most {self.max_pixels} pixels"
        elif references:
            self.max_references = references // 2
            less = f"{self.max_references} references"
        else:
            return False
        if not self.warned:
            log.warning("NOFEraser: out of memory on %s; from here on it makes do with %s.", self.device, less)
        self.warned = True
        for item in items:
            item.forget()
        return True

    def _region_for(self, local: list[_WindowFrame]) -> Region:
        """The region of a window: that of the window before for as long as the masks stay in it."""
        size = local[0].frame.size
        multiple = self.network.fixed_size or self.network.multiple
        if self.settings.region == "full" or self.network.fixed_size is not None:
            whole = full_region(size, multiple)
            return whole if self.network.fixed_size is None else attrs.evolve(whole, size=self.network.fixed_size)
        masks = torch.stack([item.mask for item in local]).any(dim=0)
        before = next((item.region for item in local if item.region is not None), None)
        if before is not None and before.covers(masks):
            return before
        return region_around(masks, multiple, MARGIN, self.max_pixels)

    def _encode(self, items: list[_WindowFrame], region: Region) -> None:
        """Encode those frames whose features of this region are not there yet."""
        missing = [item for item in items if item.region != region or item.feature is None]
        for item in missing:
            item.forget()
            item.region = region
            known = (item.frame.image.float() / 127.5 - 1) * ~item.mask
            item.masked = region.cut(known).to(self.device)
        if missing:
            encoded = self.network.encode(torch.stack([_there(item.masked) for item in missing]))
            check_count("NOFEraser", "encode", encoded, len(missing))
            for item, feature in zip(missing, encoded, strict=True):
                item.feature = feature

    def _find_flows(self, local: list[_WindowFrame]) -> None:
        """Flows between neighbors that are not there yet."""
        missing = [(a, b) for a, b in pairwise(local) if a.flows is None]
        if missing:
            pairs = torch.stack([torch.stack([_there(a.masked), _there(b.masked)]) for a, b in missing])
            given = self.network.flows(pairs)
            check_pair("NOFEraser", "flows", given, len(missing))
            to_next, to_previous = given
            for (a, _), there, back in zip(missing, to_next, to_previous, strict=True):
                a.flows = there[0], back[0]

    def _blend(self, item: _WindowFrame, region: Region, picture: Tensor) -> None:
        """Half old, half new, in the order of the windows, as published. picture: 3 h w, 0 to 255, of the region."""
        hole = item.mask[region.box]
        if self.settings.region == "auto":
            picture = _without_seam(picture, item.frame.image[(slice(None), *region.box)], hole)
        new = picture[:, hole].clamp(0, 255).floor()  # the published code truncates
        item.completed = new if item.completed is None else (item.completed + new) / 2

    def _finished(self, item: _WindowFrame) -> Frame:
        """The frame as it leaves: its hole filled, the rest as it came."""
        self.doubts.add_mask(item.mask)
        if item.never_shown >= TOLD:
            self.doubts.add(MASKED_THROUGHOUT, item.frame, item.never_shown)
        if item.completed is None:
            if item.mask.all():
                self.covered.stays(item.frame)
            return item.frame
        image = item.frame.image.clone()
        image[:, item.mask] = item.completed.floor().to(torch.uint8)
        return item.frame.with_image(image)


def _there(x: Tensor | None) -> Tensor:
    if x is None:
        raise RuntimeError("a feature was asked for before it was computed.")
    return x


def _there_both(x: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
    if x is None:
        raise RuntimeError("a flow was asked for before it was computed.")
    return x


def _without_seam(picture: Tensor, real: Tensor, hole: Tensor) -> Tensor:
    """The image with its difference to what is real around the hole, carried inwards smoothly, taken back."""
    difference = (real.float() - picture).permute(1, 2, 0).contiguous().numpy()
    correction = fill_smooth(difference, ~hole.numpy())
    return picture + torch.from_numpy(correction).permute(2, 0, 1)
