"""Folders of pictures and patterns as a video, and what `info` says of sources."""

import logging
import random
import struct
import zlib
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from strategies import make_frames

import peanut
from peanut import UsageError
from peanut.video.images import Images, files, load


def picture(number: int, size=(6, 8)) -> np.ndarray:
    return np.full((*size, 3), (number, 2 * number, 3 * number), np.uint8)  # RGB


def save(path, rgb: np.ndarray) -> None:
    assert cv2.imwrite(str(path), rgb[..., ::-1])


@pytest.fixture
def folder(tmp_path):
    """Twelve pictures, made in no order; number n is of color (n, 2n, 3n)."""
    for number in random.Random(1).sample(range(12), 12):
        save(tmp_path / f"shot{number}.png", picture(number))
    return tmp_path


def numbers(frames) -> list[int]:
    return [int(frame.image[0, 0, 0]) for frame in frames]


@given(names=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 10**20)), unique=True, min_size=1, max_size=8))
def test_numbers_in_names_count_by_value(names, tmp_path_factory):
    folder = tmp_path_factory.mktemp("names")
    for letter, number in names:
        (folder / f"{letter}{number}.png").touch()
    assert [file.stem for file in files(str(folder))] == [f"{letter}{number}" for letter, number in sorted(names)]


def test_the_order_is_the_same_on_every_file_system(tmp_path):
    names = ["take2²1.png", "1.png", "01.png", "001.PNG", "a.jpeg", "a.png", "2.tif"]  # ² is a digit, and no number
    for name in names:
        (tmp_path / name).touch()
    assert [file.name for file in files(str(tmp_path))] == [
        "001.PNG",
        "01.png",
        "1.png",
        "2.tif",
        "a.jpeg",
        "a.png",
        "take2²1.png",
    ]


def test_a_pattern_over_folders_keeps_each_together(tmp_path):
    for part in ("part10", "part9"):
        (tmp_path / part).mkdir()
        for name in ("1.png", "2.png"):
            save(tmp_path / part / name, picture(1))
    found = [file.relative_to(tmp_path).as_posix() for file in files(f"{tmp_path}/*/*.png")]
    assert found == ["part9/1.png", "part9/2.png", "part10/1.png", "part10/2.png"]


def test_every_run_gives_the_same_frames_with_their_source(folder):
    images = Images(str(folder))
    runs = [list(images), list(images)]
    for frames in runs:
        assert [frame.index for frame in frames] == numbers(frames) == list(range(12))
        assert [frame.time for frame in frames] == [Fraction(n, 25) for n in range(12)]
        assert frames[3].image[:, 5, 7].tolist() == [3, 6, 9]
        assert {id(frame.source) for frame in frames} == {id(frames[0].source)}
    source = runs[0][0].source
    assert (source.path, source.fps, source.frames, source.color) == (str(folder), 25, 12, None)


@given(
    start=st.fractions(0, 2, max_denominator=50),
    stop=st.none() | st.fractions(0, 2, max_denominator=50),
    fps=st.sampled_from([Fraction(10), Fraction(25), Fraction(30000, 1001)]),
)
def test_a_piece_keeps_the_numbers_and_times_of_the_whole(start, stop, fps, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "piece"
    if not folder.exists():
        folder.mkdir()
        for number in range(12):
            save(folder / f"{number}.png", picture(number))
    whole = list(Images(str(folder), fps=fps))
    if start > whole[-1].time:
        with pytest.raises(UsageError, match="lies after its last picture"):
            list(Images(str(folder), start=start, stop=stop, fps=fps))
        return
    piece = list(Images(str(folder), start=start, stop=stop, fps=fps))
    wanted = [frame for frame in whole if frame.time >= start and (stop is None or frame.time < stop)]
    assert [(f.index, f.time) for f in piece] == [(f.index, f.time) for f in wanted]
    assert all(frame.source.frames == len(piece) for frame in piece)


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(suffix, kind) for suffix in ("png", "jpg", "webp", "bmp", "tif") for kind in ("rgb", "grey")]
    + [(suffix, "alpha") for suffix in ("png", "webp", "bmp", "tif")]
    + [(suffix, kind) for suffix in ("png", "tif") for kind in ("16 bit", "16 bit grey")],
)
def test_every_kind_of_picture_becomes_8_bit_rgb(suffix, kind, tmp_path):
    random, (h, w) = np.random.default_rng(3), (16, 24)
    rgb = cv2.GaussianBlur(random.integers(0, 256, (h, w, 3), dtype=np.uint8), (0, 0), 3)
    bgr = rgb[..., ::-1]
    stored = {
        "rgb": bgr,
        "grey": rgb[..., 1],
        "alpha": np.concatenate([bgr, np.full((h, w, 1), 200, np.uint8)], axis=2),
        "16 bit": bgr.astype(np.uint16) * 257,
        "16 bit grey": rgb[..., 1].astype(np.uint16) * 257,
    }[kind]
    assert cv2.imwrite(str(tmp_path / f"0.{suffix}"), stored, [cv2.IMWRITE_WEBP_QUALITY, 101])
    (frame,) = Images(str(tmp_path))
    wanted = torch.from_numpy(rgb[..., [1, 1, 1]] if "grey" in kind else rgb.copy()).permute(2, 0, 1)
    off = (frame.image.int() - wanted.int()).abs().float().mean()
    assert off <= (4 if suffix == "jpg" else 0)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_are_rounded_and_not_cut_off(suffix, channels, tmp_path):
    deep = np.random.default_rng(0).integers(0, 65536, (16, 16, channels), dtype=np.uint16)
    assert cv2.imwrite(str(tmp_path / f"0.{suffix}"), deep)
    wanted = torch.from_numpy(deep[..., [2, 1, 0] if channels > 1 else [0, 0, 0]] / 257).permute(2, 0, 1)
    assert (load(tmp_path / f"0.{suffix}") - wanted).abs().max() < 0.51


