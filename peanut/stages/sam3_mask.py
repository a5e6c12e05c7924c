"""Text to masks with SAM 3 (Carion et al., 2025), as the library transformers runs it, streaming."""

import copy
from collections.abc import Iterator
from typing import Any

import attrs
import torch
from torch import Tensor

from peanut.devices import pick_device, pick_dtype
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.pipeline import Stage
from peanut.stages.grow import grown
from peanut.validators import at_least, between
from peanut.weights import entries, folder, names_used
from peanut.weights.sources import offline

RESTART = 300
"""Frames after which tracking begins anew: tracks are never given up before, and each costs time and memory."""
NEW_ABOVE = 0.2
"""How much surer than the threshold a detection must be to open a track beside others: 0.7 to 0.5 as published."""
MEMORY = ("object_pointer", "maskmem_features", "maskmem_pos_enc")
"""What the tracker reads of a past frame; of one long past the first alone."""


@attrs.frozen(repr=False)
class Sam3Mask(Stage):
    """Mask everything that `prompt` names, found in each frame and tracked from frame to frame by SAM 3.

    The mask is the union of all objects found. Masks that frames bring along are replaced. A cut begins anew, and so
    does every 300th frame of a shot: an object that the detector misses just then is lost until it is found again.
    What the tracker reads no more is dropped after each frame, so memory does not grow with the video.

    prompt: a noun phrase, such as "red car".
    model: a name in the table of weights, fetched on first use, a folder or a Hugging Face repository as transformers
        reads them, or (model, processor): a `Sam3VideoModel` and a `Sam3VideoProcessor`; such a model is used where and
        in the type it is in.
    threshold: how sure a detection must be, 0 to 1. Objects that appear beside others need 0.2 more, as published.
    grow: pixels added around what was found, a disc; None: what suits the size of the image (`peanut.grow`).
    device, dtype: "auto" takes the fastest that is there.
    Needs `pip install peanut-video[p-mask]`, and for the weights an accepted licence and a login.
    Latency: 0. Holds: 1 frame; per object the memories of 7 frames, and up to 20 where tracking was confirmed.
    Raises UsageError if transformers or the weights are not there.
    """

    prompt: str
    model: str | tuple[Any, Any] = attrs.field(default="sam3", repr=lambda x: repr(x) if isinstance(x, str) else "...")
    device: str | torch.device = "auto"
    dtype: str | torch.dtype = "auto"
    threshold: float = attrs.field(default=0.5, validator=between(0.0, 1.0))
    grow: int | None = attrs.field(default=None, validator=at_least(0, also=(None,)))
    _model: Any = attrs.field(init=False, repr=False)
    _processor: Any = attrs.field(init=False, repr=False)
    latency, memory = 0, 1

    def __attrs_post_init__(self) -> None:
        if not isinstance(self.prompt, str) or not self.prompt.strip():
            raise UsageError(f"Sam3Mask: prompt must name what to mask, such as 'red car', got {self.prompt!r}.")
        if isinstance(self.model, str):
            device = pick_device(self.device)
            model, processor = _load(self.model)
            model = model.to(device, pick_dtype(self.dtype, device)).eval().requires_grad_(False)
        else:
            try:
                model, processor = self.model
            except TypeError as error:
                raise UsageError(
                    f"Sam3Mask: model must be a name or (model, processor), got {self.model!r}."
                ) from error
            model = copy.copy(model)  # the tensors are shared, the thresholds are our own
        model.score_threshold_detection = self.threshold
        model.new_det_thresh = min(1.0, self.threshold + NEW_ABOVE)
        object.__setattr__(self, "_model", model)
        object.__setattr__(self, "_processor", processor)

    @property
    def weights(self) -> tuple[str, ...]:
        return names_used(self.model)

    def __str__(self) -> str:
        return f"Sam3Mask({self.prompt!r})"

    def __call__(self, frames: Iterator[Frame]) -> Iterator[Frame]:
        session: Any = None
        shot, number = 0, 0
        for frame in frames:
            if session is None or frame.shot != shot or number == RESTART:
                session, shot, number = self._session(), frame.shot, 0
            yield frame.with_mask(self._mask(session, frame, number))
            number += 1
            del frame

    def _session(self) -> Any:
        parameter = next(self._model.parameters())
        session = self._processor.init_video_session(inference_device=parameter.device, dtype=parameter.dtype)
        return self._processor.add_text_prompt(session, self.prompt)

    def _mask(self, session: Any, frame: Frame, number: int) -> Tensor:
        """The mask of frame `number` of a session."""
        seen = self._processor(images=frame.image, device=session.inference_device, return_tensors="pt")
        found = self._model(inference_session=session, frame=seen.pixel_values[0], frame_idx=number)
        objects = self._processor.postprocess_outputs(session, found, original_sizes=[list(frame.size)])["masks"]
        tracker = self._model.tracker_model
        forget(session, number, tracker.num_maskmem, tracker.config)
        mask = objects.any(dim=0).cpu()
        return grown(mask, self.grow).clone()


def forget(session: Any, now: int, memories: int, config: Any) -> None:
    """Drop from a session what no frame after `now` reads, so that all masks stay as they would have been.

    The tracker reads the memories of the last `memories - 1` frames and of the newest confirmed ones, and of further
    ones the object pointer alone.
    """
    session.processed_frames[now] = torch.empty(0)  # its place is kept: the tracker counts them
    for inputs in session.mask_inputs_per_obj.values():
        inputs.clear()
    for outputs in session.output_dict_per_obj.values():
        tracked, confirmed = outputs["non_cond_frame_outputs"], outputs["cond_frame_outputs"]
        tracked.pop(now + 1 - config.max_object_pointers_in_encoder, None)
        newest = sorted(confirmed)[-config.max_cond_frame_num :] if config.max_cond_frame_num >= 0 else confirmed
        whole = {*range(now + 2 - memories, now + 1), *newest}
        for kept in (tracked, confirmed):
            for index, output in kept.items():
                read = MEMORY if index in whole else MEMORY[:1]
                kept[index] = {name: output[name] for name in read if name in output}


def _load(name: str) -> tuple[Any, Any]:
    try:
        from transformers import Sam3VideoModel, Sam3VideoProcessor
    except ImportError as error:
        raise UsageError(
            "Sam3Mask needs transformers 5 or newer: pip install 'peanut-video[p-mask]' 'transformers>=5'."
        ) from error
    where = folder(name) if name in entries() else name
    here = offline()
    try:
        model = Sam3VideoModel.from_pretrained(where, local_files_only=here)
        return model, Sam3VideoProcessor.from_pretrained(where, local_files_only=here)
    except (OSError, ValueError) as error:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise UsageError(
            f"Sam3Mask cannot load {where} ({reason}): a folder must hold a Sam3VideoModel and its processor; of a"
            f" repository the licence must be accepted at https://huggingface.co/{where}, and `hf auth login` must have"
            " logged you in."
        ) from error
