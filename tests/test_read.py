"""Reading, against ffmpeg where it is installed."""

import io
import logging
import os
import shutil
import subprocess
import sys
from contextlib import ExitStack
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
import torch
from faults import Pipe, damaged
from PIL import Image

import peanut
from peanut import UsageError
from peanut.video.file import VideoFile
from peanut.video.images import files

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


def ffmpeg(*words):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, words)], check=True)


def remux(source, target, **options):
    """The same packets in another container."""
    with av.open(str(source)) as source, av.open(str(target), "w", options=options) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = stream
                output.mux(packet)


KINDS = {
    "plain.mp4": ("-c:v", "libx264", "-bf", "3"),
    "open_gop.mp4": ("-c:v", "libx264", "-g", "12", "-bf", "3", "-x264-params", "open-gop=1"),
    "hevc10.mp4": ("-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le"),
    "bt709.mp4": ("-vf", "scale=out_color_matrix=bt709", "-c:v", "libx264", "-colorspace", "bt709"),
    "full.mp4": ("-vf", "scale=out_range=full", "-c:v", "libx264", "-color_range", "pc", "-pix_fmt", "yuvj420p"),
    "odd.mp4": ("-vf", "scale=321:137", "-c:v", "libx264", "-pix_fmt", "yuv444p"),
    "variable.mp4": ("-vf", "select='not(mod(n,3))+not(mod(n,4))'", "-vsync", "vfr", "-c:v", "libx264"),
    "variable.mkv": ("-vf", "select='not(mod(n,3))+not(mod(n,4))'", "-vsync", "vfr", "-c:v", "libx264"),
    "stream.ts": ("-c:v", "libx264", "-bf", "2"),
    "old.avi": ("-c:v", "mpeg4"),
    "hidden.webm": ("-c:v", "libvpx", "-auto-alt-ref", "1", "-lag-in-frames", "16"),
    "nine.webm": ("-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"),
}
TURNS = {
    "turned_left": (0, 65536, -65536, 0),
    "turned_right": (0, -65536, 65536, 0),
    "upside_down": (-65536, 0, 0, -65536),
    "mirrored": (-65536, 0, 0, 65536),
    "flipped": (65536, 0, 0, -65536),
    "transposed": (0, 65536, 65536, 0),
}


@pytest.fixture(scope="session")
def kinds(bikes, tmp_path_factory):
    """Forty frames of the real clip, with a cut in them, in many kinds of file."""
    folder = tmp_path_factory.mktemp("kinds")
    for name, words in KINDS.items():
        ffmpeg("-i", bikes, "-t", 1.6, *words, folder / name)
    data = (folder / "plain.mp4").read_bytes()
    upright = b"".join(value.to_bytes(4, "big", signed=True) for value in (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30))
    at = data.index(upright, data.index(b"tkhd"))
    for name, (a, b, c, d) in TURNS.items():
        turned = b"".join(value.to_bytes(4, "big", signed=True) for value in (a, b, 0, c, d, 0, 0, 0, 1 << 30))
        (folder / f"{name}.mp4").write_bytes(data[:at] + turned + data[at + len(turned) :])
    return folder


def reference(path):
    """ffmpeg's pictures (n h w 3), by its exact path, and ffprobe's time stamps of a file."""
    probe = [
        "ffprobe",
        "-v",
        "error",
        "-select_streams",
        "v:0",
        "-show_entries",
        "frame=pts_time",
        "-of",
        "csv=p=0",
        path,
    ]
    times = [
        line.strip(",") for line in subprocess.run(probe, capture_output=True, text=True, check=True).stdout.split()
    ]
    probe = ["ffmpeg", "-v", "error", "-i", path, "-frames:v", "1", "-f", "image2pipe", "-c:v", "png", "-"]
    first = cv2.imdecode(np.frombuffer(subprocess.run(probe, capture_output=True, check=True).stdout, np.uint8), 1)
    probe = ["ffprobe", "-v", "error", "-select_streams", "v:0", "-show_entries", "stream=chroma_location", path]
    middle = "center" in subprocess.run(probe, capture_output=True, text=True, check=True).stdout
    exact = f"scale=flags=bicubic+accurate_rnd+full_chroma_int:in_h_chr_pos={128 if middle else 0}"
    decode = ["ffmpeg", "-v", "error", "-i", path, "-vsync", "0", "-vf", exact, "-f", "rawvideo", "-pix_fmt", "rgb24"]
    decode += ["-"]
    raw = subprocess.run(decode, capture_output=True, check=True).stdout
    return np.frombuffer(raw, np.uint8).reshape(-1, *first.shape), [time for time in times if time]


