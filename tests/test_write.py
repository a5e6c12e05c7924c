"""Writing: what is in the file, when it appears, and what is left when something breaks."""

import io
import logging
import re
import shutil
import signal
import subprocess
import sys
from fractions import Fraction
from itertools import count

import attrs
import av
import pytest
import torch
from clips import drawn, partial, psnr, read
from faults import FullDisk, Pipe
from strategies import Breaks, breaking, drain, make_frames

import peanut
from peanut import StageError, UsageError

needs_ffmpeg = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="session")
def spoken(walker, tmp_path_factory):
    """The drawn clip with sound, subtitles and a title."""
    folder = tmp_path_factory.mktemp("spoken")
    (folder / "words.srt").write_text(
        "1\n00:00:00,100 --> 00:00:00,400\nhello\n\n2\n00:00:00,700 --> 00:00:01,000\nbye\n"
    )
    tone = ("-f", "lavfi", "-i", "sine=frequency=440:duration=1.2")
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-i",
        walker.video,
        *tone,
        "-i",
        folder / "words.srt",
        "-map",
        "0:v",
        "-map",
        "1:a",
    ]
    command += ["-map", "2:s", "-c:v", "copy", "-c:a", "aac", "-c:s", "srt", "-metadata", "title=A street"]
    subprocess.run([*map(str, command), str(folder / "spoken.mkv")], check=True)
    return folder / "spoken.mkv"


def packets(path, kind):
    with av.open(str(path)) as container:
        stream = next(iter(getattr(container.streams, kind)))
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in container.demux(stream) if packet.size]


@pytest.mark.parametrize("name", ["clean.mp4", "clean.mov", "clean.mkv", "clean.webm"])
def test_every_frame_is_in_the_file_with_its_time(name, tmp_path):
    frames = drawn(30)
    passed = list(frames | peanut.write(tmp_path / name, crf=10))
    assert passed == frames
    out = read(tmp_path / name)
    exact = 0 if name.endswith(("mp4", "mov")) else Fraction(1, 1000)
    assert all(abs(a.time - b.time) <= exact for a, b in zip(out, frames, strict=True))
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("count", [1, 2, 24, 25, 26, 27, 28, 49, 50, 51, 52, 53, 76, 77, 78])
def test_no_frame_is_lost_where_a_fragment_ends(count, tmp_path):
    """A second is a fragment; what a last one of few frames does to the length of the file is easily got wrong."""
    (drawn(count) | peanut.write(tmp_path / "clean.mp4")).run()
    assert [frame.time for frame in read(tmp_path / "clean.mp4")] == [Fraction(number, 25) for number in range(count)]


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(60000, 1001), Fraction(15), 120]
)
def test_times_of_usual_rates_are_exact(rate, tmp_path):
    frames = drawn(9, fps=rate)
    (frames | peanut.write(tmp_path / "clean.mp4")).run()
    assert [frame.time for frame in read(tmp_path / "clean.mp4")] == [frame.time for frame in frames]


def test_the_default_quality_is_that_of_a_second_generation_to_keep(walker, tmp_path):
    (peanut.read(walker.video) | peanut.write(tmp_path / "copy.mp4")).run()
    pairs = zip(read(tmp_path / "copy.mp4"), read(walker.video), strict=True)
    assert min(psnr(a.image, b.image) for a, b in pairs) > 38


def test_colors_are_those_of_the_source_and_tagged(walker, tmp_path):
    def tags(path):
        with av.open(str(path)) as container:
            context = container.streams.video[0].codec_context
            return context.colorspace, context.color_range, context.color_primaries, context.color_trc

    assert tags(walker.video) == (1, 1, 1, 1)  # pushed frames: BT.709, limited
    full = tmp_path / "full.mp4"
    with av.open(str(full), "w") as output:
        stream = output.add_stream("libx264", rate=25, options={"crf": "8"})
        stream.width, stream.height, stream.pix_fmt = 320, 180, "yuvj420p"
        stream.codec_context.colorspace, stream.codec_context.color_range = 6, 2
        for frame in peanut.read(walker.video):
            picture = av.VideoFrame.from_ndarray(frame.numpy(), "rgb24")
            picture = picture.reformat(format="yuvj420p", dst_colorspace=6, dst_color_range=2)
            picture.pts = frame.index
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))
    (peanut.read(full) | peanut.write(tmp_path / "copy.mp4", crf=8)).run()
    assert tags(tmp_path / "copy.mp4")[:2] == (6, 2)
    drift = [
        (a.image.float() - b.image.float()).mean() for a, b in zip(read(tmp_path / "copy.mp4"), read(full), strict=True)
    ]
    assert max(map(abs, drift)) < 2


