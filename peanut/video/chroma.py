"""Where the samples of subsampled chroma lie, which FFmpeg knows of every picture and PyAV does not tell."""

from fractions import Fraction
from typing import Any

import av
import av.filter
import numpy as np
import numpy.typing as npt
from av.video.reformatter import Interpolation

LEFT, CENTRE = 1, 2
LOCATIONS = {LEFT: (0, 128), CENTRE: (128, 128), 3: (0, 0), 4: (128, 0), 5: (0, 256), 6: (128, 256)}
"""`Color.chroma_location` -> how far the first chroma sample lies to the right of the first pixel, and below it (of
256 parts of a pixel), where two pixels share a sample."""
SIDE = 32
NEUTRAL = (1, 1, 2, 2)
"""Tags of matrix, range, primaries and transfer that FFmpeg's scaler takes: it refuses pictures for some others."""
STATING = {"h264", "hevc", "mpeg1video", "mpeg2video", "mpeg4", "mjpeg"}
"""Decoders that never leave it open, so that the centre, which FFmpeg also takes where nothing is stated, is meant."""


def location_of(picture: av.VideoFrame, codec: str) -> int:
    """Where a decoded picture's chroma lies, as `Color.chroma_location`; 0: not stated.

    Measured, as PyAV has no name for it: a slope in the chroma of a copy shows where FFmpeg takes it to lie when it
    enlarges it.
    """
    stored = picture.format
    h, w = min(SIDE, picture.height), min(SIDE, picture.width)
    planar = len(stored.components) >= 3 and [part.plane for part in stored.components[:3]] == [0, 1, 2]
    if not planar or stored.chroma_width(8) != 4 or min(h, w) < SIDE:
        return 0
    probe = _copy_of_corner(picture)
    probe.colorspace, probe.color_range, probe.color_primaries, probe.color_trc = NEUTRAL
    across_slope, down_slope = (samples(plane, stored) for plane in probe.planes[1:3])
    across_slope[:] = 4 * np.arange(across_slope.shape[1])
    down_slope[:] = 4 * np.arange(down_slope.shape[0])[:, None]
    name = stored.name.replace("420p", "444p").replace("422p", "444p")
    large = probe.reformat(format=name, interpolation=Interpolation.BICUBIC | Interpolation.ACCURATE_RND)
    middle = SIDE // 2
    across, down = (int(samples(plane, large.format)[middle, middle]) - 2 * middle for plane in large.planes[1:3])
    if stored.chroma_height(8) == 8:  # 4:2:2 has no other place in between lines
        down = -1
    found = next((key for key, at in LOCATIONS.items() if at == (-128 * across, -128 * down)), 0)
    return 0 if found == CENTRE and codec not in STATING else found


def turned(location: int, turn: tuple[bool, bool, bool]) -> int:
    """Where chroma lies in a picture that was turned as `upright` says; 0 where there is no name for it."""
    if not location:
        return 0
    transpose, across, down = turn
    x, y = LOCATIONS[location][:: -1 if transpose else 1]
    place = (256 - x if across else x, 256 - y if down else y)
    return next((key for key, at in LOCATIONS.items() if at == place), 0)


def _copy_of_corner(picture: av.VideoFrame) -> Any:
    graph = av.filter.Graph()
    begin = graph.add_buffer(
        width=picture.width, height=picture.height, format=picture.format, time_base=Fraction(1, 1000)
    )
    graph.link_nodes(begin, graph.add("crop", f"{SIDE}:{SIDE}:0:0"), graph.add("copy"), graph.add("buffersink"))
    graph.configure()
    graph.push(picture)
    return graph.pull()


def samples(plane: Any, stored: av.VideoFormat) -> npt.NDArray[Any]:
    """The samples of a plane that holds one component: h w, not a copy."""
    dtype = np.uint8 if stored.components[0].bits <= 8 else ">u2" if stored.is_big_endian else "<u2"
    rows = np.frombuffer(plane, dtype).reshape(plane.height, -1)
    return rows[:: -1 if plane.line_size < 0 else 1, : plane.width]
