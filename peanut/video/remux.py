"""What a video holds beside its pictures: sound, subtitles, a cover; remuxed as the pictures come by."""

import logging
from fractions import Fraction
from typing import Any, Protocol

import av
import av.codec

from peanut.video.container import is_cover, video_stream
from peanut.video.empty_tracks import hide_empty_tracks
from peanut.video.extras import (
    Cover,
    copy_attachments,
    copy_chapters,
    describe,
    forget_time_code,
    left_out,
    remux_cover,
)
from peanut.video.remuxed_packets import Packets
from peanut.video.remuxed_sound import CopiedPackets
from peanut.video.sound import remux_sound

log = logging.getLogger(__name__)


class RemuxedStream(Protocol):
    """One stream on its way into the output, `offset` seconds earlier than its packets say."""

    stream: Any

    def write(self, packet: Any, offset: Fraction, output: Any) -> None: ...

    def finish(self, output: Any) -> None: ...


class Remux:
    """What a source holds beside its pictures, on its way into `output`, `shift` seconds earlier.

    source: an open input container, or None. zero: the source's clock at time zero of the frames. end: time of the
    frames' end, where it is known. options: those of `output`. extras: covers, chapters and time code. Packets are
    copied whose start lies in what was read; what the output cannot hold is told in one line.
    """

    def __init__(
        self,
        source: Any,
        output: Any,
        options: dict[str, str],
        *,
        zero: Fraction,
        shift: Fraction,
        end: Fraction | None,
        audio: bool,
        subtitles: bool,
        extras: bool,
    ) -> None:
        self._offset, self._output = zero + shift, output
        self._streams: dict[int, RemuxedStream] = {}
        self._pending: tuple[Any, Fraction] | None = None
        self._shown = Fraction(-1)  # time of the last picture that came by
        self._packets: Any = iter(())
        if source is None:
            return
        kinds = {"audio": audio, "subtitle": subtitles}
        wanted = [one for one in source.streams if kinds.get(one.type) or (extras and is_cover(one))]
        left = []
        if wanted:
            packets = Packets(source, video_stream(source), wanted, zero=zero, begin=shift)
            first = packets.first({one.index for one in wanted if one.type != "subtitle"})
            for one in wanted:
                remuxed = _remuxed_stream(one, first.get(one.index), output, options)
                if isinstance(remuxed, str):
                    left.append(remuxed)
                elif remuxed is not None:
                    self._streams[one.index] = remuxed
            self._packets = packets if self._streams else iter(())
        left += copy_attachments(source, output) if subtitles else []
        left += copy_chapters(source, output, self._offset, end) if extras else []
        left += left_out(source) if extras else []
        left += forget_time_code(output) if shift else []
        if left:
            log.warning("%s: not carried over to %s: %s.", source.name, output.format.name, ", ".join(left))

    def _next(self) -> tuple[Any, Fraction] | None:
        """The next packet of what is remuxed; pictures only tell their time."""
        pending, self._pending = self._pending, None
        if pending is not None:
            return pending
        for packet, start in self._packets:
            if packet.stream_index in self._streams:
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
        for remuxed in self._streams.values():
            remuxed.finish(self._output)

    def closed(self, path: str) -> None:
        """Put right what FFmpeg leaves in a complete file with a cover."""
        if any(isinstance(remuxed, Cover) for remuxed in self._streams.values()):
            hide_empty_tracks(path)

    def _write(self, packet: Any) -> None:
        self._streams[packet.stream_index].write(packet, self._offset, self._output)


def _remuxed_stream(source: Any, first: Any, output: Any, options: dict[str, str]) -> RemuxedStream | str | None:
    """How a stream gets into `output`; what to call it where it cannot. first: its first packet, if there was one."""
    if source.type == "video":
        return remux_cover(source, first, output)
    if source.type == "audio":
        remuxed: RemuxedStream | str = remux_sound(source, first, output, options)
    else:
        remuxed = _remux_subtitles(source, output)
    if not isinstance(remuxed, str):
        describe(source, remuxed.stream, output)
    return remuxed


def _remux_subtitles(source: Any, output: Any) -> RemuxedStream | str:
    name = "unknown" if source.codec_context is None else source.codec_context.name
    codec = av.codec.Codec(name, "r").canonical_name if name != "unknown" else name
    if codec in output.supported_codecs or name in output.supported_codecs:
        return CopiedPackets(output.add_stream_from_template(source))
    return f"the subtitles in {codec}"