def assert_equals_ffmpeg(path):
    pictures, times = reference(path)
    with av.open(str(path)) as container:  # players and ffmpeg count from the beginning, ffprobe does not
        begin = max(0, container.start_time) / 1e6
    frames = list(peanut.read(path, shots=False))
    assert len(frames) == len(pictures) == len(times)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame, picture, time in zip(frames, pictures, times, strict=True):
        assert abs(float(frame.time) + begin - float(time)) < 1.6e-6
        assert np.abs(frame.numpy().astype(int) - picture).mean() < 1


@needs_ffmpeg
@pytest.mark.slow
@pytest.mark.parametrize("name", [*KINDS, *(f"{turn}.mp4" for turn in TURNS)])
def test_frames_and_times_equal_ffmpegs(kinds, name):
    assert_equals_ffmpeg(kinds / name)


@needs_ffmpeg
@pytest.mark.slow
def test_every_frame_of_the_real_clip_equals_ffmpegs(bikes):
    assert_equals_ffmpeg(bikes)


@needs_ffmpeg
@pytest.mark.parametrize(
    "words",
    [
        ("-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le", "-colorspace", "bt709"),
        ("-c:v", "prores_ks", "-pix_fmt", "yuv422p10le"),
        ("-c:v", "mjpeg", "-pix_fmt", "yuvj422p"),
        ("-c:v", "ffv1", "-pix_fmt", "gray10le"),
        ("-c:v", "ffv1", "-pix_fmt", "yuva444p"),
        ("-c:v", "ffv1", "-pix_fmt", "bgr0"),
    ],
    ids=lambda words: f"{words[1]}-{words[words.index('-pix_fmt') + 1]}",
)
def test_sharp_edges_between_colors_equal_ffmpegs(words, tmp_path):
    """A test picture shows what a real one hides: where in 4:2:0 and 4:2:2 the colors lie."""
    ffmpeg("-f", "lavfi", "-i", "testsrc2=size=160x90:rate=25:duration=0.2", *words, tmp_path / "sharp.mkv")
    assert_equals_ffmpeg(tmp_path / "sharp.mkv")


@needs_ffmpeg
@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
def test_a_trimmed_reading_is_a_piece_of_the_whole(kinds, name):
    whole = list(peanut.read(kinds / name, shots=False))
    start, stop = whole[len(whole) // 3].time, whole[-4].time
    piece = list(peanut.read(kinds / name, start=start, stop=stop, shots=False))
    expected = whole[len(whole) // 3 : -4]
    assert [(frame.index, frame.time) for frame in piece] == [(frame.index, frame.time) for frame in expected]
    assert all(torch.equal(a.image, b.image) for a, b in zip(piece, expected, strict=True))
    assert piece[0].source.start == start
    assert abs(piece[0].source.frames - len(piece)) <= 2 or name.startswith("variable")


def test_max_size_reduces_and_never_enlarges(walker):
    frame = next(iter(peanut.read(walker.video, max_size=160)))
    assert frame.size == (90, 160)
    assert next(iter(peanut.read(walker.video, max_size=4000))).size == (180, 320)


def test_what_the_source_says_travels_with_every_frame(walker):
    frames = list(peanut.read(walker.video))
    source = frames[0].source
    assert all(frame.source is source for frame in frames)
    assert (source.path, source.start, source.fps, source.frames) == (str(walker.video), 0, 25, walker.length)
    assert (source.color.matrix, source.color.full_range, source.rotation) == (1, False, 0)


def test_cuts_are_found_where_they_are(bikes):
    frames = list(peanut.read(bikes))
    starts = [b.index for a, b in pairwise(frames) if a.shot != b.shot]
    assert starts == [30, 76, 137, 187, 242]
    assert {frame.shot for frame in peanut.read(bikes, shots=False)} == {0}


def test_file_objects_and_pipes_are_read_like_files(walker, tmp_path):
    data = walker.video.read_bytes()
    expected = [frame.image for frame in peanut.read(walker.video)]
    matroska = tmp_path / "walker.mkv"
    remux(walker.video, matroska)
    for opened in (io.BytesIO(data), Pipe(data), Pipe(matroska.read_bytes())):
        got = [frame.image for frame in peanut.read(opened)]
        assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))
    again = peanut.read(io.BytesIO(data))
    assert len(list(again)) == len(list(again)) == len(expected)


