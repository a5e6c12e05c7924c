"""What a run did: frames, times and doubts, stage by stage."""

from collections import deque

import attrs

from peanut.doubts import Doubt, Doubts

SHOWN = 5
"""Doubts that are told at the end of a run."""


@attrs.define(eq=False)
class StageStatistics:
    """What one stage did in one run."""

    name: str
    frames_in: int = 0
    frames_out: int = 0
    seconds_with_input: float = attrs.field(default=0.0, repr=False)
    seconds_of_input: float = attrs.field(default=0.0, repr=False)
    past: int = attrs.field(default=0, repr=False)
    """How many frames the stage says it keeps that came out already: the past of its window."""
    most_waiting: int = attrs.field(default=0, repr=False)
    """The most frames consumed at one time that lay beyond the last frame that came out."""
    last_in: int | None = None
    last_out: int | None = None
    plumbing: bool = attrs.field(default=False, repr=False)
    """True for what only passes frames on, such as `prefetch`."""
    doubts: Doubts = attrs.field(factory=Doubts, init=False, repr=False)
    """What the stage is unsure of."""
    waiting: deque[int] = attrs.field(factory=deque, init=False, repr=False)
    """The frames consumed that lie beyond the last frame that came out."""
    thread: int = attrs.field(default=0, init=False, repr=False)
    """The thread in which the stage runs."""

    def took(self, index: int) -> None:
        """One more frame went in."""
        self.frames_in += 1
        self.last_in = index
        waiting = self.waiting
        waiting.append(index)
        if len(waiting) > self.most_waiting:
            self.most_waiting = len(waiting)

    @property
    def seconds(self) -> float:
        """Seconds spent inside the stage, without those in which it waited for the stages above."""
        return self.seconds_with_input - self.seconds_of_input

    @property
    def held(self) -> int:
        """Frames in the stage, now: those consumed that have not come out, and of the others those that it keeps."""
        return min(self.frames_in, len(self.waiting) + self.past)

    @property
    def most_held(self) -> int:
        """As `held`, the most at one time."""
        return min(self.frames_in, self.most_waiting + self.past)

    @property
    def latency(self) -> int:
        """Frames that had to arrive after a frame before it came out, at most."""
        return max(0, self.most_waiting - 1)


@attrs.frozen(repr=False)
class Statistics:
    """What a run did, stage by stage; `print` shows it as a table, with what the stages are unsure of below."""

    stages: tuple[StageStatistics, ...]
    seconds: float
    """Seconds from the first frame asked for."""

    @property
    def frames(self) -> int:
        """Frames that came out at the end."""
        return self.stages[-1].frames_out if self.stages else 0

    @property
    def slowest(self) -> StageStatistics:
        """The stage in which most of the time was spent; never one that only passes frames on."""
        work = [stage for stage in self.stages if not stage.plumbing]
        return max(work or self.stages, key=lambda stage: stage.seconds)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Where the stages are unsure of what they did, the worst first."""
        return tuple(sorted((doubt for stage in self.stages for doubt in stage.doubts), key=lambda x: -x.total))

    @property
    def unsure(self) -> str:
        """The same in sentences, a line each, at most five; nothing if there is none."""
        told = [f"{stage.name}: {stage.doubts.about_masks}." for stage in self.stages if stage.doubts.about_masks]
        doubts = self.doubts
        told += [f"{doubt}: look there." for doubt in doubts[:SHOWN]]
        told += [f"... and {len(doubts) - SHOWN} more places."] if len(doubts) > SHOWN else []
        return "\n".join(told)

    def __str__(self) -> str:
        fps = self.frames / self.seconds if self.seconds else 0.0
        lines = [f"{self.frames} frames in {self.seconds:.1f} s ({fps:.1f} per second)"]
        lines += [f"{'in':>7} {'out':>7} {'seconds':>9} {'held':>5} {'latency':>7}  stage"]
        for s in self.stages:
            counts = f"{s.frames_in:7d} {s.frames_out:7d} {s.seconds:9.2f} {s.most_held:5d} {s.latency:7d}"
            lines.append(f"{counts}  {s.name}")
        return "\n".join([*lines, self.unsure] if self.unsure else lines)

    __repr__ = __str__
