"""Colors: an untouched sample comes out as it went in, and what is converted is converted exactly."""

import pickle
from fractions import Fraction
from itertools import product

import av
import numpy as np
import pytest
import torch

import peanut
from peanut import Color, Frame
from peanut.video.chroma import turned
from peanut.video.coded import ToStored
from peanut.video.color import ToRgb, usual_matrix

SD, HD = (96, 128), (578, 64)  # (h, w); 577 lines and more are HD
WEIGHTS = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593), 7: (0.212, 0.087), 4: (0.3, 0.11)}
DEPTHS = {"yuv420p": 8, "yuv422p": 8, "yuv444p": 8, "yuv420p10le": 10, "yuv422p10le": 10, "yuv444p10le": 10}


def picture_of(planes, pixel_format, tags=(2, 0, 2, 2)):
    h, w = planes[0].shape
    picture = av.VideoFrame(w, h, pixel_format)
    for plane, samples in zip(picture.planes, planes, strict=True):
        rows = np.frombuffer(plane, samples.dtype).reshape(plane.height, -1)
        rows[:, : plane.width] = samples
    picture.colorspace, picture.color_range, picture.color_primaries, picture.color_trc = tags
    return picture


def planes_of(picture):
    dtype = np.uint8 if picture.format.components[0].bits == 8 else np.uint16
    rows = [np.frombuffer(plane, dtype).reshape(plane.height, -1)[:, : plane.width] for plane in picture.planes]
    return [plane.copy() for plane in rows]


