"""PEANUT removes things from video because someone said so: streaming, composable, in bounded memory.

pipeline = peanut.read("street.mp4") | peanut.MovingObjects() | peanut.FlowEraser() | peanut.write("clean.mp4")
pipeline.run()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from peanut import fork  # noqa: F401  (what a forked child needs)
from peanut.branching import merge, tap
from peanut.errors import StageError, UsageError
from peanut.frame import Colour, Frame, Source
from peanut.ops.fast_paths import fast_paths
from peanut.pipeline import Pipeline, Stage, prefetch, stage
from peanut.process import keep_memory
from peanut.run import Run, StageStatistics, Statistics
from peanut.session import Session

if TYPE_CHECKING:
    from peanut.stages.color_key import ColorKey
    from peanut.stages.enlarge import Enlarge, SpandrelUpscaler
    from peanut.stages.fixed_region import FixedRegion
    from peanut.stages.flow_eraser import FlowEraser
    from peanut.stages.flow_estimators import (
        DIS,
        RAFT,
        Farneback,
        FlowEstimator,
        HornSchunck,
        LucasKanade,
        NvidiaFlow,
        SPyNetFlow,
        flow_picture,
    )
    from peanut.stages.moving_objects import MovingObjects
    from peanut.stages.nof_eraser import NOFEraser
    from peanut.stages.p_mask import PMask
    from peanut.stages.per_frame import PerFrame
    from peanut.stages.sam2_track import Prompt, Sam2Track
    from peanut.stages.sam3_mask import Sam3Mask
    from peanut.stages.ur_net import BasicVSR, URNet
    from peanut.video.info import Info, info
    from peanut.video.mask_stages import grow, invert, mask_images, overlay, resize, side_by_side
    from peanut.video.masks import masks
    from peanut.video.read import read
    from peanut.video.shots import shots
    from peanut.video.write import write, write_masks

__version__ = "0.1.0"

_WHERE_USED = {  # imported when first used: OpenCV, PyAV and the networks would make every start slower
    "BasicVSR": "peanut.stages.ur_net",
    "ColorKey": "peanut.stages.color_key",
    "DIS": "peanut.stages.flow_estimators",
    "Enlarge": "peanut.stages.enlarge",
    "Farneback": "peanut.stages.flow_estimators",
    "FixedRegion": "peanut.stages.fixed_region",
    "FlowEraser": "peanut.stages.flow_eraser",
    "FlowEstimator": "peanut.stages.flow_estimators",
    "HornSchunck": "peanut.stages.flow_estimators",
    "Info": "peanut.video.info",
    "LucasKanade": "peanut.stages.flow_estimators",
    "MovingObjects": "peanut.stages.moving_objects",
    "NOFEraser": "peanut.stages.nof_eraser",
    "NvidiaFlow": "peanut.stages.flow_estimators",
    "PMask": "peanut.stages.p_mask",
    "PerFrame": "peanut.stages.per_frame",
    "Prompt": "peanut.stages.sam2_track",
    "RAFT": "peanut.stages.flow_estimators",
    "SPyNetFlow": "peanut.stages.flow_estimators",
    "Sam2Track": "peanut.stages.sam2_track",
    "Sam3Mask": "peanut.stages.sam3_mask",
    "SpandrelUpscaler": "peanut.stages.enlarge",
    "URNet": "peanut.stages.ur_net",
    "flow_picture": "peanut.stages.flow_estimators",
    "grow": "peanut.video.mask_stages",
    "info": "peanut.video.info",
    "invert": "peanut.video.mask_stages",
    "mask_images": "peanut.video.mask_stages",
    "masks": "peanut.video.masks",
    "overlay": "peanut.video.mask_stages",
    "read": "peanut.video.read",
    "resize": "peanut.video.mask_stages",
    "shots": "peanut.video.shots",
    "side_by_side": "peanut.video.mask_stages",
    "write": "peanut.video.write",
    "write_masks": "peanut.video.write",
}
__all__ = [  # noqa: RUF022  (sorted as `dir` sorts)
    "BasicVSR",
    "ColorKey",
    "Colour",
    "DIS",
    "Enlarge",
    "Farneback",
    "FixedRegion",
    "FlowEraser",
    "FlowEstimator",
    "Frame",
    "HornSchunck",
    "Info",
    "LucasKanade",
    "MovingObjects",
    "NOFEraser",
    "NvidiaFlow",
    "PMask",
    "PerFrame",
    "Pipeline",
    "Prompt",
    "RAFT",
    "Run",
    "SPyNetFlow",
    "Sam2Track",
    "Sam3Mask",
    "Session",
    "Source",
    "SpandrelUpscaler",
    "Stage",
    "StageError",
    "StageStatistics",
    "Statistics",
    "URNet",
    "UsageError",
    "fast_paths",
    "flow_picture",
    "grow",
    "info",
    "invert",
    "keep_memory",
    "mask_images",
    "masks",
    "merge",
    "overlay",
    "prefetch",
    "read",
    "resize",
    "shots",
    "side_by_side",
    "stage",
    "tap",
    "write",
    "write_masks",
]


def __getattr__(name: str) -> Any:
    if name not in _WHERE_USED:
        raise AttributeError(f"module 'peanut' has no attribute {name!r}")
    globals()[name] = value = getattr(import_module(_WHERE_USED[name]), name)
    return value


def __dir__() -> list[str]:
    return __all__
