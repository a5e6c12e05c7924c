"""What is missing from a file is told with its place; what is merely unusual is read without a word."""

import os
import subprocess
import sys
import zlib
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from fuzz import add_tone, picture

import peanut
from peanut import UsageError
from peanut.cli import cli
from peanut.video.webp import is_animated_webp

LENGTH = 40


def encoded(path, codec="mpeg2video", times=None, size=(48, 64), sound=None, container=None, **options):
    """A clip of 25 frames a second, or with these times (in hundredths of a second)."""
    with av.open(str(path), "w", options=container or {}) as output:
        video = output.add_stream(codec, rate=25, options={"g": "1", **options})
        video.height, video.width = size
        video.pix_fmt = {"mjpeg": "yuvj420p", "gif": "rgb8"}.get(codec, "yuv420p")
        if times is not None:
            video.codec_context.time_base = Fraction(1, 100)
        audio = output.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for number, time in enumerate(range(0, 4 * LENGTH, 4) if times is None else times):
            frame = av.VideoFrame.from_ndarray(picture(number, size), "rgb24").reformat(format=video.pix_fmt)
            frame.pts, frame.time_base = time, Fraction(1, 100)
            output.mux(video.encode(frame))
            if audio is not None:
                add_tone(output, audio, number)
        output.mux(video.encode(None))
        if audio is not None:
            output.mux(audio.encode(None))
    return path


def packets(path):
    """(place, size, time stamp) of the packets of a clip."""
    with av.open(str(path)) as container:
        return [(packet.pos, packet.size, packet.pts) for packet in container.demux(video=0) if packet.size]


def remuxed(source, target, change=lambda number, packet: True, options=None):
    """The packets for which `change`, which may alter them, is true, in another file."""
    with av.open(str(source)) as source, av.open(str(target), "w", options=options or {}) as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        for number, packet in enumerate(source.demux(source.streams.video[0])):
            if packet.size and change(number, packet):
                packet.stream = stream
                output.mux(packet)
    return target


def read(path, **settings):
    frames = list(peanut.read(path, shots=False, **settings))
    assert all(a.index < b.index and a.time < b.time for a, b in pairwise(frames))
    return frames


def numbers(frames):
    return [frame.index for frame in frames]


def without(first, last, length=LENGTH):
    return [*range(first), *range(last + 1, length)]


KINDS = [("a.mkv", "mjpeg"), ("a.ts", "mpeg2video"), ("a.webm", "libvpx")]


@pytest.mark.parametrize(("name", "codec"), KINDS)
@pytest.mark.parametrize("how", ["zeros", "cut out"])
def test_a_hole_in_the_middle_is_told_and_numbers_keep_their_place(name, codec, how, tmp_path, caplog):
    path = encoded(tmp_path / name, codec)
    data, (begin, end) = path.read_bytes(), (packets(path)[number][0] for number in (12, 20))
    begin, end = begin - 4, end - 4 if how == "zeros" else end - 9  # the heads of the pieces too
    if name == "a.ts":
        begin, end = begin + 4, end + (4 if how == "zeros" else 9)
    path.write_bytes(data[:begin] + (bytes(end - begin) if how == "zeros" else b"") + data[end:])
    frames = read(path)
    lost = sorted(set(range(LENGTH)) - set(numbers(frames)))
    assert len(lost) >= 6  # as many as the bytes were, and what a damaged frame or cluster has beside
    assert name == "a.webm" or set(range(13, 19)) <= set(lost) <= set(range(10, 22))
    assert [frame.shot for frame in frames] == [int(frame.index > lost[0]) for frame in frames]
    assert all(abs(25 * (frame.time - frames[0].time) - frame.index) < Fraction(1, 2) for frame in frames)
    before, after = frames[lost[0] - 1].time, frames[lost[0]].time
    assert caplog.messages[0] == (
        f"{path}: {len(lost)} frames are missing between {float(before):.3f} s and {float(after):.3f} s: "
        f"frames {lost[0]} to {lost[-1]}."
    )
    assert caplog.messages[-1].startswith(f"{path}: {len(lost)} frames are missing in all")


