"""SAM 2 from its own package (Ravi et al., SAM 2: Segment Anything in Images and Videos, 2024)."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from peanut.errors import UsageError

STAGES = {
    (1, 2, 7, 2): "t",
    (1, 2, 11, 2): "s",
    (2, 3, 16, 3): "b+",
    (2, 6, 36, 4): "l",
}
"""Blocks of the four stages of Hiera, by the size that they mean."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's, of RGB in [0, 1]."""


def build(
    size: str,
    version: str = "2",
    image_size: int = 1024,
    predictor: bool = False,
    video: bool = False,
    object_score: bool = True,
) -> nn.Module:
    """SAM 2 without weights: `SAM2Base`, for inference.

    size: "t", "s", "b+" or "l". version: "2" (2024-07-29) or "2.1". image_size: side of the square it sees, pixels.
    predictor: with the video predictor's own settings (masks fall back to others by stability; memories of prompted
    frames are binarised). video: as the class `SAM2VideoPredictor`, which drives itself. object_score: with the parts
    that tell whether the object is visible.
    Raises UsageError if the package is not installed.
    """
    try:
        from sam2.build_sam import build_sam2
    except ImportError as error:
        raise UsageError(
            "finding things by text or click needs the package sam2, which is not installed:"
            " SAM2_BUILD_CUDA=0 pip install --no-build-isolation 'peanut-video[p-mask]' (after torch)."
        ) from error
    overrides = [f"++model.image_size={image_size}"]
    if video:
        overrides.append("++model._target_=sam2.sam2_video_predictor.SAM2VideoPredictor")
    if predictor:
        overrides.append("++model.binarize_mask_from_pts_for_mem_enc=true")
    if not object_score:
        overrides += [
            f"++model.{part}=false" for part in ("pred_obj_scores", "pred_obj_scores_mlp", "fixed_no_obj_ptr")
        ]
    config = f"configs/sam{version}/sam{version}_hiera_{size}.yaml"
    with torch.device("cpu"):  # its parts ask for values, which a device without memory does not have
        sam: nn.Module = build_sam2(
            config, device="cpu", hydra_overrides_extra=overrides, apply_postprocessing=predictor
        )
    return sam


def size_of(names: Iterable[str], prefix: str = "") -> str:
    """Which of the four sizes a checkpoint's names are of. Raises UsageError for none of them."""
    pattern = re.compile(re.escape(f"{prefix}image_encoder.trunk.blocks.") + r"(\d+)\.(norm1\.weight|proj\.weight)$")
    found = [match for match in map(pattern.match, names) if match]
    starts = sorted(int(match[1]) for match in found if match[2] == "proj.weight")  # a stage begins with a projection
    total = 1 + max((int(match[1]) for match in found), default=-1)
    ends = [*starts, total]
    stages = tuple(end - start for start, end in zip([0, *starts], ends, strict=True))
    if stages not in STAGES:
        raise UsageError(f"its image encoder has stages of {stages} blocks, which no size of SAM 2 has.")
    return STAGES[stages]


def lighten(sam: Any) -> None:
    """Leave out work that changes nothing but the last bits.

    Memory attention (of one head) gathers memories as they are, a quarter as wide, and projects what was gathered:
    sum p (W_v m + b_v) = W_v sum(p m) + b_v. Codes of position, the same for all frames, are not copied for each.
    """
    for layer in sam.memory_attention.layers:
        attention = layer.cross_attn_image
        attention.v_proj.forward = _as_they_are
        attention.out_proj.register_forward_pre_hook(partial(_project, attention.v_proj))
    neck = sam.image_encoder.neck
    neck.position_encoding.forward = partial(_of_one, neck.position_encoding.forward)
    for part in sam.modules():
        if hasattr(part, "freqs_cis"):
            part.register_forward_pre_hook(_own_codes)


def _own_codes(attention: Any, _: Any) -> None:
    """Rotary codes that were kept under inference mode are copied when something is to be learned."""
    if attention.freqs_cis.is_inference() and not torch.is_inference_mode_enabled():
        attention.freqs_cis = attention.freqs_cis.clone()


def _of_one(encode: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    return encode(x[:1]).expand(len(x), -1, -1, -1)


def _as_they_are(x: Tensor) -> Tensor:
    return x


def _project(values: nn.Linear, _: nn.Module, gathered: tuple[Tensor]) -> tuple[Tensor]:
    return (F.linear(*gathered, values.weight, values.bias),)


def normalised(image: Tensor) -> Tensor:
    """uint8 RGB ... 3 h w to what SAM 2 is trained on."""
    mean, std = (torch.tensor(x, device=image.device).reshape(3, 1, 1) for x in (MEAN, STD))
    return (image.float() / 255 - mean) / std


def pyramid(sam: Any, stages: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """From the trunk's stages (b c h w each, finest first) to the three levels the decoder takes, and positions."""
    levels, positions = sam.image_encoder.neck(stages)
    kept = len(levels) - sam.image_encoder.scalp
    levels, positions = list(levels[:kept]), list(positions[:kept])
    levels[0] = sam.sam_mask_decoder.conv_s0(levels[0])
    levels[1] = sam.sam_mask_decoder.conv_s1(levels[1])
    return levels, positions


def sequence(x: Tensor) -> Tensor:
    """b c h w -> (h w) b c."""
    return x.flatten(2).permute(2, 0, 1)
