"""What a video holds beside its pixels: sound in time, languages, chapters, fonts, covers, shape, fields."""

import logging
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
import torch
from click.testing import CliRunner

import peanut
from peanut import Frame, UsageError
from peanut.cli import cli
from peanut.video.container import rate_of
from peanut.video.interlaced import first_field

RATE = 48_000
FLASHES = (0.2, 0.6, 0.8)
"""Seconds at which a white picture is shown and a click begins."""
FILMS = {
    "film.ts": ("mpegts", "libx264", "aac"),
    "mp2.ts": ("mpegts", "mpeg2video", "mp2"),
    "film.m3u8": ("hls", "libx264", "aac"),
    "film.vob": ("vob", "mpeg2video", "mp2"),
    "film.wmv": ("asf", "wmv2", "wmav2"),
    "film.flv": ("flv", "libx264", "aac"),
    "film.mkv": ("matroska", "libx264", "aac"),
    "film.webm": ("webm", "libvpx", "libopus"),
    "film.mov": ("mov", "libx264", "pcm_s16le"),
    "film.mp4": ("mp4", "libx264", "aac"),
}
"""Name: container, codec of the pictures, codec of the sound."""


def picture(number, size=(48, 64)):
    """Number n of a film of 25 pictures: white where there is a flash, else black with a little of a pattern."""
    light = 235 if any(round(flash * 25) == number for flash in FLASHES) else 16
    rows = np.full((size[0] * 3 // 2, size[1]), 128, np.uint8)
    rows[: size[0]] = light
    rows[: size[0] // 4, : size[1] // 4] = 40 + 2 * number
    return av.VideoFrame.from_ndarray(rows, "yuv420p")


def sounds(codec, frame_size, layout="stereo"):
    """A second of silence with clicks in the pieces and the format that an encoder takes."""
    time = np.arange(RATE) / RATE
    on = np.any([(time >= flash) & (time < flash + 0.01) for flash in FLASHES], axis=0)
    click = (0.8 * np.sin(2 * np.pi * 2000 * time) * on * 32767).astype(np.int16)
    channels = av.AudioLayout(layout).nb_channels
    resampler = av.AudioResampler(codec.audio_formats[0], layout, RATE, frame_size=frame_size)
    whole = av.AudioFrame.from_ndarray(np.repeat(click, channels)[None], "s16", layout)
    whole.sample_rate, whole.pts, whole.time_base = RATE, 0, Fraction(1, RATE)
    return [*resampler.resample(whole), *resampler.resample(None)]


def film(path, kind="mp4", video="libx264", audio="aac", tracks=1, prepare=None, options=None, **settings):
    """A second of pictures and sound. prepare(container): called before the first packet."""
    with av.open(str(path), "w", format=kind, options=options or {}) as output:
        stream = output.add_stream(video, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.gop_size = 12
        for name, value in settings.items():
            setattr(stream.codec_context, name, value)
        tracks = [output.add_stream(audio, rate=RATE) for _ in range(tracks if audio else 0)]
        if prepare is not None:
            prepare(output)
        for track in tracks:
            track.codec_context.bit_rate = 128_000
            track.codec_context.open()
        pieces = [sounds(track.codec_context.codec, track.codec_context.frame_size) for track in tracks]
        for number in range(25):
            shown = picture(number)
            shown.pts, shown.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(shown))
            for track, piece in zip(tracks, pieces, strict=True):
                while piece and piece[0].time < (number + 1) / 25:
                    output.mux(track.encode(piece.pop(0)))
        for track, piece in zip([*tracks], pieces, strict=True):
            for rest in piece:
                output.mux(track.encode(rest))
        for one in (*tracks, stream):
            output.mux(one.encode(None))
    return path


def begins(times, least=0.05):
    """Where runs begin among sorted times."""
    return [now for before, now in zip([-1, *times], times, strict=False) if now - before > least]


def lags(path):
    """Seconds from every flash to its click, in the file's own clock."""
    with av.open(str(path)) as container:
        flashes = begins(
            [
                float(shown.pts * shown.time_base)
                for shown in container.decode(video=0)
                if shown.to_ndarray(format="gray")[24:].mean() > 150
            ]
        )
    loud, expected = [], Fraction(0)
    with av.open(str(path)) as container:
        for sound in container.decode(audio=0):
            start = expected if sound.pts is None else sound.pts * sound.time_base
            expected = start + Fraction(sound.samples, sound.sample_rate)
            samples = np.abs(sound.to_ndarray().astype(float)) / (32768 if sound.format.name.startswith("s16") else 1)
            channels = 1 if sound.format.is_planar else sound.layout.nb_channels
            peaks = samples.max(0) if sound.format.is_planar else samples.reshape(-1, channels).max(1)
            loud += list(float(start) + np.flatnonzero(peaks > 0.25) / sound.sample_rate)
    clicks = begins(loud)
    assert len(flashes) == len(clicks) >= 2
    return [click - flash for flash, click in zip(flashes, clicks, strict=True)]


def copy(source, target, **settings):
    (peanut.read(source, shots=False, **settings) | peanut.write(target)).run(progress=False)
    return target


def streams(path, kind):
    """(language, title, flags) of the streams of a kind."""
    with av.open(str(path)) as container:
        return [
            (one.metadata.get("language"), one.metadata.get("title", one.metadata.get("name")), int(one.disposition))
            for one in container.streams
            if one.type == kind
        ]


@pytest.mark.parametrize("target", ["mp4", "mkv"])
@pytest.mark.parametrize("name", FILMS)
def test_clicks_stay_with_their_pictures(name, target, tmp_path):
    source = film(tmp_path / name, *FILMS[name])
    moved = np.array(lags(copy(source, tmp_path / f"copy.{target}"))) - lags(source)
    assert np.abs(moved).max() < 0.001
    assert len(list(peanut.read(tmp_path / f"copy.{target}", shots=False))) == 25


@pytest.mark.parametrize("name", ["film.wmv", "film.mp4", "film.mkv"])
def test_clicks_stay_with_their_pictures_where_the_beginning_is_cut_off(name, tmp_path):
    source = film(tmp_path / name, *FILMS[name])
    late = [frame.time for frame in peanut.read(source, shots=False)][10]
    copied = copy(source, tmp_path / "copy.mp4", start=late)
    assert len(list(peanut.read(copied, shots=False))) == 15
    assert np.abs(np.array(lags(copied)) - lags(source)[1:]).max() < 0.001


def test_sound_before_the_pictures_does_not_move_them(tmp_path):
    """The first packet of AAC lies before zero: written to mkv it moved every picture by 21 ms."""
    frames = list(peanut.read(copy(film(tmp_path / "film.mp4"), tmp_path / "copy.mkv"), shots=False))
    assert frames[0].time == 0


@pytest.mark.parametrize("target", ["mp4", "mov", "mkv"])
def test_aac_with_headers_is_copied_without_them(target, tmp_path, caplog):
    source = film(tmp_path / "film.ts", *FILMS["film.ts"])
    with caplog.at_level(logging.WARNING):
        copied = copy(source, tmp_path / f"copy.{target}")
    assert caplog.messages == []
    with av.open(str(copied)) as container, av.open(str(source)) as original:
        assert [one.codec_context.name for one in container.streams] == ["h264", "aac"]
        assert container.streams.audio[0].codec_context.extradata == bytes.fromhex("1190")
        packets = [bytes(packet) for packet in container.demux(audio=0) if packet.size]
        assert packets == [bytes(packet)[7:] for packet in original.demux(audio=0) if packet.size]


def test_damaged_sound_is_told_with_ffmpegs_reason_and_the_pictures_stay(tmp_path, caplog):
    source = film(tmp_path / "film.mkv", "matroska")
    hurt(source, tmp_path / "hurt.mkv")
    with caplog.at_level(logging.WARNING):
        copied = copy(tmp_path / "hurt.mkv", tmp_path / "copy.webm")
    assert len(list(peanut.read(copied, shots=False))) == 25
    assert caplog.messages == [
        "webm does not take sound in aac: it is encoded anew in libopus.",
        "sound 1 (aac): 5 packets are damaged and silence now, the first at 0.235 s: Error decoding AAC frame header.",
    ]
    moved = np.array(lags(copied)) - lags(source)
    assert np.abs(moved).max() < 0.001  # what comes after the hole is where it was


@pytest.mark.parametrize("target", ["mp4", "mkv", "webm"])
@pytest.mark.parametrize(("kind", "codec"), [("mpegts", "aac"), ("matroska", "ac3"), ("matroska", "flac")])
def test_no_damage_to_the_sound_costs_a_picture(kind, codec, target, tmp_path):
    hurt(film(tmp_path / "film", kind, "libx264", codec), tmp_path / "hurt", kind, range(1, 4))
    copied = copy(tmp_path / "hurt", tmp_path / f"copy.{target}")
    assert len(list(peanut.read(copied, shots=False))) == 25


def hurt(source, target, kind="matroska", which=range(12, 17)):
    """The same file with some packets of its sound overwritten."""
    with av.open(str(source)) as container, av.open(str(target), "w", format=kind) as output:
        here = [output.add_stream_from_template(one) for one in container.streams]
        count = 0
        for packet in container.demux():
            if not packet.size:
                continue
            sound, lane = packet.stream.type == "audio", here[packet.stream_index]
            damaged = sound and count in which
            count += sound
            plain = av.Packet(b"\xff" * packet.size if damaged else bytes(packet))
            plain.pts, plain.dts, plain.time_base = packet.pts, packet.dts, packet.time_base
            plain.duration, plain.is_keyframe, plain.stream = packet.duration, packet.is_keyframe, lane
            output.mux(plain)


@pytest.mark.parametrize("codec", ["flac", "libopus"])
def test_sound_that_a_container_only_says_it_takes_is_encoded_anew(codec, tmp_path, caplog):
    source = film(tmp_path / "film.mkv", "matroska", "libx264", codec)
    with caplog.at_level(logging.WARNING):
        copied = copy(source, tmp_path / "copy.mov")
    name = codec.removeprefix("lib")
    assert caplog.messages == [f"mov does not take sound in {name}: it is encoded anew in aac."]
    assert np.abs(np.array(lags(copied)) - lags(source)).max() < 0.001


def described(output):
    output.metadata["title"] = "A film"
    main, comment = output.streams.audio
    main.metadata.update(language="eng", title="Main")
    comment.metadata.update(language="deu", title="Kommentar")
    main.disposition, comment.disposition = 0, 1
    chapters = [(1, 0, 400, "One"), (2, 400, 1000, "Two")]
    output.set_chapters(
        [
            {"id": number, "start": start, "end": end, "time_base": Fraction(1, 1000), "metadata": {"title": title}}
            for number, start, end, title in chapters
        ]
    )


def with_font(output):
    described(output)
    output.add_attachment("font.ttf", "application/x-truetype-font", b"font" * 20)


def chapters(path):
    with av.open(str(path)) as container:
        return [
            (one["metadata"]["title"], one["start"] * one["time_base"], one["end"] * one["time_base"])
            for one in container.chapters()
        ]


@pytest.mark.parametrize("target", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("kind", ["mp4", "matroska"])
def test_languages_titles_default_and_chapters_stay(kind, target, tmp_path):
    source = film(tmp_path / "film.video", kind, tracks=2, prepare=described)
    copied = copy(source, tmp_path / f"copy.{target}")
    german = "ger" if target == "mov" else "deu"  # what FFmpeg's table for mov calls it
    assert streams(copied, "audio") == [("eng", "Main", 0), (german, "Kommentar", 1)]
    assert chapters(copied) == [("One", 0, Fraction(2, 5)), ("Two", Fraction(2, 5), 1)]


def test_chapters_move_with_a_trimmed_beginning_and_end_with_it(tmp_path):
    source = film(tmp_path / "film.mp4", tracks=2, prepare=described)
    copied = copy(source, tmp_path / "copy.mkv", start=0.2, stop=0.3)
    assert [title for title, *_ in chapters(copied)] == ["One"]
    copied = copy(source, tmp_path / "late.mkv", start=0.6)
    assert [(title, start) for title, start, _ in chapters(copied)] == [("Two", 0)]


def test_fonts_stay_in_mkv_and_are_told_elsewhere(tmp_path, caplog):
    source = film(tmp_path / "film.mkv", "matroska", tracks=2, prepare=with_font)
    with av.open(str(copy(source, tmp_path / "copy.mkv"))) as container:
        assert [(one.name, one.mimetype, one.data) for one in container.streams.attachments] == [
            ("font.ttf", "application/x-truetype-font", b"font" * 20)
        ]
    with caplog.at_level(logging.WARNING):
        copy(source, tmp_path / "copy.mp4")
    assert caplog.messages == [f"{source}: not carried over to mp4: the attachment font.ttf."]


@pytest.fixture
def covered(tmp_path):
    cover = cv2.imencode(".png", np.full((32, 32, 3), 200, np.uint8))[1].tobytes()

    def prepare(output):
        output.add_attachment("cover.png", "image/png", cover)

    return film(tmp_path / "covered.mkv", "matroska", prepare=prepare), cover


def test_covers_go_from_mkv_to_mp4_and_back(covered, tmp_path):
    source, cover = covered
    there = copy(source, tmp_path / "there.mp4")
    back = copy(there, tmp_path / "back.mkv")
    for copied in (there, back):
        with av.open(str(copied)) as container:
            kinds = [(one.type, bool(int(one.disposition) & 1024)) for one in container.streams]
            assert sorted(kinds) == [("audio", False), ("video", False), ("video", True)]
            picture = next(one for one in container.streams.video if int(one.disposition) & 1024)
            assert bytes(next(container.demux(picture))) == cover
        assert len(list(peanut.read(copied, shots=False))) == 25


@pytest.mark.parametrize("target", ["mov", "webm"])
def test_covers_are_told_where_there_is_no_place_for_them(target, covered, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        copy(covered[0], tmp_path / f"copy.{target}")
    assert caplog.messages[-1] == f"{covered[0]}: not carried over to {target}: the cover (png)."


def test_time_code_stays_unless_the_beginning_is_cut_off(tmp_path, caplog):
    def prepare(output):
        output.metadata["timecode"] = "10:00:00:00"

    def code(path):
        with av.open(str(path)) as container:
            return container.streams.video[0].metadata.get("timecode")

    source = film(tmp_path / "film.mov", "mov", prepare=prepare)
    assert code(copy(source, tmp_path / "copy.mp4")) == "10:00:00:00"
    with caplog.at_level(logging.WARNING):
        late = copy(source, tmp_path / "late.mp4", start=0.4)
    assert code(late) is None
    assert caplog.messages == [f"{source}: not carried over to mp4: the time code, as the beginning is cut off."]


def aspect(path):
    with av.open(str(path)) as container:
        return container.streams.video[0].sample_aspect_ratio


@pytest.mark.parametrize("target", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("max_size", [None, 32])
def test_the_shape_of_pixels_stays(max_size, target, tmp_path):
    source = film(tmp_path / "film.mp4", sample_aspect_ratio=Fraction(64, 45))
    assert aspect(copy(source, tmp_path / f"copy.{target}", max_size=max_size)) == Fraction(64, 45)


def test_the_shape_of_pixels_is_told_where_it_is_lost(tmp_path, caplog):
    source = film(tmp_path / "film.mp4", audio=None, sample_aspect_ratio=Fraction(64, 45))
    with caplog.at_level(logging.WARNING):
        copy(source, tmp_path / "copy.webm")
    assert caplog.messages == [
        f"{tmp_path / 'copy.webm'}: the source's pixels are 64:45 wide, and libvpx-vp9 in webm is written"
        " without it: it is shown squashed."
    ]


def test_the_shape_of_pixels_turns_with_the_picture(tmp_path):
    source = tmp_path / "film.mp4"
    film(source, sample_aspect_ratio=Fraction(4, 3), prepare=lambda out: out.streams.video[0].set_display_rotation(90))
    copied = copy(source, tmp_path / "copy.mp4")
    assert (aspect(copied), next(iter(peanut.read(copied))).size) == (Fraction(3, 4), (64, 48))


WOVEN = (
    "{}: its pictures are interlaced ({} field first) and are taken as they are, combs and all; read(path,"
    " deinterlace=True), --deinterlace, makes whole pictures of them."
)


def woven(path, first, kind="mp4", video="libx264", fields=None):
    """A second in which something moves between the two fields of every picture."""
    flags = 1 << 18 | 1 << 29
    graph = av.filter.Graph()
    format = av.VideoFormat("yuv420p")
    begin = graph.add_buffer(width=64, height=48, format=format, time_base=Fraction(1, 25))
    graph.link_nodes(begin, graph.add("setfield", {"top": "tff", "bottom": "bff"}[first]), graph.add("buffersink"))
    graph.configure()
    with av.open(str(path), "w", format=kind) as output:
        stream = output.add_stream(video, rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.flags |= flags
        stream.codec_context.field_order = {"top": 2, "bottom": 3}[first]
        for number in range(25):
            rows = np.full((72, 64), 128, np.uint8)
            rows[:48] = 30
            for field in (0, 1):
                moment = 2 * number + (field if first == "top" else 1 - field)
                rows[field:48:2, moment : moment + 8] = 220
            shown = av.VideoFrame.from_ndarray(rows, "yuv420p")
            shown.pts, shown.time_base = number, Fraction(1, 25)
            graph.push(shown)
            shown = graph.pull()
            shown.pict_type = 0
            output.mux(stream.encode(shown))
        output.mux(stream.encode(None))
    return path


def field_order(path):
    """The order that the container or codec tells, and whether the pictures say top first."""
    with av.open(str(path)) as container:
        shown = next(container.decode(video=0))
        return container.streams.video[0].codec_context.field_order, first_field(container.streams.video[0], shown)


@pytest.mark.parametrize("first", ["top", "bottom"])
@pytest.mark.parametrize("target", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize(("kind", "video"), [("mp4", "libx264"), ("mpegts", "mpeg2video")])
def test_interlaced_is_told_and_stays_so(kind, video, target, first, tmp_path, caplog):
    source = woven(tmp_path / "woven.video", first, kind, video)
    with caplog.at_level(logging.WARNING):
        copied = copy(source, tmp_path / f"copy.{target}")
    assert caplog.messages == [WOVEN.format(source, first)]
    assert field_order(copied)[1] == first
    if target == "mkv":
        assert field_order(copied)[0] == {"top": 2, "bottom": 3}[first]


def combs(frames):
    """How much lines differ from both their neighbors."""
    rows = torch.stack([frame.image[0].float() for frame in frames])
    return (rows[:, 1:-1] - (rows[:, :-2] + rows[:, 2:]) / 2).abs().mean()


def test_deinterlacing_gives_as_many_pictures_with_their_times_and_no_combs(tmp_path, caplog):
    source = woven(tmp_path / "woven.mp4", "top")
    plain = list(peanut.read(source, shots=False))
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        whole = list(peanut.read(source, shots=False, deinterlace=True))
        copied = copy(source, tmp_path / "copy.mp4", deinterlace=True)
    assert caplog.messages == []
    assert [(frame.index, frame.time) for frame in whole] == [(frame.index, frame.time) for frame in plain]
    assert combs(whole) < combs(plain) / 4
    assert field_order(copied) == (1, None)


def test_deinterlacing_is_for_files():
    with pytest.raises(UsageError) as error:
        peanut.read(0, deinterlace=True)
    assert str(error.value) == "read: deinterlace is for video files; pictures and live sources are taken as they are."


@pytest.mark.parametrize(
    ("settings", "target", "why"),
    [
        ({"max_size": 32}, "copy.mp4", "its fields do not outlive a change of size"),
        ({}, "copy.webm", "libvpx-vp9 does not keep fields apart"),
    ],
)
def test_fields_that_are_lost_are_told(settings, target, why, tmp_path, caplog):
    source = woven(tmp_path / "woven.mp4", "top")
    with caplog.at_level(logging.WARNING):
        copy(source, tmp_path / target, **settings)
    assert caplog.messages[1:] == [
        f"{tmp_path / target}: the source is interlaced, the output is marked as progressive: {why}."
    ]


class Stream:
    """What a container says of the rates of its pictures."""

    def __init__(self, average, guessed, base=None):
        self.average_rate, self.guessed_rate, self.base_rate = average, guessed, base


@pytest.mark.parametrize(
    ("average", "guessed", "rate"),
    [
        (Fraction(25), Fraction(30), 25),
        (Fraction(1000), Fraction(25), 25),
        (Fraction(90000), Fraction(30000, 1001), Fraction(30000, 1001)),
        (None, Fraction(24), 24),
        (Fraction(0), Fraction(1000), None),
        (None, None, None),
        (Fraction(240), None, 240),
    ],
)
def test_a_rate_that_is_a_clock_is_no_rate(average, guessed, rate):
    assert rate_of(Stream(average, guessed)) == rate


def test_an_encoder_that_refuses_the_rate_says_so_before_the_first_frame(tmp_path):
    picture = Frame.from_numpy(np.zeros((48, 64, 3), np.uint8))
    asked = []

    def frames():
        for number in range(9):
            asked.append(number)
            yield Frame.from_numpy(picture.numpy(), index=number, time=Fraction(number, 25))

    with pytest.raises(UsageError) as error:
        (frames() | peanut.write(tmp_path / "copy.mp4", codec="mpeg4")).run(progress=False)
    assert str(error.value) == (
        "write: mpeg4 refuses 64x48 in yuv420p at 25 frames per second with no options: timebase 1/360000 not"
        " supported by MPEG 4 standard, the maximum admitted value for the timebase denominator is 65535"
    )
    assert asked == [0]


DROPPED = "{}: its transparency is dropped: what is transparent shows the color stored there."


@pytest.mark.parametrize(("least", "told"), [(0, True), (255, False)])
def test_transparent_pictures_of_a_folder_are_told(least, told, tmp_path, caplog):
    picture = np.full((16, 16, 4), 200, np.uint8)
    picture[..., 3], picture[0, 0, 3] = 255, least
    for number in range(2):
        cv2.imwrite(str(tmp_path / f"{number}.png"), picture)
    with caplog.at_level(logging.WARNING):
        assert len(list(peanut.read(tmp_path, shots=False))) == 2
    assert caplog.messages == ([DROPPED.format(tmp_path)] if told else [])


def test_transparent_video_is_told(tmp_path, caplog):
    path = tmp_path / "clear.mov"
    with av.open(str(path), "w") as output:
        stream = output.add_stream("qtrle", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "argb"
        shown = av.VideoFrame.from_ndarray(np.full((16, 16, 4), 100, np.uint8), "argb")
        output.mux([*stream.encode(shown), *stream.encode(None)])
    with caplog.at_level(logging.WARNING):
        assert len(list(peanut.read(path, shots=False))) == 1
    assert caplog.messages == [DROPPED.format(path)]


def test_the_command_line_deinterlaces(tmp_path, caplog):
    source = woven(tmp_path / "woven.mp4", "top")
    command = ["masks", str(source), "-o", str(tmp_path / "masks.mkv"), "--moving", "--deinterlace"]
    with caplog.at_level(logging.WARNING):
        done = CliRunner().invoke(cli, command, catch_exceptions=False)
    assert done.exit_code == 0
    assert [message for message in caplog.messages if "interlaced" in message] == []