@pytest.fixture
def holed(tmp_path):
    """An mkv of 40 frames from which frames 12 to 19 are gone."""
    path = encoded(tmp_path / "holed.mkv", "mjpeg")
    places = packets(path)
    data, begin, end = path.read_bytes(), places[12][0] - 4, places[20][0] - 4
    path.write_bytes(data[:begin] + bytes(end - begin) + data[end:])
    return path


def test_numbers_close_up_over_a_gap_on_demand(holed, caplog):
    frames = read(holed, gaps="renumber")
    kept = read(holed)
    assert numbers(frames) == list(range(len(kept)))
    assert [frame.time for frame in frames] == [frame.time for frame in kept]
    assert any("frames are missing between" in line for line in caplog.messages)
    late = read(holed, gaps="renumber", start=1.2)
    assert numbers(late) == numbers(frames)[-len(late) :]


@pytest.mark.parametrize("gaps", ["tell", "renumber", "repeat"])
def test_the_command_line_has_the_choice(gaps, holed, tmp_path):
    logo, out = tmp_path / "logo.png", tmp_path / "out"
    cv2.imwrite(str(logo), np.eye(48, 64, dtype=np.uint8) * 255)
    words = ["erase", str(holed), "-o", f"{out}/", "--masks", str(logo), "--model", "perframe", "--gaps", gaps]
    done = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 0
    assert sorted(int(file.stem) for file in out.iterdir()) == numbers(read(holed, gaps=gaps))


def test_the_last_frame_fills_a_gap_on_demand(holed):
    frames, kept = read(holed, gaps="repeat"), read(holed)
    assert numbers(frames) == list(range(LENGTH))
    assert [frame.time for frame in frames] == [Fraction(number, 25) for number in range(LENGTH)]
    lost = sorted(set(range(LENGTH)) - set(numbers(kept)))
    assert all(frames[number].image is frames[lost[0] - 1].image for number in lost)
    assert {frames[number].shot for number in lost} == {0}


def test_a_trimmed_reading_beyond_a_gap_has_the_numbers_of_the_whole(holed):
    assert numbers(read(holed, start=1.2)) == list(range(30, 40))
    with pytest.raises(UsageError, match="read: gaps must be one of tell, renumber, repeat, got 'close'"):
        peanut.read(holed, gaps="close")


@pytest.mark.parametrize("name", ["a.mkv", "a.ts", "a.webm"])
def test_frames_left_out_of_a_file_of_constant_rate_are_a_gap(name, tmp_path, caplog):
    """Nothing is broken: only the time between two frames tells."""
    whole = encoded(tmp_path / f"whole-{name}", "libvpx" if name == "a.webm" else "mpeg2video")
    path = remuxed(whole, tmp_path / name, lambda number, _: not 15 <= number < 20)
    assert numbers(read(path)) == without(15, 19)
    assert caplog.messages == [
        f"{path}: 5 frames are missing between 0.560 s and 0.800 s: frames 15 to 19.",
        f"{path}: 5 frames are missing in all.",
    ]


VARIABLE = [8 * number + (3 * number) % 7 for number in range(30)]  # a telephone
PAUSES = [time + 60 * (number > 4) + 90 * (number > 20) for number, time in enumerate(range(0, 120, 4))]  # a recorder


@pytest.mark.parametrize("times", [VARIABLE, PAUSES], ids=["variable", "pauses"])
@pytest.mark.parametrize(
    ("name", "codec"), [("a.mp4", "libx264"), ("a.mkv", "mjpeg"), ("a.webm", "libvpx"), ("a.gif", "gif")]
)
def test_a_variable_rate_is_no_gap(name, codec, times, tmp_path, caplog):
    path = encoded(tmp_path / name, codec, times=times)
    frames = read(path)
    assert (numbers(frames), caplog.messages) == (list(range(30)), [])
    assert {frame.shot for frame in frames} == {0}
    begin = frames[0].time
    for frame, time in zip(frames, times, strict=True):
        assert abs(frame.time - begin - Fraction(time, 100)) <= Fraction(1, 100)


