"""What a video carries beside its pictures: sound and subtitles, packets copied where the container takes them."""

import logging
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import av.error

log = logging.getLogger(__name__)

ENCODERS = {"mp4": "aac", "mov": "aac", "webm": "libopus", "matroska": "libopus"}
"""Sound that a container does not take is encoded anew with these."""


class Carried:
    """The source's sound and subtitles on their way into `output`, moved by `shift` seconds to the front.

    source: an open input container, or None. Packets are copied whose start lies in what was read.
    """

    def __init__(self, source: Any, output: Any, shift: Fraction, *, audio: bool, subtitles: bool) -> None:
        self.shift, self._output = shift, output
        self._lanes: dict[int, _Copy | _Encode] = {}
        self._pending: tuple[Any, Fraction] | None = None
        self._shown = Fraction(-1)  # time of the last picture that came by
        for stream in () if source is None else source.streams:
            if (stream.type == "audio" and audio) or (stream.type == "subtitle" and subtitles):
                lane = _lane(stream, output)
                if lane is not None:
                    self._lanes[stream.index] = lane
        self._packets = self._read(source) if self._lanes else iter(())

    def _read(self, source: Any) -> Iterator[tuple[Any, Fraction]]:
        """Packets of the pictures and of what is carried, with their start in seconds, from `shift` on."""
        if self.shift:
            source.seek(int(self.shift * av.time_base))
        streams = [source.streams.video[0], *(source.streams[index] for index in self._lanes)]
        try:
            for packet in source.demux(streams):
                if packet.size and packet.pts is not None:
                    start = packet.pts * packet.time_base
                    if not self.shift or start >= self.shift:
                        yield packet, start
        except av.error.FFmpegError as error:
            log.warning("sound or subtitles end early: %s.", error)

    def _next(self) -> tuple[Any, Fraction] | None:
        """The next packet of what is carried; pictures only tell their time."""
        pending, self._pending = self._pending, None
        if pending is not None:
            return pending
        for packet, start in self._packets:
            if packet.stream_index in self._lanes:
                return packet, start
            self._shown = max(self._shown, start)
        return None

    def write_until(self, time: Fraction) -> None:
        """Write what starts before `time`, in seconds of the source."""
        while (item := self._next()) is not None:
            if item[1] >= time:
                self._pending = item
                return
            self._write(item[0])

    def finish(self, last: Fraction, end: Fraction) -> None:
        """Write what starts before `end`, that of the last frame; if no picture follows `last`, its time, all of it."""
        rest = []  # 1 second of packets at most where pictures follow, else what outlasts the pictures
        while (item := self._next()) is not None:
            packet, start = item
            if start < end:
                self._write(packet)
            elif self._shown <= last:
                rest.append(packet)
            elif start >= end + 1:
                break
        for packet in rest if self._shown <= last else ():
            self._write(packet)
        for lane in self._lanes.values():
            lane.finish(self._output)

    def _write(self, packet: Any) -> None:
        self._lanes[packet.stream_index].write(packet, self.shift, self._output)


def _lane(stream: Any, output: Any) -> "_Copy | _Encode | None":
    name = stream.codec_context.name if stream.codec_context is not None else "unknown"
    codec = av.codec.Codec(name, "r").canonical_name if name != "unknown" else name
    if codec in output.supported_codecs or name in output.supported_codecs:
        return _Copy(output.add_stream_from_template(stream))
    kind = output.format.name.split(",")[0]
    if stream.type == "audio":
        log.warning("%s does not take sound in %s: it is encoded anew in %s.", kind, codec, ENCODERS[kind])
        return _Encode(stream, output.add_stream(ENCODERS[kind], rate=48_000))
    log.warning("%s does not take subtitles in %s: they are left out.", kind, codec)
    return None


class _Copy:
    """A stream whose packets are copied as they are."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, packet: Any, shift: Fraction, output: Any) -> None:
        ticks = round(shift / packet.time_base)
        packet.pts -= ticks
        packet.dts = packet.pts if packet.dts is None else packet.dts - ticks
        packet.stream = self.stream
        output.mux(packet)

    def finish(self, output: Any) -> None:
        pass


class _Encode:
    """A stream of sound that is decoded and encoded anew."""

    def __init__(self, source: Any, stream: Any) -> None:
        self.source, self.stream = source, stream
        layout = source.codec_context.layout.name
        stream.codec_context.layout = layout
        self._resampler = av.AudioResampler(format=stream.codec_context.format, layout=layout, rate=48_000)

    def write(self, packet: Any, shift: Fraction, output: Any) -> None:
        for sound in packet.decode():
            if sound.pts is not None:
                sound.pts -= round(shift / sound.time_base)
            for part in self._resampler.resample(sound):
                output.mux(self.stream.encode(part))

    def finish(self, output: Any) -> None:
        for part in self._resampler.resample(None):
            output.mux(self.stream.encode(part))
        output.mux(self.stream.encode(None))
