"""What becomes of a video's own YCbCr on its way through PEANUT, and what the conversions cost.

    python -m benchmarks.color_round_trip

Prints, for every format, matrix and range, the largest difference of Y, Cb and Cr after a lossless round trip of
untouched frames, then outside of a hole; then milliseconds of a processor for a 1080p frame, each the fastest of ten.
"""

import tempfile
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial
from itertools import product
from pathlib import Path
from time import process_time
from typing import Any

import av
import numpy as np

import peanut
from peanut.frame import Color, Frame
from peanut.video.coded import Coded, ToStored
from peanut.video.color import ToRgb

FORMATS = ("yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le", "yuv444p10le")
SIZES = {"SD": (576, 720), "HD": (720, 1280)}
TAGS = {
    "untagged": (2, 0, 2, 2),
    "BT.709": (1, 1, 1, 1),
    "BT.601": (6, 1, 6, 6),
    "BT.2020": (9, 1, 9, 16),
    "BT.709 full": (1, 2, 1, 1),
}
Tags = tuple[int, int, int, int]


def drawn(pixel_format: str, size: tuple[int, int], tags: Tags) -> av.VideoFrame:
    """A picture whose planes are slopes with noise, as a camera's."""
    h, w = size
    picture, random = av.VideoFrame(w, h, pixel_format), np.random.default_rng(0)
    unit = 1 << (picture.format.components[0].bits - 8)
    for plane in picture.planes:
        rows: Any = np.frombuffer(plane, np.uint8 if unit == 1 else np.uint16).reshape(plane.height, -1)
        slope = np.linspace(70, 180, rows.shape[1])[None] + random.uniform(-5, 5, rows.shape)
        rows[:] = slope * unit
    picture.colorspace, picture.color_range, picture.color_primaries, picture.color_trc = tags
    return picture


def make(path: Path, picture: av.VideoFrame, tags: Tags) -> None:
    """A lossless video of two pictures."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, picture.format.name
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = tags
        for number in range(2):
            picture.pts = number
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))


def planes(path: Path) -> list[Any]:
    """Y, Cb and Cr of the last picture."""
    with av.open(str(path)) as container:
        *_, picture = container.decode(video=0)
        dtype = np.uint8 if picture.format.components[0].bits == 8 else np.uint16
        return [np.frombuffer(p, dtype).reshape(p.height, -1)[:, : p.width].astype(int) for p in picture.planes]


@peanut.stage
def hole(frames: Iterator[Frame]) -> Iterator[Frame]:
    """Rows 100 to 199, columns 200 to 399, all that chroma shares with nothing else."""
    for frame in frames:
        image = frame.image.clone()
        image[:, 100:200, 200:400] = 40
        yield frame.with_image(image)


def round_trip(folder: Path, pixel_format: str, size: tuple[int, int], tags: Tags) -> str:
    """The differences of one kind of video."""
    source, out = folder / "in.mkv", folder / "out.mkv"
    make(source, drawn(pixel_format, size, tags), tags)
    told = []
    for stages in ((), (hole(),)):
        pipeline = peanut.read(source, shots=False)
        for stage in stages:
            pipeline = pipeline | stage
        (pipeline | peanut.write(out, codec="ffv1", overwrite=True)).run(progress=False)
        largest = []
        for a, b in zip(planes(source), planes(out), strict=True):
            differing = np.abs(a - b)
            y, x = size[0] // a.shape[0], size[1] // a.shape[1]
            if stages:
                differing[100 // y : 200 // y, 200 // x : 400 // x] = 0
            largest.append(str(differing.max()))
        told.append(" ".join(largest))
    return f"untouched {told[0]}   outside of a hole {told[1]}"


def milliseconds(work: Callable[[], object]) -> float:
    """The fastest of ten."""
    times = []
    for _ in range(10):
        start = process_time()
        work()
        times.append(process_time() - start)
    return 1000 * min(times)


def costs() -> Iterator[str]:
    """What the conversions of a 1080p frame take."""
    for pixel_format in ("yuv420p", "yuv420p10le"):
        picture = drawn(pixel_format, (1080, 1920), (1, 1, 1, 1))
        color, to_rgb = Color(1, chroma_location=1), ToRgb()
        image = to_rgb(picture, color=color)
        changed = image.clone()
        changed[:, 400:500, 600:900] = 40
        coded, to_stored = Coded(picture, color, (False, False, False)), ToStored("yuv420p", color)

        framed = partial(Frame, index=0, time=Fraction(0))
        works: dict[str, Callable[[], object]] = {
            "to RGB": partial(to_rgb, picture, color=color),
            "stored, untouched": partial(to_stored, framed(image=image, coded=coded)),
            "stored, with a hole": partial(to_stored, framed(image=changed, coded=coded)),
            "stored, from RGB alone": partial(to_stored, framed(image=image)),
        }
        for name, work in works.items():
            yield f"{pixel_format:12} {name:24} {milliseconds(work):5.1f} ms"


def main() -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory() as folder:
        for pixel_format, (name, size), (told, tags) in product(FORMATS, SIZES.items(), TAGS.items()):
            print(f"{pixel_format:12} {name} {told:12} {round_trip(Path(folder), pixel_format, size, tags)}")
    for line in costs():
        print(line)


if __name__ == "__main__":
    main()