def test_odd_sizes_are_written_whole_with_a_notice(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        (drawn(3, size=(33, 51)) | peanut.write(tmp_path / "odd.mp4")).run()
    assert [frame.size for frame in read(tmp_path / "odd.mp4")] == [(33, 51)] * 3
    assert "51x33 is odd" in caplog.text


@needs_ffmpeg
def test_sound_subtitles_and_metadata_of_an_untrimmed_file_stay(spoken, tmp_path):
    copy = tmp_path / "copy.mkv"
    (peanut.read(spoken) | peanut.write(copy)).run()
    for kind in ("audio", "subtitles"):
        assert packets(copy, kind) == packets(spoken, kind)
    with av.open(str(copy)) as container:
        assert container.metadata["title"] == "A street"
    assert [frame.time for frame in read(copy)] == [frame.time for frame in read(spoken)]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_trimmed_copy_starts_at_zero_and_has_the_packets_that_start_in_it(spoken, tmp_path, suffix, caplog):
    copy, start, stop = tmp_path / f"copy.{suffix}", Fraction("0.4"), Fraction("0.8")
    with caplog.at_level(logging.WARNING):
        (peanut.read(spoken, start=start, stop=stop) | peanut.write(copy)).run()
    assert [frame.time for frame in read(copy)] == [Fraction(n, 25) for n in range(10)]
    piece = list(peanut.read(spoken, start=start, stop=stop))
    first, end = piece[0].time, piece[-1].time + Fraction(1, 25)
    expected = [(time - first, data) for time, data in packets(spoken, "audio") if first <= time < end]
    found = packets(copy, "audio")
    assert [data for _, data in found] == [data for _, data in expected]
    assert all(abs(a - b) <= Fraction(1, 1000) for (a, _), (b, _) in zip(found, expected, strict=True))
    if suffix == "mkv":
        (word,) = packets(copy, "subtitles")
        assert word[0] + first == packets(spoken, "subtitles")[1][0]
    else:
        assert [record.getMessage() for record in caplog.records] == [
            f"{spoken}: not carried over to mp4: the subtitles in subrip."
        ]


@needs_ffmpeg
@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_sound_that_outlasts_the_pictures_stays(spoken, tmp_path, suffix, caplog):
    long, clean, cut = (tmp_path / f"{name}.{suffix}" for name in ("long", "clean", "cut"))
    words = ("-f", "lavfi", "-i", "sine=duration=4", "-map", "0:v", "-map", "1:a", "-c:v", "copy", "-c:a", "aac", long)
    subprocess.run(["ffmpeg", "-v", "error", "-i", spoken, *map(str, words)], check=True)
    (peanut.read(long, shots=False) | peanut.write(clean)).run()
    assert [data for _, data in packets(clean, "audio")] == [data for _, data in packets(long, "audio")]
    (peanut.read(long, shots=False, stop=1) | peanut.write(cut)).run()
    end = list(peanut.read(long, shots=False, stop=1))[-1].time + Fraction(1, 25)
    assert [data for _, data in packets(cut, "audio")] == [data for time, data in packets(long, "audio") if time < end]
    assert caplog.text == ""


@needs_ffmpeg
def test_what_a_source_carries_comes_from_file_objects_and_pipes_that_were_spooled(spoken, tmp_path, caplog):
    index_last = tmp_path / "index_last.mp4"
    subprocess.run(["ffmpeg", "-v", "error", "-i", spoken, "-c", "copy", "-sn", index_last], check=True)
    whole = [data for _, data in packets(index_last, "audio")]
    for number, source in enumerate((io.BytesIO(index_last.read_bytes()), Pipe(index_last.read_bytes()))):
        clean = tmp_path / f"{number}.mp4"
        (peanut.read(source, shots=False) | peanut.prefetch(40) | peanut.write(clean)).run()
        assert [data for _, data in packets(clean, "audio")] == whole
    assert caplog.text == ""


@needs_ffmpeg
def test_what_a_pipe_carried_is_gone_and_that_is_said(spoken, tmp_path, caplog):
    (peanut.read(Pipe(spoken.read_bytes()), shots=False) | peanut.write(tmp_path / "clean.mp4")).run()
    assert caplog.messages == ["pipe: its audio and subtitle is not carried over: it can be read only once."]
    before = read(spoken)  # its pictures begin 23 ms after its sound, which is gone
    assert [frame.time for frame in read(tmp_path / "clean.mp4")] == [frame.time - before[0].time for frame in before]


@needs_ffmpeg
def test_sound_that_the_container_does_not_take_is_encoded_anew(spoken, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        (peanut.read(spoken) | peanut.write(tmp_path / "copy.webm", crf=40)).run()
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "webm does not take sound in aac: it is encoded anew in libopus.",
        f"{spoken}: not carried over to webm: the subtitles in subrip.",
    ]
    with av.open(str(tmp_path / "copy.webm")) as container:
        sound = container.streams.audio[0]
        assert sound.codec_context.name == "opus"
        assert abs(sum(frame.samples for frame in container.decode(sound)) / 48_000 - 1.2) < 0.1


@needs_ffmpeg
def test_nothing_is_carried_over_if_not_wanted(spoken, tmp_path):
    (peanut.read(spoken) | peanut.write(tmp_path / "copy.mkv", audio=False, subtitles=False, metadata=False)).run()
    with av.open(str(tmp_path / "copy.mkv")) as container:
        assert [stream.type for stream in container.streams] == ["video"]
        assert "title" not in {name.lower() for name in container.metadata}


@needs_ffmpeg
def test_rotation_is_applied_and_not_written_again(walker, tmp_path):
    turned = tmp_path / "turned.mp4"
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", walker.video, "-c", "copy", "-metadata:s:v", "rotate=90", turned], check=True
    )
    (peanut.read(turned) | peanut.write(tmp_path / "copy.mp4")).run()
    assert {frame.size for frame in read(tmp_path / "copy.mp4")} == {(320, 180)}
    pairs = zip(read(tmp_path / "copy.mp4"), read(turned), strict=True)
    assert min(psnr(a.image, b.image) for a, b in pairs) > 36


