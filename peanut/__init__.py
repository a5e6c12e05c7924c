"""PEANUT removes things from video because someone said so: streaming, composable, in bounded memory.

pipeline = peanut.read("street.mp4") | peanut.MovingObjects() | peanut.FlowEraser() | peanut.write("clean.mp4")
pipeline.run()
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from peanut import fork  # noqa: F401  (what a forked child needs)
from peanut.allocator import keep_memory
from peanut.branching import merge, side_by_side, tap
from peanut.doubts import Doubt
from peanut.errors import StageError, UsageError
from peanut.frame import Color, Frame, Source
from peanut.frame_stream import FrameStream
from peanut.ops.fast_paths import fast_paths
from peanut.pipeline import Pipeline, Stage, map, prefetch, stage
from peanut.run import Run
from peanut.session import Session
from peanut.statistics import StageStatistics, Statistics

if TYPE_CHECKING:
    from peanut.evaluation.evaluate import evaluate
    from peanut.evaluation.measure import measure
    from peanut.flow.dis import DIS
    from peanut.flow.estimator import FlowEstimator
    from peanut.flow.farneback import Farneback
    from peanut.flow.homography import HomographyFlow
    from peanut.flow.horn_schunck import HornSchunck
    from peanut.flow.lucas_kanade import LucasKanade
    from peanut.flow.network import NetworkFlow
    from peanut.flow.nvidia import NvidiaFlow
    from peanut.flow.raft import RAFT
    from peanut.flow.spynet import SPyNetFlow
    from peanut.flow.visualize import flow_image
    from peanut.licensing import licence
    from peanut.sheets.blink import blink
    from peanut.sheets.sheet import sheet
    from peanut.stages.blur import Blur
    from peanut.stages.color_key import ColorKey
    from peanut.stages.enlarge import Enlarge, SpandrelUpscaler
    from peanut.stages.faces import Faces
    from peanut.stages.fixed_region import FixedRegion
    from peanut.stages.flow_eraser import FlowEraser
    from peanut.stages.grow import grow
    from peanut.stages.invert import invert
    from peanut.stages.mask_images import mask_images
    from peanut.stages.moving_objects import MovingObjects
    from peanut.stages.named import Named
    from peanut.stages.nof_eraser import NOFEraser
    from peanut.stages.overlay import overlay
    from peanut.stages.p_mask import PMask
    from peanut.stages.per_frame import PerFrame
    from peanut.stages.phrase import Phrase
    from peanut.stages.pixelate import Pixelate
    from peanut.stages.report import remember, report
    from peanut.stages.resize import resize
    from peanut.stages.sam2_track import Prompt, Sam2Track
    from peanut.stages.sam3_mask import Sam3Mask
    from peanut.stages.ur_net import BasicVSR, URNet
    from peanut.stages.write_masks import write_masks
    from peanut.video.info import Info, info
    from peanut.video.masks import masks
    from peanut.video.read import read
    from peanut.video.shots import shots
    from peanut.video.write import write

__version__ = "0.1.0"

_WHERE_USED = {  # imported when first used: OpenCV, PyAV and the networks would make every start slower
    "BasicVSR": "peanut.stages.ur_net",
    "Blur": "peanut.stages.blur",
    "ColorKey": "peanut.stages.color_key",
    "DIS": "peanut.flow.dis",
    "Enlarge": "peanut.stages.enlarge",
    "Faces": "peanut.stages.faces",
    "Farneback": "peanut.flow.farneback",
    "FixedRegion": "peanut.stages.fixed_region",
    "FlowEraser": "peanut.stages.flow_eraser",
    "FlowEstimator": "peanut.flow.estimator",
    "HomographyFlow": "peanut.flow.homography",
    "HornSchunck": "peanut.flow.horn_schunck",
    "Info": "peanut.video.info",
    "LucasKanade": "peanut.flow.lucas_kanade",
    "MovingObjects": "peanut.stages.moving_objects",
    "NOFEraser": "peanut.stages.nof_eraser",
    "Named": "peanut.stages.named",
    "NetworkFlow": "peanut.flow.network",
    "NvidiaFlow": "peanut.flow.nvidia",
    "PMask": "peanut.stages.p_mask",
    "PerFrame": "peanut.stages.per_frame",
    "Phrase": "peanut.stages.phrase",
    "Pixelate": "peanut.stages.pixelate",
    "Prompt": "peanut.stages.sam2_track",
    "RAFT": "peanut.flow.raft",
    "SPyNetFlow": "peanut.flow.spynet",
    "Sam2Track": "peanut.stages.sam2_track",
    "Sam3Mask": "peanut.stages.sam3_mask",
    "SpandrelUpscaler": "peanut.stages.enlarge",
    "URNet": "peanut.stages.ur_net",
    "blink": "peanut.sheets.blink",
    "evaluate": "peanut.evaluation.evaluate",
    "flow_image": "peanut.flow.visualize",
    "grow": "peanut.stages.grow",
    "licence": "peanut.licensing",
    "info": "peanut.video.info",
    "invert": "peanut.stages.invert",
    "mask_images": "peanut.stages.mask_images",
    "masks": "peanut.video.masks",
    "measure": "peanut.evaluation.measure",
    "overlay": "peanut.stages.overlay",
    "read": "peanut.video.read",
    "remember": "peanut.stages.report",
    "report": "peanut.stages.report",
    "resize": "peanut.stages.resize",
    "sheet": "peanut.sheets.sheet",
    "shots": "peanut.video.shots",
    "write": "peanut.video.write",
    "write_masks": "peanut.stages.write_masks",
}
__all__ = [  # noqa: RUF022  (sorted as `dir` sorts)
    "BasicVSR",
    "Blur",
    "Color",
    "ColorKey",
    "DIS",
    "Doubt",
    "Enlarge",
    "Faces",
    "Farneback",
    "FixedRegion",
    "FlowEraser",
    "FlowEstimator",
    "Frame",
    "FrameStream",
    "HomographyFlow",
    "HornSchunck",
    "Info",
    "LucasKanade",
    "MovingObjects",
    "NOFEraser",
    "Named",
    "NetworkFlow",
    "NvidiaFlow",
    "PMask",
    "PerFrame",
    "Phrase",
    "Pipeline",
    "Pixelate",
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
    "blink",
    "evaluate",
    "fast_paths",
    "flow_image",
    "grow",
    "info",
    "invert",
    "keep_memory",
    "licence",
    "map",
    "mask_images",
    "masks",
    "measure",
    "merge",
    "overlay",
    "prefetch",
    "read",
    "remember",
    "report",
    "resize",
    "sheet",
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