def drawn(pixel_format, size, seed=0, full=False):
    """Planes of a smooth picture with an edge: no color that RGB cannot hold, as from a camera."""
    stored = av.VideoFormat(pixel_format)
    random, top = np.random.default_rng(seed), 1 << (stored.components[0].bits - 8)
    planes = []
    for number in range(3):
        h = stored.chroma_height(size[0]) if number else size[0]
        w = stored.chroma_width(size[1]) if number else size[1]
        slope = np.linspace(0, 1, w)[None] * 40 + np.linspace(0, 1, h)[:, None] * 30 + random.uniform(0, 6, (h, w))
        base = (90 if full else 80) if not number else 100
        plane = base + slope + (20 * (np.arange(w) > w // 3) if not number else 0)
        planes.append((plane * top).astype(np.uint8 if top == 1 else np.uint16))
    return planes


def make(path, pixel_format, size, tags=(2, 0, 2, 2), codec="ffv1", frames=3, options=None, planes=None):
    """A video of drawn pictures, lossless."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height, stream.pix_fmt = size[1], size[0], pixel_format
        context = stream.codec_context
        context.colorspace, context.color_range, context.color_primaries, context.color_trc = tags
        for number in range(frames):
            made = planes or drawn(pixel_format, size, number, full=tags[1] == 2)
            picture = picture_of(made, pixel_format, tags)
            picture.pts = number
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    return path


def stored(path):
    with av.open(str(path)) as container:
        return [planes_of(picture) for picture in container.decode(video=0)]


def tags_of(path):
    with av.open(str(path)) as container:
        picture = next(container.decode(video=0))
        return picture.colorspace, picture.color_range, picture.color_primaries, picture.color_trc


def copy(source, target, *stages, **settings):
    pipeline = peanut.read(source, shots=False)
    for stage in stages:
        pipeline = pipeline | stage
    (pipeline | peanut.write(target, **settings)).run(progress=False)
    return target


def differences(a, b):
    """The largest difference of each plane over all frames."""
    pairs = list(zip(a, b, strict=True))
    return [max(int(np.abs(x[k].astype(int) - y[k]).max()) for x, y in pairs) for k in range(3)]


@peanut.stage
def hole(frames):
    """Something else in rows 20 to 40, columns 31 to 57: an odd edge on the left, an even one above."""
    for frame in frames:
        image = frame.image.clone()
        image[:, 20:41, 31:58] = torch.tensor([10, 200, 90], dtype=torch.uint8)[:, None, None]
        yield frame.with_image(image)


TAGS = {
    "untagged": (2, 0, 2, 2),
    "BT.709": (1, 1, 1, 1),
    "BT.601": (6, 1, 6, 6),
    "full": (5, 2, 2, 2),
    "HDR": (9, 1, 9, 16),
}


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS)
@pytest.mark.parametrize("size", [SD, HD], ids=["SD", "HD"])
@pytest.mark.parametrize("pixel_format", DEPTHS)
def test_untouched_samples_and_their_tags_come_out_as_they_went_in(pixel_format, size, tags, tmp_path):
    source = make(tmp_path / "in.mkv", pixel_format, size, tags)
    out = copy(source, tmp_path / "out.mkv", codec="ffv1")
    assert differences(stored(source), stored(out)) == [0, 0, 0]
    assert tags_of(out) == tags_of(source) == tags


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS)
@pytest.mark.parametrize("size", [SD, HD], ids=["SD", "HD"])
def test_lossless_h264_keeps_every_sample(size, tags, tmp_path):
    source = make(tmp_path / "in.mkv", "yuv420p", size, tags)
    for settings in ({"crf": 0}, {"crf": 0, "pixel_format": "nv12"}):
        out = copy(source, tmp_path / "out.mp4", overwrite=True, **settings)
        assert differences(stored(source), stored(out)) == [0, 0, 0]
        matrix, full, *others = tags_of(out)
        assert (matrix, full == 2, others) == (tags[0], tags[1] == 2, list(tags[2:]))


def test_an_encoder_that_loses_gets_the_source_s_own_samples(tmp_path):
    """A copy is bit for bit what the encoder makes of the source's planes."""
    source = make(tmp_path / "in.mkv", "yuv422p10le", SD)
    out = copy(source, tmp_path / "out.mkv", codec="prores_ks")
    again = make(tmp_path / "again.mkv", "yuv422p10le", SD, codec="prores_ks")
    assert differences(stored(out), stored(again)) == [0, 0, 0]
    assert max(differences(stored(source), stored(out))) > 0


@pytest.mark.parametrize("tags", TAGS.values(), ids=TAGS)
@pytest.mark.parametrize("pixel_format", DEPTHS)
def test_outside_of_a_hole_nothing_changes_but_chroma_that_it_shares(pixel_format, tags, tmp_path):
    source = make(tmp_path / "in.mkv", pixel_format, SD, tags)
    out = copy(source, tmp_path / "out.mkv", hole(), codec="ffv1")
    wide, high = 8 // av.VideoFormat(pixel_format).chroma_width(8), 8 // av.VideoFormat(pixel_format).chroma_height(8)
    for before, after in zip(stored(source), stored(out), strict=True):
        for number, (a, b) in enumerate(zip(before, after, strict=True)):
            x, y = (wide, high) if number else (1, 1)
            inside = np.zeros(a.shape, bool)
            inside[20 // y : 40 // y + 1, 31 // x : 57 // x + 1] = True
            assert np.array_equal(a[~inside], b[~inside])
            assert (a[inside] != b[inside]).mean() > 0.9
    for frame in peanut.read(out, shots=False):
        inner = frame.image[:, 24:37, 36:53].int() - torch.tensor([10, 200, 90])[:, None, None]
        assert inner.abs().max() <= 2


@pytest.mark.parametrize(
    ("there", "here"),
    [("yuv420p10le", "yuv420p"), ("yuv422p", "yuv420p"), ("yuv444p10le", "yuv420p"), ("yuv420p", "yuv420p10le")],
)
def test_another_format_is_reached_without_rgb(there, here, tmp_path):
    source = make(tmp_path / "in.mkv", there, SD, (1, 1, 1, 1))
    out = copy(source, tmp_path / "out.mkv", codec="ffv1", pixel_format=here)
    for before, after in zip(stored(source), stored(out), strict=True):
        scale = 2.0 ** (DEPTHS[here] - DEPTHS[there])
        assert np.abs(before[0] * scale - after[0]).max() <= (0 if scale > 1 or DEPTHS[here] == DEPTHS[there] else 1)
        for a, b in zip(before[1:], after[1:], strict=True):
            y, x = a.shape[0] // b.shape[0], a.shape[1] // b.shape[1]
            assert abs((a * scale).mean() - b.mean()) < 0.5
            assert np.abs((a * scale)[::y, ::x] - b).max() < 7  # a slope with noise of 6


def test_ten_bits_are_kept_where_they_are_asked_for_and_by_hevc(tmp_path):
    source = make(tmp_path / "in.mkv", "yuv420p10le", SD)
    out = copy(source, tmp_path / "out.mp4", pixel_format="yuv420p10le", crf=0)
    quiet = copy(source, tmp_path / "hevc.mkv", codec="libx265")
    plain = copy(source, tmp_path / "plain.mp4")
    formats = [av.open(str(path)).streams.video[0].pix_fmt for path in (out, quiet, plain)]
    assert formats == ["yuv420p10le", "yuv420p10le", "yuv420p"]
    deep = stored(source)[0][0].astype(int)
    assert np.abs(stored(out)[0][0].astype(int) - deep).max() <= 4  # High 10 has no lossless mode at crf 0


@pytest.mark.parametrize(
    ("size", "matrix"),
    [((480, 640), 6), ((576, 720), 5), ((576, 1024), 6), ((577, 720), 1), ((544, 1280), 1), ((2160, 3840), 1)],
)
def test_players_take_untagged_video_for_hd_by_its_size(size, matrix):
    assert usual_matrix(*size) == matrix or {usual_matrix(*size), matrix} == {5, 6}  # both are BT.601


def exact_rgb(y, u, v, matrix, full, bits):
    """ITU-R BT.601 and its kin as they are written: 3 h w, 0 to 255."""
    red, blue = WEIGHTS[matrix]
    unit = 1 << (bits - 8)
    top = (1 << bits) - 1
    luma, cb, cr = (
        ((y / top), (u - 128 * unit) / top, (v - 128 * unit) / top)
        if full
        else (
            (y / unit - 16) / 219,
            (u / unit - 128) / 224,
            (v / unit - 128) / 224,
        )
    )
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    return 255 * np.stack([r, (luma - red * r - blue * b) / (1 - red - blue), b])


@pytest.mark.parametrize("full", [False, True], ids=["limited", "full"])
@pytest.mark.parametrize("matrix", WEIGHTS)
@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuv444p", "yuv420p10le"])
def test_conversion_is_the_formula_and_comes_back(pixel_format, matrix, full):
    """Fields of one color each, so that it does not matter how chroma is enlarged."""
    bits = DEPTHS[pixel_format]
    color, tags = Color(matrix, full), (matrix, 2 if full else 1, 2, 2)
    planes = drawn(pixel_format, (64, 64), 3, full)
    flat = [np.kron(plane[:: len(plane) // 4, :: len(plane) // 4], np.ones((len(plane) // 4,) * 2)) for plane in planes]
    picture = picture_of([plane.astype(planes[0].dtype) for plane in flat], pixel_format, tags)
    image = ToRgb()(picture)
    fields = [plane[len(plane) // 8 :: len(plane) // 4, len(plane) // 8 :: len(plane) // 4] for plane in flat]
    wanted = exact_rgb(*fields, matrix, full, bits)
    assert np.abs(image[:, 8::16, 8::16].numpy() - wanted).max() <= 1.2
    frame = Frame(index=0, time=Fraction(0), image=image)
    back = planes_of(ToStored(pixel_format, color)(frame))
    for number, (plane, new) in enumerate(zip(flat, back, strict=True)):
        at = slice(len(plane) // 8, None, len(plane) // 4)
        off = np.abs(plane[at, at] - new[at, at]) / (1 << (bits - 8))
        assert off.max() <= (2 if number else 1.01)


def test_a_second_look_does_not_shift_chroma():
    """A fill that gives every pixel back: RGB and back leaves a colored edge in its place."""
    y = np.full((64, 64), 120, np.uint8)
    for location, pixel_format in product((1, 2, 3), ("yuv420p", "yuv422p")):
        sub = 32 if pixel_format == "yuv420p" else 64
        edge = np.tile(np.where(np.arange(32) < 16, 100, 160).astype(np.uint8), (sub, 1))
        color = Color(1, False, chroma_location=location)
        image = ToRgb()(picture_of([y, edge, edge], pixel_format, (1, 1, 1, 1)), color=color)
        new = planes_of(ToStored(pixel_format, color)(Frame(index=0, time=Fraction(0), image=image)))
        before, after = (float((plane[sub // 2].astype(float) - 100).sum()) for plane in (edge, new[1]))
        assert abs(before - after) < 0.1 * 60  # the edge lies within a tenth of a sample of where it was


@pytest.mark.parametrize("location", [1, 2, 3, 5])
def test_where_chroma_lies_is_read_and_tagged(location, tmp_path):
    source = make(
        tmp_path / "in.mp4", "yuv420p", SD, codec="libx264", options={"chroma_sample_location": str(location)}
    )
    out = copy(source, tmp_path / "out.mp4")
    assert [next(iter(peanut.read(path))).source.color.chroma_location for path in (source, out)] == [location] * 2


def test_where_chroma_lies_in_a_turned_picture():
    assert turned(1, (False, False, False)) == 1
    assert turned(3, (True, False, False)) == 3
    assert turned(1, (True, False, False)) == 4  # between two lines becomes between two columns
    assert turned(3, (False, False, True)) == 5
    assert turned(1, (False, True, False)) == 0  # on the right: no name for it


def turned_copy(path, matrix):
    """The same file with another display matrix."""
    data = path.read_bytes()
    numbers = [
        b"".join(value.to_bytes(4, "big", signed=True) for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
        for a, b, c, d in ((65536, 0, 0, 65536), matrix)
    ]
    at = data.rindex(numbers[0], data.rindex(b"tkhd"))
    path.write_bytes(data[:at] + numbers[1] + data[at + 36 :])


@pytest.mark.parametrize("stages", [(), (hole(),)], ids=["untouched", "hole"])
@pytest.mark.parametrize(
    ("matrix", "turn"),
    [
        ((0, 65536, -65536, 0), lambda x: np.rot90(x, -1)),
        ((0, -65536, 65536, 0), np.rot90),
        ((-65536, 0, 0, -65536), lambda x: x[::-1, ::-1]),
        ((-65536, 0, 0, 65536), lambda x: x[:, ::-1]),
    ],
    ids=["right", "left", "upside down", "mirrored"],
)
def test_turned_pictures_keep_their_samples_turned(matrix, turn, stages, tmp_path):
    source = make(tmp_path / "in.mp4", "yuv420p", SD, (1, 1, 1, 1), codec="libx264", options={"crf": "0"})
    turned_copy(source, matrix)
    out = copy(source, tmp_path / "out.mkv", *stages, codec="ffv1")
    wanted = [[turn(plane) for plane in planes] for planes in stored(source)]
    for before, after in zip(wanted, stored(out), strict=True):
        for number, (a, b) in enumerate(zip(before, after, strict=True)):
            step = 2 if number else 1
            outside = np.ones(a.shape, bool)
            if stages:
                outside[20 // step : 40 // step + 1, 31 // step : 57 // step + 1] = False
            assert np.array_equal(a[outside], b[outside])
            assert np.array_equal(a, b) == (not stages)


def test_an_untagged_output_of_another_size_class_says_its_matrix(tmp_path):
    source = make(tmp_path / "in.mkv", "yuv420p", HD)
    out = copy(source, tmp_path / "out.mp4", peanut.resize(max_size=64))
    assert tags_of(out)[0] == 1  # players would take it for BT.601
    big = copy(make(tmp_path / "sd.mkv", "yuv420p", (64, 64)), tmp_path / "big.mp4", peanut.Enlarge(10))
    assert tags_of(big)[0] == 6
    for a, b in ((source, out), (tmp_path / "sd.mkv", big)):
        means = [next(iter(peanut.read(path))).image.float().mean((1, 2)) for path in (a, b)]
        assert (means[0] - means[1]).abs().max() < 1


def test_what_writes_into_an_image_is_seen(tmp_path):
    """Nobody should, but a stage that does must not be ignored."""

    @peanut.stage
    def scribble(frames):
        for frame in frames:
            frame.image.numpy()[:, 10:20, 10:20] = 255
            yield frame

    out = copy(make(tmp_path / "in.mkv", "yuv420p", SD), tmp_path / "out.mkv", scribble(), codec="ffv1")
    assert next(iter(peanut.read(out))).image[:, 12:18, 12:18].min() >= 252


def test_the_decoded_picture_stays_with_pixels_of_its_size_alone(tmp_path):
    source = make(tmp_path / "in.mkv", "yuv420p", SD)
    frame = next(iter(peanut.read(source)))
    assert frame.coded is frame.with_image(255 - frame.image).with_shot(3).coded is not None
    assert frame.coded.nbytes >= 1.5 * SD[0] * SD[1]
    assert frame.resized((48, 64)).coded is None
    assert next(iter(peanut.read(source, max_size=64))).coded is None
    assert Frame.from_numpy(frame.numpy()).coded is None
    assert "Coded" not in repr(frame)
    again = pickle.loads(pickle.dumps(frame))
    assert torch.equal(again.image, frame.image)
    assert again.coded is None


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le", "nv12", "yuyv422", "yuva444p", "yuvj420p", "yuv411p"])
def test_other_ways_to_store_keep_their_samples_too(pixel_format, tmp_path):
    """Raw video, as cameras and hardware decoders give it."""
    picture = av.VideoFrame(64, 64, pixel_format)
    for plane in picture.planes:
        samples = np.frombuffer(plane, np.uint16 if pixel_format == "gray10le" else np.uint8)
        samples[:] = np.random.default_rng(0).integers(90, 200, samples.size)
    with av.open(str(tmp_path / "in.nut"), "w") as output:
        stream = output.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixel_format
        picture.pts = 0
        output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    target = {"nv12": "yuv420p", "yuyv422": "yuv422p", "yuva444p": "yuv444p"}.get(pixel_format, pixel_format)
    out = copy(tmp_path / "in.nut", tmp_path / "out.mkv", codec="ffv1", pixel_format=target.replace("yuvj", "yuv"))
    (source,), (result,) = ([frame.image for frame in peanut.read(path)] for path in (tmp_path / "in.nut", out))
    assert torch.equal(source, result)
    if pixel_format != "yuyv422":
        assert np.array_equal(planes_of(picture)[0], stored(out)[0][0])


@pytest.mark.parametrize("tags", [(matrix, 0, other, other) for matrix in (0, 3, 8, 14) for other in (0, 3, 16, 19)])
def test_tags_that_mean_nothing_do_no_harm(tags):
    """Reserved numbers, as damage makes them: FFmpeg's scaler refuses such pictures."""
    planes = drawn("yuv420p", (64, 64))
    to_rgb = ToRgb("h264")
    wanted = to_rgb(picture_of(planes, "yuv420p", (6, 0, 2, 2)))
    assert torch.equal(to_rgb(picture_of(planes, "yuv420p", tags)), wanted)


def test_a_palette_is_rgb(tmp_path):
    with av.open(str(tmp_path / "in.gif"), "w") as output:
        stream = output.add_stream("gif", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "rgb8"
        red = av.VideoFrame.from_ndarray(np.full((64, 64, 3), (255, 0, 0), np.uint8))
        output.mux(stream.encode(red.reformat(format="rgb8")))
        output.mux(stream.encode(None))
    frame = next(iter(peanut.read(tmp_path / "in.gif")))
    assert (frame.source.color, frame.coded) == (None, None)
    assert frame.image[0].min() > 250
    assert tags_of(copy(tmp_path / "in.gif", tmp_path / "out.mp4")) == (1, 1, 1, 1)


def test_info_says_what_an_untagged_video_is_taken_for(tmp_path):
    told = peanut.info(make(tmp_path / "in.mkv", "yuv420p", HD))
    assert told.color == "BT.709 by its size (matrix not stated), limited range"
    assert told.megabytes == 4.5 * HD[0] * HD[1] / 1e6