def test_a_folder_of_png_is_exact(tmp_path):
    frames = drawn(5)
    (frames[1:] | peanut.write(f"{tmp_path}/pictures/")).run()
    assert sorted(path.name for path in (tmp_path / "pictures").iterdir()) == [f"{n:06d}.png" for n in range(1, 5)]
    assert all(torch.equal(a.image, b.image) for a, b in zip(read(tmp_path / "pictures"), frames[1:], strict=True))
    (frames[:2] | peanut.write(tmp_path / "pictures", overwrite=True)).run()
    assert len(list((tmp_path / "pictures").iterdir())) == 2
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("seekable", [True, False])
def test_file_objects(seekable):
    target = FullDisk(n=-1, seekable=seekable)
    (drawn(30) | peanut.write(target)).run()
    assert len(read(io.BytesIO(target.file.getvalue()))) == 30


@pytest.mark.parametrize("name", ["masks.mkv", "masks.mp4", "masks/"])
def test_masks_are_written_and_read_back_without_loss(name, tmp_path):
    masks = [torch.rand(30, 40, generator=torch.manual_seed(n)) > 0.5 for n in range(4)]
    frames = [frame.with_mask(mask) for frame, mask in zip(drawn(4, size=(30, 40)), masks, strict=True)]
    (frames | peanut.write_masks(f"{tmp_path}/{name}")).run()
    back = list(frames | peanut.masks(f"{tmp_path}/{name}"))
    assert all(torch.equal(frame.mask, mask) for frame, mask in zip(back, masks, strict=True))


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: peanut.write(folder / "clean.xyz"), r"write knows \.mp4, .*, not \.xyz"),
        (lambda folder: peanut.write(folder / "clean.mp4", codec="libx999"), "no video encoder called 'libx999'"),
        (lambda folder: peanut.write(folder / "clean.mp4", codec="aac"), "aac encodes audio, not video"),
        (
            lambda folder: peanut.write(folder / "clean.webm", codec="libx264"),
            "webm does not hold libx264; libvpx-vp9 is",
        ),
        (lambda folder: peanut.write(folder / "clean.mp4", crf=99), r"crf must be 0 to 63, got 99"),
        (
            lambda folder: peanut.write(folder / "clean.mp4", pixel_format="rgb1"),
            "does not take the pixel format 'rgb1'",
        ),
        (lambda folder: peanut.write(folder / "there.mp4"), r"there\.mp4 exists already; overwrite=True"),
        (lambda folder: peanut.write(folder / "nowhere" / "clean.mp4"), "there is no folder .*nowhere"),
        (lambda folder: peanut.write(folder, overwrite=True), "holds other things than PNG and is not replaced"),
        (
            lambda folder: peanut.write_masks(folder / "masks.webm"),
            r"lossless to mkv, mp4 or a folder of PNG, not to \.webm",
        ),
    ],
)
def test_what_cannot_be_written_is_refused_before_a_frame_is_computed(make, sentence, tmp_path):
    (tmp_path / "there.mp4").write_text("precious")
    asked = []

    def source():
        asked.append(True)
        yield from drawn(1)

    with pytest.raises(UsageError, match=sentence):
        (source() | make(tmp_path)).run()
    assert asked == []
    assert (tmp_path / "there.mp4").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]