def test_one_file_object_is_read_twice_at_once(walker):
    video = peanut.read(io.BytesIO(walker.video.read_bytes()), shots=False)
    for a, b in zip(video, video, strict=True):
        assert (a.index, a.time) == (b.index, b.time)
        assert torch.equal(a.image, b.image)
    trimmed = peanut.read(io.BytesIO(walker.video.read_bytes()), shots=False, start=1)
    assert [frame.index for frame in trimmed] == [25, 26, 27, 28, 29]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_read_like_standard_input(walker, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', walker.video, pipe]):
        assert next(iter(peanut.read(pipe, shots=False, start=1))).index == 25


@needs_ffmpeg
def test_a_truncated_mkv_with_sound_gives_what_it_has_and_one_warning(walker, tmp_path, caplog):
    whole, cut = tmp_path / "whole.mkv", tmp_path / "cut.mkv"
    ffmpeg("-i", walker.video, "-f", "lavfi", "-i", "sine=duration=1.2", "-c:v", "copy", "-c:a", "aac", whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    assert 0 < len(list(peanut.read(cut, shots=False))) < walker.length
    (line,) = caplog.messages
    assert line.startswith(f"{cut}: the file is cut off")


def test_standard_input(walker):
    code = "import peanut; print(len(list(peanut.read('-'))))"
    with walker.video.open("rb") as file:
        done = subprocess.run([sys.executable, "-c", code], stdin=file, capture_output=True, text=True)
    assert done.stdout.strip() == str(walker.length), done.stderr


def test_a_truncated_file_gives_what_it_has_and_one_warning(walker, tmp_path, caplog):
    front = tmp_path / "front.mp4"
    remux(walker.video, front, movflags="faststart")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(front.read_bytes()[: len(front.read_bytes()) * 4 // 5])
    with caplog.at_level(logging.WARNING):
        frames = list(peanut.read(cut))
    assert 3 < len(frames) < walker.length
    assert [record.getMessage() for record in caplog.records if "cut off" in record.getMessage()]
    assert len(caplog.records) == 1


def test_a_file_whose_index_is_cut_off_is_refused(tmp_path, walker):
    data = walker.video.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(data[: data.index(b"moov") - 4] if data.index(b"moov") > 1000 else data[:600])
    with pytest.raises(UsageError, match=r"cut\.mp4 cannot be read as a video: it is none, or its index is cut off"):
        list(peanut.read(tmp_path / "cut.mp4"))


def test_a_corrupt_packet_leaves_a_gap_and_one_warning(tmp_path, walker, caplog):
    """MPEG-4 with packets that no decoder takes: those pictures are missing, the numbers of the others stay."""
    broken, lost = tmp_path / "broken.avi", {9, 10, 20}
    with av.open(str(broken), "w") as output:
        stream = output.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        for number, frame in enumerate(peanut.read(walker.video, shots=False)):
            picture = av.VideoFrame.from_ndarray(frame.numpy(), "rgb24")
            picture.pts = number
            for packet in stream.encode(picture):
                if number in lost:
                    bad = av.Packet(b"\0" * 50)
                    bad.pts, bad.dts, bad.time_base, bad.stream = packet.pts, packet.dts, packet.time_base, stream
                    packet = bad
                output.mux(packet)
    with caplog.at_level(logging.WARNING):
        frames = list(peanut.read(broken, shots=False))
    assert [frame.index for frame in frames] == [n for n in range(walker.length) if n not in lost]
    assert caplog.messages == [
        f"{broken}: 2 frames are missing between 0.320 s and 0.440 s: frames 9 to 10.",
        f"{broken}: 1 frame is missing between 0.760 s and 0.840 s: frame 20.",
        f"{broken}: 3 frames are missing in all; 3 packets could not be decoded and are left out.",
    ]


def test_any_packet_that_the_decoder_refuses_leaves_its_own_gap_the_last_ones_too(tmp_path, walker, caplog):
    data, broken = walker.video.read_bytes(), tmp_path / "broken.mp4"
    with av.open(str(walker.video)) as container:
        packets = [(packet.pos, packet.size, packet.pts) for packet in container.demux(video=0) if packet.size]
    shown = sorted(pts for *_, pts in packets)
    for at, size, pts in packets[1:]:
        caplog.clear()
        broken.write_bytes(data[:at] + bytes([255]) * size + data[at + size :])
        indices = [frame.index for frame in peanut.read(broken, shots=False)]
        assert indices == [index for index in range(walker.length) if shown[index] != pts]
        assert caplog.messages[-1] == (
            f"{broken}: 1 frame is missing in all; 1 packet could not be decoded and is left out."
        )


def test_damage_in_the_middle_loses_no_good_frame(tmp_path, walker, caplog):
    data = walker.video.read_bytes()
    (tmp_path / "damaged.mp4").write_bytes(damaged(data, len(data) // 2))
    with caplog.at_level(logging.WARNING):
        frames = list(peanut.read(tmp_path / "damaged.mp4", shots=False))
    indices = [frame.index for frame in frames]
    assert indices == sorted(set(indices))
    assert len(frames) >= walker.length - 3
    assert len(caplog.records) <= 1


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: folder / "nowhere.mp4", r"nowhere\.mp4: no such file or folder"),
        (lambda folder: folder / "text.mp4", r"text\.mp4 cannot be read as a video"),
        (lambda folder: folder / "empty.mp4", r"empty\.mp4 cannot be read as a video"),
        (lambda folder: folder / "sound.wav", r"sound\.wav has no pictures in it, only audio"),
        (lambda folder: folder, "has no pictures"),
        (lambda folder: f"{folder}/*.png", "has no pictures"),
    ],
)
def test_what_is_no_video_is_refused_with_one_sentence(make, sentence, tmp_path):
    (tmp_path / "text.mp4").write_text("this is not a video " * 100)
    (tmp_path / "empty.mp4").touch()
    with av.open(str(tmp_path / "sound.wav"), "w") as output:
        stream = output.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.rate = 8000
        output.mux(stream.encode(sound))
    with pytest.raises(UsageError, match=sentence):
        list(peanut.read(make(tmp_path)))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"start": "soon"}, "start must be seconds or m:ss, got 'soon'"),
        ({"start": -1}, "start must not be negative"),
        ({"start": 2, "stop": 1}, r"stop \(1\) must lie after start \(2\)"),
        ({"max_size": 0}, "max_size must be at least 1 pixel"),
        ({"fps": 10}, "fps is for folders of pictures"),
    ],
)
def test_silly_settings_are_refused_when_the_pipeline_is_built(settings, sentence, walker):
    with pytest.raises(UsageError, match=sentence):
        peanut.read(walker.video, **settings)


