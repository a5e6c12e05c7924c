"""A page for people: where a run is unsure, the worst frames first, before and after."""

import base64
import heapq
import html
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import attrs
import cv2
import numpy as np

from peanut.doubts import Doubt, clock
from peanut.errors import UsageError
from peanut.frame import Frame
from peanut.frame_stream import FrameStream
from peanut.pipeline import Stage
from peanut.statistics import Statistics

BEFORE = "before"
"""The layer in which the image of the source travels: 3 h w, uint8."""
SHOWN, WIDTH, QUALITY = 24, 640, 85
"""Frames on the page; pixels of their longer side, at most; quality of their JPEGs, 0 to 100."""
APART = 12
"""Frames between two that are shown, at least: half a second of film."""

STYLE = """body { font: 16px/1.5 system-ui, sans-serif; max-width: 1340px; margin: 2rem auto; padding: 0 1rem }
figure { margin: 2rem 0 } figure img { width: 49.5%; background: #eee } figcaption { margin-bottom: .3rem }
td, th { text-align: left; padding: .1rem 1rem .1rem 0 } pre { overflow-x: auto; font-size: 14px }"""


@attrs.frozen(repr=False)
class remember(Stage):
    """Keep the image as the layer `before`, for `report` at the other end. Latency: 0. Holds: 1 frame."""

    latency, memory = 0, 1

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        for frame in frames:
            yield frame.with_layer(BEFORE, frame.image)
            del frame


@attrs.frozen(order=True)
class _Shown:
    """A frame on the page; the more of it is in doubt, the larger."""

    share: float
    index: int
    caption: str = attrs.field(order=False)
    before: bytes | None = attrs.field(order=False)
    after: bytes = attrs.field(order=False)


@attrs.frozen(repr=False)
class report(Stage):
    """Write a page (HTML, one file) about the stages before it, and pass the frames on.

    path: where the page goes, `NAME.html`; a page that is there is replaced, and nothing else can be. It holds what the
        stages are unsure of, in frames and times, the table of statistics, and up to 24 frames, those first of which
        most was invented, each as it came (if `remember()` stands before the finder) and as it leaves. It is written
        when the frames end, however they end.
    Latency: 0. Holds: 1 frame, and the JPEGs of those that are shown.
    Raises UsageError for another ending, and if the page cannot be written.
    """

    path: str = attrs.field(converter=os.fspath)
    keeps, latency, memory = True, 0, 1

    @path.validator
    def _is_a_page(self, _: Any, path: str) -> None:
        if Path(path).suffix.lower() not in (".html", ".htm"):
            raise UsageError(f"report: a page is written to NAME.html, got {path!r}.")

    def __call__(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        frames = FrameStream.of(frames)
        self._write("")  # before anything is computed
        worst: list[_Shown] = []
        try:
            for frame in frames:
                _keep(worst, frame)
                yield frame
                del frame
        finally:
            seconds = max((stage.seconds_with_input for stage in frames.stages), default=0.0)
            statistics = Statistics(tuple(frames.stages), seconds)
            self._write(page(statistics, sorted(worst, reverse=True)))

    def _write(self, text: str) -> None:
        try:
            Path(self.path).write_text(text, encoding="utf-8")
        except OSError as error:
            raise UsageError(f"report: {self.path} cannot be written ({error.strerror}).") from error


def _keep(worst: list[_Shown], frame: Frame) -> None:
    """Keep a frame if it is among the worst; of those that lie close together, the worst alone."""
    share = _invented(frame)
    near = [one for one in worst if abs(one.index - frame.index) < APART]
    if share == 0 or any(one.share >= share for one in near):
        return
    if not near and len(worst) == SHOWN and worst[0].share >= share:
        return
    before = frame.layers.get(BEFORE)
    caption = f"frame {frame.index} ({clock(frame.time)}): {100 * share:.1f} % of the image invented"
    shown = _Shown(share, frame.index, caption, None if before is None else _jpeg(before), _jpeg(frame.image))
    worst[:] = heapq.nlargest(SHOWN, [one for one in worst if one not in near] + [shown])
    heapq.heapify(worst)


def _invented(frame: Frame) -> float:
    """The share of the image that no frame showed; where no eraser says, of what is masked."""
    origin = frame.layers.get("filled_from")
    if origin is not None:
        return float((origin < 0).float().mean())
    return 0.0 if frame.mask is None else float(frame.mask.float().mean())


def _jpeg(image: Any) -> bytes:
    """3 h w, uint8, RGB -> a JPEG of at most WIDTH pixels."""
    bgr = np.ascontiguousarray(image.flip(0).permute(1, 2, 0).numpy())
    scale = min(1.0, WIDTH / max(bgr.shape[:2]))
    small = cv2.resize(bgr, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return cv2.imencode(".jpg", small, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])[1].tobytes()


def page(statistics: Statistics, shown: list[_Shown]) -> str:
    """The page as HTML."""
    doubts = statistics.doubts
    sentences = [f"{stage.name}: {about}." for stage in statistics.stages if (about := stage.doubts.about_masks)]
    parts = ["<h1>Where to look</h1>", *(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)]
    parts += [_table(doubts)] if doubts else ["<p>No stage says that it is unsure.</p>"]
    parts += [_figure(one) for one in shown]
    parts += ["<h2>The run</h2>", f"<pre>{html.escape(str(statistics))}</pre>"]
    head = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>PEANUT: where to look</title><style>{STYLE}</style>"
    )
    return "\n".join([head, *parts, "</html>", ""])


def _table(doubts: tuple[Doubt, ...]) -> str:
    rows = [
        f"<tr><td>{one.first} to {one.last}<td>{clock(one.begin)} to {clock(one.end)}"
        f"<td>{100 * one.mean:.0f} %<td>{100 * one.worst:.0f} %<td>{html.escape(one.reason)}"
        for one in doubts
    ]
    return "\n".join(["<table><tr><th>frames<th>time<th>mean<th>worst<th>what", *rows, "</table>"])


def _figure(one: _Shown) -> str:
    images = [_image(each, name) for each, name in ((one.before, "before"), (one.after, "after")) if each is not None]
    return f"<figure><figcaption>{html.escape(one.caption)}</figcaption>{' '.join(images)}</figure>"


def _image(jpeg: bytes, name: str) -> str:
    return f'<img alt="{name}" src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}">'