def test_what_is_see_through_keeps_its_color_and_is_told_once(tmp_path, caplog):
    grey_with_alpha = np.stack([np.full((8, 8), 100, np.uint8), np.full((8, 8), 50, np.uint8)], axis=2)
    bgra = np.full((8, 8, 4), (30, 60, 90, 120), np.uint8)
    for number, stored in enumerate([bgra | (0, 0, 0, 255), bgra, bgra]):
        assert cv2.imwrite(str(tmp_path / f"{number}.png"), stored.astype(np.uint8))
    (tmp_path / "3.png").write_bytes(_png_grey_alpha(grey_with_alpha))
    with caplog.at_level(logging.WARNING):
        frames = list(Images(str(tmp_path)))
    assert [frame.image[:, 4, 4].tolist() for frame in frames] == [[90, 60, 30]] * 3 + [[100, 100, 100]]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: its transparency is dropped: what is transparent shows the color stored there."
    ]


def test_opaque_pictures_say_nothing_of_transparency(tmp_path, caplog):
    for suffix in ("png", "webp", "tif", "bmp", "jpg"):
        assert cv2.imwrite(str(tmp_path / f"0.{suffix}"), np.full((8, 8, 3), 90, np.uint8))
    assert cv2.imwrite(str(tmp_path / "1.png"), np.full((8, 8, 4), 255, np.uint8))
    list(Images(str(tmp_path)))
    assert caplog.text == ""


def test_a_see_through_tiff_is_not_darkened(tmp_path):
    """Its ExtraSamples tag says that colors are not multiplied; OpenCV multiplies them."""
    pixels = bytes([200, 100, 50, 100]) * 16
    tags = [(256, 3, 4), (257, 3, 4), (258, 3, 8), (259, 3, 1), (262, 3, 2), (273, 4, 8), (277, 3, 4), (278, 3, 4)]
    tags = [*tags, (279, 4, len(pixels)), (338, 3, 2)]
    entries = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in tags)
    at_bits = 8 + len(pixels) + 2 + 12 * len(tags) + 4
    entries = entries.replace(struct.pack("<HHII", 258, 3, 1, 8), struct.pack("<HHII", 258, 3, 4, at_bits))
    head = struct.pack("<2sHI", b"II", 42, 8 + len(pixels))
    data = head + pixels + struct.pack("<H", len(tags)) + entries + bytes(4) + struct.pack("<4H", 8, 8, 8, 8)
    (tmp_path / "0.tif").write_bytes(data)
    assert load(tmp_path / "0.tif")[:, 0, 0].tolist() == [200, 100, 50]


def test_a_picture_too_large_for_any_reader_leaves_a_gap(folder, caplog):
    (folder / "shot3.png").write_bytes(_png(60000, 60000, 2, b""))
    with caplog.at_level(logging.WARNING):
        frames = list(Images(str(folder)))
    assert [frame.index for frame in frames] == [0, 1, 2, *range(4, 12)]
    assert caplog.messages == [f"{folder}: 1 pictures cannot be read and are left out, first shot3.png."]