@pytest.mark.parametrize(("given", "seconds"), [("1:05", 65), ("0:00.5", Fraction(1, 2)), (0.1, Fraction(1, 10))])
def test_times_may_be_given_in_minutes(given, seconds, walker):
    assert peanut.read(walker.video, start=given).source.start == seconds


def test_a_folder_of_pictures_in_natural_order(tmp_path, caplog):
    for number in (0, 1, 2, 9, 10, 11):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((4, 6, 3), number, np.uint8))
    (tmp_path / "2.png").write_bytes(b"broken")
    (tmp_path / "notes.txt").touch()
    with caplog.at_level(logging.WARNING):
        frames = list(peanut.read(tmp_path, fps=10, shots=False))
    assert [(frame.index, int(frame.image[0, 0, 0])) for frame in frames] == [(0, 0), (1, 1), (3, 9), (4, 10), (5, 11)]
    assert [frame.time for frame in frames] == [Fraction(index, 10) for index in (0, 1, 3, 4, 5)]
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path}: 1 pictures cannot be read and are left out, first 2.png."
    ]
    late = list(peanut.read(f"{tmp_path}/1*.png", start=Fraction(1, 25), shots=False))
    assert [(frame.index, int(frame.image[0, 0, 0])) for frame in late] == [(1, 10), (2, 11)]


def test_pictures_by_a_pattern_of_their_number(tmp_path):
    for name in ("f00009", "f00010", "f00100", "f123456", "f9", "f000009", "g00009", "f00010b"):
        cv2.imwrite(str(tmp_path / f"{name}.png"), np.full((4, 6, 3), len(name), np.uint8))

    def names(pattern):
        return [file.stem for file in files(str(tmp_path / pattern))]

    assert names("f%05d.png") == ["f00009", "f00010", "f00100", "f123456"]
    assert names("f%d.png") == ["f9", "f123456"]
    assert len(list(peanut.read(tmp_path / "f%05d.png"))) == 4
    with pytest.raises(UsageError, match=r"h%05d\.png has no pictures"):
        list(peanut.read(tmp_path / "h%05d.png"))
    with pytest.raises(UsageError, match=r"50%done\.mp4: no such file or folder"):
        list(peanut.read(tmp_path / "50%done.mp4"))
    cv2.imwrite(str(tmp_path / "f%d.png"), np.full((4, 6, 3), 77, np.uint8))
    assert [int(frame.image[0, 0, 0]) for frame in peanut.read(tmp_path / "f%d.png")] == [77]  # a file of that name