def test_frames_dropped_on_purpose_in_an_avi_are_no_gap(tmp_path, caplog):
    path = encoded(tmp_path / "a.avi", "mpeg4", times=[4 * number + 12 * (number > 20) for number in range(30)])
    assert numbers(read(path)) == list(range(30))
    with_sound = encoded(tmp_path / "sound.avi", "mpeg4", sound="mp3")
    assert numbers(read(with_sound)) == list(range(LENGTH))
    assert caplog.messages == []


@pytest.mark.parametrize("name", ["a.gif", "a.mkv", "a.webm", "a.avi", "a.ts", "fragments.mp4"])
@pytest.mark.parametrize("part", [0.5, 0.75, 0.97])
def test_a_missing_end_is_told(name, part, tmp_path, caplog):
    codec = {"a.gif": "gif", "a.webm": "libvpx", "fragments.mp4": "libx264"}.get(name, "mpeg4")
    flags = {"movflags": "frag_keyframe+empty_moov"} if name == "fragments.mp4" else None
    path = encoded(tmp_path / name, "mpeg2video" if name == "a.ts" else codec, container=flags)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data)) | 1])
    assert len(read(path)) < LENGTH or part > 0.9
    (line,) = caplog.messages[-1:]
    assert "the file is cut off" in line


def test_a_gif_whose_middle_is_missing_says_so(tmp_path, caplog):
    path = encoded(tmp_path / "a.gif", "gif")
    data = path.read_bytes()
    for begin, end in ((0.3, 0.5), (0.42, 0.61), (0.1, 0.2)):
        caplog.clear()
        path.write_bytes(data[: int(begin * len(data))] + data[int(end * len(data)) :])
        assert len(read(path)) < LENGTH
        assert len(caplog.messages) == 1


def test_a_file_that_gives_no_frame_is_an_error(tmp_path):
    path = encoded(tmp_path / "a.mp4", "libx264")
    data = bytearray(path.read_bytes())
    for at, size, _ in packets(path):
        data[at : at + size] = bytes([255]) * size
    path.write_bytes(data)
    with pytest.raises(UsageError) as error:
        read(path)
    assert str(error.value).startswith(f"{path}: not one frame can be decoded (FFmpeg: Invalid NAL unit size (-1 > ")


def test_a_recording_that_was_ended_before_its_first_picture_is_empty(tmp_path, caplog):
    path = encoded(tmp_path / "a.mp4", "libx264", container={"movflags": "frag_keyframe+empty_moov"})
    path.write_bytes(path.read_bytes().partition(b"moof")[0][:-4])
    assert read(path) == []
    assert caplog.messages == []


def test_pictures_that_need_what_came_before_the_file_are_told(tmp_path, caplog):
    whole = encoded(tmp_path / "whole.ts", g="10")
    path = remuxed(whole, tmp_path / "late.ts", lambda number, _: number >= 14)
    assert numbers(read(path)) == list(range(20))
    assert caplog.messages == [f"{path}: 6 frames are left out that need what came before the file began."]


# Times


@pytest.mark.parametrize("offset", ["0", "50000", "95440"], ids=["usual", "late", "wraps"])
def test_a_transport_stream_is_timed_from_its_beginning(offset, tmp_path, caplog):
    """95440 s: shortly before its clock of 33 bits begins anew."""
    path = encoded(tmp_path / "a.ts", sound="mp2", container={"output_ts_offset": offset})
    frames = read(path)
    assert numbers(frames) == list(range(LENGTH))
    assert 0 <= frames[0].time < Fraction(1, 20)
    assert all(frame.time - frames[0].time == Fraction(frame.index, 25) for frame in frames)
    assert abs(frames[0].source.start_time - int(offset)) % Fraction(2**33, 90_000) < 3
    assert numbers(read(path, start=0.2, stop=0.4)) == list(range(5, 10))
    assert abs(float(peanut.info(path).seconds) - 1.6) < 0.1
    assert caplog.messages == []


def test_a_clock_that_begins_anew_goes_on(tmp_path, caplog):
    parts = [encoded(tmp_path / f"{o}.ts", container={"output_ts_offset": o}) for o in ("9", "3")]
    path = tmp_path / "joined.ts"
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    frames = read(path)
    assert numbers(frames) == list(range(2 * LENGTH))
    assert [frame.time for frame in frames] == [Fraction(number, 25) for number in range(2 * LENGTH)]
    assert caplog.messages == []