def _png(w: int, h: int, kind: int, rows: bytes) -> bytes:
    """A PNG of 8 bits. kind: its color type; rows: each with a filter byte before it."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", w, h, 8, kind, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def _png_grey_alpha(pixels: np.ndarray) -> bytes:
    return _png(pixels.shape[1], pixels.shape[0], 4, b"".join(b"\0" + row.tobytes() for row in pixels))


def test_a_palette_gives_its_colors(tmp_path):
    with av.open(str(tmp_path / "0.png"), "w", format="image2", options={"update": "1"}) as out:
        stream = out.add_stream("png", width=16, height=8, pix_fmt="pal8")
        frame = av.VideoFrame.from_ndarray((np.full((8, 16), 3, np.uint8), _palette()), format="pal8")
        out.mux(stream.encode(frame))
        out.mux(stream.encode())
    (out,) = Images(str(tmp_path))
    assert out.image[:, 0, 0].tolist() == [200, 100, 50]


def _palette() -> np.ndarray:
    palette = np.zeros((256, 4), np.uint8)
    palette[:, 0] = 255  # ARGB
    palette[3, 1:] = (200, 100, 50)
    return palette


def test_what_cannot_be_read_leaves_a_gap_and_one_warning_with_their_number(folder, caplog):
    (folder / "shot3.png").write_bytes(b"broken")
    (folder / "shot5.png").write_bytes(b"")
    (folder / "shot7.png").unlink()
    (folder / "shot7.png").mkdir()
    with caplog.at_level(logging.WARNING):
        frames = list(Images(str(folder)))
    assert [frame.index for frame in frames] == numbers(frames) == [0, 1, 2, 4, 6, 8, 9, 10, 11]
    (told,) = [record.getMessage() for record in caplog.records]
    assert told == f"{folder}: 3 pictures cannot be read and are left out, first shot3.png."


def test_who_stops_early_hears_of_what_was_left_out_before(folder, caplog):
    (folder / "shot0.png").write_bytes(b"broken")
    (folder / "shot9.png").write_bytes(b"broken")
    with caplog.at_level(logging.WARNING):
        run = iter(Images(str(folder)))
        assert next(run).index == 1
        run.close()
    assert "1 pictures cannot be read and are left out, first shot0.png." in caplog.text


def test_pictures_of_other_sizes_start_shots(tmp_path):
    for number, size in enumerate([(6, 8), (6, 8), (9, 8), (9, 8), (6, 8)]):
        save(tmp_path / f"{number}.png", picture(50, size))
    frames = list(peanut.read(tmp_path))
    assert [(frame.size, frame.shot) for frame in frames] == [
        ((6, 8), 0),
        ((6, 8), 0),
        ((9, 8), 1),
        ((9, 8), 1),
        ((6, 8), 2),
    ]


def test_max_size_is_the_longest_side(tmp_path):
    save(tmp_path / "0.png", picture(9, (40, 90)))
    save(tmp_path / "1.png", picture(9, (30, 10)))
    assert [frame.size for frame in Images(str(tmp_path), max_size=30)] == [(13, 30), (30, 10)]


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError, match=r"has no pictures \(\.bmp, \.jpeg"):
        next(iter(Images(str(tmp_path))))
    with pytest.raises(UsageError, match="has no pictures"):
        next(iter(peanut.read(f"{tmp_path}/*.png")))


def test_what_write_leaves_is_what_images_reads(tmp_path):
    frames = make_frames([5], (6, 8))
    (frames | peanut.write(f"{tmp_path}/out/")).run(progress=False)
    back = list(Images(f"{tmp_path}/out"))
    assert all(torch.equal(old.image, new.image) for old, new in zip(frames, back, strict=True))


def test_info_of_a_folder_and_of_a_pattern(folder):
    (folder / "shot0.png").write_bytes(b"broken")
    for path in (folder, f"{folder}/shot*.png"):
        told = peanut.info(path)
        assert (told.size, told.frames, told.codec, told.color) == ((6, 8), 12, "png", "RGB")
        assert f"{path}: 8x6, 12 frames" in str(told)
    (folder / "bad").mkdir()
    (folder / "bad" / "1.png").write_bytes(b"broken")
    with pytest.raises(UsageError, match="bad: none of the 1 pictures can be read"):
        peanut.info(folder / "bad")


def test_info_of_a_video(walker):
    told = peanut.info(walker.video)
    assert (told.size, told.fps, told.frames, told.seconds) == ((180, 320), 25, 30, Fraction(6, 5))
    assert (told.codec, told.pixel_format, told.rotation, told.audio, told.subtitles) == ("h264", "yuv420p", 0, (), ())
    assert str(told) == "\n".join(
        [
            f"{walker.video}: 320x180, 30 frames at 25 per second, 1.20 s",
            "pictures   h264, yuv420p, BT.709, limited range, rotated by 0 degrees",
            "sound      none",
            "subtitles  none",
            "a frame takes 0.3 MB of memory",
        ]
    )


def test_info_counts_the_size_of_the_upright_picture(walker, tmp_path):
    for name, matrix, size in [
        ("turned", (0, 65536, -65536, 0), (320, 180)),
        ("mirrored", (-65536, 0, 0, 65536), (180, 320)),
    ]:
        data = walker.video.read_bytes()
        at = data.rindex(b"tkhd") + 4 + 40  # the matrix; `write` leaves an earlier header that players pass over
        a, b, c, d = matrix
        turned = b"".join(value.to_bytes(4, "big", signed=True) for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
        path = tmp_path / f"{name}.mp4"
        path.write_bytes(data[:at] + turned + data[at + 36 :])
        assert peanut.info(path).size == size == next(iter(peanut.read(path))).size


def test_info_of_what_is_no_video(tmp_path):
    (tmp_path / "text.mp4").write_text("no video at all")
    with pytest.raises(UsageError, match=r"text\.mp4 cannot be read as a video"):
        peanut.info(tmp_path / "text.mp4")
    with pytest.raises(UsageError, match="no such file or folder"):
        peanut.info(tmp_path / "gone.mp4")