def test_no_frame_at_all_is_an_error_and_leaves_no_file(tmp_path):
    with pytest.raises(UsageError, match=r"no frame came: .*clean\.mp4 is not written"):
        ([] | peanut.write(tmp_path / "clean.mp4")).run()
    assert list(tmp_path.iterdir()) == []


def test_a_frame_of_another_size_is_an_error(tmp_path):
    frames = [*drawn(5), *(frame.resized((20, 30)) for frame in drawn(9)[5:])]
    out, error = drain(iter(frames | peanut.write(tmp_path / "clean.mp4")))
    assert len(out) == 5
    assert "frame 5 is 30x20, the video is 96x64: put resize() before write" in str(error)
    assert len(read(partial(tmp_path))) == 5


def test_a_source_that_breaks_leaves_every_frame_in_a_playable_partial_file(tmp_path):
    for name in ("clean.mp4", "clean.mkv", "pictures"):
        run = breaking(drawn(60), 40) | peanut.write(tmp_path / name)
        out, error = drain(iter(run))
        left = partial(tmp_path, name)
        assert len(out) == len(read(left)) == 40
        assert not (tmp_path / name).exists()
        assert isinstance(error.__cause__, Breaks)
        assert error.__notes__ == [f"40 frames are in {left}"]


def test_a_consumer_that_stops_early_leaves_a_partial_file(tmp_path, caplog):
    run = iter(drawn(60) | peanut.write(tmp_path / "clean.mp4"))
    for _ in range(7):
        next(run)
    run.close()
    assert len(read(partial(tmp_path))) == 7
    assert "stopped early: 7 frames are in" in caplog.text


def test_a_disk_that_is_full_at_any_moment_leaves_what_had_reached_it_readable():
    frames = drawn(80)
    whole = FullDisk(n=-1)
    (frames | peanut.write(whole)).run()
    n, failures, most = 0, 0, 0
    while True:
        disk = FullDisk(n)
        out, error = drain(iter(frames | peanut.write(disk)))
        if error is None:
            break
        failures += 1
        assert isinstance(error, StageError)
        assert "No space left on device" in str(error)
        data = disk.file.getvalue()
        kept = 0
        if b"mdat" in data:
            kept = len(read(io.BytesIO(data)))
        assert kept >= most - 5 or kept <= len(out)
        most = max(most, kept)
        n += 1
    assert failures > 3
    assert most > 25  # a fragment of a second was there before the disk was full