def test_pictures_that_begin_later_than_the_sound_stay_later(tmp_path):
    path = encoded(tmp_path / "a.mkv", times=range(50, 210, 4), sound="mp2")
    frames = read(path)
    assert (len(frames), frames[0].time, frames[0].source.start_time) == (LENGTH, Fraction(1, 2), 0)


def test_one_stamp_far_from_all_others_moves_no_frame(tmp_path, caplog):
    path = encoded(tmp_path / "a.ts")
    data = bytearray(path.read_bytes())
    at = packets(path)[20][0]
    begin = data.index(b"\0\0\1\xe0", at) + 9  # the time stamp of one picture
    data[begin] ^= 0x08
    path.write_bytes(data)
    frames = read(path)
    assert [frame.time for frame in frames] == [Fraction(number, 25) for number in range(LENGTH)]


# The right stream


def box(name, *parts):
    content = b"".join(parts)
    return (8 + len(content)).to_bytes(4, "big") + name + content


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_cover_is_not_the_video(place, tmp_path):
    path = encoded(tmp_path / "a.mp4", "libx264")
    data = path.read_bytes()
    at = data.index(b"moov") - 4
    moov, first = data[at + 8 :], data.index(b"trak") - 4 - at - 8
    _, cover = cv2.imencode(".jpg", picture(3, (96, 128)))
    value = box(b"data", (13).to_bytes(4, "big"), bytes(4), cover.tobytes())
    handler = box(b"hdlr", bytes(8), b"mdirappl", bytes(9))
    tags = box(b"udta", box(b"meta", bytes(4), handler, box(b"ilst", box(b"covr", value))))
    told = moov[:first] + tags + moov[first:] if place == "first" else moov + tags
    path.write_bytes(data[:at] + box(b"moov", told))
    with av.open(str(path)) as container:
        assert [stream.width for stream in container.streams.video] == ([128, 64] if place == "first" else [64, 128])
    assert (len(read(path)), read(path)[0].size, peanut.info(path).size) == (LENGTH, (48, 64), (48, 64))


def test_sound_with_a_cover_has_no_pictures(tmp_path):
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mp3", rate=48_000, layout="mono")
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 9600), np.float32), "fltp", "mono")
        samples.sample_rate = 48_000
        output.mux(stream.encode(samples) + stream.encode(None))
    _, cover = cv2.imencode(".jpg", picture(0))
    shown = b"\0image/jpeg\0\3\0" + cover.tobytes()
    frame = b"APIC" + len(shown).to_bytes(4, "big") + bytes(2) + shown
    size = bytes(len(frame) >> 7 * place & 0x7F for place in (3, 2, 1, 0))
    path.write_bytes(b"ID3\3\0\0" + size + frame + path.read_bytes())
    for work in (read, peanut.info):
        with pytest.raises(UsageError) as error:
            work(path)
        assert str(error.value) == f"{path} has no pictures in it, only a cover picture, audio."


# Damaged containers


def test_pictures_in_an_unknown_format_are_refused(tmp_path):
    mp4, webm = encoded(tmp_path / "a.mp4", "libx264"), encoded(tmp_path / "a.webm", "libvpx")
    mp4.write_bytes(mp4.read_bytes().replace(b"avc1", b"zzz1"))
    webm.write_bytes(webm.read_bytes().replace(b"V_VP8", b"V_XX8"))
    for path in (mp4, webm):
        for work in (read, peanut.info):
            with pytest.raises(UsageError) as error:
                work(path)
            told = f"{path} cannot be read as a video: its pictures are in no format that is known."
            assert str(error.value) == told


def test_what_ffmpeg_says_is_part_of_the_sentence(tmp_path):
    path = encoded(tmp_path / "a.mp4", "libx264")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(UsageError) as error:
        read(path)
    assert str(error.value) == (
        f"{path} cannot be read as a video: it is none, or its index is cut off (FFmpeg: moov atom not found)."
    )


# Unusual, not damaged


