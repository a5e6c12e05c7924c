"""The published protocols: finding, erasing, both together, and enlarging."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Literal

import attrs
import torch
import torch.nn.functional as F

from peanut.data.dataset import Dataset
from peanut.data.enlarging import Vid4, Vimeo90K
from peanut.errors import UsageError
from peanut.evaluation.holes import Holes, grown
from peanut.evaluation.meters import ERASED, FOUND, LARGE, REMOVED, ErasedMeter, FoundMeter, LargeMeter, RemovedMeter
from peanut.evaluation.results import Result
from peanut.evaluation.task import Expected, Meter, Protocol, Task
from peanut.evaluation.vfid import over_all_clips
from peanut.frame import Frame
from peanut.metrics import Vfid, over_annotators
from peanut.validators import at_least, mask_of, one_of
from peanut.weights.store import here

PUBLISHED = 240, 432
"""The size (h, w) at which erasing is measured on DAVIS and YouTube-VOS."""
FOURTH = 3
"""The frame of a septuplet of Vimeo-90K that is measured."""


@attrs.frozen(kw_only=True)
class Find(Protocol):
    """J, F and J&F of the masks that a pipeline finds, on the frames that are annotated.

    A clip with sentences is a task for each of them, otherwise one, of all its objects together. The mean is taken over
    tasks; where a dataset has several annotators, over the means of each.

    frames: "all", as the referring sets count, or "inner": all but the first and the last, as DAVIS does.
    every: only every n-th frame runs, and is measured. Source: Perazzi et al., CVPR 2016; Seo et al., ECCV 2020.
    """

    frames: Literal["all", "inner"] = attrs.field(default="all", validator=one_of("all", "inner"))
    every: int = attrs.field(default=1, validator=at_least(1))
    figures = FOUND

    @property
    def told(self) -> str:
        inner = ", without the first frame and the last" if self.frames == "inner" else ""
        return f"finding: J, F and J&F of the masks{inner}{_every(self.every)}"

    def tasks(self, dataset: Dataset) -> Sequence[Task]:
        return _said(dataset)

    def given(self, task: Task) -> Iterable[Frame]:
        return islice(task.clip.frames, 0, None, self.every)

    def expected(self, task: Task) -> Iterator[Expected]:
        known = task.clip.annotations is not None and bool(task.objects)
        frames = task.clip.masked(task.objects) if known else task.clip.frames
        return (Expected(frame, mask=frame.mask) for frame in islice(frames, 0, None, self.every))

    def meter(self, task: Task) -> Meter:
        return FoundMeter(self.frames)

    def mean(self, results: Sequence[tuple[Task, Result]]) -> dict[str, float]:
        by_annotator: dict[str, list[dict[str, float]]] = {}
        for task, result in results:
            annotator = "" if task.expression is None else task.expression.annotator
            by_annotator.setdefault(annotator, []).append(result.values)
        return over_annotators(by_annotator.values())


@attrs.frozen(kw_only=True)
class Erase(Protocol):
    """How near an eraser comes to what is behind, where that is known; it is given the masks.

    holes: where they come from. size: (h, w) to which all is resized; None: as it is. every: only every n-th frame
    runs, and is measured. judge: measures VFID over all clips, each of which is then held; by default with the
    published weights of I3D, if they are here. What an eraser changes outside the hole is measured, not put back.
    Source: the tests of FuseFormer (ICCV 2021) and E2FGVI (CVPR 2022): 432x240, SSIM with a window of 65.
    """

    holes: Holes = attrs.field(factory=Holes)
    size: tuple[int, int] | None = None
    every: int = attrs.field(default=1, validator=at_least(1))
    judge: Vfid | None = attrs.field(
        default=attrs.Factory(lambda: Vfid() if here("i3d") else None), repr=False, eq=False
    )
    figures = ERASED

    @property
    def told(self) -> str:
        size = "" if self.size is None else f" at {self.size[1]}x{self.size[0]}"
        grown_by = f", grown {self.holes.grown} times" if self.holes.grown else ""
        return f"erasing{size}, holes: {self.holes.kind}{grown_by}{_every(self.every)}"

    def tasks(self, dataset: Dataset) -> Sequence[Task]:
        if self.holes.kind != "own":
            return [_Holed(clip, dataset=dataset) for clip in dataset]
        return _with_truth(dataset)

    def given(self, task: Task) -> Iterable[Frame]:
        return islice(self._holed(task), 0, None, self.every)

    def expected(self, task: Task) -> Iterator[Expected]:
        own = self.holes.kind == "own"
        true = task.clip.true_frames(task.expression) if own else task.clip.frames
        for frame, truth in islice(_beside(self._holed(task), true, task), 0, None, self.every):
            if self.size is None:
                _refuse_other_truth(frame, truth, task)
            yield Expected(frame, image=truth.resized(frame.size).image, mask=frame.mask)

    def meter(self, task: Task) -> Meter:
        return ErasedMeter(self.judge)

    def mean(self, results: Sequence[tuple[Task, Result]]) -> dict[str, float]:
        return super().mean(results) | over_all_clips(result for _, result in results)

    def _holed(self, task: Task) -> Iterator[Frame]:
        if isinstance(task, _Holed):
            yield from self.holes.holed(task.clip, task.dataset, self.size)
            return
        for frame in task.clip.masked(task.objects):
            sized = frame if self.size is None else frame.resized(self.size)
            yield sized.with_mask(grown(mask_of(sized, task.name), self.holes.grown))


@attrs.frozen
class _Holed(Task):
    """A clip that gets holes; those of other clips come from its dataset."""

    dataset: Dataset = attrs.field(kw_only=True, eq=False, repr=False)


@attrs.frozen(kw_only=True)
class Remove(Protocol):
    """The whole job: what a sentence means is found and erased, and what comes out is compared with the truth.

    The pipeline gets no masks. Measured are the same figures as of `Erase`, in the true hole, and J of the masks that
    its frames carry at the end. grow: how often the true masks are dilated with a 3x3 cross, for what is measured
    "in the hole". every: only every n-th frame runs, and is measured.
    """

    grow: int = attrs.field(default=4, validator=at_least(0))
    every: int = attrs.field(default=1, validator=at_least(1))
    figures = REMOVED

    @property
    def told(self) -> str:
        return f"finding and erasing, measured in the true mask grown {self.grow} times{_every(self.every)}"

    def tasks(self, dataset: Dataset) -> Sequence[Task]:
        return _with_truth(dataset)

    def given(self, task: Task) -> Iterable[Frame]:
        return islice(task.clip.frames, 0, None, self.every)

    def expected(self, task: Task) -> Iterator[Expected]:
        pairs = _beside(task.clip.masked(task.objects), task.clip.true_frames(task.expression), task)
        for frame, truth in islice(pairs, 0, None, self.every):
            _refuse_other_truth(frame, truth, task)
            yield Expected(frame, image=truth.image, mask=frame.mask)

    def meter(self, task: Task) -> Meter:
        return RemovedMeter(self.grow)


@attrs.frozen(kw_only=True)
class Enlarge(Protocol):
    """PSNR and SSIM of enlarged frames.

    channels: "rgb" as REDS4 is measured, "y" of BT.601 as Vid4 and Vimeo-90K are. No border is cut off.
    Of Vimeo-90K the fourth frame of each septuplet is measured. Where a dataset has no small images, frames are reduced
    to a quarter by an antialiased bicubic filter and rounded, which is near MATLAB's imresize but not the same.
    Source: the tests of EDVR and BasicVSR.
    """

    channels: Literal["rgb", "y"] = attrs.field(default="rgb", validator=one_of("rgb", "y"))
    scale: int = attrs.field(default=4, validator=at_least(2))
    middle: bool = False
    """Measure the fourth frame alone."""
    figures = LARGE

    @property
    def told(self) -> str:
        where = "RGB" if self.channels == "rgb" else "Y of BT.601"
        return f"enlarging {self.scale} times, {where}{', the fourth frame of each clip' if self.middle else ''}"

    def tasks(self, dataset: Dataset) -> Sequence[Task]:
        return [Task(clip) for clip in dataset]

    def given(self, task: Task) -> Iterable[Frame]:
        if task.clip.truth is not None:
            return task.clip.frames
        return (reduced(_whole(frame, self.scale), self.scale) for frame in task.clip.frames)

    def expected(self, task: Task) -> Iterator[Expected]:
        true = task.clip.frames if task.clip.truth is None else task.clip.true_frames()
        for frame, truth in _beside(self.given(task), true, task):
            measured = not self.middle or frame.index == FOURTH
            image = _whole(truth, self.scale).image if task.clip.truth is None else truth.image
            yield Expected(frame, image=image if measured else None)

    def meter(self, task: Task) -> Meter:
        return LargeMeter(self.channels)


def protocol_for(dataset: Dataset, wanted: str | None = None) -> Protocol:
    """The published protocol of a dataset, or the one that is named: "find", "erase", "remove" or "enlarge"."""
    kind = type(dataset).__name__
    own = {"Reds4": "enlarge", "Vid4": "enlarge", "Vimeo90K": "enlarge", "Folder": "erase", "Manifest": "remove"}
    match wanted or own.get(kind, "find"):
        case "find":
            return Find(frames="inner" if kind == "Davis" else "all")
        case "erase":
            published = kind in ("Davis", "YouTubeVOS")
            grow = 4 if kind == "Manifest" else None
            holes = Holes("stationary") if published else Holes("own", grow)
            return Erase(holes=holes, size=PUBLISHED if published else None)
        case "remove":
            return Remove()
        case "enlarge":
            on_y = isinstance(dataset, Vid4 | Vimeo90K)
            return Enlarge(channels="y" if on_y else "rgb", middle=kind == "Vimeo90K")
        case other:
            raise UsageError(f"protocol must be find, erase, remove or enlarge, got {other!r}.")


def _said(dataset: Dataset) -> list[Task]:
    """A task for every sentence, or for every clip that has none."""
    return [Task(clip, said) for clip in dataset for said in clip.expressions or (None,)]


def _with_truth(dataset: Dataset) -> list[Task]:
    """The same. Raises UsageError for a task whose truth or masks nobody knows."""
    tasks = _said(dataset)
    for task in tasks:
        _refuse_without_truth(task)
    return tasks


def _refuse_without_truth(task: Task) -> None:
    said = task.expression
    if task.clip.truth is None and (said is None or said.truth is None):
        raise UsageError(
            f"{task.name} has no truth, so nobody knows what is behind: holes='stationary' or 'objects' make the clip "
            "itself the truth (--holes)."
        )
    if task.clip.annotations is None:
        raise UsageError(f"{task.name} has no masks, so nobody knows where its hole is.")


def _beside(given: Iterable[Frame], true: Iterable[Frame], task: Task) -> Iterator[tuple[Frame, Frame]]:
    """Each frame with its truth. Raises UsageError, at the end, where one of them has more."""
    truths = iter(true)
    count = 0
    for count, frame in enumerate(given, 1):
        truth = next(truths, None)
        if truth is None:
            raise UsageError(f"the truth of {task.name} ends after {count - 1} frames, the clip does not.")
        yield frame, truth
    if next(truths, None) is not None:
        raise UsageError(f"the truth of {task.name} has more frames than the clip, which has {count}.")


def _refuse_other_truth(frame: Frame, truth: Frame, task: Task) -> None:
    if truth.size != frame.size:
        (h, w), (height, width) = truth.size, frame.size
        raise UsageError(f"the truth of {task.name} is {w}x{h} in frame {frame.index}, the clip {width}x{height}.")


def reduced(frame: Frame, scale: int) -> Frame:
    """A frame `scale` times smaller, by an antialiased bicubic filter."""
    h, w = frame.size
    size = h // scale, w // scale
    small = F.interpolate(frame.image[None].float(), size, mode="bicubic", antialias=True, align_corners=False)
    return Frame(index=frame.index, time=frame.time, image=small[0].round().clamp(0, 255).to(torch.uint8))


def _whole(frame: Frame, scale: int) -> Frame:
    """A frame cut on the right and below so that its sides are multiples of the scale."""
    h, w = (side // scale * scale for side in frame.size)
    return Frame(index=frame.index, time=frame.time, image=frame.image[:, :h, :w].contiguous())


def _every(every: int) -> str:
    return "" if every == 1 else f"; one frame in {every} runs"