@pytest.mark.slow
@pytest.mark.parametrize("fps", [10, 25])
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webm"])
def test_kill_9_leaves_all_but_the_last_three_seconds(tmp_path, suffix, fps):
    code = f"""
import sys; sys.path[:0] = {sys.path!r}
from clips import drawn
import peanut
frames = drawn(250, fps={fps})
for number, frame in enumerate(peanut.Pipeline(source=frames) | peanut.write({str(tmp_path / f"clean.{suffix}")!r})):
    if number == 249:
        print("there", flush=True); import time; time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"there\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    frames = read(partial(tmp_path, f"clean.{suffix}"))
    assert len(frames) >= 250 - 3 * fps
    assert [frame.time for frame in frames] == [Fraction(number, fps) for number in range(len(frames))]


def test_an_interrupt_finishes_the_partial_file_and_says_so(tmp_path):
    def interrupted():
        yield from drawn(12)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as caught:
        for _ in interrupted() | peanut.write(tmp_path / "clean.mp4"):
            pass
    assert caught.value.__notes__ == [f"12 frames are in {partial(tmp_path)}"]
    assert len(read(partial(tmp_path))) == 12


def test_an_interrupt_at_any_moment_loses_no_frame(tmp_path, caplog):
    """Ctrl-C mostly falls into the encoder, which looks 40 frames ahead; now and then between two of our lines."""

    def ring(*_):
        raise KeyboardInterrupt

    frames = drawn(24, size=(256, 384))
    moments = [0.31 + 0.17 * n for n in range(5)]
    before = signal.signal(signal.SIGALRM, ring)
    try:
        for moment in moments:
            caplog.clear()
            came = 0
            endless = (attrs.evolve(frames[n % 24], index=n, time=Fraction(n, 25)) for n in count())
            run = iter(endless | peanut.write(tmp_path / "clean.mp4"))
            next(run)
            with pytest.raises(KeyboardInterrupt) as caught:
                signal.setitimer(signal.ITIMER_REAL, moment)
                for frame in run:
                    came = frame.index + 1
            run.close()
            told = [*getattr(caught.value, "__notes__", []), *caplog.messages]  # a note, unless it fell on this side
            left = partial(tmp_path)
            kept = len(read(left))
            assert kept - came in (0, 1)
            assert [line for line in told if f"{kept} frames are in {left}" in line]
            left.unlink()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_branch_writes_what_it_was_given(tmp_path):
    pipeline = peanut.Pipeline() | peanut.tap(peanut.write(tmp_path / "side.mp4")) | peanut.write(tmp_path / "main.mp4")
    assert len(list(pipeline(drawn(9)))) == 9
    assert len(read(tmp_path / "side.mp4")) == len(read(tmp_path / "main.mp4")) == 9
    pipeline = peanut.Pipeline() | peanut.tap(peanut.write(tmp_path / "b.mp4")) | peanut.write(tmp_path / "c.mp4")
    drain(pipeline(breaking(drawn(9), 5)))
    left = {partial(tmp_path, name).name for name in ("b.mp4", "c.mp4")}
    assert {path.name for path in tmp_path.iterdir()} == {"side.mp4", "main.mp4", *left}


def test_pushed_frames_are_written_as_they_come(tmp_path):
    with (peanut.Pipeline() | peanut.write(tmp_path / "clean.mp4")).session(fps=10) as session:
        for frame in make_frames([6], size=(16, 16)):
            session.push(frame.image)
        session.flush()
    assert [frame.time for frame in read(tmp_path / "clean.mp4")] == [Fraction(n, 10) for n in range(6)]


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ((0, Fraction(1, 25)), "write got frame 0 twice: the numbers of frames must grow."),
        ((1, Fraction(0)), "write got frame 1 at 0 s after frame 0 at 0 s: the times of frames must grow."),
    ],
)
def test_frames_out_of_order_are_refused_outside_a_pipeline_too(second, told, tmp_path):
    image = torch.zeros(3, 32, 48, dtype=torch.uint8)
    given = [(0, Fraction(0)), second]
    frames = (peanut.Frame(index=index, time=time, image=image) for index, time in given)
    with pytest.raises(UsageError, match=f"^{re.escape(told)}"):
        list(peanut.write(tmp_path / "out.mp4")(frames))
