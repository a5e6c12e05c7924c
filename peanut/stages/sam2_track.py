"""Objects that were clicked, boxed or drawn, followed with SAM 2 (Ravi et al., 2024), streaming."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import attrs
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.devices import pick_device, pick_dtype
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.networks.sam2 import normalised
from peanut.ops.attention import FastAttention
from peanut.pipeline import Stage
from peanut.stages.grow import grown
from peanut.validators import at_least, one_of
from peanut.weights import names_used, resolve

SPATIAL, POINTERS = 6, 15
"""Recent frames whose spatial memory, and whose object pointer, a frame attends to."""


def _pairs(points: Iterable[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in points)


@attrs.frozen(eq=False, kw_only=True)
class Prompt:
    """What shows an object in one frame, in pixels of the frame: clicks, a box, both, or a mask alone.

    points: (x, y) each; labels: 1 for on the object, 0 for off it, all 1 by default. box: (x0, y0, x1, y1).
    mask: h w, bool, True = object. Raises UsageError if nothing is given or labels do not fit.
    """

    points: tuple[tuple[float, float], ...] = attrs.field(default=(), converter=_pairs)
    labels: tuple[int, ...] = attrs.field(
        default=attrs.Factory(lambda self: (1,) * len(self.points), takes_self=True), converter=tuple
    )
    box: tuple[float, float, float, float] | None = None
    mask: Tensor | None = attrs.field(default=None, repr=lambda x: "None" if x is None else f"<{tuple(x.shape)}>")

    def __attrs_post_init__(self) -> None:
        if self.mask is not None and (self.points or self.box is not None):
            raise UsageError("Prompt: a mask excludes points and a box; give them in a frame of their own.")
        if self.mask is None and not self.points and self.box is None:
            raise UsageError("Prompt: nothing is given; it needs points, a box or a mask.")
        if len(self.labels) != len(self.points) or not set(self.labels) <= {0, 1}:
            raise UsageError(f"Prompt: {len(self.points)} points need as many labels, 1 or 0, got {self.labels}.")
        if self.box is not None and not (
            len(self.box) == 4 and self.box[0] < self.box[2] and self.box[1] < self.box[3]
        ):
            raise UsageError(f"Prompt: a box is (x0, y0, x1, y1) with x0 < x1 and y0 < y1, got {self.box}.")

    def check(self, frame: Frame) -> None:
        """Raise UsageError if this does not lie in the frame."""
        h, w = frame.size
        corners = [] if self.box is None else [self.box[:2], self.box[2:]]
        for x, y in (*self.points, *corners):
            if not (0 <= x <= w and 0 <= y <= h):
                raise UsageError(f"Prompt: ({x}, {y}) lies outside frame {frame.index}, which is {w}x{h}.")
        if self.mask is not None and tuple(self.mask.shape) != (h, w):
            raise UsageError(f"Prompt: its mask is {tuple(self.mask.shape)}, frame {frame.index} is {(h, w)}.")


Given = Mapping[int, Prompt | None]
Prompts = Mapping[int, Given] | Callable[[Frame], Given]


@attrs.frozen(repr=False)
class Sam2Track(Stage):
    """Mask objects that are shown by clicks, boxes or masks, and follow them.

    prompts: frame index -> object -> `Prompt`, or a function that is asked with each frame before it is tracked. None
        in place of a prompt drops the object. Prompts may come at any time: new objects, and corrections of old ones.
    model: a name in the table of weights, or a network of `peanut.networks.sam2.build`.
    max_prompted: prompted frames that an object is remembered by; beyond it the oldest but the first leaves.
    on_cut: whether to "keep" or to "reset" what is followed at a cut.
    grow: pixels added around the mask, a disc; None: what suits the size of the image (`peanut.grow`).
    device, dtype: "auto" takes the fastest that is there.

    Replaces the mask of a frame by the union of the objects and adds each as a layer `object: NAME` (bool). Before the
    first prompt masks are empty. The past is never changed. With float32 it is SAM 2's own video predictor, given each
    prompt before it tracks that frame.
    Latency: 0. Holds: 1 frame, and for each object at most 6 recent spatial memories, 15 recent pointers, and both of
    `max_prompted` prompted frames. Raises UsageError for prompts outside the picture.
    """

    prompts: Prompts = attrs.field(repr=lambda x: "..." if callable(x) else f"<{len(x)} frames>")
    model: str | Path | nn.Module = "sam2.1-base-plus"
    max_prompted: int = attrs.field(default=8, validator=at_least(1))
    on_cut: Literal["reset", "keep"] = attrs.field(default="keep", validator=one_of("reset", "keep"))
    grow: int | None = attrs.field(default=None, validator=at_least(0, also=(None,)))
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = "auto"
    _network: Any = attrs.field(init=False, repr=False)
    latency, memory = 0, 1

    def __attrs_post_init__(self) -> None:
        network = resolve("Sam2Track", self.model, nn.Module, device=pick_device(self.device), dtype=torch.float32)
        if not hasattr(network, "track_step"):
            raise UsageError(f"Sam2Track: {self.model} is a {type(network).__name__}, not a SAM 2.")
        object.__setattr__(self, "_network", network)

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self.model)

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        device = pick_device(self.device)
        tracks, shot = _Tracks(self._network, self.max_prompted, device, pick_dtype(self.dtype, device)), None
        for frame in frames:
            if self.on_cut == "reset" and frame.shot != shot:
                tracks.objects.clear()
            shot = frame.shot
            given = self.prompts(frame) if callable(self.prompts) else self.prompts.get(frame.index, {})
            for prompt in filter(None, given.values()):
                prompt.check(frame)
            masks = tracks.step(frame, given)
            union = torch.zeros(frame.size, dtype=torch.bool)
            for name, mask in masks.items():
                union |= mask
                frame = frame.with_layer(f"object: {name}", mask)
            yield frame.with_mask(grown(union, self.grow))


@attrs.define(eq=False)
class _Object:
    """What is remembered of one object, by frame index, as `SAM2Base.track_step` takes it."""

    prompted: dict[int, dict[str, Any]] = attrs.field(factory=dict)
    recent: dict[int, dict[str, Any]] = attrs.field(factory=dict)

    def forget(self, now: int, most: int) -> None:
        """Drop what no later frame attends to."""
        while len(self.prompted) > most:
            del self.prompted[list(self.prompted)[1 if most > 1 else 0]]
        for index in list(self.recent):
            if index < now - POINTERS:
                del self.recent[index]
            elif index < now - SPATIAL:
                self.recent[index] = {"obj_ptr": self.recent[index]["obj_ptr"]}


class _Tracks:
    """All objects of one run."""

    def __init__(self, network: Any, max_prompted: int, device: torch.device, dtype: torch.dtype) -> None:
        self.network, self.max_prompted, self.device, self.dtype = network, max_prompted, device, dtype
        self.objects: dict[int, _Object] = {}
        self.position: list[Tensor] | None = None

    @torch.inference_mode()
    def step(self, frame: Frame, given: Given) -> dict[int, Tensor]:
        """The masks of all objects in a frame: h w, bool."""
        for name, prompt in given.items():
            if prompt is None:
                self.objects.pop(name, None)
            else:
                self.objects.setdefault(name, _Object())
        if not self.objects:
            return {}
        with torch.autocast(self.device.type, self.dtype, self.dtype != torch.float32), FastAttention():
            side = self.network.image_size
            image = F.interpolate(frame.image[None].to(self.device), (side, side), mode="bicubic", antialias=True)
            features = self.network._prepare_backbone_features(self.network.forward_image(normalised(image)))[1:]
            masks = {}
            for name, known in self.objects.items():
                prompt = given.get(name)
                logits = (
                    self._prompted(frame, known, prompt, features) if prompt else self._tracked(frame, known, features)
                )
                known.forget(frame.index + 1, self.max_prompted)
                logits = F.interpolate(logits.float(), frame.size, mode="bilinear", align_corners=False)
                masks[name] = (logits[0, 0] > 0).cpu()
        return masks

    def _tracked(self, frame: Frame, known: _Object, features: tuple[Any, ...]) -> Tensor:
        """A frame without a prompt: low-resolution mask logits, 1 1 h w."""
        out = self._track(frame, known, features, run_mem_encoder=True)
        known.recent[frame.index] = self._kept(out, out["maskmem_features"], out["maskmem_pos_enc"])
        logits: Tensor = out["pred_masks"]
        return logits

    def _prompted(self, frame: Frame, known: _Object, prompt: Prompt, features: tuple[Any, ...]) -> Tensor:
        """A frame with a prompt: it is seen without memory, and remembered for good."""
        side = self.network.image_size
        out = self._track(frame, known, features, run_mem_encoder=False, **self._inputs(frame, prompt))
        logits: Tensor = out["pred_masks"]
        high = F.interpolate(logits.float(), (side, side), mode="bilinear", align_corners=False)
        memory, position = self.network._encode_new_memory(
            features[0], features[2], high, out["object_score_logits"], is_mask_from_pts=True
        )
        known.recent.pop(frame.index, None)
        known.prompted[frame.index] = self._kept(out, memory, position)
        return logits

    def _track(self, frame: Frame, known: _Object, features: tuple[Any, ...], **inputs: Any) -> dict[str, Any]:
        levels, positions, sizes = features
        prompted = "point_inputs" in inputs
        out: dict[str, Any] = self.network.track_step(
            frame_idx=frame.index,
            is_init_cond_frame=prompted,
            current_vision_feats=levels,
            current_vision_pos_embeds=positions,
            feat_sizes=sizes,
            output_dict={"cond_frame_outputs": known.prompted, "non_cond_frame_outputs": known.recent},
            num_frames=sys.maxsize,
            **({} if prompted else {"point_inputs": None, "mask_inputs": None}),
            **inputs,
        )
        return out

    def _kept(self, out: dict[str, Any], memory: Tensor, position: list[Tensor]) -> dict[str, Any]:
        if self.position is None:  # the same for all frames
            self.position = [position[-1].clone()]
        return {
            "maskmem_features": memory.to(torch.bfloat16),
            "maskmem_pos_enc": self.position,
            "obj_ptr": out["obj_ptr"],
        }

    def _inputs(self, frame: Frame, prompt: Prompt) -> dict[str, Any]:
        """A prompt in pixels of the network's square."""
        (h, w), side = frame.size, self.network.image_size
        if prompt.mask is not None:
            drawn = torch.as_tensor(prompt.mask)[None, None].float().to(self.device)
            mask = F.interpolate(drawn, (side, side), mode="bilinear", align_corners=False, antialias=True)
            return {"point_inputs": None, "mask_inputs": (mask >= 0.5).float()}
        corners = () if prompt.box is None else (prompt.box[:2], prompt.box[2:])
        labels = [*((2, 3) if corners else ()), *prompt.labels]
        coordinates = torch.tensor([*corners, *prompt.points]) / torch.tensor([w, h]) * side
        return {
            "point_inputs": {
                "point_coords": coordinates[None].to(self.device),
                "point_labels": torch.tensor([labels], dtype=torch.int32, device=self.device),
            },
            "mask_inputs": None,
        }