@pytest.mark.parametrize("kind", ["file", "pipe", "pictures", "webp"])
def test_a_start_past_the_end_says_how_long_the_source_is(kind, walker, tmp_path):
    with ExitStack() as opened:
        long = "; it is 1.20 s long"
        if kind == "webp":
            source, long = tmp_path / "moving.webp", ""
            pictures = [Image.new("RGB", (8, 8), (0, 0, 40 * number)) for number in range(6)]
            pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=232, lossless=True)
        else:
            source = {"file": walker.video, "pictures": walker.masks, "pipe": None}[kind]
        if kind == "pipe":  # which cannot seek: every picture passes by
            (peanut.read(walker.video) | peanut.write(tmp_path / "walker.mkv")).run()
            shown = opened.enter_context(subprocess.Popen(["cat", tmp_path / "walker.mkv"], stdout=subprocess.PIPE))
            source = shown.stdout
        with pytest.raises(UsageError) as told:
            list(peanut.read(source, start="1:40", stop=101))
    assert str(told.value).endswith(f": start (100 s) lies after its last picture, which comes at 1.16 s{long}.")


def test_a_start_after_the_last_picture_is_past_the_end_and_one_between_two_is_not(walker):
    for source in (walker.video, walker.masks):
        assert [frame.index for frame in peanut.read(source, start=Fraction(29, 25))] == [29]
        assert list(peanut.read(source, start=0.05, stop=0.07)) == []
        with pytest.raises(UsageError, match=r"start \(1\.17 s\) lies after its last picture, which comes at 1\.16 s"):
            list(peanut.read(source, start=1.17))


def test_pictures_of_any_depth_become_8_bit_rgb(tmp_path):
    rgb = np.array([[[10, 20, 30]]], np.uint16)
    cv2.imwrite(str(tmp_path / "0.png"), np.repeat(rgb * 257, 4, axis=1)[..., ::-1])
    cv2.imwrite(str(tmp_path / "1.png"), np.full((1, 4, 4), (30, 20, 10, 128), np.uint8))
    cv2.imwrite(str(tmp_path / "2.png"), np.full((1, 4), 77, np.uint8))
    found = [frame.image[:, 0, 0].tolist() for frame in peanut.read(tmp_path, shots=False)]
    assert found == [[10, 20, 30], [10, 20, 30], [77, 77, 77]]


def test_a_camera_that_is_not_there(tmp_path):
    if os.path.exists("/dev/video97"):
        pytest.skip("there is a camera 97")
    with pytest.raises(UsageError, match="97 cannot be read any more"):
        next(iter(peanut.read(97, retry=0)))


@pytest.mark.parametrize("order", ["data first", "sound first", "pictures first"])
def test_pictures_lie_anywhere_among_sound_and_data(order, tmp_path):
    """Cameras write data beside the pictures; every picture comes, the last ones that the decoder holds too."""
    path, first = tmp_path / "camera.ts", order.split()[0]
    with av.open(path, "w") as output:
        add = {
            "data": lambda: output.add_data_stream("klv"),
            "sound": lambda: output.add_stream("aac", rate=48_000),
            "pictures": lambda: output.add_stream("libx264", rate=25),
        }
        streams = {kind: add[kind]() for kind in sorted(add, key=lambda kind: kind != first)}
        streams["pictures"].width = streams["pictures"].height = 64
        streams["sound"].layout = "mono"
        for number in range(12):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 20 * number, np.uint8))
            output.mux(streams["pictures"].encode(picture))
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 24_000), np.float32), "fltp", "mono")
        sound.sample_rate = 48_000
        output.mux(streams["sound"].encode(sound))
        output.mux(streams["pictures"].encode() + streams["sound"].encode())
    greys = [float(frame.image.float().mean()) for frame in peanut.read(path)]
    assert np.allclose(greys, [20 * number for number in range(12)], atol=3)


def test_reading_holds_one_frame(walker):
    source = VideoFile(str(walker.video))
    assert str(source) == f"read({str(walker.video)!r})"
    assert str(peanut.read("a.mp4", start=1, stop="0:02")) == "read('a.mp4', start=1, stop=2) | shots()"