@pytest.fixture
def two_sizes(tmp_path):
    """A transport stream whose pictures are smaller from the tenth on."""
    path = tmp_path / "sizes.ts"
    parts = [encoded(tmp_path / f"{h}.ts", "libx264", size=(h, w), bf="0") for h, w in ((48, 64), (32, 48))]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def test_a_change_of_size_is_a_new_shot_in_the_size_of_the_first(two_sizes, caplog):
    frames = read(two_sizes)
    assert len(frames) == 2 * LENGTH
    assert {frame.size for frame in frames} == {(48, 64)}
    assert [frame.shot for frame in frames] == [0] * LENGTH + [1] * LENGTH
    told = f"{two_sizes}: frame 40 is 48x32, the first was 64x48; all of another size are resized to it."
    assert caplog.messages == [told]
    assert {frame.size for frame in read(two_sizes, max_size=32)} == {(24, 32)}


def test_a_change_of_size_is_refused_on_demand(two_sizes):
    with pytest.raises(UsageError) as error:
        read(two_sizes, resize=False)
    assert str(error.value) == (
        f"{two_sizes}: frame 40 is 48x32, the first was 64x48: read(resize=True) brings all to the size of the first."
    )


@pytest.mark.skipif(not hasattr(cv2, "imencodeanimation"), reason="OpenCV is older than 4.11")
def test_an_animated_webp_is_read(tmp_path):
    path, animation = tmp_path / "a.webp", cv2.Animation()
    animation.frames = [picture(number)[..., ::-1].copy() for number in range(5)]
    animation.durations = [40, 40, 80, 40, 40]
    assert cv2.imwriteanimation(str(path), animation, [cv2.IMWRITE_WEBP_QUALITY, 101])
    frames = read(path)
    assert is_animated_webp(str(path))
    assert [frame.time for frame in frames] == [Fraction(n, 25) for n in (0, 1, 2, 4, 5)]
    assert np.array_equal(frames[3].numpy(), picture(3))
    assert numbers(read(path, start=0.08, stop=0.2)) == [2, 3]
    assert (peanut.info(path).frames, peanut.info(path).size) == (5, (48, 64))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(UsageError) as error:
        read(path)
    assert str(error.value) == f"{path} cannot be read as an animated WebP: it is damaged or cut off."


@pytest.mark.parametrize("name", ["12:30.mp4", "http:a.mp4", "-a.mp4", "%03d.mp4", "a|b.mp4", "file,b.mp4"])
def test_a_file_is_a_file_whatever_its_name(name, tmp_path, monkeypatch):
    encoded(tmp_path / "a.mp4", "libx264")
    (tmp_path / "a.mp4").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    frames = read(name, start=0.4)
    assert (len(frames), frames[0].source.path) == (30, name)
    assert peanut.info(name).frames == LENGTH


def test_closed_inputs_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)  # as Python has it where it was closed
    with pytest.raises(UsageError) as error:
        read("-")
    assert str(error.value) == "standard input is closed: there is nothing to read from it."
    path = encoded(tmp_path / "a.mp4", "libx264")
    with path.open("rb") as file:
        pass
    with pytest.raises(UsageError) as error:
        read(file)
    assert str(error.value) == f"{path} is closed: there is nothing to read from it."


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_what_is_wrong_with_a_named_pipe_is_told_by_its_name(tmp_path, caplog):
    pipe, path = tmp_path / "pipe", encoded(tmp_path / "a.mkv", "mjpeg")
    os.mkfifo(pipe)
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', path, pipe]):
        assert 0 < len(read(pipe)) < LENGTH
    assert caplog.messages[-1].startswith(f"{pipe}: ")
    path.write_text("no video " * 1000)
    with subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', path, pipe]):
        with pytest.raises(UsageError, match=f"^{pipe} cannot be read as a video"):
            read(pipe)


def test_a_picture_of_absurd_size_does_not_stop_a_folder(tmp_path, caplog):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture(number))

    def chunk(name, content):
        return len(content).to_bytes(4, "big") + name + content + zlib.crc32(name + content).to_bytes(4, "big")

    head = (60_000).to_bytes(4, "big") * 2 + b"\x08\x02\0\0\0"
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")
    (tmp_path / "1.png").write_bytes(bomb)
    assert numbers(read(tmp_path)) == [0, 2]
    assert caplog.messages == [f"{tmp_path}: 1 pictures cannot be read and are left out, first 1.png."]
